#ifndef ADJOINT_NN_OPTIMIZER_ARG_H_
#define ADJOINT_NN_OPTIMIZER_ARG_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "optim/optimizer.h"

namespace adjoint::nn {

// An optimizer by name, "rmsprop", or as an object, optim::MakeRmsProp({.learning_rate = 0.01}).
// Mistakes in it surface where it is used.
class OptimizerArg {
 public:
  OptimizerArg(const char* name);                                        // NOLINT: implicit
  OptimizerArg(const std::string& name);                                 // NOLINT: implicit
  OptimizerArg(const optim::OptimizerConfig& config);                    // NOLINT: implicit
  OptimizerArg(absl::StatusOr<std::unique_ptr<optim::Optimizer>> made);  // NOLINT: implicit
  OptimizerArg(std::unique_ptr<optim::Optimizer> optimizer);             // NOLINT: implicit
  OptimizerArg(std::shared_ptr<const optim::Optimizer> optimizer);       // NOLINT: implicit

  const absl::StatusOr<std::shared_ptr<const optim::Optimizer>>& optimizer() const {
    return optimizer_;
  }

 private:
  absl::StatusOr<std::shared_ptr<const optim::Optimizer>> optimizer_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_OPTIMIZER_ARG_H_
