#ifndef ADJOINT_OPTIM_ADAM_H_
#define ADJOINT_OPTIM_ADAM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct AdamOptions {
  double learning_rate = 0.001;  // >= 0
  double beta_1 = 0.9;           // at least 0, less than 1
  double beta_2 = 0.999;         // at least 0, less than 1
  double epsilon = 1e-7;         // >= 0
  bool amsgrad = false;
  Formula formula = Formula::kKeras;

  // PyTorch's formula and defaults: epsilon 1e-8.
  static AdamOptions PyTorch();
};

struct AdamWOptions {
  double learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  double weight_decay = 0.004;  // >= 0
  bool amsgrad = false;
  Formula formula = Formula::kKeras;

  // PyTorch's formula and defaults: epsilon 1e-8, weight_decay 0.01.
  static AdamWOptions PyTorch();
};

// Adam (Kingma and Ba 2014). Slots "m" and "v"; "vhat" with amsgrad (Reddi et al. 2018). At step
// t = 1, 2, ...:
//
//   m = beta_1 m + (1 - beta_1) g
//   v = beta_2 v + (1 - beta_2) g^2
//   u = v, or with amsgrad: vhat = max(vhat, v), u = vhat
//   rate = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)
//
//   Keras    w -= rate m / (sqrt(u) + epsilon)
//   PyTorch  w -= rate m / (sqrt(u) + epsilon sqrt(1 - beta_2^t))
//
// Keras' epsilon is the paper's "epsilon hat", PyTorch's that of the paper's algorithm 1, whose
// form is rewritten here with the same rate. The rate is computed in f64: in f32, 1 - beta_2^t has
// an error of 1e-5 at first. Sources: tensorflow/python/keras/optimizer_v2/adam.py,
// torch/optim/adam.py.
//
// Errors: a value out of its range.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdam(const AdamOptions& options = {});

// Adam with decoupled weight decay (Loshchilov and Hutter 2019): before the update above,
// w -= lr weight_decay w. The defaults are those of Keras 2.11, the first with an AdamW of its own.
// Sources: keras/optimizers/adamw.py and optimizer.py (_apply_weight_decay) of Keras 2.12;
// torch/optim/adamw.py.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdamW(const AdamWOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_ADAM_H_
