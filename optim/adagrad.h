#ifndef ADJOINT_OPTIM_ADAGRAD_H_
#define ADJOINT_OPTIM_ADAGRAD_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct AdagradOptions {
  double learning_rate = 0.001;            // >= 0
  double initial_accumulator_value = 0.1;  // >= 0
  double epsilon = 1e-7;                   // >= 0
  double lr_decay = 0;                     // >= 0; of PyTorch's formula only
  Formula formula = Formula::kKeras;

  // PyTorch's formula and defaults: rate 0.01, accumulators from 0, epsilon 1e-10.
  static AdagradOptions PyTorch();
};

// Adagrad (Duchi et al. 2011). Slot "accumulator", a below, starts at initial_accumulator_value:
//
//   a += g^2
//   w -= rate g / (sqrt(a) + epsilon)
//
// The rate is lr; in PyTorch's formula lr / (1 + step lr_decay), steps counted from 0. Sources:
// tensorflow/python/keras/optimizer_v2/adagrad.py, torch/optim/adagrad.py.
//
// Errors: a value out of its range; lr_decay with Keras' formula; initial_accumulator_value and
// epsilon both 0, which would divide 0 by 0 where a gradient is 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdagrad(const AdagradOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_ADAGRAD_H_
