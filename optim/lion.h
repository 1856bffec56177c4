#ifndef ADJOINT_OPTIM_LION_H_
#define ADJOINT_OPTIM_LION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct LionOptions {
  double learning_rate = 0.001;  // >= 0
  double beta_1 = 0.9;           // 0 to 1
  double beta_2 = 0.99;          // 0 to 1
};

// Lion, "evolved sign momentum" (Chen et al. 2023). Slot "m"; every element moves by the rate:
//
//   w -= lr sign(beta_1 m + (1 - beta_1) g)
//   m = beta_2 m + (1 - beta_2) g
//
// The paper's decoupled weight decay is an extension of all optimizers (optim/extended.h). Keras
// 2.4 has no Lion and neither has PyTorch; defaults and formula are those of Keras 2.12,
// keras/optimizers/lion.py.
//
// Errors: a value out of its range.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeLion(const LionOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_LION_H_
