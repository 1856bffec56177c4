#ifndef ADJOINT_OPTIM_OPERANDS_H_
#define ADJOINT_OPTIM_OPERANDS_H_

#include "absl/types/span.h"
#include "optim/optimizer.h"

// For authors of optimizers: the check that every Update begins with.

namespace adjoint::optim {

// Whether the operands are what Update requires: as many gradients as parameters and of their
// specs, parameters of f32 or f64, the slots that Init lists, an f32 rate and an i64 step. Tells
// the builder what is wrong when not.
bool CheckOperands(const Optimizer& optimizer, absl::Span<const Var> grads,
                   absl::Span<const Var> params, absl::Span<const Var> slots, const Hyper& hyper);

// What Update returns after a mistake: as many vars as are asked for, none of them valid.
UpdateResult InvalidUpdate(size_t num_params, size_t num_slots, const Hyper& hyper);

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_OPERANDS_H_
