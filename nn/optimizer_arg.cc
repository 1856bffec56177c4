#include "nn/optimizer_arg.h"

#include <utility>

namespace adjoint::nn {

OptimizerArg::OptimizerArg(const char* name) : OptimizerArg(std::string(name)) {}
OptimizerArg::OptimizerArg(const std::string& name) : OptimizerArg(optim::MakeOptimizer(name)) {}
OptimizerArg::OptimizerArg(const optim::OptimizerConfig& config)
    : OptimizerArg(optim::MakeOptimizer(config)) {}

OptimizerArg::OptimizerArg(absl::StatusOr<std::unique_ptr<optim::Optimizer>> made) {
  if (made.ok()) {
    optimizer_ = std::shared_ptr<const optim::Optimizer>(*std::move(made));
  } else {
    optimizer_ = made.status();
  }
}

OptimizerArg::OptimizerArg(std::unique_ptr<optim::Optimizer> optimizer)
    : optimizer_(std::shared_ptr<const optim::Optimizer>(std::move(optimizer))) {}
OptimizerArg::OptimizerArg(std::shared_ptr<const optim::Optimizer> optimizer)
    : optimizer_(std::move(optimizer)) {}

}  // namespace adjoint::nn
