#ifndef ADJOINT_OPTIM_NADAM_H_
#define ADJOINT_OPTIM_NADAM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct NadamOptions {
  double learning_rate = 0.001;   // >= 0
  double beta_1 = 0.9;            // at least 0, less than 1
  double beta_2 = 0.999;          // at least 0, less than 1
  double epsilon = 1e-7;          // >= 0
  double schedule_decay = 0.004;  // >= 0; PyTorch's momentum_decay
  Formula formula = Formula::kKeras;

  // PyTorch's defaults: rate 0.002, epsilon 1e-8. The formula is the same.
  static NadamOptions PyTorch();
};

// Adam with Nesterov's momentum (Dozat 2016). Slots "m", "v" and the f64 scalar "mu_product" p, at
// first 1. At step t = 1, 2, ...:
//
//   mu(t) = beta_1 (1 - 0.96^(t schedule_decay) / 2)
//   p = p mu(t)
//   m = beta_1 m + (1 - beta_1) g
//   v = beta_2 v + (1 - beta_2) g^2
//   d = (1 - mu(t)) g / (1 - p) + mu(t+1) m / (1 - p mu(t+1))
//   w -= lr d / (sqrt(v / (1 - beta_2^t)) + epsilon)
//
// What does not depend on the element is computed in f64. Sources:
// tensorflow/python/keras/optimizer_v2/nadam.py, torch/optim/nadam.py.
//
// Errors: a value out of its range.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeNadam(const NadamOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_NADAM_H_
