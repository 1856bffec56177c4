#include "core/half.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "core/tensor.h"
#include "gtest/gtest.h"

namespace adjoint {
namespace {

// What a half with these bits is, by the definition of the format.
double Meaning(uint16_t bits, int fraction_bits, int bias) {
  const int exponent_bits = 15 - fraction_bits;
  const int exponent = (bits & 0x7fff) >> fraction_bits;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = bits >> 15 != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? std::nan("") : sign * HUGE_VAL;
  const int whole = exponent == 0 ? fraction : fraction + (1 << fraction_bits);
  return sign * std::ldexp(whole, (exponent == 0 ? 1 : exponent) - bias - fraction_bits);
}

// x rounded to the multiples of 2^lowest with so many significant bits, ties to even.
double Rounded(double x, int digits, int lowest, double highest) {
  if (x == 0 || !std::isfinite(x)) return x;
  const int unit = std::max(std::ilogb(x) - (digits - 1), lowest);
  const double y = std::ldexp(std::nearbyint(std::ldexp(x, -unit)), unit);
  return std::abs(y) > highest ? std::copysign(HUGE_VAL, x) : y;
}

bool Same(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

TEST(HalfTest, EveryPatternMeansWhatTheFormatSaysAndComesBack) {
  for (uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    const auto f16 = Float16::FromBits(bits);
    ASSERT_TRUE(Same(static_cast<double>(f16), Meaning(bits, 10, 15))) << i;
    const auto bf16 = BFloat16::FromBits(bits);
    ASSERT_TRUE(Same(static_cast<double>(bf16), Meaning(bits, 7, 127))) << i;
    if (std::isnan(static_cast<float>(f16))) {
      ASSERT_TRUE(std::isnan(static_cast<float>(Float16(static_cast<float>(f16))))) << i;
    } else {
      ASSERT_EQ(Float16(static_cast<float>(f16)).bits, bits);
      ASSERT_EQ(Float16(static_cast<double>(f16)).bits, bits);
    }
    if (std::isnan(static_cast<float>(bf16))) {
      ASSERT_TRUE(std::isnan(static_cast<float>(BFloat16(static_cast<float>(bf16))))) << i;
    } else {
      ASSERT_EQ(BFloat16(static_cast<float>(bf16)).bits, bits);
      ASSERT_EQ(BFloat16(static_cast<double>(bf16)).bits, bits);
    }
  }
}

void ExpectRounded(double x) {
  ASSERT_TRUE(Same(static_cast<double>(Float16(x)), Rounded(x, 11, -24, 65504))) << x;
  ASSERT_TRUE(Same(static_cast<double>(BFloat16(x)), Rounded(x, 8, -133, 0x1.fep127))) << x;
  const auto f = static_cast<float>(x);
  ASSERT_TRUE(Same(static_cast<double>(Float16(f)), Rounded(f, 11, -24, 65504))) << f;
  ASSERT_TRUE(Same(static_cast<double>(BFloat16(f)), Rounded(f, 8, -133, 0x1.fep127))) << f;
}

TEST(HalfTest, RoundsToNearestEven) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 400000; ++i) {
    // Any f64 near the ranges, then a number with few bits: ties, and halfway between them.
    const double fraction = 1 + static_cast<double>(random() >> 12) * 0x1p-52;
    const double few = 1 + static_cast<double>(random() >> 52) * 0x1p-12;
    const int f16_exponent = static_cast<int>(random() % 50) - 30;
    const int bf16_exponent = static_cast<int>(random() % 300) - 160;
    const double sign = random() % 2 == 0 ? 1 : -1;
    for (const int exponent : {f16_exponent, bf16_exponent}) {
      ExpectRounded(sign * std::ldexp(fraction, exponent));
      ExpectRounded(sign * std::ldexp(few, exponent));
      ExpectRounded(sign * std::nextafter(std::ldexp(few, exponent), 0));
      if (HasFatalFailure()) return;
    }
  }
  for (const double x : {65519.99, 65520.0, 65504.0, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-133,
                         0x1p-134, 0x1.fep127, 0x1.ffp127, 0x1.fefffffp127, 0.0, HUGE_VAL}) {
    ExpectRounded(x);
    ExpectRounded(-x);
  }
  EXPECT_TRUE(std::isnan(static_cast<float>(Float16(std::nan("")))));
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::nanf("1")))));
  // A NaN whose payload lies in the bits that go.
  const float low_nan = __builtin_bit_cast(float, 0x7f800001u);
  EXPECT_TRUE(std::isnan(static_cast<float>(Float16(low_nan))));
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(low_nan))));
}

TEST(HalfTest, TensorsHoldThem) {
  const Tensor t = Tensor::Of<BFloat16>({2}, {BFloat16(1.5), BFloat16(-3)});
  EXPECT_EQ(t.ToString(), "bf16[2] {1.5, -3}");
  EXPECT_EQ(t.bytes(), 4);
  EXPECT_EQ(Tensor::Scalar(Float16(0.25)).ToString(), "f16[] {0.25}");
  EXPECT_EQ(Tensor::Of<uint64_t>({1}, {uint64_t{1} << 63}).ValueAt(0), 0x1p63);
}

}  // namespace
}  // namespace adjoint
