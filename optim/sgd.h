#ifndef ADJOINT_OPTIM_SGD_H_
#define ADJOINT_OPTIM_SGD_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct SgdOptions {
  double learning_rate = 0.01;  // >= 0
  double momentum = 0;          // 0 to 1
  bool nesterov = false;
  double dampening = 0;  // 0 to 1; of PyTorch's formula only
  Formula formula = Formula::kKeras;

  // PyTorch's formula with its default rate, 0.001.
  static SgdOptions PyTorch();
};

// Gradient descent: w -= lr g. With momentum (slot "momentum", v below):
//
//   Keras    v = momentum v - lr g              w += v
//            Nesterov:                          w += momentum v - lr g
//   PyTorch  v = momentum v + (1 - dampening) g w -= lr v
//            Nesterov:                          w -= lr (g + momentum v)
//            At step 0 the gradient enters v undampened.
//
// The two move alike while the rate stays the same: Keras keeps the rate inside v. Sources:
// tensorflow/python/keras/optimizer_v2/gradient_descent.py, torch/optim/sgd.py.
//
// Errors: a value out of its range; dampening with Keras' formula; with PyTorch's, Nesterov without
// momentum or with dampening.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeSgd(const SgdOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_SGD_H_
