#ifndef ADJOINT_OPS_ACTIVATIONS_H_
#define ADJOINT_OPS_ACTIVATIONS_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Activation functions, element by element, of f32 or f64; NaN gives NaN. In f32 each errs by at
// most 2 ulp (core/vec_math.h).

Var Relu(Operand x);     // max(x, 0); gradient 0 at 0, read off the output
Var Tanh(Operand x);     // gradient 1 - out^2
Var Sigmoid(Operand x);  // 1 / (1 + e^-x); gradient out (1 - out)

// ln(1 + e^x), without overflow. Gradient sigmoid(x).
Var Softplus(Operand x);

// The error function. Gradient 2 / sqrt(pi) e^(-x^2).
Var Erf(Operand x);

// x Phi(x), Phi the normal distribution function: 0.5 x (1 + erf(x / sqrt(2))).
// Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016).
Var Gelu(Operand x);

const OpDef& ReluOp();
const OpDef& TanhOp();
const OpDef& SigmoidOp();
const OpDef& SoftplusOp();
const OpDef& ErfOp();
const OpDef& GeluOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ACTIVATIONS_H_
