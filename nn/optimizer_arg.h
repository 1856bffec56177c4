#ifndef ADJOINT_NN_OPTIMIZER_ARG_H_
#define ADJOINT_NN_OPTIMIZER_ARG_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "optim/optimizer.h"

namespace adjoint::nn {

// An optimizer by name, "rmsprop", or as an object, optim::MakeRmsProp({.learning_rate = 0.01}).
// Mistakes in it surface where it is used.
class OptimizerArg {
 public:
  OptimizerArg(const char* name) : OptimizerArg(std::string(name)) {}                  // NOLINT
  OptimizerArg(const std::string& name) : OptimizerArg(optim::MakeOptimizer(name)) {}  // NOLINT
  OptimizerArg(const optim::OptimizerConfig& config)                                   // NOLINT
      : OptimizerArg(optim::MakeOptimizer(config)) {}
  OptimizerArg(absl::StatusOr<std::unique_ptr<optim::Optimizer>> made) {  // NOLINT: implicit
    if (made.ok()) {
      optimizer_ = std::shared_ptr<const optim::Optimizer>(*std::move(made));
    } else {
      optimizer_ = made.status();
    }
  }
  OptimizerArg(std::unique_ptr<optim::Optimizer> optimizer)  // NOLINT: implicit
      : optimizer_(std::shared_ptr<const optim::Optimizer>(std::move(optimizer))) {}
  OptimizerArg(std::shared_ptr<const optim::Optimizer> optimizer)  // NOLINT: implicit
      : optimizer_(std::move(optimizer)) {}

  const absl::StatusOr<std::shared_ptr<const optim::Optimizer>>& optimizer() const {
    return optimizer_;
  }

 private:
  absl::StatusOr<std::shared_ptr<const optim::Optimizer>> optimizer_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_OPTIMIZER_ARG_H_
