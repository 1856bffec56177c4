#ifndef ADJOINT_OPTIM_ADADELTA_H_
#define ADJOINT_OPTIM_ADADELTA_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct AdadeltaOptions {
  double learning_rate = 0.001;  // >= 0
  double rho = 0.95;             // at least 0, less than 1
  double epsilon = 1e-7;         // > 0
  Formula formula = Formula::kKeras;

  // PyTorch's defaults: rate 1, rho 0.9, epsilon 1e-6. The formula is the same.
  static AdadeltaOptions PyTorch();
};

// Adadelta (Zeiler 2012). Slots "accum_grad" a and "accum_var" u:
//
//   a = rho a + (1 - rho) g^2
//   d = g sqrt(u + epsilon) / sqrt(a + epsilon)
//   u = rho u + (1 - rho) d^2
//   w -= lr d
//
// Sources: tensorflow/python/keras/optimizer_v2/adadelta.py with
// tensorflow/core/kernels/training_ops.cc, torch/optim/adadelta.py.
//
// Errors: a value out of its range; an epsilon of 0, with which nothing would ever move.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdadelta(const AdadeltaOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_ADADELTA_H_
