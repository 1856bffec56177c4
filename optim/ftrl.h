#ifndef ADJOINT_OPTIM_FTRL_H_
#define ADJOINT_OPTIM_FTRL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct FtrlOptions {
  double learning_rate = 0.001;                     // > 0
  double learning_rate_power = -0.5;                // <= 0
  double initial_accumulator_value = 0.1;           // >= 0
  double l1_regularization_strength = 0;            // >= 0
  double l2_regularization_strength = 0;            // >= 0
  double l2_shrinkage_regularization_strength = 0;  // >= 0
  double beta = 0;                                  // >= 0
};

// "Follow the regularized leader", proximal (McMahan et al. 2013): sets weights to exactly 0 where
// l1 says so. Slots "accumulator" a, which starts at initial_accumulator_value, and "linear" z:
//
//   b = a + g^2
//   z += g + 2 shrinkage w - (b^-power - a^-power) / lr w
//   q = (b^-power + beta) / lr + 2 l2
//   w = (sign(z) l1 - z) / q where |z| > l1, else 0
//   a = b
//
// The learning rate must stay above 0, for it divides. There is no such optimizer in PyTorch.
// Sources: tensorflow/python/keras/optimizer_v2/ftrl.py, tensorflow/core/kernels/training_ops.cc.
//
// Errors: a value out of its range; initial_accumulator_value, beta and l2 all 0, which divides 0
// by 0 where a gradient is 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeFtrl(const FtrlOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_FTRL_H_
