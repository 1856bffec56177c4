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
//   Exp Expm1 Log Log1p Tanh Sigmoid Softplus Erf Rsqrt   2
//   Sqrt                                                  0.5
//   Pow                                                   0.51
//
// Special values are those of C's Annex F: a NaN argument gives NaN (but Pow(x, 0) = Pow(1, y) =
// 1), overflow gives infinity, underflow is gradual (subnormal results are returned, never
// flushed), a domain error gives NaN, a pole infinity, and the sign of zero is kept.
//
// Method: Cody and Waite, "Software Manual for the Elementary Functions" (1980), for the
// reductions; the polynomials are minimax fits (Remez exchange, coefficients rounded to f32 one by
// one, the rest fitted again) with the relative error given beside each.
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
// ln 2 = kLn2Hi + kLn2Lo. kLn2Hi has 9 significant bits: n * kLn2Hi is exact for |n| < 2^15.
inline constexpr float kLn2Hi = 0.693359375f;
inline constexpr float kLn2Lo = -2.12194440e-4f;
// Added to v, |v| < 2^22, leaves round(v) in the low bits of the sum.
inline constexpr float kRound = 0x1.8p23f;
inline constexpr uint32_t kRoundBits = 0x4b400000;
inline constexpr double kRound64 = 0x1.8p52;

ADJOINT_INLINE uint32_t Bits(float x) { return __builtin_bit_cast(uint32_t, x); }
ADJOINT_INLINE uint64_t Bits(double x) { return __builtin_bit_cast(uint64_t, x); }
ADJOINT_INLINE float FromBits(uint32_t b) { return __builtin_bit_cast(float, b); }
ADJOINT_INLINE double FromBits(uint64_t b) { return __builtin_bit_cast(double, b); }

// 2^n for -126 <= n <= 127; garbage, but no fault, for other n.
ADJOINT_INLINE float PowerOf2(int32_t n) {
  return FromBits((static_cast<uint32_t>(n) + 127u) << 23);
}

// x = n ln 2 + r, |r| <= 0.347. |x| <= 2^15. A NaN gives r = NaN and an n that means nothing.
struct Reduced {
  float r;
  int32_t n;
};

ADJOINT_INLINE Reduced ReduceByLn2(float x) {
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  return {(x - n * kLn2Hi) - n * kLn2Lo, static_cast<int32_t>(Bits(shifted) - kRoundBits)};
}

// e^r for |r| <= 0.347; the polynomial errs by 2^-28.2.
ADJOINT_INLINE float ExpReduced(float r) {
  float p = 0x1.6ad158p-10f;
  p = p * r + 0x1.123f3p-7f;
  p = p * r + 0x1.55584ep-5f;
  p = p * r + 0x1.55548ap-3f;
  p = p * r + 0x1.fffffcp-2f;
  return 1.0f + (r + r * r * p);
}

// e^x for -104 <= x <= 89.
ADJOINT_INLINE float ExpClamped(float x) {
  const Reduced reduced = ReduceByLn2(x);
  // 2^n in two factors, since n may lie beyond the normal exponents.
  const int32_t half = reduced.n >> 1;
  return ExpReduced(reduced.r) * PowerOf2(half) * PowerOf2(reduced.n - half);
}

// e^x for |x| <= 80.
ADJOINT_INLINE float ExpModerate(float x) {
  const Reduced reduced = ReduceByLn2(x);
  return ExpReduced(reduced.r) * PowerOf2(reduced.n);
}

// ln((1 + f) 2^e) for 1 + f in [sqrt(1/2), sqrt(2)); the polynomial errs by 2^-28.4.
ADJOINT_INLINE float LogReduced(float f, float e) {
  float p = 0x1.b4be0cp-5f;
  p = p * f - 0x1.bf330ep-4f;
  p = p * f + 0x1.effadap-4f;
  p = p * f - 0x1.010154p-3f;
  p = p * f + 0x1.23036ep-3f;
  p = p * f - 0x1.552f18p-3f;
  p = p * f + 0x1.99a54p-3f;
  p = p * f - 0x1.00007p-2f;
  p = p * f + 0x1.555548p-2f;
  const float square = f * f;
  const float tail = (f * square * p + e * kLn2Lo) - 0.5f * square;
  return (f + tail) + e * kLn2Hi;
}

// The float that splits [2^k, 2^(k+1)) at sqrt(2), as bits of sqrt(1/2).
inline constexpr uint32_t kSqrtHalfBits = 0x3f3504f3;

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
  const float f = (m - 1.0f) + lost * PowerOf2(-scale);
  return LogReduced(f, static_cast<float>(e));
}

}  // namespace internal

ADJOINT_INLINE float Abs(float x) { return __builtin_fabsf(x); }

ADJOINT_INLINE float Sqrt(float x) { return __builtin_sqrtf(x); }

// Rsqrt(±0) = ±inf.
ADJOINT_INLINE float Rsqrt(float x) { return 1.0f / __builtin_sqrtf(x); }

ADJOINT_INLINE float Exp(float x) {
  // Comparisons with NaN are false: it passes both clamps.
  float c = x > 89.0f ? 89.0f : x;
  c = c < -104.0f ? -104.0f : c;
  return internal::ExpClamped(c);
}

// e^x - 1.
ADJOINT_INLINE float Expm1(float x) {
  float c = x > 89.0f ? 89.0f : x;
  c = c < -18.0f ? -18.0f : c;
  const internal::Reduced reduced = internal::ReduceByLn2(c);
  const float r = reduced.r;
  // e^r - 1; the polynomial errs by 2^-28.2.
  float p = 0x1.3b8a96p-13f;
  p = p * r + 0x1.6d2e48p-10f;
  p = p * r + 0x1.1155a8p-7f;
  p = p * r + 0x1.555502p-5f;
  p = p * r + 0x1.55552cp-3f;
  p = p * r + 0.5f;
  const float em1 = r + r * r * p;
  // e^x - 1 = 2^n (em1 + (1 - 2^-n)).
  const int32_t capped = reduced.n > 40 ? 40 : reduced.n;
  const float sum = em1 + (1.0f - internal::PowerOf2(-capped));
  const int32_t half = reduced.n >> 1;
  const float y = sum * internal::PowerOf2(half) * internal::PowerOf2(reduced.n - half);
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

ADJOINT_INLINE float Tanh(float x) {
  const float a = Abs(x);
  // Below 0.625 a polynomial in a^2 that errs by 2^-27.7, else 1 - 2 / (e^2a + 1).
  const float z = a * a;
  float p = -0x1.750ce4p-8f;
  p = p * z + 0x1.51f8cep-6f;
  p = p * z - 0x1.b835a4p-5f;
  p = p * z + 0x1.1106f6p-3f;
  p = p * z - 0x1.555532p-2f;
  const float small = a + a * (z * p);
  const float c = a > 10.0f ? 10.0f : a;
  const float large = 1.0f - 2.0f / (internal::ExpModerate(c + c) + 1.0f);
  return __builtin_copysignf(a < 0.625f ? small : large, x);
}

// The logistic function 1 / (1 + e^-x).
ADJOINT_INLINE float Sigmoid(float x) {
  const float a = Abs(x);
  const float e = internal::ExpClamped(a > 104.0f ? -104.0f : -a);
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
ADJOINT_INLINE float Softplus(float x) {
  const float a = Abs(x);
  const float e = internal::ExpClamped(a > 104.0f ? -104.0f : -a);
  return (x > 0.0f ? x : 0.0f) + internal::Log1pFinite(e);
}

// The error function.
ADJOINT_INLINE float Erf(float x) {
  const float a = Abs(x);
  // Below 0.75 a polynomial in a^2 that errs by 2^-29.2, else 1 - e^q where q is a polynomial for
  // ln(erfc(a)) that lets the result err by 2^-28.5.
  const float z = a * a;
  float p = -0x1.613e5p-11f;
  p = p * z + 0x1.4f188ap-8f;
  p = p * z - 0x1.b7a75cp-6f;
  p = p * z + 0x1.ce2acep-4f;
  p = p * z - 0x1.81273ap-2f;
  p = p * z + 0x1.06eba8p-3f;
  const float small = a + a * p;
  const float c = a > 4.0f ? 4.0f : a;
  float q = -0x1.6d7566p-19f;
  q = q * c + 0x1.f9fb0ep-13f;
  q = q * c - 0x1.b3f404p-9f;
  q = q * c + 0x1.7ae30ap-6f;
  q = q * c - 0x1.b0466ap-4f;
  q = q * c - 0x1.456716p-1f;
  q = q * c - 0x1.20e902p0f;
  const float large = 1.0f - internal::ExpModerate(q * c);
  return __builtin_copysignf(a < 0.75f ? small : large, x);
}

// x^y, with C's special cases. Computed in double as 2^(y log2 |x|).
ADJOINT_INLINE float Pow(float x, float y) {
  const double xd = __builtin_fabs(static_cast<double>(x));
  const double yd = static_cast<double>(y);
  const double inf = __builtin_inf();

  // log2 |x| = e + 2 atanh(s) / ln 2, s = (m - 1) / (m + 1); relative error 2^-45. Subnormal floats
  // are normal doubles.
  const uint64_t sqrt_half = 0x3fe6a09e00000000u;
  const uint64_t b = internal::Bits(xd) + (0x3ff0000000000000u - sqrt_half);
  const double e = internal::FromBits((b >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
  const double m = internal::FromBits((b & 0x000fffffffffffffu) + sqrt_half);
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double p = 0.28295429618479923;
  p = p * z + 0.31990204063692607;
  p = p * z + 0.41220933810099292;
  p = p * z + 0.57707794155256631;
  p = p * z + 0.96179669411600399;
  p = p * z + 2.8853900817778486;
  double log2x = s * p + e;
  log2x = xd < inf ? log2x : xd;
  log2x = xd == 0.0 ? -inf : log2x;

  double t = yd * log2x;
  t = t > 200.0 ? 200.0 : t;
  t = t < -200.0 ? -200.0 : t;
  const double shifted = t + internal::kRound64;
  const double f = t - (shifted - internal::kRound64);
  // 2^f, relative error 2^-34.5.
  double q = 1.52017185483532e-05;
  q = q * f + 0.00015469553178318896;
  q = q * f + 0.0013333925481728859;
  q = q * f + 0.0096180264419853632;
  q = q * f + 0.055504103472767803;
  q = q * f + 0.24022651204158454;
  q = q * f + 0.69314718073115233;
  q = q * f + 0.99999999996107258;
  double r = q * internal::FromBits((internal::Bits(shifted) + 1023u) << 52);
  r = (xd == 1.0) & (yd == yd) ? 1.0 : r;

  // Floats of at least 2^24 are even integers.
  const double y_shifted = yd + internal::kRound64;
  const bool y_large = __builtin_fabs(yd) >= 0x1p24;
  const bool y_whole = y_shifted - internal::kRound64 == yd;
  const uint64_t odd = (y_whole & !y_large) ? internal::Bits(y_shifted) << 63 : 0u;
  const uint64_t sign = internal::Bits(static_cast<double>(x)) & odd;
  r = internal::FromBits(internal::Bits(r) | sign);
  r = (x < 0.0f) & (xd < inf) & !(y_whole | y_large) ? __builtin_nan("") : r;
  r = (yd == 0.0) | (x == 1.0f) ? 1.0 : r;
  return static_cast<float>(r);
}

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
