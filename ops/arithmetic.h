#ifndef ADJOINT_OPS_ARITHMETIC_H_
#define ADJOINT_OPS_ARITHMETIC_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Arithmetic, element by element.
//
// Two operands broadcast as in NumPy: aligned at the last axis, extents equal or one of them 1; a
// number stands for a scalar of the other operand's type. Errors: element types that differ, shapes
// that do not broadcast, an element type that the function does not take.
//
// Integers (signed and unsigned, 8 to 64 bits) wrap around on overflow. Floating results are those
// of IEEE 754, NaNs and infinities included. Gradients exist for f32 and f64, to any order; that of
// a broadcast operand is summed over the axes it was broadcast along.

// Any number type: f32, f64 and the integers.
Var Add(Operand a, Operand b);
Var Sub(Operand a, Operand b);
Var Mul(Operand a, Operand b);

// a / b. Integers truncate toward zero, as in C; x / 0 is 0, as in NumPy, and the most negative
// number / -1 wraps to itself.
Var Div(Operand a, Operand b);

Var Neg(Operand x);
Var Abs(Operand x);     // gradient sign(x): 0 at 0
Var Square(Operand x);  // x * x

// -1, 0 or 1; NaN for NaN. The gradient is zero by definition.
Var Sign(Operand x);

// The larger, and the smaller; NaN when either is. Where a == b, each side gets half the cotangent,
// as in JAX; where either is NaN, neither gets any.
Var Maximum(Operand a, Operand b);
Var Minimum(Operand a, Operand b);

// a to the power of b, with C's special cases: pow(x, 0) = pow(1, y) = 1, NaN for a negative base
// with a fractional exponent. For integers a negative exponent gives the truncated quotient: 0,
// except for bases 1 and -1; a base of 0 gives 0.
// Gradients: b pow(a, b - 1) for the base, 0 where b == 0; out * log(a) for the exponent, 0 where
// a == 0 and NaN where a < 0, as in JAX.
Var Pow(Operand a, Operand b);
// The same for operands whose types may differ: the result has that of the base, as in ONNX. A
// floating base takes the exponent as its own type. An integer base is raised in f64 to a floating
// exponent and cast back (see Cast), and in i64 to an integer one of another type.
Var PowLikeBase(Operand a, Operand b);

// f32 and f64 only. Exp and Log err by at most 2 ulp in f32 (core/vec_math.h).
Var Sqrt(Operand x);  // gradient 0.5 / out: infinite at 0
Var Exp(Operand x);
Var Log(Operand x);  // natural; -inf at 0, NaN below

inline Var operator+(Operand a, Operand b) { return Add(a, b); }
inline Var operator-(Operand a, Operand b) { return Sub(a, b); }
inline Var operator*(Operand a, Operand b) { return Mul(a, b); }
inline Var operator/(Operand a, Operand b) { return Div(a, b); }
inline Var operator-(Operand x) { return Neg(x); }

const OpDef& AddOp();
const OpDef& SubOp();
const OpDef& MulOp();
const OpDef& DivOp();
const OpDef& NegOp();
const OpDef& AbsOp();
const OpDef& SquareOp();
const OpDef& SignOp();
const OpDef& MaximumOp();
const OpDef& MinimumOp();
const OpDef& PowOp();
const OpDef& SqrtOp();
const OpDef& ExpOp();
const OpDef& LogOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ARITHMETIC_H_
