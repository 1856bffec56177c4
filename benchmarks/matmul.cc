// Matrix products through a compiled graph, beside raw oneDNN calls on the same operands. Pairs
// stand next to each other: matmul/<m>x<k>x<n>[^T]/adjoint and .../onednn.
//
// On a busy machine the raw calls collapse, because OpenMP's workers spin; OMP_WAIT_POLICY=passive
// spares them that.

#include "ops/matmul.h"

#include <memory>
#include <string>

#include "benchmark/benchmark.h"
#include "benchmarks/compiled.h"
#include "benchmarks/main.h"
#include "benchmarks/raw_products.h"
#include "benchmarks/shapes.h"
#include "graph/graph.h"

namespace adjoint::benchmarks {
namespace {

Tensor Lhs(const Product& p) {
  return Random(p.transpose_a ? Shape{p.k, p.m} : Shape{p.m, p.k}, 1);
}
Tensor Rhs(const Product& p) {
  return Random(p.transpose_b ? Shape{p.n, p.k} : Shape{p.k, p.n}, 2);
}

void Count(benchmark::State& state, const Product& p) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(p.Flops() * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

absl::StatusOr<Compiled> Compile(const Product& p) {
  auto graph = std::make_shared<graph::Graph>();
  const Tensor lhs = Lhs(p);
  const Tensor rhs = Rhs(p);
  const ops::Var a = graph->Input("a", lhs.spec());
  const ops::Var b = graph->Input("b", rhs.spec());
  graph::Program program{
      .name = "matmul", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("a", a);
  program.AddInput("b", b);
  program.AddOutput("out", ops::MatMul(a, b, p.transpose_a, p.transpose_b));
  ADJOINT_RETURN_IF_ERROR(graph->status());
  return Compiled::Create(program, {lhs, rhs});
}

void Adjoint(benchmark::State& state, const Product& p) {
  absl::StatusOr<Compiled> ours = Compile(p);
  if (!ours.ok()) return state.SkipWithError(ours.status().ToString().c_str());
  for (auto _ : state) {
    if (absl::Status s = ours->Run(); !s.ok()) {
      return state.SkipWithError(s.ToString().c_str());
    }
  }
  Count(state, p);
  state.SetLabel(ours->Kernels());
}

void OneDnn(benchmark::State& state, const Product& p) {
  const Tensor lhs = Lhs(p);
  const Tensor rhs = Rhs(p);
  Tensor out = Tensor::Empty({DType::kF32, Shape{p.m, p.n}});
  RawMatMul raw(p.m, p.k, p.n, lhs.data<float>().data(), rhs.data<float>().data(),
                out.mutable_data<float>().data(),
                {.transpose_a = p.transpose_a, .transpose_b = p.transpose_b});
  raw.Run();
  const absl::StatusOr<Compiled> ours = Compile(p);
  if (!ours.ok()) return state.SkipWithError(ours.status().ToString().c_str());
  if (RelativeDifference(out, ours->outputs()[0]) > 1e-5) {
    return state.SkipWithError("the two results differ");
  }
  for (auto _ : state) raw.Run();
  Count(state, p);
}

void Register() {
  for (const Product& p : Products()) {
    using Fn = void (*)(benchmark::State&, const Product&);
    for (const auto& [side, fn] : {std::pair<const char*, Fn>{"/adjoint", Adjoint},
                                   std::pair<const char*, Fn>{"/onednn", OneDnn}}) {
      benchmark::RegisterBenchmark((p.Name() + side).c_str(),
                                   [fn = fn, p](benchmark::State& state) { fn(state, p); })
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) {
  return adjoint::benchmarks::RunBenchmarks(argc, argv, adjoint::benchmarks::Register);
}
