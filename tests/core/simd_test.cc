#include "core/simd.h"

#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace adjoint {
namespace {

struct Axpy {
  static ADJOINT_INLINE void Run(float a, const float* __restrict x, float* __restrict y,
                                 int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
  }
};

template <class T>
struct Sum {
  static ADJOINT_INLINE T Run(const T* x, int64_t n) {
    T sum[32] = {};
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
      for (int lane = 0; lane < 32; ++lane) sum[lane] += x[i + lane];
    }
    for (int lane = 0; i + lane < n; ++lane) sum[lane] += x[i + lane];
    for (int width = 16; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) sum[lane] += sum[lane + width];
    }
    return sum[0];
  }
};

std::vector<Isa> AvailableIsas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= DetectedIsa()) isas.push_back(isa);
  }
  return isas;
}

TEST(SimdTest, CopiesAreDistinctAndSelectFollowsCurrentIsa) {
  EXPECT_NE(Simd<Axpy>::For(Isa::kBaseline), Simd<Axpy>::For(Isa::kAvx2));
  EXPECT_NE(Simd<Axpy>::For(Isa::kAvx2), Simd<Axpy>::For(Isa::kAvx512));
  EXPECT_NE(Simd<Axpy>::For(Isa::kBaseline), Simd<Axpy>::For(Isa::kAvx512));
  EXPECT_EQ(Simd<Axpy>::Select(), Simd<Axpy>::For(CurrentIsa()));
  EXPECT_LE(CurrentIsa(), DetectedIsa());
}

// Multiplying and adding must round twice on every instruction set: with contraction, 1/3 * 3 - 1
// would be 2^-25 rather than 0.
TEST(SimdTest, CopiesAgreeBitForBitAtEveryLength) {
  for (int64_t n = 0; n < 130; ++n) {
    std::vector<float> x(n), expected(n);
    for (int64_t i = 0; i < n; ++i) {
      x[i] = 3.0f + 0.37f * i;
      volatile float product = (1.0f / 3.0f) * x[i];
      expected[i] = product - 1.0f;
    }
    for (Isa isa : AvailableIsas()) {
      std::vector<float> y(n, -1.0f);
      Simd<Axpy>::For(isa)(1.0f / 3.0f, x.data(), y.data(), n);
      EXPECT_EQ(y, expected) << IsaName(isa) << ", n = " << n;
    }
  }
}

TEST(SimdTest, ReductionsWithFixedLanesAgreeBitForBit) {
  for (int64_t n : {0, 1, 31, 32, 33, 1000, 4097}) {
    std::vector<float> x(n);
    std::vector<double> wide(n);
    for (int64_t i = 0; i < n; ++i) wide[i] = x[i] = 1.0f / (1.0f + i);
    const float baseline = Simd<Sum<float>>::Baseline(x.data(), n);
    const double exact = std::accumulate(wide.begin(), wide.end(), 0.0);
    EXPECT_NEAR(baseline, exact, 1e-6 * exact) << "n = " << n;
    for (Isa isa : AvailableIsas()) {
      EXPECT_EQ(Simd<Sum<float>>::For(isa)(x.data(), n), baseline) << IsaName(isa) << ", n = " << n;
      EXPECT_NEAR(Simd<Sum<double>>::For(isa)(wide.data(), n), exact, 1e-14 * exact)
          << IsaName(isa) << ", n = " << n;
    }
  }
}

TEST(SimdTest, TheVariableCapsButNeverRaises) {
  using simd_internal::ChooseIsa;
  for (const char* cap : {static_cast<const char*>(nullptr), "", "avx512"}) {
    EXPECT_EQ(ChooseIsa(Isa::kAvx512, cap).isa, Isa::kAvx512);
    EXPECT_EQ(ChooseIsa(Isa::kAvx2, cap).isa, Isa::kAvx2);
    EXPECT_EQ(ChooseIsa(Isa::kBaseline, cap).isa, Isa::kBaseline);
  }
  EXPECT_EQ(ChooseIsa(Isa::kAvx512, "avx2").isa, Isa::kAvx2);
  EXPECT_EQ(ChooseIsa(Isa::kAvx512, "baseline").isa, Isa::kBaseline);
  EXPECT_EQ(ChooseIsa(Isa::kBaseline, "avx2").isa, Isa::kBaseline);
  EXPECT_EQ(ChooseIsa(Isa::kAvx512, "baseline").warning, "");
}

TEST(SimdTest, AnUnknownWordIsIgnoredWithAWarning) {
  const auto choice = simd_internal::ChooseIsa(Isa::kAvx2, "AVX2");
  EXPECT_EQ(choice.isa, Isa::kAvx2);
  EXPECT_EQ(choice.warning,
            "ADJOINT_MAX_ISA=AVX2 is ignored: it must be baseline, avx2 or avx512; using avx2");
}

// In fresh processes, since CurrentIsa() reads the variable once.
TEST(SimdDeathTest, CurrentIsaReadsTheEnvironment) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("ADJOINT_MAX_ISA", "baseline", 1);
        const bool capped = CurrentIsa() == Isa::kBaseline;
        setenv("ADJOINT_MAX_ISA", "avx512", 1);
        std::exit(capped && CurrentIsa() == Isa::kBaseline ? 0 : 1);
      },
      testing::ExitedWithCode(0), "^$");
  EXPECT_EXIT(
      {
        setenv("ADJOINT_MAX_ISA", "sse9", 1);
        std::exit(CurrentIsa() == DetectedIsa() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "ADJOINT_MAX_ISA=sse9 is ignored");
}

}  // namespace
}  // namespace adjoint
