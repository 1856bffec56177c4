// Convolutions one after the other with their maps in oneDNN's blocks of channels from one to the
// next ("propagated"), beside the same with each bringing its maps there and back ("apart").

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "benchmarks/compiled.h"
#include "benchmarks/main.h"
#include "core/status_macros.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "graph/program.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/reduce.h"

namespace adjoint::benchmarks {
namespace {

using ops::Var;

// Adds convolutions to a program, of weights that are its inputs.
class Network {
 public:
  Network(int64_t batch, int64_t channels, int64_t extent, bool channels_last)
      : channels_last_(channels_last),
        program_{.name = "layouts", .graph = graph_, .inputs = {}, .outputs = {}, .states = {}} {
    y_ = Input(channels_last ? Shape{batch, extent, extent, channels}
                             : Shape{batch, channels, extent, extent});
  }

  // relu(conv + residual), of windows `kernel` wide that keep the extents.
  void Add(int64_t out, int64_t kernel, Var residual = {}) {
    const int64_t pad = kernel / 2;
    const Var w = Input({out, y_.shape()[channels_last_ ? 3 : 1], kernel, kernel});
    Var y =
        ops::Conv(y_, w, {.pads_begin = {pad}, .pads_end = {pad}, .channels_last = channels_last_});
    if (residual.valid()) y = y + residual;
    y_ = ops::Relu(y);
  }

  Var result() const { return y_; }

  graph::Program Finish(bool gradients) {
    program_.AddOutput("y", ops::Sum(y_));
    if (gradients) {
      for (Var g : graph::Gradients(ops::Sum(ops::Square(y_)), weights_)) {
        program_.AddOutput("gradient", g);
      }
    }
    return std::move(program_);
  }

  const std::vector<Tensor>& values() const { return values_; }

 private:
  Var Input(const Shape& shape) {
    const std::string name = absl::StrCat("x", values_.size());
    const Var v = graph_->Input(name, {DType::kF32, shape});
    if (!values_.empty()) weights_.push_back(v);
    values_.push_back(Random(shape, values_.size()));
    program_.AddInput(name, v);
    return v;
  }

  const bool channels_last_;
  std::shared_ptr<graph::Graph> graph_ = std::make_shared<graph::Graph>();
  graph::Program program_;
  std::vector<Var> weights_;
  std::vector<Tensor> values_;
  Var y_;
};

struct Case {
  std::string name;
  int64_t batch, channels;
  void (*add)(Network& network);
  bool gradients;
};

void AddThreeByThree(Network& network) {
  for (int i = 0; i < 4; ++i) network.Add(64, 3);
}

// The blocks of ResNet-50 (He et al., "Deep Residual Learning for Image Recognition", 2016).
void AddBottlenecks(Network& network) {
  for (int i = 0; i < 3; ++i) {
    const Var x = network.result();
    network.Add(64, 1);
    network.Add(64, 3);
    network.Add(256, 1, x);
  }
}

absl::Status Run(benchmark::State& state, const Case& c, bool channels_last, bool propagate) {
  Network network(c.batch, c.channels, 28, channels_last);
  c.add(network);
  graph::CompileOptions options;
  if (!propagate) options.passes.disabled = {"propagate_layouts"};
  const graph::Program program = network.Finish(c.gradients);
  ADJOINT_ASSIGN_OR_RETURN(Compiled compiled, Compiled::Create(program, network.values(), options));
  for (auto _ : state) ADJOINT_RETURN_IF_ERROR(compiled.Run());
  return absl::OkStatus();
}

void Register() {
  const std::vector<Case> cases = {
      {"3x3", 32, 64, AddThreeByThree, false},
      {"3x3_training", 32, 64, AddThreeByThree, true},
      {"bottlenecks", 16, 256, AddBottlenecks, false},
      {"bottlenecks_one_image", 1, 256, AddBottlenecks, false},
      {"bottlenecks_training", 16, 256, AddBottlenecks, true},
  };
  for (const Case& c : cases) {
    for (const bool last : {false, true}) {
      for (const bool propagate : {true, false}) {
        benchmark::RegisterBenchmark(
            absl::StrCat("layouts/", c.name, last ? "/channels_last" : "/channels_first",
                         propagate ? "/propagated" : "/apart")
                .c_str(),
            [c, last, propagate](benchmark::State& state) {
              const absl::Status status = Run(state, c, last, propagate);
              if (!status.ok()) state.SkipWithError(status.ToString().c_str());
            })
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
      }
    }
  }
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) {
  return adjoint::benchmarks::RunBenchmarks(argc, argv, adjoint::benchmarks::Register);
}
