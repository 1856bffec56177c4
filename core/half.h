#ifndef ADJOINT_CORE_HALF_H_
#define ADJOINT_CORE_HALF_H_

#include <cstdint>
#include <type_traits>

#include "core/simd.h"

namespace adjoint {

// Conversions between f32 or f64 and the bits of the two 16-bit floating types. Narrowing rounds to
// nearest, ties to even; what is too large becomes infinite, what is too small a subnormal number
// or 0 of the same sign; a NaN stays one, quiet. Widening is exact. Free of branches: a loop over
// them becomes vector code.
namespace half {

// f64 to f32 by "rounding to odd": where it is inexact, toward the neighbour whose last bit is 1.
// Rounding that to a type of fewer bits gives what rounding x itself would have given.
ADJOINT_INLINE float ToOdd(double x) {
  const float near = static_cast<float>(x);
  const uint32_t bits = __builtin_bit_cast(uint32_t, near);
  const double back = static_cast<double>(near);
  const bool even = (bits & 1) == 0;
  const uint32_t away = __builtin_fabs(back) > __builtin_fabs(x) ? bits - 1 : bits + 1;
  const bool inexact = (back < x) | (back > x);  // false for NaN
  return __builtin_bit_cast(float, even& inexact ? away : bits);
}

ADJOINT_INLINE uint16_t BFloat16Bits(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40;
  return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}
ADJOINT_INLINE uint16_t BFloat16Bits(double x) { return BFloat16Bits(ToOdd(x)); }

ADJOINT_INLINE float FromBFloat16Bits(uint16_t bits) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
}

ADJOINT_INLINE uint16_t Float16Bits(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t magnitude = bits & 0x7fffffff;
  // 112 is the difference of the exponents' biases, 13 that of the fractions' lengths.
  const uint32_t normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // The last place of 0.5f is the last place of a subnormal f16: adding rounds as needed.
  const uint32_t subnormal =
      __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000;
  const uint32_t nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
  half = magnitude >= 0x477ff000 ? 0x7c00 : half;  // from 65520
  half = magnitude > 0x7f800000 ? nan : half;
  return static_cast<uint16_t>(half | ((bits >> 16) & 0x8000));
}
ADJOINT_INLINE uint16_t Float16Bits(double x) { return Float16Bits(ToOdd(x)); }

ADJOINT_INLINE float FromFloat16Bits(uint16_t bits) {
  const uint32_t magnitude = bits & 0x7fffu;
  const uint32_t shifted = magnitude << 13;
  const uint32_t normal = shifted + (112u << 23);
  // 2^-14 more than the subnormal number, less 2^-14: exact.
  const float subnormal = __builtin_bit_cast(float, shifted + (113u << 23)) - 0x1p-14f;
  uint32_t wide = magnitude < 0x400 ? __builtin_bit_cast(uint32_t, subnormal) : normal;
  wide = magnitude >= 0x7c00 ? shifted | 0x7f800000 : wide;  // infinite, or a NaN
  wide = magnitude > 0x7c00 ? wide | 0x00400000 : wide;      // quiet
  return __builtin_bit_cast(float, wide | ((bits & 0x8000u) << 16));
}

}  // namespace half

// An element of a bf16 tensor: the upper half of an f32, 8 significant bits. A storage type, to be
// converted for arithmetic. An integer of more than 53 bits rounds twice, first to f64.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  ADJOINT_INLINE explicit BFloat16(T x)
      : bits(half::BFloat16Bits(
            static_cast<std::conditional_t<std::is_same_v<T, float>, float, double>>(x))) {}
  static BFloat16 FromBits(uint16_t bits) {
    BFloat16 x;
    x.bits = bits;
    return x;
  }

  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  ADJOINT_INLINE explicit operator T() const {
    return static_cast<T>(half::FromBFloat16Bits(bits));
  }
};

// An element of an f16 tensor: IEEE 754's binary16, 11 significant bits, at most 65504. Otherwise
// as BFloat16.
struct Float16 {
  uint16_t bits;

  Float16() = default;
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  ADJOINT_INLINE explicit Float16(T x)
      : bits(half::Float16Bits(
            static_cast<std::conditional_t<std::is_same_v<T, float>, float, double>>(x))) {}
  static Float16 FromBits(uint16_t bits) {
    Float16 x;
    x.bits = bits;
    return x;
  }

  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  ADJOINT_INLINE explicit operator T() const {
    return static_cast<T>(half::FromFloat16Bits(bits));
  }
};

static_assert(sizeof(BFloat16) == 2 && sizeof(Float16) == 2);

// Whether T is one of the two.
template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>;

}  // namespace adjoint

#endif  // ADJOINT_CORE_HALF_H_
