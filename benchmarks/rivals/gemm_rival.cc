#include "benchmarks/rivals/gemm_rival.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/shapes.h"

namespace adjoint::benchmarks {
namespace {

std::vector<float> Random(int64_t size, unsigned seed) {
  std::vector<float> values(size);
  std::minstd_rand engine(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (float& x : values) x = uniform(engine);
  return values;
}

void RunProduct(benchmark::State& state, Gemm gemm, const Product& p) {
  const std::vector<float> a = Random(p.m * p.k, 1), b = Random(p.k * p.n, 2);
  std::vector<float> c(p.m * p.n);
  for (auto _ : state) {
    gemm(p.transpose_a, p.transpose_b, p.m, p.n, p.k, a.data(), b.data(), c.data());
    benchmark::DoNotOptimize(c.data());
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] =
      benchmark::Counter(p.Flops() * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void RunLayer(benchmark::State& state, Gemm gemm, const DenseLayer& d) {
  const std::vector<float> x = Random(d.batch * d.in, 1), w = Random(d.in * d.out, 2);
  const std::vector<float> b = Random(d.out, 3), dy = Random(d.batch * d.out, 4);
  std::vector<float> y(dy.size()), dz(dy.size()), dx(x.size()), dw(w.size()), db(b.size());
  for (auto _ : state) {
    gemm(false, false, d.batch, d.out, d.in, x.data(), w.data(), y.data());
    for (int64_t i = 0; i < d.batch; ++i) {
      float* const row = y.data() + i * d.out;
      for (int64_t j = 0; j < d.out; ++j) row[j] = std::max(row[j] + b[j], 0.0f);
    }
    if (d.backward) {
      std::fill(db.begin(), db.end(), 0.0f);
      for (int64_t i = 0; i < d.batch; ++i) {
        const int64_t at = i * d.out;
        for (int64_t j = 0; j < d.out; ++j) dz[at + j] = y[at + j] > 0 ? dy[at + j] : 0.0f;
        for (int64_t j = 0; j < d.out; ++j) db[j] += dz[at + j];
      }
      gemm(true, false, d.in, d.out, d.batch, x.data(), dz.data(), dw.data());
      gemm(false, true, d.batch, d.in, d.out, dz.data(), w.data(), dx.data());
    }
    benchmark::DoNotOptimize(y.data());
    benchmark::DoNotOptimize(dx.data());
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] =
      benchmark::Counter(d.Flops() * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int RunGemmRival(int argc, char** argv, const char* rival, Gemm gemm) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  for (const Product& p : Products()) {
    benchmark::RegisterBenchmark((p.Name() + "/" + rival).c_str(),
                                 [=](benchmark::State& s) { RunProduct(s, gemm, p); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }
  for (const DenseLayer& d : DenseLayers()) {
    benchmark::RegisterBenchmark((d.Name() + "/" + rival).c_str(),
                                 [=](benchmark::State& s) { RunLayer(s, gemm, d); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace adjoint::benchmarks
