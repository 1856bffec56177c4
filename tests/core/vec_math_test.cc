#include "core/vec_math.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/simd.h"
#include "core/vec_math_wide.h"
#include "gtest/gtest.h"

namespace adjoint {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

using UnaryLoop = void (*)(const float*, float*, int64_t);

template <class Op>
struct Map {
  static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = Op::Apply(x[i]);
  }
};

struct PowLoop {
  static ADJOINT_INLINE void Run(const float* __restrict x, const float* __restrict y,
                                 float* __restrict z, int64_t n) {
    for (int64_t i = 0; i < n; ++i) z[i] = vec::Pow(x[i], y[i]);
  }
};

struct Atan2Loop {
  static ADJOINT_INLINE void Run(const float* __restrict y, const float* __restrict x,
                                 float* __restrict z, int64_t n) {
    for (int64_t i = 0; i < n; ++i) z[i] = vec::Atan2(y[i], x[i]);
  }
};

#define ADJOINT_UNARY(name)                                             \
  struct name##Op {                                                     \
    static ADJOINT_INLINE float Apply(float x) { return vec::name(x); } \
  };                                                                    \
  __attribute__((noinline)) float Scalar##name(float x) { return vec::name(x); }

ADJOINT_UNARY(Exp)
ADJOINT_UNARY(Expm1)
ADJOINT_UNARY(Log)
ADJOINT_UNARY(Log1p)
ADJOINT_UNARY(Tanh)
ADJOINT_UNARY(Sigmoid)
ADJOINT_UNARY(Softplus)
ADJOINT_UNARY(Erf)
ADJOINT_UNARY(Sqrt)
ADJOINT_UNARY(Rsqrt)
ADJOINT_UNARY(Exp2)
ADJOINT_UNARY(Log2)
ADJOINT_UNARY(Log10)
ADJOINT_UNARY(Asin)
ADJOINT_UNARY(Acos)
ADJOINT_UNARY(Atan)
ADJOINT_UNARY(Sinh)
ADJOINT_UNARY(Cosh)
ADJOINT_UNARY(Asinh)
ADJOINT_UNARY(Acosh)
ADJOINT_UNARY(Atanh)
ADJOINT_UNARY(Gelu)
#undef ADJOINT_UNARY

// For the angles that they are made for; 0 elsewhere.
#define ADJOINT_ANGLE(name)                                \
  struct name##Op {                                        \
    static ADJOINT_INLINE float Apply(float x) {           \
      const float y = vec::name##Moderate(x);              \
      return vec::Abs(x) > vec::kModerateAngle ? 0.0f : y; \
    }                                                      \
  };                                                       \
  __attribute__((noinline)) float Scalar##name(float x) { return name##Op::Apply(x); }

ADJOINT_ANGLE(Sin)
ADJOINT_ANGLE(Cos)
ADJOINT_ANGLE(Tan)
#undef ADJOINT_ANGLE

double RefSin(double x) { return std::abs(x) > vec::kModerateAngle ? 0 : std::sin(x); }
double RefTan(double x) { return std::abs(x) > vec::kModerateAngle ? 0 : std::tan(x); }
double RefCos(double x) { return std::abs(x) > vec::kModerateAngle ? 0 : std::cos(x); }

// A stride through all 2^32 floats, prime so that mantissas differ from binade to binade. It makes
// some 17,000 samples in each binade of each sign. The other is for what is computed in double, and
// errs by little more than the last rounding.
constexpr uint64_t kStride = 499;
constexpr uint64_t kWideStride = 1999;
constexpr int64_t kBlock = 4096;

struct Unary {
  std::string name;
  UnaryLoop (*loop)(Isa);
  float (*scalar)(float);
  double (*reference)(double);
  double max_ulp;  // what core/vec_math.h states
  uint64_t stride = kStride;
};

// References in double, in forms that do not cancel or overflow.
double RefSigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
double RefGelu(double x) {
  const double tail = std::erfc(-x / std::sqrt(2.0));
  return tail == 0 ? -0.0 : x / 2 * tail;
}
double RefSoftplus(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

const std::vector<Unary>& UnaryFunctions() {
  static const auto* functions = new std::vector<Unary>{
      {"Exp", Simd<Map<ExpOp>>::For, ScalarExp, [](double x) { return std::exp(x); }, 1},
      {"Expm1", Simd<Map<Expm1Op>>::For, ScalarExpm1, [](double x) { return std::expm1(x); }, 2},
      {"Log", Simd<Map<LogOp>>::For, ScalarLog, [](double x) { return std::log(x); }, 1},
      {"Log1p", Simd<Map<Log1pOp>>::For, ScalarLog1p, [](double x) { return std::log1p(x); }, 2},
      {"Tanh", Simd<Map<TanhOp>>::For, ScalarTanh, [](double x) { return std::tanh(x); }, 2},
      {"Sigmoid", Simd<Map<SigmoidOp>>::For, ScalarSigmoid, RefSigmoid, 2},
      {"Softplus", Simd<Map<SoftplusOp>>::For, ScalarSoftplus, RefSoftplus, 2},
      {"Erf", Simd<Map<ErfOp>>::For, ScalarErf, [](double x) { return std::erf(x); }, 2},
      {"Gelu", Simd<Map<GeluOp>>::For, ScalarGelu, RefGelu, 1.5},
      {"Sqrt", Simd<Map<SqrtOp>>::For, ScalarSqrt, [](double x) { return std::sqrt(x); }, 0.5001},
      {"Rsqrt", Simd<Map<RsqrtOp>>::For, ScalarRsqrt, [](double x) { return 1 / std::sqrt(x); }, 2},
      {"Sin", Simd<Map<SinOp>>::For, ScalarSin, RefSin, 0.55},
      {"Cos", Simd<Map<CosOp>>::For, ScalarCos, RefCos, 0.55},
      {"Tan", Simd<Map<TanOp>>::For, ScalarTan, RefTan, 0.6, kWideStride},
#define ADJOINT_WIDE(Name, function)       \
  {#Name,        Simd<Map<Name##Op>>::For, \
   Scalar##Name, [](double x) { return std::function(x); },         \
   0.51,         kWideStride}
      ADJOINT_WIDE(Exp2, exp2),
      ADJOINT_WIDE(Log2, log2),
      ADJOINT_WIDE(Log10, log10),
      ADJOINT_WIDE(Asin, asin),
      ADJOINT_WIDE(Acos, acos),
      ADJOINT_WIDE(Atan, atan),
      ADJOINT_WIDE(Sinh, sinh),
      ADJOINT_WIDE(Cosh, cosh),
      ADJOINT_WIDE(Asinh, asinh),
      ADJOINT_WIDE(Acosh, acosh),
      ADJOINT_WIDE(Atanh, atanh)
#undef ADJOINT_WIDE
  };
  return *functions;
}

std::vector<Isa> AvailableIsas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= DetectedIsa()) isas.push_back(isa);
  }
  return isas;
}

uint32_t Bits(float x) { return __builtin_bit_cast(uint32_t, x); }
float FromBits(uint32_t bits) { return __builtin_bit_cast(float, bits); }

bool SameBits(float a, float b) { return (a != a && b != b) || Bits(a) == Bits(b); }

// |got - want| in units in the last place of an f32 near `want`, as if exponents had no upper end:
// 2^128 stands for infinity.
double UlpError(float got, double want) {
  if (std::isnan(want) || std::isnan(got)) {
    return std::isnan(want) && std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  }
  const double limit = std::ldexp(1.0, 128);
  const double g = std::clamp<double>(got, -limit, limit);
  const double w = std::clamp(want, -limit, limit);
  if (g == w) return 0;
  int exponent;
  std::frexp(w, &exponent);
  return std::abs(g - w) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

TEST(VecMathTest, ErrorsStayWithinTheStatedBoundsAndAllCopiesAgree) {
  std::vector<float> x(kBlock), y(kBlock), expected(kBlock);
  for (const Unary& f : UnaryFunctions()) {
    double worst = 0;
    float worst_x = 0;
    int64_t differing = 0;
    for (uint64_t bits = 0; bits < (uint64_t{1} << 32);) {
      int64_t n = 0;
      for (; n < kBlock && bits < (uint64_t{1} << 32); ++n, bits += f.stride) x[n] = FromBits(bits);
      f.loop(Isa::kBaseline)(x.data(), expected.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        const double error = UlpError(expected[i], f.reference(x[i]));
        if (error > worst) {
          worst = error;
          worst_x = x[i];
        }
        differing += !SameBits(f.scalar(x[i]), expected[i]);
      }
      for (Isa isa : AvailableIsas()) {
        f.loop(isa)(x.data(), y.data(), n);
        for (int64_t i = 0; i < n; ++i) differing += !SameBits(y[i], expected[i]);
      }
    }
    EXPECT_LE(worst, f.max_ulp) << f.name << "(" << worst_x << ")";
    EXPECT_EQ(differing, 0) << f.name << " depends on the instruction set";
    RecordProperty(f.name + "_max_ulp", std::to_string(worst));
  }
}

TEST(VecMathTest, VectorLoopsAndTheirTailsGiveTheSameBitsAsScalarCalls) {
  for (const Unary& f : UnaryFunctions()) {
    for (int64_t n = 1; n < 70; ++n) {
      std::vector<float> x(n), y(n + 1, 42.0f);
      for (int64_t i = 0; i < n; ++i) x[i] = 0.01f + 0.137f * ((7 * i) % n);
      for (Isa isa : AvailableIsas()) {
        f.loop(isa)(x.data(), y.data(), n);
        for (int64_t i = 0; i < n; ++i) {
          ASSERT_EQ(Bits(y[i]), Bits(f.scalar(x[i])))
              << f.name << "(" << x[i] << ") at " << i << " of " << n << ", " << IsaName(isa);
        }
        ASSERT_EQ(y[n], 42.0f) << f.name << " wrote past its end";
      }
    }
  }
}

struct Special {
  std::string name;
  float x;
  float y;
};

TEST(VecMathTest, SpecialValues) {
  const float denormal = std::numeric_limits<float>::denorm_min();
  const float max = std::numeric_limits<float>::max();
  const std::vector<Special> cases = {
      {"Exp", 0.0f, 1.0f},
      {"Exp", -0.0f, 1.0f},
      {"Exp", kInf, kInf},
      {"Exp", -kInf, 0.0f},
      {"Exp", max, kInf},
      {"Exp", -max, 0.0f},
      {"Exp", 88.72284f, kInf},
      {"Exp", 88.72283f, 3.4027985e38f},
      {"Exp", -103.97f, denormal},
      {"Exp", -103.98f, 0.0f},
      {"Expm1", 0.0f, 0.0f},
      {"Expm1", -0.0f, -0.0f},
      {"Expm1", denormal, denormal},
      {"Expm1", -denormal, -denormal},
      {"Expm1", kInf, kInf},
      {"Expm1", -kInf, -1.0f},
      {"Expm1", -max, -1.0f},
      {"Log", 0.0f, -kInf},
      {"Log", -0.0f, -kInf},
      {"Log", 1.0f, 0.0f},
      {"Log", kInf, kInf},
      {"Log", -kInf, kNan},
      {"Log", -1.0f, kNan},
      {"Log", -denormal, kNan},
      {"Log", denormal, -103.27893f},
      {"Log1p", 0.0f, 0.0f},
      {"Log1p", -0.0f, -0.0f},
      {"Log1p", denormal, denormal},
      {"Log1p", -denormal, -denormal},
      {"Log1p", -1.0f, -kInf},
      {"Log1p", -1.0000001f, kNan},
      {"Log1p", kInf, kInf},
      {"Log1p", -kInf, kNan},
      {"Log1p", max, 88.722839f},
      {"Tanh", 0.0f, 0.0f},
      {"Tanh", -0.0f, -0.0f},
      {"Tanh", -denormal, -denormal},
      {"Tanh", kInf, 1.0f},
      {"Tanh", -kInf, -1.0f},
      {"Tanh", max, 1.0f},
      {"Sigmoid", 0.0f, 0.5f},
      {"Sigmoid", kInf, 1.0f},
      {"Sigmoid", -kInf, 0.0f},
      {"Sigmoid", -max, 0.0f},
      {"Sigmoid", -103.0f, denormal},
      {"Softplus", 0.0f, 0.693147182f},
      {"Softplus", kInf, kInf},
      {"Softplus", -kInf, 0.0f},
      {"Softplus", max, max},
      {"Softplus", -max, 0.0f},
      {"Softplus", -103.0f, denormal},
      {"Erf", 0.0f, 0.0f},
      {"Erf", -0.0f, -0.0f},
      {"Erf", kInf, 1.0f},
      {"Erf", -kInf, -1.0f},
      {"Erf", -max, -1.0f},
      {"Gelu", 0.0f, 0.0f},
      {"Gelu", -0.0f, -0.0f},
      {"Gelu", kInf, kInf},
      {"Gelu", -kInf, -0.0f},
      {"Gelu", max, max},
      {"Gelu", -max, -0.0f},
      {"Sqrt", -0.0f, -0.0f},
      {"Sqrt", -1.0f, kNan},
      {"Sqrt", kInf, kInf},
      {"Rsqrt", 0.0f, kInf},
      {"Rsqrt", -0.0f, -kInf},
      {"Rsqrt", kInf, 0.0f},
      {"Rsqrt", -1.0f, kNan},
      {"Sin", 0.0f, 0.0f},
      {"Sin", -0.0f, -0.0f},
      {"Sin", denormal, denormal},
      {"Sin", -denormal, -denormal},
      {"Sin", 1.57079637f, 1.0f},
      {"Sin", 3.14159274f, -8.74227766e-8f},
      {"Cos", 0.0f, 1.0f},
      {"Cos", -0.0f, 1.0f},
      {"Cos", denormal, 1.0f},
      {"Cos", 1.57079637f, -4.37113883e-8f},
      {"Cos", 3.14159274f, -1.0f},
      {"Tan", 0.0f, 0.0f},
      {"Tan", -0.0f, -0.0f},
      {"Tan", -denormal, -denormal},
      {"Tan", 1.57079637f, -22877332.0f},
      {"Exp2", 0.0f, 1.0f},
      {"Exp2", 127.99999f, 3.40280562e38f},
      {"Exp2", 128.0f, kInf},
      {"Exp2", -149.0f, denormal},
      {"Exp2", -151.0f, 0.0f},
      {"Exp2", kInf, kInf},
      {"Exp2", -kInf, 0.0f},
      {"Log2", 0.0f, -kInf},
      {"Log2", -0.0f, -kInf},
      {"Log2", 1.0f, 0.0f},
      {"Log2", denormal, -149.0f},
      {"Log2", kInf, kInf},
      {"Log2", -denormal, kNan},
      {"Log2", -kInf, kNan},
      {"Log10", -0.0f, -kInf},
      {"Log10", 1.0f, 0.0f},
      {"Log10", 1000.0f, 3.0f},
      {"Log10", kInf, kInf},
      {"Log10", -1.0f, kNan},
      {"Asin", -0.0f, -0.0f},
      {"Asin", denormal, denormal},
      {"Asin", 1.0f, 1.57079637f},
      {"Asin", -1.0f, -1.57079637f},
      {"Asin", 1.0000001f, kNan},
      {"Asin", -kInf, kNan},
      {"Acos", 1.0f, 0.0f},
      {"Acos", 0.0f, 1.57079637f},
      {"Acos", -1.0f, 3.14159274f},
      {"Acos", -1.0000001f, kNan},
      {"Acos", kInf, kNan},
      {"Atan", -0.0f, -0.0f},
      {"Atan", denormal, denormal},
      {"Atan", kInf, 1.57079637f},
      {"Atan", -kInf, -1.57079637f},
      {"Sinh", -0.0f, -0.0f},
      {"Sinh", denormal, denormal},
      {"Sinh", kInf, kInf},
      {"Sinh", -max, -kInf},
      {"Cosh", -0.0f, 1.0f},
      {"Cosh", -kInf, kInf},
      {"Cosh", max, kInf},
      {"Asinh", -0.0f, -0.0f},
      {"Asinh", -denormal, -denormal},
      {"Asinh", kInf, kInf},
      {"Asinh", -kInf, -kInf},
      {"Acosh", 1.0f, 0.0f},
      {"Acosh", 0.99999994f, kNan},
      {"Acosh", -2.0f, kNan},
      {"Acosh", -kInf, kNan},
      {"Acosh", kInf, kInf},
      {"Atanh", -0.0f, -0.0f},
      {"Atanh", denormal, denormal},
      {"Atanh", 1.0f, kInf},
      {"Atanh", -1.0f, -kInf},
      {"Atanh", 1.0000001f, kNan},
      {"Atanh", -kInf, kNan},
  };
  for (const Unary& f : UnaryFunctions()) {
    int count = 0;
    for (Isa isa : AvailableIsas()) {
      for (const Special& c : cases) {
        if (c.name != f.name) continue;
        ++count;
        // A whole vector of it, so that no tail is taken.
        std::vector<float> x(64, c.x), y(64);
        f.loop(isa)(x.data(), y.data(), 64);
        EXPECT_TRUE(SameBits(y[13], c.y)) << f.name << "(" << c.x << ") is " << y[13] << ", not "
                                          << c.y << ", on " << IsaName(isa);
      }
      // NaNs of either sign and any payload stay NaN.
      std::vector<float> nans = {kNan, -kNan, FromBits(0x7f800001), FromBits(0xffffffff)};
      nans.resize(64, FromBits(0x7fabcdef));
      std::vector<float> y(64);
      f.loop(isa)(nans.data(), y.data(), 64);
      for (float v : y) EXPECT_TRUE(std::isnan(v)) << f.name << " on " << IsaName(isa);
    }
    EXPECT_GT(count, 0) << f.name;
  }
}

TEST(VecMathTest, PowAgreesWithTheCLibrary) {
  // All pairs of values that are special to one argument or the other.
  const std::vector<float> specials = {
      0.0f,          1.0f,        2.0f,        0.5f,       3.0f,    kInf,   kNan,
      1e-45f,        16777215.0f, 16777216.0f, 8388607.5f, 3.4e38f, 1.5f,   4503599627370496.0f,
      2147483648.0f, 0.99999994f, 1.0000001f,  1e-38f,     127.0f,  149.0f, 1.0f / 3.0f};
  std::vector<float> x, y;
  for (float a : specials) {
    for (float b : specials) {
      for (int signs = 0; signs < 4; ++signs) {
        x.push_back(signs & 1 ? -a : a);
        y.push_back(signs & 2 ? -b : b);
      }
    }
  }
  uint64_t state = 1;
  auto random = [&state] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 32);
  };
  auto uniform = [&random] { return random() / 4294967296.0f; };
  for (int i = 0; i < 400000; ++i) {
    // Any bits; results in the range of f32; whole exponents; bases near 1.
    const float any = FromBits(random());
    x.push_back(any);
    y.push_back(FromBits(random()));
    const float log2 = std::log2(std::abs(any));
    const float exponent = (uniform() * 310.0f - 154.0f) / log2;
    x.push_back(std::abs(any));
    y.push_back(exponent);
    x.push_back(any);
    y.push_back(std::rint(exponent));
    x.push_back(1.0f + (uniform() - 0.5f) * 1e-3f);
    y.push_back((uniform() - 0.5f) * 2e5f);
  }
  const int64_t n = x.size();
  std::vector<float> expected(n), z(n);
  Simd<PowLoop>::For(Isa::kBaseline)(x.data(), y.data(), expected.data(), n);
  double worst = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double want = std::pow(static_cast<double>(x[i]), static_cast<double>(y[i]));
    const double error = UlpError(expected[i], want);
    worst = std::max(worst, error);
    EXPECT_LE(error, 0.51) << "Pow(" << x[i] << ", " << y[i] << ") = " << expected[i];
    if (!std::isnan(want)) {
      EXPECT_EQ(std::signbit(expected[i]), std::signbit(want))
          << "Pow(" << x[i] << ", " << y[i] << ")";
    }
  }
  RecordProperty("Pow_max_ulp", std::to_string(worst));
  for (Isa isa : AvailableIsas()) {
    Simd<PowLoop>::For(isa)(x.data(), y.data(), z.data(), n);
    int64_t differing = 0;
    for (int64_t i = 0; i < n; ++i) differing += !SameBits(z[i], expected[i]);
    EXPECT_EQ(differing, 0) << IsaName(isa);
  }
}

TEST(VecMathTest, Atan2AgreesWithTheCLibrary) {
  const std::vector<float> specials = {0.0f, 1.0f, 2.5f, 1e-30f, 1e-45f, 3.4e38f, kInf, kNan};
  std::vector<float> y, x;
  for (float a : specials) {
    for (float b : specials) {
      for (int signs = 0; signs < 4; ++signs) {
        y.push_back(signs & 1 ? -a : a);
        x.push_back(signs & 2 ? -b : b);
      }
    }
  }
  uint64_t state = 1;
  auto random = [&state] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 32);
  };
  for (int i = 0; i < 300000; ++i) {
    // Any bits, and points whose coordinates are of like size.
    y.push_back(FromBits(random()));
    x.push_back(FromBits(random()));
    y.push_back(FromBits((random() & 0x80ffffffu) | 0x3f000000u));
    x.push_back(FromBits((random() & 0x80ffffffu) | 0x3f000000u));
  }
  const int64_t n = x.size();
  std::vector<float> expected(n), z(n);
  Simd<Atan2Loop>::For(Isa::kBaseline)(y.data(), x.data(), expected.data(), n);
  for (int64_t i = 0; i < n; ++i) {
    const double want = std::atan2(static_cast<double>(y[i]), static_cast<double>(x[i]));
    ASSERT_LE(UlpError(expected[i], want), 0.51) << "Atan2(" << y[i] << ", " << x[i] << ")";
    if (!std::isnan(want)) {
      ASSERT_EQ(std::signbit(expected[i]), std::signbit(want))
          << "Atan2(" << y[i] << ", " << x[i] << ")";
    }
  }
  for (Isa isa : AvailableIsas()) {
    Simd<Atan2Loop>::For(isa)(y.data(), x.data(), z.data(), n);
    int64_t differing = 0;
    for (int64_t i = 0; i < n; ++i) differing += !SameBits(z[i], expected[i]);
    EXPECT_EQ(differing, 0) << IsaName(isa);
  }
}

TEST(VecMathTest, DoubleOverloadsAreTheCLibrarys) {
  for (double x : {0.25, 0.7, 1.5}) {
    EXPECT_EQ(vec::Exp(x), std::exp(x));
    EXPECT_EQ(vec::Expm1(x), std::expm1(x));
    EXPECT_EQ(vec::Log(x), std::log(x));
    EXPECT_EQ(vec::Log1p(x), std::log1p(x));
    EXPECT_EQ(vec::Tanh(x), std::tanh(x));
    EXPECT_EQ(vec::Erf(x), std::erf(x));
    EXPECT_EQ(vec::Pow(x, 1.7), std::pow(x, 1.7));
    EXPECT_EQ(vec::Sqrt(x), std::sqrt(x));
    EXPECT_EQ(vec::Rsqrt(x), 1 / std::sqrt(x));
    EXPECT_EQ(vec::Abs(-x), x);
    EXPECT_DOUBLE_EQ(vec::Sigmoid(x), RefSigmoid(x));
    EXPECT_DOUBLE_EQ(vec::Sigmoid(-x), RefSigmoid(-x));
    EXPECT_DOUBLE_EQ(vec::Softplus(x), RefSoftplus(x));
    EXPECT_DOUBLE_EQ(vec::Softplus(-x), RefSoftplus(-x));
    EXPECT_DOUBLE_EQ(vec::Gelu(x), RefGelu(x));
    EXPECT_DOUBLE_EQ(vec::Gelu(-x), RefGelu(-x));
  }
  EXPECT_EQ(vec::Softplus(1e4), 1e4);
  EXPECT_EQ(vec::Sigmoid(-1e4), 0.0);
}

}  // namespace
}  // namespace adjoint
