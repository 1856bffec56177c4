// Large tensors, whose time is that of memory: elementwise chains, softmax, layer normalisation and
// sums, through a compiled graph, each beside a copy of as many bytes. Pairs stand next to each
// other: bandwidth/<work>/adjoint and .../copy. A row's bytes are those that must be read and
// written, each counted once; the copy reads half as many and writes the other half, in both
// threads.

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/compiled.h"
#include "benchmarks/main.h"
#include "core/parallel.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/elementary.h"
#include "ops/layer_norm.h"
#include "ops/reduce.h"
#include "ops/softmax.h"

namespace adjoint::benchmarks {
namespace {

using Vars = std::vector<ops::Var>;

struct Work {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Vars(const Vars&)> build;
  int64_t elements_moved;  // f32, read and written
};

constexpr int64_t kCopyGrain = 1 << 16;  // bytes

void Count(benchmark::State& state, int64_t bytes) {
  state.counters["GB/s"] = benchmark::Counter(static_cast<double>(bytes) * 1e-9,
                                              benchmark::Counter::kIsIterationInvariantRate);
}

absl::StatusOr<Compiled> Compile(const Work& work) {
  auto graph = std::make_shared<graph::Graph>();
  graph::Program program{
      .name = "bandwidth", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  std::vector<Tensor> operands;
  Vars inputs;
  for (const Shape& shape : work.inputs) {
    const std::string name = "x" + std::to_string(inputs.size());
    operands.push_back(Random(shape, inputs.size()));
    inputs.push_back(graph->Input(name, operands.back().spec()));
    program.AddInput(name, inputs.back());
  }
  for (const ops::Var y : work.build(inputs)) {
    program.AddOutput("y" + std::to_string(program.outputs.size()), y);
  }
  ADJOINT_RETURN_IF_ERROR(graph->status());
  return Compiled::Create(program, std::move(operands));
}

void Adjoint(benchmark::State& state, const Work& work) {
  absl::StatusOr<Compiled> ours = Compile(work);
  if (!ours.ok()) return state.SkipWithError(ours.status().ToString().c_str());
  for (auto _ : state) {
    if (absl::Status s = ours->Run(); !s.ok()) return state.SkipWithError(s.ToString().c_str());
  }
  Count(state, 4 * work.elements_moved);
  state.SetLabel(ours->Kernels());
}

void Copy(benchmark::State& state, const Work& work) {
  const int64_t elements = work.elements_moved / 2;
  const Tensor from = Random({elements}, 1);
  Tensor to = Tensor::Zeros({DType::kF32, Shape{elements}});
  const char* const source = static_cast<const char*>(from.raw());
  char* const target = static_cast<char*>(to.mutable_raw());
  // What does not fit into the caches is copied in large pieces: the C library then writes past
  // them.
  const int64_t bytes = 4 * elements;
  const int64_t grain = bytes >= int64_t{32} << 20 ? bytes / 2 : kCopyGrain;
  for (auto _ : state) {
    ParallelForRange(bytes, grain, [&](int64_t begin, int64_t end) {
      std::memcpy(target + begin, source + begin, static_cast<size_t>(end - begin));
    });
    benchmark::ClobberMemory();
  }
  Count(state, 8 * elements);
}

std::vector<Work> Works() {
  constexpr int64_t kMillion = 1'000'000;
  constexpr int64_t kSide = 4096;
  const Shape square = {kSide, kSide};
  const auto chain = [](const Vars& x) { return Vars{ops::Relu(x[0] * 0.5 + x[1]) * x[0] - 0.25}; };
  const auto softmax = [](const Vars& x) { return Vars{ops::Softmax(x[0])}; };
  const auto softmax_gradient = [](const Vars& x) {
    return graph::Gradients({ops::Softmax(x[0])}, {x[0]}, {x[1]});
  };
  const auto norm = [](const Vars& x) { return Vars{ops::LayerNorm(x[0], x[1], x[2])}; };
  const auto sum = [](int64_t axis) {
    return [axis](const Vars& x) { return Vars{ops::Sum(x[0], {axis})}; };
  };
  return {
      {"chain/1000000", {{kMillion}, {kMillion}}, chain, 3 * kMillion},
      {"chain/4096x4096", {square, square}, chain, 3 * kSide * kSide},
      {"tanh/4096x4096",
       {square},
       [](const Vars& x) { return Vars{ops::Tanh(x[0])}; },
       2 * kSide * kSide},
      {"softmax/512x1000", {{512, 1000}}, softmax, 2 * 512 * 1000},
      {"softmax/16384x1000", {{16384, 1000}}, softmax, 2 * 16384 * 1000},
      {"softmax_gradient/16384x1000",
       {{16384, 1000}, {16384, 1000}},
       softmax_gradient,
       3 * 16384 * 1000},
      {"layer_norm/16384x1024", {{16384, 1024}, {1024}, {1024}}, norm, 2 * 16384 * 1024},
      {"sum/4096x4096/axis0", {square}, sum(0), kSide * kSide},
      {"sum/4096x4096/axis1", {square}, sum(1), kSide * kSide},
  };
}

void Register() {
  for (const Work& work : Works()) {
    using Fn = void (*)(benchmark::State&, const Work&);
    for (const auto& [side, fn] : {std::pair<const char*, Fn>{"/adjoint", Adjoint},
                                   std::pair<const char*, Fn>{"/copy", Copy}}) {
      benchmark::RegisterBenchmark(("bandwidth/" + work.name + side).c_str(),
                                   [fn = fn, work](benchmark::State& s) { fn(s, work); })
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
