#ifndef ADJOINT_OPS_ROUNDING_H_
#define ADJOINT_OPS_ROUNDING_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// To whole numbers, element by element, of f32 or f64. NaN and infinities stay. The gradient is
// zero by definition.
Var Floor(Operand x);  // down
Var Ceil(Operand x);   // up
Var Trunc(Operand x);  // toward zero
Var Round(Operand x);  // to the nearest; halves to the even one: 0.5 to 0, 1.5 to 2

// What division leaves over; any number type, operands broadcast as in ops/arithmetic.h. Floating:
// a mod 0 and inf mod b are NaN. Integers: a mod 0 is 0, as in NumPy.
// Mod: a - b floor(a / b), with the sign of b, as % in Python. Fmod: a - b trunc(a / b), with the
// sign of a, as in C.
// Gradients: 1 for a; -floor(a / b), or -trunc(a / b), for b.
Var Mod(Operand a, Operand b);
Var Fmod(Operand a, Operand b);

const OpDef& FloorOp();
const OpDef& CeilOp();
const OpDef& TruncOp();
const OpDef& RoundOp();
const OpDef& ModOp();
const OpDef& FmodOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ROUNDING_H_
