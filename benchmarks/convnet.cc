// A small convolutional network on 28x28 images, batch 128: the forward pass and a step of training
// (Adam, cross-entropy). benchmarks/rivals/convnet_pytorch.py is the same work in PyTorch. With
// --profile also a table of what the steps take.

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/compiled.h"
#include "benchmarks/main.h"
#include "core/status_macros.h"
#include "graph/executable.h"
#include "graph/profile.h"
#include "graph/program.h"
#include "nn/nn.h"

namespace adjoint::benchmarks {
namespace {

constexpr int64_t kBatch = 128;

// The network, trained for one step so that it has weights and programs.
absl::StatusOr<nn::Sequential> Network(const Tensor& x, const Tensor& y) {
  nn::Sequential model({nn::Conv2D(32, 3, {.activation = "relu"}), nn::MaxPooling2D(),
                        nn::Conv2D(64, 3, {.activation = "relu"}), nn::MaxPooling2D(),
                        nn::Flatten(), nn::Dense(10, {.activation = "softmax"})},
                       {.seed = 1});
  ADJOINT_RETURN_IF_ERROR(model.Compile("adam", "sparse_categorical_crossentropy"));
  ADJOINT_RETURN_IF_ERROR(
      model.Fit(x, y, {.batch_size = kBatch, .shuffle = false, .verbose = 0}).status());
  ADJOINT_RETURN_IF_ERROR(model.Predict(x, {.batch_size = kBatch}).status());
  return model;
}

absl::Status Run(benchmark::State& state, const std::string& name, bool profile) {
  const Tensor x = Random({kBatch, 28, 28, 1}, 1);
  Tensor y = Tensor::Empty({DType::kI64, {kBatch}});
  for (int64_t i = 0; i < kBatch; ++i) y.mutable_data<int64_t>()[i] = i % 10;
  ADJOINT_ASSIGN_OR_RETURN(nn::Sequential model, Network(x, y));
  ADJOINT_ASSIGN_OR_RETURN(const graph::Program program,
                           graph::Specialize(*model.FindProgram(name), {{"batch", kBatch}}));
  ADJOINT_ASSIGN_OR_RETURN(const auto executable, graph::Executable::Compile(program));
  ADJOINT_ASSIGN_OR_RETURN(const auto workspace, executable->NewWorkspace());
  std::vector<Tensor> inputs = {x}, outputs;
  if (name == "train") {
    inputs.push_back(y);
    inputs.push_back(Tensor::Of<int64_t>({}, {1}));
  }
  graph::VariableStore* const variables = &model.mutable_variables();
  graph::Profiler profiler;
  if (profile) {
    graph::ProfileScope scope(profiler);
    for (int i = 0; i < 50; ++i) {
      ADJOINT_RETURN_IF_ERROR(executable->Run(*workspace, inputs, variables, &outputs));
    }
    std::cout << profiler.Table();
  }
  for (auto _ : state) {
    ADJOINT_RETURN_IF_ERROR(executable->Run(*workspace, inputs, variables, &outputs));
  }
  return absl::OkStatus();
}

void Register(bool profile) {
  for (const auto& [benchmark, program] :
       {std::pair{"convnet/forward", "predict"}, std::pair{"convnet/train_step", "train"}}) {
    benchmark::RegisterBenchmark(
        benchmark,
        [program = std::string(program), profile](benchmark::State& state) {
          const absl::Status status = Run(state, program, profile);
          if (!status.ok()) {
            state.SkipWithError(status.ToString().c_str());
          }
        })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) {
  using namespace adjoint::benchmarks;
  const bool profile = TakeFlag(&argc, argv, "--profile").given;
  return RunBenchmarks(argc, argv, [profile] { Register(profile); });
}
