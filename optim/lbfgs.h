#ifndef ADJOINT_OPTIM_LBFGS_H_
#define ADJOINT_OPTIM_LBFGS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

struct LbfgsOptions {
  double learning_rate = 1;          // >= 0
  int history_size = 10;             // 1 to 100
  double tolerance_gradient = 1e-7;  // >= 0
  double tolerance_change = 1e-9;    // >= 0
};

// L-BFGS (Nocedal and Wright, "Numerical Optimization", algorithm 7.4): Newton's method with an
// inverse Hessian made from the last `history_size` changes of parameters (s) and gradients (y). It
// wants the whole data as one batch: the gradients of different batches are differences of
// different functions.
//
// One step is one iteration, without a line search, for an update sees one gradient: along the
// direction d of the two-loop recursion every parameter moves by lr d, at step 0 by
// min(1, 1 / |g|_1) lr d with d = -g. A pair with s.y <= 1e-10 is not kept. Nothing moves where the
// greatest |g| is at most tolerance_gradient, or g.d above -tolerance_change. Where a rate of 1
// overshoots, a smaller one helps; nothing guarantees descent.
//
// Slots, for each parameter: "previous_parameter", "previous_gradient", and "s_0", "y_0" to
// "s_<history_size - 1>", the newest pair last. Inner products are over all parameters together and
// in f64. Source: torch/optim/lbfgs.py with max_iter 1 and no line_search_fn. Keras has no L-BFGS.
//
// Errors: a value out of its range.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeLbfgs(const LbfgsOptions& options = {});

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_LBFGS_H_
