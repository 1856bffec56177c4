#ifndef ADJOINT_OPS_CUMULATIVE_H_
#define ADJOINT_OPS_CUMULATIVE_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Running results along one axis, negative ones counted from the end. With `reverse` they run from
// the last element to the first. Floats are carried on in double and rounded where they are stored.

// y[k] = x[0] + ... + x[k], or, when `exclusive`, x[0] + ... + x[k-1], which is 0 for the first.
// f32, f64, i32 and i64, which wrap around. The gradient is the running sum the other way.
Var CumSum(Operand x, int64_t axis, bool exclusive = false, bool reverse = false);

// y[k] = x[0] * ... * x[k], or, when `exclusive`, x[0] * ... * x[k-1], which is 1 for the first.
// Types as above. The gradient divides by nothing: with c the exclusive products and
// s[k] = g[k+1] x[k+1] + x[k+1] s[k+1] it is c (g + s), right where elements are 0.
Var CumProd(Operand x, int64_t axis, bool exclusive = false, bool reverse = false);

// The linear recurrence y[k] = a[k] y[k-1] + b[k] with y[-1] = 0: a moving average for
// a[k] = 1 - alpha. a and b are f32 or f64 and of one spec.
Var LinearRecurrence(Operand a, Operand b, int64_t axis, bool reverse = false);

// The same delayed by one: e[0] = 0, e[k+1] = a[k] e[k] + b[k]. It is its own gradient: with
// r = ExclusiveLinearRecurrence(a, g, axis, !reverse), that of b is r and that of a is r e.
Var ExclusiveLinearRecurrence(Operand a, Operand b, int64_t axis, bool reverse = false);

const OpDef& CumSumOp();
const OpDef& CumProdOp();
const OpDef& LinearRecurrenceOp();  // ExclusiveLinearRecurrence

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_CUMULATIVE_H_
