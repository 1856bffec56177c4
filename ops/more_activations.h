#ifndef ADJOINT_OPS_MORE_ACTIVATIONS_H_
#define ADJOINT_OPS_MORE_ACTIVATIONS_H_

#include "ops/var.h"

namespace adjoint::ops {

// Activation functions composed of the ops of activations.h and arithmetic.h, of f32 or f64,
// element by element; the compiler makes one loop of each. NaN gives NaN. At a kink the gradient is
// that of the side named.

// x above 0, else slope * x; at 0, the gradient is `slope`.
Var LeakyRelu(Operand x, double slope = 0.01);
// The same with a var for the slope, which broadcasts with x and is differentiated. He et al.,
// "Delving Deep into Rectifiers" (2015).
Var PRelu(Operand x, Operand slope);

// x above 0, else alpha (e^x - 1); at 0, the gradient is alpha. Clevert, Unterthiner and
// Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units" (2015).
Var Elu(Operand x, double alpha = 1.0);
// scale * Elu(x, alpha). Klambauer et al., "Self-Normalizing Neural Networks" (2017).
Var Selu(Operand x, double alpha = 1.67326324235437728481704,
         double scale = 1.05070098735548049342);
// x above 0, else alpha (e^(x / alpha) - 1); alpha != 0. Barron, "Continuously Differentiable
// Exponential Linear Units" (2017).
Var Celu(Operand x, double alpha = 1.0);

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): the approximation of Gelu by Hendrycks and
// Gimpel, within 5e-4 of it.
Var GeluTanh(Operand x);
// x sigmoid(x), also called swish. Ramachandran, Zoph and Le, "Searching for Activation Functions"
// (2017).
Var Silu(Operand x);
// x tanh(softplus(x)). Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).
Var Mish(Operand x);
Var Softsign(Operand x);  // x / (1 + |x|)
// ln(sigmoid(x)), without overflow; gradient sigmoid(-x).
Var LogSigmoid(Operand x);
Var TanhShrink(Operand x);  // x - tanh(x)

// max(0, min(1, alpha x + beta)); on the bounds the gradient is 0. The defaults are those of Keras
// 2 and ONNX; PyTorch has alpha = 1 / 6.
Var HardSigmoid(Operand x, double alpha = 0.2, double beta = 0.5);
// x max(0, min(1, x / 6 + 0.5)); at -3 the gradient is 0, at 3 it is 1. Howard et al., "Searching
// for MobileNetV3" (2019).
Var HardSwish(Operand x);
// min(max(x, 0), 6); on the bounds the gradient is 0.
Var Relu6(Operand x);
// x between the bounds, which it has elsewhere; on them the gradient is 0.
Var HardTanh(Operand x, double low = -1.0, double high = 1.0);

// x above theta, else 0; at theta, the gradient is 0.
Var ThresholdedRelu(Operand x, double theta = 1.0);
// x where |x| > lambda, else 0; at +-lambda the gradient is 0.
Var HardShrink(Operand x, double lambda = 0.5);
// x - lambda above lambda, x + lambda below -lambda, 0 between; at +-lambda the gradient is 0.
Var SoftShrink(Operand x, double lambda = 0.5);
// x - bias above lambda, x + bias below -lambda, 0 between: the two above in one, as in ONNX. Also
// of integers.
Var Shrink(Operand x, double lambda = 0.5, double bias = 0.0);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_MORE_ACTIVATIONS_H_
