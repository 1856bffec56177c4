// A dense layer, relu(x W + b), through a compiled graph and in raw oneDNN calls: forward alone,
// and forward with the gradients of x, W and b. Pairs stand next to each other:
// dense/<batch>x<in>x<out>/forward/adjoint and .../onednn. .../forward_frozen/adjoint is the same
// layer with W and b as constants, as graph::Freeze makes them: W is packed once.
//
// On a busy machine the raw calls collapse, because OpenMP's workers spin; OMP_WAIT_POLICY=passive
// spares them that.

#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/compiled.h"
#include "benchmarks/main.h"
#include "benchmarks/raw_products.h"
#include "benchmarks/shapes.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/matmul.h"

namespace adjoint::benchmarks {
namespace {

// x, W, b and, with gradients, the cotangent of y.
std::vector<Tensor> Operands(const DenseLayer& layer) {
  std::vector<Tensor> operands = {Random({layer.batch, layer.in}, 1),
                                  Random({layer.in, layer.out}, 2), Random({layer.out}, 3)};
  if (layer.backward) operands.push_back(Random({layer.batch, layer.out}, 4));
  return operands;
}

void Count(benchmark::State& state, const DenseLayer& layer) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(layer.Flops() * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

// Outputs y and, with gradients, dx, dW, db. `frozen`: x is the only input.
absl::StatusOr<Compiled> Compile(const DenseLayer& layer, bool frozen = false) {
  auto graph = std::make_shared<graph::Graph>();
  std::vector<Tensor> operands = Operands(layer);
  const char* const names[] = {"x", "w", "b", "dy"};
  graph::Program program{
      .name = "dense", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  std::vector<ops::Var> v;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (frozen && i > 0) {
      v.push_back(graph->Constant(operands[i]));
      continue;
    }
    v.push_back(graph->Input(names[i], operands[i].spec()));
    program.AddInput(names[i], v[i]);
  }
  const ops::Var y = ops::Relu(ops::MatMul(v[0], v[1]) + v[2]);
  program.AddOutput("y", y);
  if (layer.backward) {
    const std::vector<ops::Var> gradients = graph::Gradients({y}, {v[0], v[1], v[2]}, {v[3]});
    for (int i = 0; i < 3; ++i) program.AddOutput(std::string("d") + names[i], gradients[i]);
  }
  ADJOINT_RETURN_IF_ERROR(graph->status());
  if (frozen) operands.resize(1);
  return Compiled::Create(program, operands);
}

// The same in raw calls.
class RawDense {
 public:
  RawDense(const DenseLayer& layer, const std::vector<Tensor>& operands)
      : backward_(layer.backward) {
    const auto in = [&](int i) { return operands[i].data<float>().data(); };
    const auto make = [&](const Shape& shape) {
      outputs_.push_back(Tensor::Zeros({DType::kF32, shape}));
      return outputs_.back().mutable_data<float>().data();
    };
    float* const y = make({layer.batch, layer.out});
    forward_ = std::make_unique<RawMatMul>(layer.batch, layer.in, layer.out, in(0), in(1), y,
                                           RawMatMul::Options{.bias = in(2), .relu = true});
    if (!backward_) return;
    float* const dx = make({layer.batch, layer.in});
    float* const dw = make({layer.in, layer.out});
    float* const db = make({layer.out});
    float* const dz = make({layer.batch, layer.out});
    relu_ = std::make_unique<RawReluGradient>(layer.batch * layer.out, y, in(3), dz);
    weights_ =
        std::make_unique<RawWeightGradient>(layer.batch, layer.in, layer.out, in(0), dz, dw, db);
    data_ = std::make_unique<RawMatMul>(layer.batch, layer.out, layer.in, dz, in(1), dx,
                                        RawMatMul::Options{.transpose_b = true});
  }

  void Run() {
    forward_->Run();
    if (!backward_) return;
    relu_->Run();
    weights_->Run();
    data_->Run();
  }

  const std::vector<Tensor>& outputs() const { return outputs_; }

 private:
  const bool backward_;
  std::vector<Tensor> outputs_;
  std::unique_ptr<RawMatMul> forward_, data_;
  std::unique_ptr<RawReluGradient> relu_;
  std::unique_ptr<RawWeightGradient> weights_;
};

void Adjoint(benchmark::State& state, const DenseLayer& layer, bool frozen) {
  absl::StatusOr<Compiled> ours = Compile(layer, frozen);
  if (!ours.ok()) return state.SkipWithError(ours.status().ToString().c_str());
  for (auto _ : state) {
    if (absl::Status s = ours->Run(); !s.ok()) {
      return state.SkipWithError(s.ToString().c_str());
    }
  }
  Count(state, layer);
  state.SetLabel(ours->Kernels());
}

void OneDnn(benchmark::State& state, const DenseLayer& layer) {
  const std::vector<Tensor> operands = Operands(layer);
  RawDense raw(layer, operands);
  raw.Run();
  const absl::StatusOr<Compiled> ours = Compile(layer);
  if (!ours.ok()) return state.SkipWithError(ours.status().ToString().c_str());
  for (size_t i = 0; i < ours->outputs().size(); ++i) {
    if (RelativeDifference(raw.outputs()[i], ours->outputs()[i]) > 1e-5) {
      return state.SkipWithError("the two results differ");
    }
  }
  for (auto _ : state) raw.Run();
  Count(state, layer);
}

void Register() {
  const auto add = [](const std::string& name, auto run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->UseRealTime()->Unit(benchmark::kMicrosecond);
  };
  std::vector<DenseLayer> layers = DenseLayers();
  for (const int64_t batch : {2, 8}) {  // where packing W weighs most
    layers.push_back({.batch = batch, .in = 1024, .out = 1024, .backward = false});
  }
  for (const DenseLayer& layer : layers) {
    add(layer.Name() + "/adjoint", [layer](benchmark::State& s) { Adjoint(s, layer, false); });
    add(layer.Name() + "/onednn", [layer](benchmark::State& s) { OneDnn(s, layer); });
    if (layer.backward) continue;
    add(layer.Name() + "_frozen/adjoint",
        [layer](benchmark::State& s) { Adjoint(s, layer, true); });
  }
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) {
  return adjoint::benchmarks::RunBenchmarks(argc, argv, adjoint::benchmarks::Register);
}
