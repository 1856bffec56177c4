#ifndef ADJOINT_OPTIM_LAMB_H_
#define ADJOINT_OPTIM_LAMB_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct LambOptions {
  double learning_rate = 0.001;  // >= 0
  double beta_1 = 0.9;           // at least 0, less than 1
  double beta_2 = 0.999;         // at least 0, less than 1
  double epsilon = 1e-7;         // >= 0
  double weight_decay = 0;       // >= 0
};

// LAMB (You et al. 2019): Adam whose step is scaled, parameter by parameter, to the parameter's own
// length. Slots "m" and "v". At step t = 1, 2, ...:
//
//   m = beta_1 m + (1 - beta_1) g
//   v = beta_2 v + (1 - beta_2) g^2
//   d = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon) + weight_decay w
//   w -= lr |w| / |d| d, where lengths are of the whole parameter, and w -= lr d where one is 0
//
// Keras 2.4 has no LAMB and neither has PyTorch; defaults and formula are those of Keras 3,
// keras/src/optimizers/lamb.py, with the paper's place for the decay (tensorflow_addons'
// optimizers/lamb.py).
//
// Errors: a value out of its range.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeLamb(const LambOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_LAMB_H_
