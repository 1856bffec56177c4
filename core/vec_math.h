// Elementary functions for loops that the compiler vectorises.
//
// Every function is free of branches and calls, so a plain loop over it in a kernel body (see
// core/simd.h) becomes vector code for each instruction set. With ADJOINT_KERNEL_COPTS the results
// are the same, bit for bit, in a vector loop, in its tail, in a scalar call and on every
// instruction set.
//
// Error bounds are in units in the last place (ulp) of the exact result in f32, and hold for every
// argument, subnormal ones included:
//
//   Exp Log                                          1
//   Expm1 Log1p Tanh Sigmoid Softplus Erf Rsqrt      2
//   Sqrt                                             0.5
//   Pow                                              0.51
//   SinModerate CosModerate (up to kModerateAngle)   0.55
//
// Special values are those of C's Annex F: a NaN argument gives NaN (but Pow(x, 0) and Pow(1, y)
// are 1), overflow gives infinity, underflow is gradual (subnormal results are returned, never
// flushed), a domain error gives NaN, a pole infinity, and the sign of zero is kept.
//
// Method: the reductions of Cody and Waite, "Software Manual for the Elementary Functions" (1980);
// minimax polynomials (Remez exchange, coefficients rounded to f32 one by one and the rest fitted
// again) whose relative errors are given beside them, in Estrin's form, which keeps more of a
// vector unit's pipelines busy than Horner's.
//
// The overloads for double call the C library, one element at a time: they make kernels that are
// templates on the element type work, not fast.

#ifndef ADJOINT_CORE_VEC_MATH_H_
#define ADJOINT_CORE_VEC_MATH_H_

#include <cstdint>

#include "core/simd.h"

namespace adjoint::vec {
namespace internal {

inline constexpr float kInf = __builtin_inff();
inline constexpr float kNan = __builtin_nanf("");
inline constexpr float kLog2E = 1.44269504f;
inline constexpr float kLn2 = 0.693147182f;
// ln 2 = kLn2Hi + kLn2Lo. kLn2Hi has 9 significant bits: n * kLn2Hi is exact for |n| < 2^15.
inline constexpr float kLn2Hi = 0.693359375f;
inline constexpr float kLn2Lo = -2.12194440e-4f;
// Added to v, |v| < 2^22, leaves round(v) in the low bits of the sum.
inline constexpr float kRound = 0x1.8p23f;
inline constexpr double kRound64 = 0x1.8p52;

ADJOINT_INLINE uint32_t Bits(float x) { return __builtin_bit_cast(uint32_t, x); }
ADJOINT_INLINE uint64_t Bits(double x) { return __builtin_bit_cast(uint64_t, x); }
ADJOINT_INLINE float FromBits(uint32_t b) { return __builtin_bit_cast(float, b); }
ADJOINT_INLINE double FromBits(uint64_t b) { return __builtin_bit_cast(double, b); }

// x = n ln 2 + high - low, |high - low| <= 0.347, for |x| <= 2^15; high is exact. The low 9 bits of
// `biased` hold n + kBias. Other x, NaN and infinities included, give numbers that mean nothing; a
// NaN gives high = NaN.
struct Reduced {
  float high;
  float low;
  uint32_t biased;
};

template <int kBias>
ADJOINT_INLINE Reduced ReduceByLn2(float x) {
  const float shifted = x * kLog2E + (kRound + kBias);
  const float n = shifted - (kRound + kBias);
  return {x - n * kLn2Hi, n * kLn2Lo, Bits(shifted)};
}

// y 2^n, for -252 <= n <= 254, of which the low 9 bits of `biased` hold n + 254. In two factors,
// since 2^n may lie beyond the normal exponents; their product with y rounds once.
ADJOINT_INLINE float Scale(float y, uint32_t biased) {
  const uint32_t half = biased >> 1;
  return y * FromBits(half << 23) * FromBits((biased - half) << 23);
}

// e^r - 1 for r = high - low, with an error of an f32 near 1; the polynomial errs by 2^-28.2.
ADJOINT_INLINE float ExpReducedMinus1(Reduced reduced) {
  const float r = reduced.high - reduced.low;
  const float r2 = r * r;
  const float p = (0x1.fffffcp-2f + r * 0x1.55548ap-3f) +
                  r2 * ((0x1.55584ep-5f + r * 0x1.123f3p-7f) + r2 * 0x1.6ad158p-10f);
  return reduced.high + (r2 * p - reduced.low);
}

ADJOINT_INLINE float ExpReduced(Reduced reduced) { return 1.0f + ExpReducedMinus1(reduced); }

// e^x for -104 <= x <= 89.
ADJOINT_INLINE float ExpInRange(float x) {
  const Reduced reduced = ReduceByLn2<254>(x);
  return Scale(ExpReduced(reduced), reduced.biased);
}

// e^x for |x| <= 80.
ADJOINT_INLINE float ExpModerate(float x) {
  const Reduced reduced = ReduceByLn2<127>(x);
  return ExpReduced(reduced) * FromBits(reduced.biased << 23);
}

// e^-a for a >= 0.
ADJOINT_INLINE float ExpOfNegative(float a) {
  const float y = ExpInRange(-a);
  return a > 104.0f ? 0.0f : y;
}

// ln((1 + f) 2^e) for 1 + f in [sqrt(1/2), sqrt(2)); the polynomial errs by 2^-27.1.
ADJOINT_INLINE float LogReduced(float f, float e) {
  const float f2 = f * f;
  const float f4 = f2 * f2;
  const float low =
      (0x1.555554p-2f - f * 0x1.000228p-2f) + f2 * (0x1.99a036p-3f - f * 0x1.547208p-3f);
  const float high =
      (0x1.22d58ap-3f - f * 0x1.0d84f2p-3f) + f2 * (0x1.058536p-3f - f * 0x1.3929eep-4f);
  const float tail = (f * f2 * (low + f4 * high) + e * kLn2Lo) - 0.5f * f2;
  return (f + tail) + e * kLn2Hi;
}

inline constexpr uint32_t kSqrtHalfBits = 0x3f3504f3;     // sqrt(1/2)
inline constexpr uint32_t kSqrt2Minus1Bits = 0x3ed413cd;  // sqrt(2) - 1

// ln(1 + x) for x > -1, finite; NaN for NaN. Loses the sign of zero.
ADJOINT_INLINE float Log1pFinite(float x) {
  const float u = 1.0f + x;
  // What rounding took from 1 + x (Knuth's two-sum).
  const float xr = u - 1.0f;
  const float lost = (x - xr) + (1.0f - (u - xr));
  const uint32_t b = Bits(u) - kSqrtHalfBits;
  const int32_t e = static_cast<int32_t>(b) >> 23;
  const float m = FromBits((b & 0x007fffffu) + kSqrtHalfBits);
  const int32_t scale = e > 126 ? 126 : e;
  const float f = (m - 1.0f) + lost * FromBits(static_cast<uint32_t>(127 - scale) << 23);
  return LogReduced(f, static_cast<float>(e));
}

}  // namespace internal

ADJOINT_INLINE float Abs(float x) { return __builtin_fabsf(x); }

ADJOINT_INLINE float Sqrt(float x) { return __builtin_sqrtf(x); }

// Rsqrt(±0) = ±inf.
ADJOINT_INLINE float Rsqrt(float x) { return 1.0f / __builtin_sqrtf(x); }

ADJOINT_INLINE float Exp(float x) {
  // Selecting at the end is cheaper than clamping first: the compiler splits paths at a clamp.
  float y = internal::ExpInRange(x);
  y = x > 89.0f ? internal::kInf : y;
  return x < -104.0f ? 0.0f : y;
}

// e^x - 1.
ADJOINT_INLINE float Expm1(float x) {
  const internal::Reduced reduced = internal::ReduceByLn2<254>(x);
  const float r = reduced.high - reduced.low;
  // e^r - 1; the polynomial errs by 2^-28.2.
  const float r2 = r * r;
  const float p = (0.5f + r * 0x1.55552cp-3f) + r2 * ((0x1.555502p-5f + r * 0x1.1155a8p-7f) +
                                                      r2 * (0x1.6d2e48p-10f + r * 0x1.3b8a96p-13f));
  const float em1 = reduced.high + (r2 * p - reduced.low);
  // e^x - 1 = 2^n (em1 + (1 - 2^-n)).
  const float inverse = internal::FromBits((254u + 127u - reduced.biased) << 23);
  const float sum = em1 + (1.0f - (x > 30.0f ? 0.0f : inverse));
  float y = internal::Scale(sum, reduced.biased);
  y = x > 89.0f ? internal::kInf : y;
  y = x < -18.0f ? -1.0f : y;
  return Abs(x) < 0x1p-26f ? x : y;
}

// The natural logarithm. Log(±0) = -inf, Log(x < 0) = NaN.
ADJOINT_INLINE float Log(float x) {
  const bool subnormal = x < 0x1p-126f;
  const float scaled = subnormal ? x * 0x1p23f : x;
  const float bias = subnormal ? -23.0f : 0.0f;
  const uint32_t b = internal::Bits(scaled) - internal::kSqrtHalfBits;
  const float e = static_cast<float>(static_cast<int32_t>(b) >> 23) + bias;
  const float m = internal::FromBits((b & 0x007fffffu) + internal::kSqrtHalfBits);
  float y = internal::LogReduced(m - 1.0f, e);
  y = x < internal::kInf ? y : x;
  y = x < 0.0f ? internal::kNan : y;
  return x == 0.0f ? -internal::kInf : y;
}

// ln(1 + x). Log1p(-1) = -inf, Log1p(x < -1) = NaN.
ADJOINT_INLINE float Log1p(float x) {
  float y = internal::Log1pFinite(x);
  y = x < internal::kInf ? y : x;
  y = x < -1.0f ? internal::kNan : y;
  y = x == -1.0f ? -internal::kInf : y;
  return Abs(x) < 0x1p-26f ? x : y;
}

// What bounds the speed of a long formula is the length of its chain: a vector unit holds two or
// three of its turns at once. So Tanh and Sigmoid have one path for all arguments, and round as
// little as they can rather than correct afterwards.

// e^2|x| = 2^n (1 + t), n >= 0, and the result is em1 / (em1 + 2) for em1 = e^2|x| - 1.
ADJOINT_INLINE float Tanh(float x) {
  const float a = Abs(x);
  // A quarter less than the nearest n: 0 up to |x| = 0.26, so that r lies in [-0.174, 0.521].
  const float shifted = (a * (2 * internal::kLog2E) - 0.25f) + (internal::kRound + 127);
  const float n = shifted - (internal::kRound + 127);
  const float r = (a + a) - n * internal::kLn2;
  // t = r + r^2 p; it errs by 2^-26.3 of max(|r|, 1/4).
  const float r2 = r * r;
  const float p = (0x1.fffffap-2f + r * 0x1.55568ap-3f) +
                  r2 * ((0x1.5552fcp-5f + r * 0x1.0eb5ap-7f) + r2 * 0x1.aa4edep-10f);
  const float tail = r2 * p;
  const float t = r + tail;
  const float scale = internal::FromBits(internal::Bits(shifted) << 23);
  const float em1 = scale * t + (scale - 1.0f);
  // For n = 0 as |x| and what is missing, a small number whose roundings do not count.
  const bool near0 = n == 0.0f;
  const float numerator = near0 ? tail - a * t : em1;
  float y = (near0 ? a : 0.0f) + numerator / (em1 + 2.0f);
  y = a > 10.0f ? 1.0f : y;
  return __builtin_copysignf(y, x);
}

// The logistic function 1 / (1 + e^-x). e^-x = 2^(i + j) (1 + t), and the result is
// 2^-i / (2^-i + 2^j + 2^j t) with i and j of about one size, so that nothing overflows.
ADJOINT_INLINE float Sigmoid(float x) {
  const internal::Reduced reduced = internal::ReduceByLn2<254>(-x);
  const float t = internal::ExpReducedMinus1(reduced);
  const uint32_t half = reduced.biased >> 1;
  const float u = internal::FromBits((254u - half) << 23);            // 2^-i
  const float s = internal::FromBits((reduced.biased - half) << 23);  // 2^j
  // Exact up to e^16; beyond, `lost` is what rounding took of u.
  const float sum = u + s;
  const float lost = u - (sum - s);
  float y = u / (sum + (s * t + lost));
  y = x < -104.0f ? 0.0f : y;
  return x > 20.0f ? 1.0f : y;
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
ADJOINT_INLINE float Softplus(float x) {
  const float e = internal::ExpOfNegative(Abs(x));
  // 1 + e in [1, 2] is (1 + f) 2^k with k = 0 or 1.
  const uint32_t above = (internal::kSqrt2Minus1Bits - internal::Bits(e)) >> 31;
  const float k = static_cast<float>(static_cast<int32_t>(above));
  const float f = e * (1.0f - 0.5f * k) - 0.5f * k;
  return (x > 0.0f ? x : 0.0f) + internal::LogReduced(f, k);
}

// The error function.
ADJOINT_INLINE float Erf(float x) {
  const float a = Abs(x);
  // Below 0.75 a polynomial in a^2 that errs by 2^-29.2, else 1 - e^q where q is a polynomial for
  // ln(erfc(a)) that lets the result err by 2^-28.5.
  const float z = a * a;
  const float z2 = z * z;
  const float p =
      ((0x1.06eba8p-3f - z * 0x1.81273ap-2f) + z2 * (0x1.ce2acep-4f - z * 0x1.b7a75cp-6f)) +
      z2 * z2 * (0x1.4f188ap-8f - z * 0x1.613e5p-11f);
  const float small = a + a * p;
  const float q =
      ((-0x1.20e902p0f - a * 0x1.456716p-1f) - z * (0x1.b0466ap-4f - a * 0x1.7ae30ap-6f)) -
      z2 * ((0x1.b3f404p-9f - a * 0x1.f9fb0ep-13f) + z * 0x1.6d7566p-19f);
  float y = 1.0f - internal::ExpModerate(q * a);
  y = a > 4.0f ? 1.0f : y;
  y = a < 0.75f ? small : y;
  return __builtin_copysignf(y, x);
}

namespace internal {

// log2(x) for x >= 0 from f32, whose subnormal numbers are normal doubles: e + 2 atanh(s) / ln 2,
// s = (m - 1) / (m + 1); relative error 2^-45. -inf for 0. What it gives for numbers below means
// nothing.
ADJOINT_INLINE double Log2Of(double x) {
  const double inf = __builtin_inf();
  const uint64_t sqrt_half = 0x3fe6a09e00000000u;
  const uint64_t b = Bits(x) + (0x3ff0000000000000u - sqrt_half);
  const double e = FromBits((b >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
  const double m = FromBits((b & 0x000fffffffffffffu) + sqrt_half);
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  const double z2 = z * z;
  const double p = (2.8853900817778486 + z * 0.96179669411600399) +
                   z2 * ((0.57707794155256631 + z * 0.41220933810099292) +
                         z2 * (0.31990204063692607 + z * 0.28295429618479923));
  double y = s * p + e;
  y = x < inf ? y : x;
  return x == 0.0 ? -inf : y;
}

// 2^t for |t| <= 200, relative error 2^-34.5.
ADJOINT_INLINE double Exp2Of(double t) {
  const double shifted = t + kRound64;
  const double f = t - (shifted - kRound64);
  const double f2 = f * f;
  const double low = (0.99999999996107258 + f * 0.69314718073115233) +
                     f2 * (0.24022651204158454 + f * 0.055504103472767803);
  const double high = (0.0096180264419853632 + f * 0.0013333925481728859) +
                      f2 * (0.00015469553178318896 + f * 1.52017185483532e-05);
  const double q = low + f2 * f2 * high;
  return q * FromBits((Bits(shifted) + 1023u) << 52);
}

}  // namespace internal

// x^y, with C's special cases. Computed in double as 2^(y log2 |x|).
ADJOINT_INLINE float Pow(float x, float y) {
  const double xd = __builtin_fabs(static_cast<double>(x));
  const double yd = static_cast<double>(y);
  const double inf = __builtin_inf();
  double t = yd * internal::Log2Of(xd);
  t = t > 200.0 ? 200.0 : t;
  t = t < -200.0 ? -200.0 : t;
  double r = internal::Exp2Of(t);
  // (-1)^y for infinite y.
  const double unit = yd == yd ? 1.0 : yd;
  r = xd == 1.0 ? unit : r;

  // For x < 0: y odd negates, y not whole is a domain error. Floats of at least 2^24 are even.
  const double y_shifted = yd + internal::kRound64;
  const double parity = internal::FromBits(internal::Bits(y_shifted) << 63);  // -0 when odd
  const double y_abs = __builtin_fabs(yd);
  const double y_fraction = y_abs < 0x1p24 ? (y_shifted - internal::kRound64) - yd : 0.0;
  const double odd = y_abs < 0x1p24 ? parity : 0.0;
  const double sign = y_fraction == 0.0 ? odd : 0.0;
  const double xs = static_cast<double>(x);
  r = internal::FromBits(internal::Bits(r) | (internal::Bits(xs) & internal::Bits(sign)));
  const double domain = y_fraction == 0.0 ? r : __builtin_nan("");
  const double negative = xd < inf ? domain : r;
  r = xs < 0.0 ? negative : r;
  r = xs == 1.0 ? 1.0 : r;
  r = yd == 0.0 ? 1.0 : r;
  return static_cast<float>(r);
}

namespace internal {

// x = number pi/2 + r, |r| <= pi/4, with the sine and cosine of r in double: polynomials of
// Taylor's, which err by 2^-28. Of `number` the low bits count.
struct Quadrant {
  double sin, cos;
  uint64_t number;
};
ADJOINT_INLINE Quadrant QuadrantOf(float x) {
  // pi/2 in two parts: the first has 33 bits, so that n times it is exact for n < 2^20.
  constexpr double kHalfPiHi = 0x1.921fb544p0, kHalfPiLo = 0x1.0b4611a626331p-34;
  const double xd = static_cast<double>(x);
  const double shifted = xd * 0.63661977236758134308 + kRound64;
  const double n = shifted - kRound64;
  const double r = (xd - n * kHalfPiHi) - n * kHalfPiLo;
  const double z = r * r;
  const double z2 = z * z;
  const double sin =
      r * (1.0 + (z * (-1.0 / 6 + z * (1.0 / 120)) + z * z2 * (-1.0 / 5040 + z * (1.0 / 362880))));
  const double cos = (1.0 - 0.5 * z) +
                     z2 * ((1.0 / 24 - z * (1.0 / 720)) + z2 * (1.0 / 40320 - z * (1.0 / 3628800)));
  return {sin, cos, Bits(shifted)};
}

// sin(x + quadrants pi/2).
ADJOINT_INLINE float SinOfQuadrant(float x, uint64_t quadrants) {
  const Quadrant q = QuadrantOf(x);
  const uint64_t quadrant = q.number + quadrants;
  const uint64_t odd = uint64_t{0} - (quadrant & 1);
  const uint64_t y = (Bits(q.sin) & ~odd) | (Bits(q.cos) & odd);
  return static_cast<float>(FromBits(y ^ ((quadrant & 2) << 62)));
}

}  // namespace internal

// The angles that the next two take.
inline constexpr float kModerateAngle = 0x1p20f;
// The sine and cosine of x radians, |x| <= kModerateAngle; NaN for NaN. What they give for other x
// means nothing.
ADJOINT_INLINE float SinModerate(float x) { return internal::SinOfQuadrant(x, 0); }
ADJOINT_INLINE float CosModerate(float x) { return internal::SinOfQuadrant(x, 1); }

ADJOINT_INLINE double Abs(double x) { return __builtin_fabs(x); }
ADJOINT_INLINE double Sqrt(double x) { return __builtin_sqrt(x); }
ADJOINT_INLINE double Rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
ADJOINT_INLINE double Exp(double x) { return __builtin_exp(x); }
ADJOINT_INLINE double Expm1(double x) { return __builtin_expm1(x); }
ADJOINT_INLINE double Log(double x) { return __builtin_log(x); }
ADJOINT_INLINE double Log1p(double x) { return __builtin_log1p(x); }
ADJOINT_INLINE double Tanh(double x) { return __builtin_tanh(x); }
ADJOINT_INLINE double Erf(double x) { return __builtin_erf(x); }
ADJOINT_INLINE double Pow(double x, double y) { return __builtin_pow(x, y); }

ADJOINT_INLINE double Sigmoid(double x) {
  const double e = __builtin_exp(-__builtin_fabs(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

ADJOINT_INLINE double Softplus(double x) {
  return (x > 0.0 ? x : 0.0) + __builtin_log1p(__builtin_exp(-__builtin_fabs(x)));
}

}  // namespace adjoint::vec

#endif  // ADJOINT_CORE_VEC_MATH_H_
