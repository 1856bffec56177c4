#ifndef ADJOINT_OPS_ELEMENTARY_H_
#define ADJOINT_OPS_ELEMENTARY_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Exponentials, logarithms, roots, trigonometric and hyperbolic functions beyond those of
// ops/arithmetic.h, element by element, of f32 or f64. Special values are those of C: outside its
// domain a function gives NaN, at a pole infinity. In f32 each errs by at most 2 ulp, most by
// little more than half of one, and several elements are computed at once (core/vec_math.h,
// core/vec_math_wide.h); f64 is the C library's, one element at a time.

Var Expm1(Operand x);  // e^x - 1, accurate near 0; gradient out + 1
Var Log1p(Operand x);  // ln(1 + x), accurate near 0; gradient 1 / (1 + x)
Var Exp2(Operand x);   // 2^x; gradient out ln 2
Var Log2(Operand x);   // gradient 1 / (x ln 2)
Var Log10(Operand x);  // gradient 1 / (x ln 10)

Var Reciprocal(Operand x);  // 1 / x
Var Rsqrt(Operand x);       // 1 / sqrt(x), rounded twice; infinite at 0, NaN below

Var Sin(Operand x);  // of radians, any number of turns; gradient cos(x)
Var Cos(Operand x);  // gradient -sin(x)
Var Tan(Operand x);  // gradient 1 + out^2
// Inverses. Where the gradient has a pole, at the ends of the domain, it is infinite.
Var Asin(Operand x);  // in [-pi/2, pi/2]; gradient 1 / sqrt(1 - x^2)
Var Acos(Operand x);  // in [0, pi]; gradient -1 / sqrt(1 - x^2)
Var Atan(Operand x);  // in [-pi/2, pi/2]; gradient 1 / (1 + x^2)

// The angle in [-pi, pi] of the point (x, y); they broadcast. Gradients x / (x^2 + y^2) for y
// and -y / (x^2 + y^2) for x: NaN at the origin, as in JAX.
Var Atan2(Operand y, Operand x);

Var Sinh(Operand x);   // gradient cosh(x)
Var Cosh(Operand x);   // gradient sinh(x)
Var Asinh(Operand x);  // gradient 1 / sqrt(x^2 + 1)
Var Acosh(Operand x);  // at least 0; gradient 1 / sqrt(x^2 - 1)
Var Atanh(Operand x);  // gradient 1 / (1 - x^2)

const OpDef& Expm1Op();
const OpDef& Log1pOp();
const OpDef& Exp2Op();
const OpDef& Log2Op();
const OpDef& Log10Op();
const OpDef& SinOp();
const OpDef& CosOp();
const OpDef& TanOp();
const OpDef& AsinOp();
const OpDef& AcosOp();
const OpDef& AtanOp();
const OpDef& Atan2Op();
const OpDef& SinhOp();
const OpDef& CoshOp();
const OpDef& AsinhOp();
const OpDef& AcoshOp();
const OpDef& AtanhOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ELEMENTARY_H_
