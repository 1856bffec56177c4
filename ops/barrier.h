#ifndef ADJOINT_OPS_BARRIER_H_
#define ADJOINT_OPS_BARRIER_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Identities that tell the compiler something. Both are free: the result is a view of the first
// operand. Any element type.

// x, behind which no pass looks: what is computed from it is not merged with what is computed from
// x, so a value can be computed a second time instead of being kept. The gradient is the cotangent.
Var Barrier(Operand x);

// `computed`, of which the value is at hand already as `saved`: an equal tensor, kept from an
// earlier computation. Compiled, it is `saved`, and `computed` need not be computed; but gradients
// flow through `computed` alone, to any order. Errors: specs that differ.
Var Saved(Operand saved, Operand computed);

const OpDef& BarrierOp();
const OpDef& SavedOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_BARRIER_H_
