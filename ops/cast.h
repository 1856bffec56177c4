#ifndef ADJOINT_OPS_CAST_H_
#define ADJOINT_OPS_CAST_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// x with elements of type `dtype`, any two types; x itself when it has that type already.
// To a floating type rounds to nearest, ties to even, and overflows to infinity (an integer of more
// than 53 bits to bf16 rounds twice, first to f64). Floating to integer truncates toward zero and
// saturates at the ends of the range; NaN gives 0. Integer to a narrower integer keeps the low
// bits. Anything to bool: whether it differs from 0 (NaN does). The gradient is the cotangent cast
// back between f32, f64, bf16 and f16, zero by definition otherwise.
Var Cast(Operand x, DType dtype);

// x, through which no gradient flows: zero by definition.
Var StopGradient(Operand x);

const OpDef& CastOp();  // attribute `dtype`
const OpDef& StopGradientOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_CAST_H_
