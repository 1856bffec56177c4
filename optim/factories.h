#ifndef ADJOINT_OPTIM_FACTORIES_H_
#define ADJOINT_OPTIM_FACTORIES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/optimizer.h"

// For MakeOptimizer: how each optimizer is made from a configuration of its name. Errors as
// MakeOptimizer's.

namespace adjoint::optim {

absl::StatusOr<std::unique_ptr<Optimizer>> SgdFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> RmsPropFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> AdamFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> AdamWFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> AdagradFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> AdadeltaFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> AdamaxFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> NadamFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> FtrlFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> LionFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> LambFrom(const OptimizerConfig& config);
absl::StatusOr<std::unique_ptr<Optimizer>> LbfgsFrom(const OptimizerConfig& config);

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_FACTORIES_H_
