// Recurrent networks: an LSTM over a sequence, forward and with all gradients, and what a step of a
// loop costs when its body is next to nothing.

#include "graph/recurrent.h"

#include <memory>
#include <string>

#include "benchmark/benchmark.h"
#include "benchmarks/compiled.h"
#include "benchmarks/main.h"
#include "graph/control_flow.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "ops/arithmetic.h"

namespace adjoint::benchmarks {
namespace {

using graph::Graph;
using graph::Program;
using ops::Var;

void Run(benchmark::State& state, absl::StatusOr<Compiled> compiled) {
  if (!compiled.ok()) return state.SkipWithError(compiled.status().ToString().c_str());
  for (auto _ : state) {
    const absl::Status status = compiled->Run();
    if (!status.ok()) return state.SkipWithError(status.ToString().c_str());
  }
}

struct Shapes {
  int64_t batch, time, inputs, units;
  bool backward;
};

using Layer = graph::RecurrentResult (*)(Var, Var, Var, const graph::RecurrentOptions&,
                                         std::source_location);

absl::StatusOr<Compiled> Recurrent(Layer layer, int64_t gates, const Shapes& s) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "recurrent", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const std::vector<Tensor> operands = {
      Random({s.time, s.batch, s.inputs}, 1), Random({1, gates * s.units, s.inputs}, 2),
      Random({1, gates * s.units, s.units}, 3), Random({1, 2 * gates * s.units}, 4),
      Random({s.time, 1, s.batch, s.units}, 5)};
  std::vector<Var> v;
  for (const Tensor& t : operands) {
    v.push_back(graph->Input("x" + std::to_string(v.size()), t.spec()));
    program.AddInput("x" + std::to_string(v.size()), v.back());
  }
  graph::RecurrentOptions options;
  options.bias = v[3];
  options.linear_before_reset = true;
  const Var y = layer(v[0], v[1], v[2], options, std::source_location::current()).y;
  program.AddOutput("y", y);
  if (s.backward) {
    for (Var g : graph::Gradients({y}, {v[0], v[1], v[2], v[3]}, {v[4]})) {
      program.AddOutput("gradient", g);
    }
  }
  ADJOINT_RETURN_IF_ERROR(graph->status());
  return Compiled::Create(program, operands);
}

// c' = c + x over scalars.
absl::StatusOr<Compiled> Sum(int64_t steps) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "sum", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const Var x = graph->Input("x", {DType::kF32, Shape{steps}});
  const Var c = graph->Input("c", {DType::kF32, Shape{}});
  program.AddInput("x", x);
  program.AddInput("c", c);
  program.AddOutput(
      "sum", graph::Scan([](absl::Span<const Var> c, absl::Span<const Var> x,
                            absl::Span<const Var>) -> graph::StepResult { return {{c[0] + x[0]}}; },
                         {c}, {x})
                 .carries[0]);
  ADJOINT_RETURN_IF_ERROR(graph->status());
  return Compiled::Create(program, {Random({steps}, 1), Random({}, 2)});
}

void Register() {
  for (const bool backward : {false, true}) {
    const Shapes shapes{32, 100, 64, 64, backward};
    const std::string suffix =
        std::string("/32x100x64x64/") + (backward ? "forward_backward" : "forward");
    benchmark::RegisterBenchmark(
        ("lstm" + suffix).c_str(),
        [=](benchmark::State& state) { Run(state, Recurrent(graph::Lstm, 4, shapes)); })
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark(
        ("gru" + suffix).c_str(),
        [=](benchmark::State& state) { Run(state, Recurrent(graph::Gru, 3, shapes)); })
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime();
  }
  benchmark::RegisterBenchmark("scan/step", [](benchmark::State& state) {
    Run(state, Sum(1000));
    state.counters["steps"] =
        benchmark::Counter(1000, benchmark::Counter::kIsIterationInvariantRate);
  })->UseRealTime();
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) {
  return adjoint::benchmarks::RunBenchmarks(argc, argv, adjoint::benchmarks::Register);
}
