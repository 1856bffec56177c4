#include "ops/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/fail.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using Axes = absl::Span<const int64_t>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Refuses other types in the name of the function that the user called.
bool IsFloats(const Operand& x, const char* function) {
  if (!x.var.valid()) return false;
  if (IsFloating(x.var.dtype())) return true;
  FailAt(x, function,
         absl::StrCat("takes f32 or f64, but was given ", DTypeName(x.var.dtype()),
                      "; cast it first"));
  return false;
}

Var Invalid(const Operand& x) { return Var{x.var.builder, -1, 0}; }

// max(n - correction, 0), n the number of elements along `axes`.
Operand Remaining(const Operand& x, Axes axes, double correction) {
  double count = 1;
  bool known = true;
  for (int64_t axis : axes) {
    const auto normal = NormalizeAxis(axis, x.var.shape().rank());
    if (!normal.ok()) return x;  // an error that the reduction has reported
    const Dim d = x.var.shape().dim(*normal);
    known = known && d.is_known();
    if (known) count *= static_cast<double>(d.value());
  }
  if (known) return Operand(std::max(count - correction, 0.0), x.location);
  const Var n = SizeOf(x, axes, x.var.dtype());
  return Operand(correction == 0 ? n : Maximum(n - correction, 0), x.location);
}

}  // namespace

std::vector<int64_t> AllAxesOf(const Operand& x) {
  std::vector<int64_t> axes;
  for (int axis = 0; axis < x.var.shape().rank(); ++axis) axes.push_back(axis);
  return axes;
}

Var SafeSqrt(Operand x) {
  if (!x.var.valid()) return Invalid(x);
  const Var zero = Equal(x, 0);
  return Where(zero, 0, Sqrt(Where(zero, 1, x)));
}

Var Variance(Operand x, Axes axes, bool keepdims, double correction) {
  if (!IsFloats(x, "variance")) return Invalid(x);
  const Var squares = Sum(Square(Sub(x, Mean(x, axes, /*keepdims=*/true))), axes, keepdims);
  if (!squares.valid()) return squares;
  return squares / Remaining(x, axes, correction);
}

Var StandardDeviation(Operand x, Axes axes, bool keepdims, double correction) {
  return SafeSqrt(Variance(x, axes, keepdims, correction));
}

Var SumOfSquares(Operand x, Axes axes, bool keepdims) { return Sum(Square(x), axes, keepdims); }

Var L1Norm(Operand x, Axes axes, bool keepdims) { return Sum(Abs(x), axes, keepdims); }

Var L2Norm(Operand x, Axes axes, bool keepdims) {
  if (!IsFloats(x, "l2_norm")) return Invalid(x);
  return SafeSqrt(SumOfSquares(x, axes, keepdims));
}

Var PNorm(Operand x, double p, Axes axes, bool keepdims) {
  if (!IsFloats(x, "p_norm")) return Invalid(x);
  if (std::isnan(p)) return FailAt(x, "p_norm", "p is NaN");
  if (p == 0) return Sum(Cast(NotEqual(x, 0), x.var.dtype()), axes, keepdims);
  if (p == 1) return L1Norm(x, axes, keepdims);
  if (p == 2) return L2Norm(x, axes, keepdims);
  const Var size = Abs(x);
  if (p == kInfinity) return ReduceMax(size, axes, keepdims);
  if (p == -kInfinity) return ReduceMin(size, axes, keepdims);
  // Where a base is 0 the power is a constant: its derivative there may be infinite.
  const auto power = [](Var base, double exponent) {
    const Var zero = Equal(base, 0);
    return Where(zero, exponent > 0 ? 0 : kInfinity, Pow(Where(zero, 1, base), exponent));
  };
  return power(Sum(power(size, p), axes, keepdims), 1 / p);
}

Var LogSumExp(Operand x, Axes axes, bool keepdims) {
  if (!IsFloats(x, "log_sum_exp")) return Invalid(x);
  const Var greatest = StopGradient(ReduceMax(x, axes, /*keepdims=*/true));
  if (!greatest.valid()) return greatest;
  // Nothing is taken out of a sum that is 0, infinite or NaN.
  const Var finite = Less(Abs(greatest), kInfinity);
  const Var shift = Where(finite, greatest, 0);
  const Var log_sum = Log(Sum(Exp(x - shift), axes, keepdims));
  return log_sum + (keepdims ? shift : Squeeze(shift, axes));
}

Var LogSum(Operand x, Axes axes, bool keepdims) { return Log(Sum(x, axes, keepdims)); }

}  // namespace adjoint::ops
