#ifndef ADJOINT_OPS_BITS_H_
#define ADJOINT_OPS_BITS_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Bits of integers of any type; two operands of one type broadcast as in ops/arithmetic.h. The
// gradient is zero by definition.
Var BitwiseAnd(Operand a, Operand b);
Var BitwiseOr(Operand a, Operand b);
Var BitwiseXor(Operand a, Operand b);
Var BitwiseNot(Operand x);

// x by `count` places. A right shift of a signed type fills up with its sign. Where count is not in
// 0 .. bits - 1, a negative one included, every bit is shifted out: the result is 0, or -1 for a
// right shift of a negative number.
Var ShiftLeft(Operand x, Operand count);
Var ShiftRight(Operand x, Operand count);

const OpDef& BitwiseAndOp();
const OpDef& BitwiseOrOp();
const OpDef& BitwiseXorOp();
const OpDef& BitwiseNotOp();
const OpDef& ShiftLeftOp();
const OpDef& ShiftRightOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_BITS_H_
