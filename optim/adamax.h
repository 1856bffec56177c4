#ifndef ADJOINT_OPTIM_ADAMAX_H_
#define ADJOINT_OPTIM_ADAMAX_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct AdamaxOptions {
  double learning_rate = 0.001;  // >= 0
  double beta_1 = 0.9;           // at least 0, less than 1
  double beta_2 = 0.999;         // at least 0, less than 1
  double epsilon = 1e-7;         // > 0
  Formula formula = Formula::kKeras;

  // PyTorch's formula and defaults: rate 0.002, epsilon 1e-8.
  static AdamaxOptions PyTorch();
};

// Adamax (Kingma and Ba 2014, section 7.1): Adam with the infinity norm. Slots "m" and "v". At step
// t = 1, 2, ...:
//
//   m = beta_1 m + (1 - beta_1) g
//   Keras    v = max(beta_2 v, |g|)             w -= lr / (1 - beta_1^t) m / (v + epsilon)
//   PyTorch  v = max(beta_2 v, |g| + epsilon)   w -= lr / (1 - beta_1^t) m / v
//
// The rate is computed in f64. Sources: tensorflow/python/keras/optimizer_v2/adamax.py,
// torch/optim/adamax.py.
//
// Errors: a value out of its range; an epsilon of 0, which divides 0 by 0 where a gradient is 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdamax(const AdamaxOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_ADAMAX_H_
