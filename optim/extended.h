#ifndef ADJOINT_OPTIM_EXTENDED_H_
#define ADJOINT_OPTIM_EXTENDED_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace adjoint::optim {

// What any optimizer can be extended by. Names are Keras', as are the values in configurations.
struct Extensions {
  // Clipping of gradients, in this order; 0: none.
  double clipvalue = 0;        // each element into [-clipvalue, clipvalue]
  double clipnorm = 0;         // each parameter's gradient to at most this length
  double global_clipnorm = 0;  // all gradients together; not with clipnorm
  // Decoupled weight decay: w -= lr weight_decay w before the update. Not for adamw and lamb, which
  // have a weight_decay of their own.
  double weight_decay = 0;
  // Keeps moving averages of the parameters, slot "average": a = ema_momentum a +
  // (1 - ema_momentum) w after every update, from the values before the first. 0: none.
  double ema_momentum = 0;
  // The parameters become their averages after every so many updates. 0: never.
  int ema_overwrite_frequency = 0;
  // Sums gradients, slot "accumulated", over this many steps, updates with their mean after the
  // last of them and leaves everything as it is after the others. The optimizer's step, its
  // schedule and the averages count updates.
  int gradient_accumulation_steps = 1;
  // Parameters of which a batch looks up some rows, as Embedding does, and that nothing else reads
  // (a regularizer does), are updated in these rows alone: parameter, slots and their decay
  // elsewhere stay as they are, as in PyTorch's SparseAdam and TensorFlow Addons' LazyAdam. A step
  // then takes the time of what it looks up rather than that of the whole table. With SGD without
  // momentum and Adagrad the numbers are those of whole updates. Not for lamb, lbfgs, ema_momentum
  // or gradient_accumulation_steps.
  bool lazy_rows = false;
  // Sets the rate before every step, in place of the optimizer's own.
  std::optional<Schedule> schedule = {};
};

// The optimizer with these extensions; itself when there are none:
//
//   optim::Extended(optim::MakeAdam(), {.global_clipnorm = 1, .schedule = "warm_up(100, 0,
//   0.001)"})
//
// Lengths are computed in f64; a gradient that is not finite makes what is clipped by its length
// NaN, so that it is seen. Sources: clip_by_norm and clip_by_global_norm of
// tensorflow/python/ops/clip_ops.py in the order of optimizer_v2.py, _transform_gradients;
// keras/src/optimizers/base_optimizer.py of Keras 3 for what Keras 2.4 has not: accumulation,
// averages (use_ema) and decay.
//
// Errors: those of `optimizer`; a value out of its range; clipnorm with global_clipnorm;
// ema_overwrite_frequency without ema_momentum; weight_decay where the optimizer has its own.
absl::StatusOr<std::unique_ptr<Optimizer>> Extended(
    absl::StatusOr<std::unique_ptr<Optimizer>> optimizer, const Extensions& extensions);

// The name of the slot with a parameter's average.
inline constexpr char kAverageSlot[] = "average";

// The extensions that a configuration names, which are taken out of it. `weight_decay` stays where
// the optimizer has its own.
absl::StatusOr<Extensions> TakeExtensions(OptimizerConfig* config);

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_EXTENDED_H_
