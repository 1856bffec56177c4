// A long chain of multiplications of small tensors, forward and backward: what a link costs when
// the arithmetic is next to nothing. Algebraic simplification is left out.
//
//   compiled/...      h = h * b a thousand times, the sum of h, and its gradient by the first h.
//   compiled_both/... the same with the gradient by b as well: every h is kept for it.
//   hand_written/..., hand_written_both/...: the same arithmetic as loops over arrays.
//
// The counter "per_link" is the time for a link of the chain, forward and backward together.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "benchmarks/compiled.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"

namespace adjoint::benchmarks {
namespace {

using graph::Graph;
using graph::Program;
using ops::Var;

constexpr int64_t kElements = 64;

void CountLinks(benchmark::State& state) {
  state.counters["per_link"] = benchmark::Counter(
      static_cast<double>(state.range(0)),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

std::vector<Tensor> Operands() {
  Tensor b = Random({kElements}, 2);
  // Near one, so that products neither vanish nor overflow: denormals are slow.
  for (float& x : b.mutable_data<float>()) x = 1 + 1e-4f * x;
  return {Random({kElements}, 1), b};
}

Program ChainProgram(int64_t links, bool both) {
  auto graph = std::make_shared<Graph>();
  const TensorSpec spec{DType::kF32, {kElements}};
  const Var a = graph->Input("a", spec), b = graph->Input("b", spec);
  Var h = a;
  for (int64_t i = 0; i < links; ++i) h = h * b;
  const Var sum = ops::Sum(h);
  std::vector<Var> by = {a};
  if (both) by.push_back(b);
  Program program{.name = "chain", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("a", a);
  program.AddInput("b", b);
  program.AddOutput("sum", sum);
  for (Var g : graph::Gradients(sum, by)) program.AddOutput("gradient", g);
  return program;
}

void Chain(benchmark::State& state, bool both) {
  graph::CompileOptions options;
  options.passes.disabled = {"simplify"};
  auto compiled = Compiled::Create(ChainProgram(state.range(0), both), Operands(), options);
  if (!compiled.ok()) return state.SkipWithError(compiled.status().ToString().c_str());
  for (auto _ : state) {
    const absl::Status status = compiled->Run();
    if (!status.ok()) return state.SkipWithError(status.ToString().c_str());
  }
  CountLinks(state);
  state.counters["steps"] = static_cast<double>(compiled->num_steps());
}

struct MulLoop {
  static ADJOINT_INLINE void Run(const float* __restrict x, const float* __restrict y,
                                 float* __restrict out) {
    for (int64_t i = 0; i < kElements; ++i) out[i] = x[i] * y[i];
  }
};
struct MulAddLoop {
  static ADJOINT_INLINE void Run(const float* __restrict x, const float* __restrict y,
                                 float* __restrict out) {
    for (int64_t i = 0; i < kElements; ++i) out[i] += x[i] * y[i];
  }
};

// The arithmetic in the order of the graph, each product to memory of its own.
void HandWritten(benchmark::State& state, bool both) {
  const auto mul = Simd<MulLoop>::Select();
  const auto mul_add = Simd<MulAddLoop>::Select();
  const std::vector<Tensor> operands = Operands();
  const float* const a = operands[0].data<float>().data();
  const float* const b = operands[1].data<float>().data();
  const int64_t links = state.range(0);
  std::vector<float> h((links + 1) * kElements), da(2 * kElements), db(kElements);
  for (auto _ : state) {
    for (int64_t i = 0; i < links; ++i) {
      mul(i == 0 ? a : &h[i * kElements], b, &h[(i + 1) * kElements]);
    }
    float sum = 0;
    for (int64_t i = 0; i < kElements; ++i) sum += h[links * kElements + i];
    benchmark::DoNotOptimize(sum);
    float *ct = da.data(), *next = ct + kElements;
    for (int64_t i = 0; i < kElements; ++i) ct[i] = 1, db[i] = 0;
    for (int64_t i = links; i-- > 0;) {
      if (both) mul_add(ct, i == 0 ? a : &h[i * kElements], db.data());
      mul(ct, b, next);
      std::swap(ct, next);
    }
    benchmark::ClobberMemory();
  }
  CountLinks(state);
}

template <typename Fn>
void Register(const char* name, Fn fn, bool both) {
  benchmark::RegisterBenchmark(absl::StrCat(name, both ? "_both" : "").c_str(),
                               [=](benchmark::State& state) { fn(state, both); })
      ->Arg(1000)
      ->Unit(benchmark::kMicrosecond);
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  SetNumThreads(1);  // nothing here is large enough to share out
  for (const bool both : {false, true}) {
    Register("compiled", Chain, both);
    Register("hand_written", HandWritten, both);
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) { return adjoint::benchmarks::Main(argc, argv); }
