// Elementary functions of f32 that are computed in double, wholly or in part, beside those of
// core/vec_math.h, to which the rules and the special values that are said there apply too. Each
// errs by at most 0.51 ulp (TanModerate 0.6, Gelu 1.5) for every argument.
//
// Method: exponentials and logarithms to base 2 as in vec::Pow; inverse trigonometric functions as
// angles of points (x, y), whose tangent is brought below tan(pi/8) by the addition theorem as in
// Moshier, "Methods and Programs for Mathematical Functions" (1989), and then is the argument of a
// minimax polynomial; hyperbolic functions and their inverses by their definitions, and near 0 by
// Taylor's polynomials, where the definitions cancel.
//
// The overloads for double call the C library, one element at a time.

#ifndef ADJOINT_CORE_VEC_MATH_WIDE_H_
#define ADJOINT_CORE_VEC_MATH_WIDE_H_

#include "core/simd.h"
#include "core/vec_math.h"

namespace adjoint::vec {
namespace internal {

inline constexpr double kLn2Wide = 0.69314718055994530942;
inline constexpr double kPi = 3.14159265358979323846;

// The angle in [0, pi/2] of the point (b, a) for a, b >= 0, not both infinite and not both 0.
ADJOINT_INLINE double AngleOf(double a, double b) {
  const bool high = a > 2.41421356237309504880 * b;    // tan(3 pi / 8)
  const bool middle = a > 0.41421356237309504880 * b;  // tan(pi / 8)
  const double near_half = middle ? a - b : a;
  const double numerator = high ? -b : near_half;
  const double sum = middle ? a + b : b;
  const double denominator = high ? a : sum;
  const double quarter = middle ? 0.25 * kPi : 0.0;
  const double start = high ? 0.5 * kPi : quarter;
  const double u = numerator / denominator;
  const double z = u * u, z2 = z * z;
  // atan(u) / u for |u| <= tan(pi / 8); relative error 2^-35.4.
  const double p =
      (0.9999999999783987 - z * 0.33333332097609386) +
      z2 * ((0.19999883856551304 - z * 0.14281588772654125) +
            z2 * ((0.1104048922721824 - z * 0.08456192886940496) + z2 * 0.0470734814196802));
  return start + u * p;
}

}  // namespace internal

ADJOINT_INLINE float Exp2(float x) {
  double t = static_cast<double>(x);
  t = t > 200.0 ? 200.0 : t;
  t = t < -200.0 ? -200.0 : t;
  return static_cast<float>(internal::Exp2Of(t));
}

// Log2(±0) = -inf, Log2(x < 0) = NaN.
ADJOINT_INLINE float Log2(float x) {
  const double y = internal::Log2Of(static_cast<double>(x));
  return static_cast<float>(x < 0.0f ? __builtin_nan("") : y);
}

// Log10(±0) = -inf, Log10(x < 0) = NaN.
ADJOINT_INLINE float Log10(float x) {
  const double y = internal::Log2Of(static_cast<double>(x)) * 0.30102999566398119521;
  return static_cast<float>(x < 0.0f ? __builtin_nan("") : y);
}

// The tangent of x radians, |x| <= kModerateAngle; NaN for NaN. What it gives for other x means
// nothing.
ADJOINT_INLINE float TanModerate(float x) {
  const internal::Quadrant q = internal::QuadrantOf(x);
  const bool odd = (q.number & 1) != 0;
  const double numerator = odd ? -q.cos : q.sin;
  const double denominator = odd ? q.sin : q.cos;
  return static_cast<float>(numerator / denominator);
}

// NaN outside of [-1, 1], as is Acos.
ADJOINT_INLINE float Asin(float x) {
  const double a = __builtin_fabs(static_cast<double>(x));
  const double y = internal::AngleOf(a, __builtin_sqrt((1.0 - a) * (1.0 + a)));
  return __builtin_copysignf(static_cast<float>(y), x);
}

ADJOINT_INLINE float Acos(float x) {
  const double xd = static_cast<double>(x);
  const double y = internal::AngleOf(__builtin_sqrt((1.0 - xd) * (1.0 + xd)), __builtin_fabs(xd));
  return static_cast<float>(xd < 0.0 ? internal::kPi - y : y);
}

ADJOINT_INLINE float Atan(float x) {
  const double y = internal::AngleOf(__builtin_fabs(static_cast<double>(x)), 1.0);
  return __builtin_copysignf(static_cast<float>(y), x);
}

// The angle in [-pi, pi] of the point (x, y).
ADJOINT_INLINE float Atan2(float y, float x) {
  const double inf = __builtin_inf();
  const double yd = __builtin_fabs(static_cast<double>(y));
  const double xd = __builtin_fabs(static_cast<double>(x));
  // Two infinities stand for (1, 1), two zeros for (1, 0).
  const bool infinite = (yd == inf) & (xd == inf);
  const bool zero = (yd == 0.0) & (xd == 0.0);
  const double a = infinite ? 1.0 : yd;
  const double b = infinite | zero ? 1.0 : xd;
  const double angle = internal::AngleOf(a, b);
  const double back = __builtin_copysign(1.0, static_cast<double>(x));
  const double y_of = back < 0.0 ? internal::kPi - angle : angle;
  return __builtin_copysignf(static_cast<float>(y_of), y);
}

ADJOINT_INLINE float Sinh(float x) {
  const double a = __builtin_fabs(static_cast<double>(x));
  const double t = a * (1 / internal::kLn2Wide);
  const double e = internal::Exp2Of(t > 200.0 ? 200.0 : t);
  const double z = a * a, z2 = z * z;
  const double small =
      a * ((1.0 + z * (1.0 / 6)) +
           z2 * ((1.0 / 120 + z * (1.0 / 5040)) + z2 * (1.0 / 362880 + z * (1.0 / 39916800))));
  const double y = a < 1.0 ? small : 0.5 * (e - 1.0 / e);
  return __builtin_copysignf(static_cast<float>(y), x);
}

ADJOINT_INLINE float Cosh(float x) {
  const double t = __builtin_fabs(static_cast<double>(x)) * (1 / internal::kLn2Wide);
  const double e = internal::Exp2Of(t > 200.0 ? 200.0 : t);
  return static_cast<float>(0.5 * (e + 1.0 / e));
}

ADJOINT_INLINE float Asinh(float x) {
  const double a = __builtin_fabs(static_cast<double>(x));
  const double z = a * a;
  const double small = a * ((1.0 - z * (1.0 / 6)) + z * z * (3.0 / 40 - z * (15.0 / 336)));
  const double large = internal::kLn2Wide * internal::Log2Of(a + __builtin_sqrt(z + 1.0));
  return __builtin_copysignf(static_cast<float>(a < 0.0625 ? small : large), x);
}

// NaN below 1.
ADJOINT_INLINE float Acosh(float x) {
  const double xd = static_cast<double>(x);
  const double f = xd - 1.0;
  const double y =
      internal::kLn2Wide * internal::Log2Of(1.0 + (f + __builtin_sqrt(f * (xd + 1.0))));
  return static_cast<float>(x < 1.0f ? __builtin_nan("") : y);
}

// Atanh(±1) = ±inf, NaN beyond.
ADJOINT_INLINE float Atanh(float x) {
  const double a = __builtin_fabs(static_cast<double>(x));
  const double z = a * a;
  const double small = a * ((1.0 + z * (1.0 / 3)) + z * z * (1.0 / 5 + z * (1.0 / 7)));
  const double large = 0.5 * internal::kLn2Wide * internal::Log2Of((1.0 + a) / (1.0 - a));
  const double inside = a < 0.0625 ? small : large;
  const double y = a > 1.0 ? __builtin_nan("") : inside;
  return __builtin_copysignf(static_cast<float>(y), x);
}

// x Phi(x), Phi the normal distribution function. For a = |x| it is x - x Q or x Q of the tail
// Q = Phi(-a) = e^(-a^2 / 2) R(a), which is computed without cancellation: 1 + erf has no digits
// left of it from x = -5 on. Gelu(-inf) = -0, the limit.
ADJOINT_INLINE float Gelu(float x) {
  const float a = Abs(x);
  // a^2 / 2 = h + l; h is exact.
  const float top = internal::FromBits(internal::Bits(a) & 0xfffff000u);
  const float h = 0.5f * top * top;
  const float l = 0.5f * (a - top) * (a + top);
  const float shifted = (h + l) * -internal::kLog2E + (internal::kRound + 254);
  const float n = shifted - (internal::kRound + 254);
  const internal::Reduced reduced = {-h - n * internal::kLn2Hi, n * internal::kLn2Lo + l,
                                     internal::Bits(shifted)};
  const double t = static_cast<double>(internal::ExpReducedMinus1(reduced));
  // R = p / q for a <= 14.7, beyond which the result is 0; relative error 2^-27.2.
  const double b = static_cast<double>(a), b2 = b * b;
  const double p =
      (0.5000000030303776 + b * 0.43869883396885945) +
      b2 * ((0.18353478841667697 + b * 0.0407343623460703) + b2 * 0.004131353609718132);
  const double q =
      (1.0 + b * 1.67528265927594) + b2 * ((1.2037468491726155 + b * 0.470261783091957) +
                                           b2 * (0.10211221482952966 + b * 0.010355651380686485));
  const float mantissa = static_cast<float>(static_cast<double>(x) * p / q * (1.0 + t));
  float tail = internal::Scale(mantissa, reduced.biased);
  tail = a > 14.7f ? -0.0f : tail;
  return x > 0.0f ? x - tail : tail;
}

ADJOINT_INLINE double Exp2(double x) { return __builtin_exp2(x); }
ADJOINT_INLINE double Log2(double x) { return __builtin_log2(x); }
ADJOINT_INLINE double Log10(double x) { return __builtin_log10(x); }
ADJOINT_INLINE double Asin(double x) { return __builtin_asin(x); }
ADJOINT_INLINE double Acos(double x) { return __builtin_acos(x); }
ADJOINT_INLINE double Atan(double x) { return __builtin_atan(x); }
ADJOINT_INLINE double Atan2(double y, double x) { return __builtin_atan2(y, x); }
ADJOINT_INLINE double Sinh(double x) { return __builtin_sinh(x); }
ADJOINT_INLINE double Cosh(double x) { return __builtin_cosh(x); }
ADJOINT_INLINE double Asinh(double x) { return __builtin_asinh(x); }
ADJOINT_INLINE double Acosh(double x) { return __builtin_acosh(x); }
ADJOINT_INLINE double Atanh(double x) { return __builtin_atanh(x); }
ADJOINT_INLINE double Gelu(double x) {
  const double tail = __builtin_erfc(-0.70710678118654752440 * x);
  return tail == 0.0 ? -0.0 : 0.5 * x * tail;
}

}  // namespace adjoint::vec

#endif  // ADJOINT_CORE_VEC_MATH_WIDE_H_
