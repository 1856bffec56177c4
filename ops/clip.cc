#include "ops/clip.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/comparison.h"
#include "ops/reduce.h"

namespace adjoint::ops {
namespace {

Var Fail(const Operand& x, absl::string_view what) {
  if (x.var.builder == nullptr) return Var{};
  x.var.builder->Fail(absl::InvalidArgumentError(
      absl::StrCat(x.location.file_name(), ":", x.location.line(), ": ", what)));
  return Var{x.var.builder, -1, 0};
}

bool IsNorm(double norm) { return norm > 0 && std::isfinite(norm); }

// sqrt(square), whose gradient at 0 is 0 rather than 0 times infinity.
Var SafeSqrt(Var square) {
  const Var positive = Greater(square, 0.0);
  return Where(positive, Sqrt(Where(positive, square, 1.0)), square);
}

// norm / max(size, norm).
Var Scale(Var size, double norm) { return Div(norm, Maximum(size, norm)); }

}  // namespace

Var ClampMin(Operand x, Operand low) { return Where(Less(x, low), low, x); }

Var ClampMax(Operand x, Operand high) { return Where(Greater(x, high), high, x); }

Var Clamp(Operand x, Operand low, Operand high) { return ClampMax(ClampMin(x, low), high); }

Var ClipByNorm(Operand x, double norm, absl::Span<const int64_t> axes) {
  if (!IsNorm(norm)) {
    return Fail(x, absl::StrCat("clip_by_norm: the norm is ", norm, "; it must be positive"));
  }
  return Mul(x, Scale(SafeSqrt(Sum(Square(x), axes, /*keepdims=*/true)), norm));
}

Var ClipByNorm(Operand x, double norm) {
  std::vector<int64_t> axes;
  for (int axis = 0; axis < x.var.shape().rank(); ++axis) axes.push_back(axis);
  return ClipByNorm(x, norm, axes);
}

Var GlobalNorm(absl::Span<const Var> xs) {
  Var total;
  for (const Var x : xs) {
    const Var square = Sum(Square(x));
    total = total.builder == nullptr ? square : Add(total, square);
  }
  return total.builder == nullptr ? total : SafeSqrt(total);
}

std::vector<Var> ClipByGlobalNorm(absl::Span<const Var> xs, double norm, std::source_location at) {
  if (xs.empty()) return {};
  if (!IsNorm(norm)) {
    const Var none = Fail(Operand(xs[0], at), absl::StrCat("clip_by_global_norm: the norm is ",
                                                           norm, "; it must be positive"));
    return std::vector<Var>(xs.size(), none);
  }
  const Var scale = Scale(GlobalNorm(xs), norm);
  std::vector<Var> clipped;
  for (const Var x : xs) clipped.push_back(Mul(x, scale));
  return clipped;
}

}  // namespace adjoint::ops
