#include "ops/more_activations.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/comparison.h"
#include "ops/elementary.h"

namespace adjoint::ops {
namespace {

constexpr double kSqrtTwoOverPi = 0.79788456080286535588;

// alpha (e^(x / scale) - 1) below 0, x above. The exponent is kept from overflowing where it is not
// wanted, since the gradient would make NaN of it.
Var ExponentialBelow(Operand x, double alpha, double scale) {
  const Var above = Greater(x, 0.0);
  Var below = Where(above, 0.0, x);
  if (scale != 1.0) below = Div(below, scale);
  below = Expm1(below);
  if (alpha != 1.0) below = Mul(below, alpha);
  return Where(above, x, below);
}

// Records what is wrong with the use of a function, at the user's line.
Var Fail(const Operand& x, absl::string_view what) {
  x.var.builder->Fail(absl::InvalidArgumentError(
      absl::StrCat(x.location.file_name(), ":", x.location.line(), ": ", what)));
  return Var{x.var.builder, -1, 0};
}

// Calls `build` where x is floating. The parts would find the error too, but not name the function.
template <typename Build>
Var Floating(const char* name, const Operand& x, Build build) {
  if (!x.var.valid()) return x.var;
  if (!IsFloating(x.var.dtype())) {
    return Fail(x, absl::StrCat(name, " takes f32 or f64, but the operand is ",
                                x.var.spec().ToString(), "; Cast converts"));
  }
  return build();
}

}  // namespace

Var LeakyRelu(Operand x, double slope) {
  return Floating("leaky_relu", x, [&] { return Where(Greater(x, 0.0), x, Mul(x, slope)); });
}

Var PRelu(Operand x, Operand slope) { return Where(Greater(x, 0.0), x, Mul(x, slope)); }

Var Elu(Operand x, double alpha) {
  return Floating("elu", x, [&] { return ExponentialBelow(x, alpha, 1.0); });
}

Var Selu(Operand x, double alpha, double scale) {
  return Floating("selu", x, [&] { return Mul(ExponentialBelow(x, alpha, 1.0), scale); });
}

Var Celu(Operand x, double alpha) {
  return Floating("celu", x, [&] {
    return alpha == 0 ? Fail(x, "celu: alpha must not be 0") : ExponentialBelow(x, alpha, alpha);
  });
}

Var GeluTanh(Operand x) {
  return Floating("gelu_tanh", x, [&] {
    const Var cubic = Mul(x, Add(Mul(Square(x), 0.044715), 1.0));
    return Mul(Mul(x, 0.5), Add(Tanh(Mul(cubic, kSqrtTwoOverPi)), 1.0));
  });
}

Var Silu(Operand x) { return Mul(x, Sigmoid(x)); }
Var Mish(Operand x) { return Mul(x, Tanh(Softplus(x))); }
Var Softsign(Operand x) {
  return Floating("softsign", x, [&] { return Div(x, Add(Abs(x), 1.0)); });
}

Var LogSigmoid(Operand x) {
  return Floating("log_sigmoid", x, [&] { return Neg(Softplus(Neg(x))); });
}

Var TanhShrink(Operand x) { return Sub(x, Tanh(x)); }

Var HardSigmoid(Operand x, double alpha, double beta) {
  return Floating("hard_sigmoid", x, [&] { return HardTanh(Add(Mul(x, alpha), beta), 0.0, 1.0); });
}

Var HardSwish(Operand x) {
  return Floating("hard_swish", x, [&] { return Mul(x, HardSigmoid(x, 1.0 / 6.0, 0.5)); });
}

Var Relu6(Operand x) { return HardTanh(x, 0.0, 6.0); }

Var HardTanh(Operand x, double low, double high) {
  return Where(LessEqual(x, low), low, Where(GreaterEqual(x, high), high, x));
}

Var ThresholdedRelu(Operand x, double theta) {
  return Floating("thresholded_relu", x, [&] { return Where(LessEqual(x, theta), 0.0, x); });
}

Var HardShrink(Operand x, double lambda) {
  return Floating("hard_shrink", x, [&] { return Where(LessEqual(Abs(x), lambda), 0.0, x); });
}

Var SoftShrink(Operand x, double lambda) {
  return Floating("soft_shrink", x, [&] { return Shrink(x, lambda, lambda); });
}

Var Shrink(Operand x, double lambda, double bias) {
  // 0 * x is 0 for what lies between, and NaN for NaN.
  const Var above = Where(Greater(x, lambda), Sub(x, bias), Mul(x, 0.0));
  return Where(Less(x, -lambda), Add(x, bias), above);
}

}  // namespace adjoint::ops
