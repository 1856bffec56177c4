#ifndef ADJOINT_OPS_COMPARISON_H_
#define ADJOINT_OPS_COMPARISON_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Comparisons of two operands of one element type: f32, f64, an integer type or bool; they
// broadcast as in ops/arithmetic.h. The result is bool, and the gradient zero by definition.
// Comparisons with NaN are false, but NotEqual is true. false < true.
Var Equal(Operand a, Operand b);
Var NotEqual(Operand a, Operand b);
Var Less(Operand a, Operand b);
Var LessEqual(Operand a, Operand b);
Var Greater(Operand a, Operand b);
Var GreaterEqual(Operand a, Operand b);

// Of bools, bool.
Var LogicalAnd(Operand a, Operand b);
Var LogicalOr(Operand a, Operand b);
Var LogicalXor(Operand a, Operand b);
Var LogicalNot(Operand x);

// Which elements are NaN, infinite (IsInf: of the signs asked for) or neither; of any type, those
// without such values included. Bool; the gradient is zero by definition.
Var IsNan(Operand x);
Var IsInf(Operand x, bool negative = true, bool positive = true);
Var IsFinite(Operand x);

// a where `condition` (bool) holds, else b. All three broadcast; a and b have one element type, any
// type; a number takes the type of the other branch (two numbers are f32). The value that is not
// chosen does not matter, be it NaN, nor does its gradient: the cotangent goes to the side chosen.
Var Where(Operand condition, Operand a, Operand b);

const OpDef& EqualOp();
const OpDef& NotEqualOp();
const OpDef& LessOp();
const OpDef& LessEqualOp();
const OpDef& GreaterOp();
const OpDef& GreaterEqualOp();
const OpDef& LogicalAndOp();
const OpDef& LogicalOrOp();
const OpDef& LogicalXorOp();
const OpDef& LogicalNotOp();
const OpDef& WhereOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_COMPARISON_H_
