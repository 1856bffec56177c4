#ifndef ADJOINT_OPTIM_RMSPROP_H_
#define ADJOINT_OPTIM_RMSPROP_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct RmsPropOptions {
  double learning_rate = 0.001;  // >= 0
  double rho = 0.9;              // at least 0, less than 1; PyTorch's alpha
  double momentum = 0;           // 0 to 1
  double epsilon = 1e-7;         // >= 0
  bool centered = false;
  Formula formula = Formula::kKeras;

  // PyTorch's formula and defaults: rate 0.01, rho 0.99, epsilon 1e-8.
  static RmsPropOptions PyTorch();
};

// RMSprop (Hinton, "Neural Networks for Machine Learning", lecture 6). Slots "rms"; "momentum" when
// momentum > 0; "mg" when centered:
//
//   rms = rho rms + (1 - rho) g^2
//   s   = rms, or centered (Graves 2013): mg = rho mg + (1 - rho) g, s = max(rms - mg^2, 0)
//
//   both                    w -= lr g / (sqrt(s) + epsilon)
//   Keras with momentum     v = momentum v + lr g / sqrt(s + epsilon)     w -= v
//   PyTorch with momentum   v = momentum v + g / (sqrt(s) + epsilon)      w -= lr v
//
// The max is ours: without it a gradient that hardly changes makes s negative by rounding, and w
// NaN. Sources: tensorflow/python/keras/optimizer_v2/rmsprop.py and, with momentum,
// tensorflow/core/kernels/training_ops.cc; torch/optim/rmsprop.py.
//
// Errors: a value out of its range.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeRmsProp(const RmsPropOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_RMSPROP_H_
