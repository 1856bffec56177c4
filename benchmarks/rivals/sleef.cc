// Elementary functions of core/vec_math.h beside SLEEF's, both with AVX2, one thread, on arrays
// that stay in the first cache. Debian: apt-get install libsleef-dev. Pairs stand next to each
// other: vec_math/<function>/adjoint and
// .../sleef. SLEEF's functions are those with an error of at most 1.0 ulp; it has no sigmoid, which
// is made of its exp as a user would.

#include <immintrin.h>

#include <cstdio>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/simd.h"
#include "core/vec_math.h"

// sleef.h declares these only to files that are compiled for AVX2 as a whole.
extern "C" {
ADJOINT_TARGET_AVX2 __m256 Sleef_expf8_u10avx2(__m256);
ADJOINT_TARGET_AVX2 __m256 Sleef_logf8_u10avx2(__m256);
ADJOINT_TARGET_AVX2 __m256 Sleef_tanhf8_u10avx2(__m256);
ADJOINT_TARGET_AVX2 __m256 Sleef_erff8_u10avx2(__m256);
}

namespace adjoint::benchmarks {
namespace {

constexpr int64_t kElements = 2048;

using Loop = void (*)(const float*, float*, int64_t);

template <class Fn>
struct OurLoop {
  static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = Fn::Of(x[i]);
  }
};

template <class Fn>
ADJOINT_TARGET_AVX2 void SleefLoop(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) _mm256_storeu_ps(y + i, Fn::Rival(_mm256_loadu_ps(x + i)));
}

#define FUNCTION(Name, ours, rival)                                            \
  struct Name {                                                                \
    static ADJOINT_INLINE float Of(float x) { return ours; }                   \
    ADJOINT_TARGET_AVX2 static inline __m256 Rival(__m256 x) { return rival; } \
  }
FUNCTION(Exp, vec::Exp(x), Sleef_expf8_u10avx2(x));
FUNCTION(Log, vec::Log(x), Sleef_logf8_u10avx2(x));
FUNCTION(Tanh, vec::Tanh(x), Sleef_tanhf8_u10avx2(x));
FUNCTION(Erf, vec::Erf(x), Sleef_erff8_u10avx2(x));
FUNCTION(Sigmoid, vec::Sigmoid(x),
         _mm256_div_ps(_mm256_set1_ps(1),
                       _mm256_add_ps(_mm256_set1_ps(1),
                                     Sleef_expf8_u10avx2(_mm256_sub_ps(_mm256_setzero_ps(), x)))));
FUNCTION(Gelu, 0.5f * x * (1.0f + vec::Erf(x * 0.70710678f)),
         _mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(0.5f), x),
                       _mm256_add_ps(_mm256_set1_ps(1), Sleef_erff8_u10avx2(_mm256_mul_ps(
                                                            x, _mm256_set1_ps(0.70710678f))))));
#undef FUNCTION

void Register(const char* function, Loop ours, Loop rival, float low, float high) {
  for (const bool own : {true, false}) {
    const std::string name = std::string("vec_math/") + function + (own ? "/adjoint" : "/sleef");
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      std::vector<float> x(kElements), y(kElements);
      for (int64_t i = 0; i < kElements; ++i) {
        x[i] = low + (high - low) * static_cast<float>(i) / static_cast<float>(kElements);
      }
      for (auto _ : state) {
        (own ? ours : rival)(x.data(), y.data(), kElements);
        benchmark::ClobberMemory();
      }
      state.SetItemsProcessed(state.iterations() * kElements);
    });
  }
}

template <class Fn>
void RegisterBoth(const char* function, float low, float high) {
  Register(function, Simd<OurLoop<Fn>>::For(Isa::kAvx2), SleefLoop<Fn>, low, high);
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) {
  using namespace adjoint::benchmarks;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (adjoint::DetectedIsa() < adjoint::Isa::kAvx2) {
    std::fprintf(stderr, "sleef: this CPU has no AVX2\n");
    return 1;
  }
  RegisterBoth<Exp>("exp", -20, 20);
  RegisterBoth<Log>("log", 1e-3f, 100);
  RegisterBoth<Tanh>("tanh", -5, 5);
  RegisterBoth<Sigmoid>("sigmoid", -10, 10);
  RegisterBoth<Gelu>("gelu", -5, 5);
  RegisterBoth<Erf>("erf", -4, 4);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
