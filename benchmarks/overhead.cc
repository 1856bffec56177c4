// What the framework costs beyond its kernels.
//
//   chain/...         a chain of N tiny elementwise nodes, not fused, as a compiled executable and
//                     through Function, beside a plain loop over the same prepared kernels. After
//                     the run: the cost of a node and of a run.
//   notebook/...      building, differentiating and compiling the IMDB notebook's training step;
//                     cold is the first time in this process.
//   tiny_network/...  a training step of a network of 8 -> 4 -> 1 on one sample: by Model::Fit, and
//                     the same program by Function. The difference is what nn costs a step.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmark/benchmark.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "graph/executable.h"
#include "graph/function.h"
#include "graph/graph.h"
#include "graph/program.h"
#include "graph/variables.h"
#include "nn/network.h"
#include "nn/nn.h"
#include "nn/programs.h"
#include "ops/arithmetic.h"
#include "ops/kernel.h"
#include "ops/op_def.h"
#include "optim/optimizer.h"

namespace adjoint::benchmarks {
namespace {

using graph::Executable;
using graph::Function;
using graph::Graph;
using graph::Program;

// --- A chain of nodes

constexpr int64_t kElements = 16;
const TensorSpec& ChainSpec() {
  static const TensorSpec* const spec = new TensorSpec{DType::kF32, Shape{kElements}};
  return *spec;
}

// y = ((x + a) * a + a) * a ...
const ops::OpDef& ChainOp(int64_t i) { return i % 2 == 0 ? ops::AddOp() : ops::MulOp(); }

Program ChainProgram(int64_t nodes) {
  auto graph = std::make_shared<Graph>();
  const ops::Var x = graph->Input("x", ChainSpec());
  const ops::Var a = graph->Input("a", ChainSpec());
  ops::Var y = x;
  for (int64_t i = 0; i < nodes; ++i) y = ops::Apply1(ChainOp(i), {y, a});
  Program program{.name = "chain", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddInput("a", a);
  program.AddOutput("y", y);
  return program;
}

std::vector<Tensor> ChainInputs() {
  return {Tensor::Zeros(ChainSpec()), Tensor::Zeros(ChainSpec())};
}

graph::CompileOptions Unfused() {
  graph::CompileOptions options;
  options.passes.disabled = {"fuse_elementwise"};
  return options;
}

absl::Status ChainExecutable(benchmark::State& state) {
  ADJOINT_ASSIGN_OR_RETURN(const std::shared_ptr<const Executable> executable,
                           Executable::Compile(ChainProgram(state.range(0)), Unfused()));
  if (executable->num_steps() != state.range(0)) {
    return absl::InternalError(absl::StrCat("the chain of ", state.range(0), " nodes became ",
                                            executable->num_steps(), " steps"));
  }
  ADJOINT_ASSIGN_OR_RETURN(const auto workspace, executable->NewWorkspace());
  const std::vector<Tensor> inputs = ChainInputs();
  std::vector<Tensor> outputs;
  for (auto _ : state) {
    ADJOINT_RETURN_IF_ERROR(executable->Run(*workspace, inputs, nullptr, &outputs));
  }
  return absl::OkStatus();
}

absl::Status ChainFunction(benchmark::State& state) {
  ADJOINT_ASSIGN_OR_RETURN(const std::unique_ptr<Function> function,
                           Function::Create(ChainProgram(state.range(0)), Unfused()));
  const std::vector<Tensor> inputs = ChainInputs();
  std::vector<Tensor> outputs;
  for (auto _ : state) {
    ADJOINT_RETURN_IF_ERROR(function->Run(inputs, nullptr, &outputs));
  }
  return absl::OkStatus();
}

// The same kernels, each with operands of its own as in an executable.
absl::Status ChainKernels(benchmark::State& state) {
  struct Call {
    ops::PreparedKernel kernel;
    std::unique_ptr<ops::KernelState> state;
    const void* inputs[2];
    void* outputs[1];
    ops::KernelArgs args;
  };
  std::vector<Tensor> inputs = ChainInputs();
  Tensor y = Tensor::Zeros(ChainSpec());
  const std::vector<TensorSpec> in = {ChainSpec(), ChainSpec()};
  const std::vector<TensorSpec> out = {ChainSpec()};
  std::vector<Call> calls(state.range(0));
  for (size_t i = 0; i < calls.size(); ++i) {
    Call& call = calls[i];
    ADJOINT_ASSIGN_OR_RETURN(
        call.kernel, ops::PrepareKernel(ChainOp(static_cast<int64_t>(i)), {in, out, Attrs{}}));
    call.state = call.kernel.kernel->MakeState();
    call.inputs[0] = i == 0 ? inputs[0].raw() : y.raw();
    call.inputs[1] = inputs[1].raw();
    call.outputs[0] = y.mutable_raw();
    call.args = {call.inputs, call.outputs, nullptr, call.state.get()};
  }
  for (auto _ : state) {
    for (const Call& call : calls) {
      ADJOINT_RETURN_IF_ERROR(call.kernel.kernel->Run(call.args));
    }
    benchmark::ClobberMemory();
  }
  return absl::OkStatus();
}

// --- The notebook's network

struct Notebook {
  static constexpr int64_t kWords = 10000;
  static constexpr int64_t kBatch = 512;

  bool csr;
  nn::ValueSpec x = {{DType::kF32, Shape{Dim::Symbol("batch"), kWords}}, csr};
  TensorSpec y = {DType::kF32, Shape{Dim::Symbol("batch"), 1}};

  absl::StatusOr<Program> Build() const {
    const std::vector<nn::LayerHandle> layers = {nn::Dense(16, {.activation = "relu"}),
                                                 nn::Dense(16, {.activation = "relu"}),
                                                 nn::Dense(1, {.activation = "sigmoid"})};
    ADJOINT_ASSIGN_OR_RETURN(nn::Network network, nn::Network::Chain(layers));
    ADJOINT_RETURN_IF_ERROR(network.Build({x}));
    ADJOINT_ASSIGN_OR_RETURN(const auto optimizer, optim::MakeOptimizer("rmsprop"));
    const nn::Objective objective{.losses = {"binary_crossentropy"},
                                  .metrics = {{"binary_accuracy"}}};
    ADJOINT_ASSIGN_OR_RETURN(
        nn::StepProgram step,
        nn::BuildTrainProgram(network, objective, *optimizer, {x}, {.targets = {y}}));
    return std::move(step.program);
  }

  // Compiles for whole batches, up to a workspace. Returns the number of steps.
  static absl::StatusOr<int> Compile(const Program& program) {
    ADJOINT_ASSIGN_OR_RETURN(
        const Program concrete,
        graph::Specialize(program, {{"batch", kBatch}, {"x0_nnz", int64_t{1} << 22}}));
    ADJOINT_ASSIGN_OR_RETURN(const auto executable, Executable::Compile(concrete));
    ADJOINT_RETURN_IF_ERROR(executable->NewWorkspace().status());
    return executable->num_steps();
  }

  absl::Status BuildAndCompile() const {
    ADJOINT_ASSIGN_OR_RETURN(const Program program, Build());
    return Compile(program).status();
  }
};

absl::Status NotebookBuild(benchmark::State& state, bool csr) {
  const Notebook notebook{csr};
  for (auto _ : state) ADJOINT_RETURN_IF_ERROR(notebook.Build().status());
  return absl::OkStatus();
}

absl::Status NotebookCompile(benchmark::State& state, bool csr) {
  ADJOINT_ASSIGN_OR_RETURN(const Program program, Notebook{csr}.Build());
  int steps = 0;
  for (auto _ : state) {
    ADJOINT_ASSIGN_OR_RETURN(steps, Notebook::Compile(program));
  }
  state.counters["steps"] = steps;
  return absl::OkStatus();
}

// Taken at the start of main, before anything else has run.
double ColdSeconds() {
  static const double seconds = [] {
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = Notebook{/*csr=*/true}.BuildAndCompile();
    const auto end = std::chrono::steady_clock::now();
    return status.ok() ? std::chrono::duration<double>(end - begin).count() : -1.0;
  }();
  return seconds;
}

absl::Status NotebookCold(benchmark::State& state) {
  if (ColdSeconds() < 0) return Notebook{/*csr=*/true}.BuildAndCompile();
  for (auto _ : state) state.SetIterationTime(ColdSeconds());
  return absl::OkStatus();
}

// --- A tiny network

constexpr int64_t kTinySamples = 2000;

Tensor TinyData(int64_t columns) {
  Tensor t = Tensor::Empty({DType::kF32, Shape{kTinySamples, columns}});
  float value = 0.1f;
  for (float& element : t.mutable_data<float>()) {
    value = value * 3.7f - static_cast<float>(static_cast<int>(value * 3.7f));
    element = value;
  }
  return t;
}

absl::StatusOr<nn::Sequential> TinyModel() {
  nn::Sequential model({nn::Dense(4, {.activation = "relu"}), nn::Dense(1)}, {.seed = 1});
  ADJOINT_RETURN_IF_ERROR(model.Compile("sgd", "mean_squared_error"));
  // The first step builds and compiles the program.
  ADJOINT_RETURN_IF_ERROR(model
                              .Fit(TinyData(8).Rows(0, 1), TinyData(1).Rows(0, 1),
                                   {.epochs = 1, .batch_size = 1, .verbose = 0})
                              .status());
  return model;
}

absl::Status TinyFit(benchmark::State& state) {
  ADJOINT_ASSIGN_OR_RETURN(nn::Sequential model, TinyModel());
  const Tensor x = TinyData(8), y = TinyData(1);
  for (auto _ : state) {
    ADJOINT_RETURN_IF_ERROR(model.Fit(x, y, {.epochs = 1, .batch_size = 1, .verbose = 0}).status());
  }
  state.SetItemsProcessed(state.iterations() * kTinySamples);
  return absl::OkStatus();
}

absl::Status TinyFunction(benchmark::State& state) {
  ADJOINT_ASSIGN_OR_RETURN(nn::Sequential model, TinyModel());
  ADJOINT_ASSIGN_OR_RETURN(const std::unique_ptr<Function> function,
                           Function::Create(*model.FindProgram("train")));
  graph::VariableStore variables;
  variables.Restore(model.variables());
  const std::vector<Tensor> inputs = {TinyData(8).Rows(0, 1), TinyData(1).Rows(0, 1),
                                      Tensor::Scalar<int64_t>(1)};
  std::vector<Tensor> outputs;
  for (auto _ : state) {
    for (int64_t i = 0; i < kTinySamples; ++i) {
      ADJOINT_RETURN_IF_ERROR(function->Run(inputs, &variables, &outputs));
    }
  }
  state.SetItemsProcessed(state.iterations() * kTinySamples);
  ADJOINT_ASSIGN_OR_RETURN(const auto executable, function->ExecutableFor(inputs));
  state.counters["nodes"] = executable->num_steps();
  return absl::OkStatus();
}

// --- The run

// Remembers CPU times in nanoseconds by benchmark: all that is compared runs on one thread, and
// CPU time hardly notices a busy machine.
class Recorder : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred || run.run_type != Run::RT_Iteration) continue;
      const double ns = run.cpu_accumulated_time / static_cast<double>(run.iterations) * 1e9;
      const auto [at, added] = times_.emplace(run.benchmark_name(), ns);
      if (!added) at->second = std::min(at->second, ns);
    }
    ConsoleReporter::ReportRuns(runs);
  }

  // The shortest of the repetitions, or 0 when it has not run.
  double Time(const std::string& name) const {
    const auto at = times_.find(name);
    return at == times_.end() ? 0 : at->second;
  }

 private:
  std::map<std::string, double> times_;
};

constexpr int64_t kFewNodes = 16, kManyNodes = 256;

void PrintOverheads(const Recorder& times) {
  for (const char* way : {"executable", "function"}) {
    const auto beyond_kernels = [&](int64_t nodes) {
      return times.Time(absl::StrCat("chain/", way, "/", nodes)) -
             times.Time(absl::StrCat("chain/kernels/", nodes));
    };
    const double few = beyond_kernels(kFewNodes), many = beyond_kernels(kManyNodes);
    if (times.Time(absl::StrCat("chain/", way, "/", kManyNodes)) == 0 ||
        times.Time(absl::StrCat("chain/kernels/", kManyNodes)) == 0) {
      continue;
    }
    const double node = (many - few) / static_cast<double>(kManyNodes - kFewNodes);
    std::cout << absl::StreamFormat(
        "%-11s beyond its kernels: %.1f ns a node and %.0f ns a run; %.1f ns a node in a chain of "
        "%d, all told\n",
        way, node, few - node * static_cast<double>(kFewNodes),
        many / static_cast<double>(kManyNodes), kManyNodes);
  }
  const double fit = times.Time("tiny_network/fit"), function = times.Time("tiny_network/function");
  if (fit > 0 && function > 0) {
    std::cout << absl::StreamFormat("Model::Fit  %.0f ns a step beyond the program's %.0f ns\n",
                                    (fit - function) / kTinySamples, function / kTinySamples);
  }
}

template <typename Fn>
benchmark::internal::Benchmark* Register(const std::string& name, Fn fn) {
  return benchmark::RegisterBenchmark(name.c_str(), [fn](benchmark::State& state) {
    const absl::Status status = fn(state);
    if (!status.ok()) state.SkipWithError(status.ToString().c_str());
  });
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  ColdSeconds();
  SetNumThreads(1);  // nothing here is large enough to share out
  for (int64_t nodes : {kFewNodes, kManyNodes}) {
    Register("chain/kernels", ChainKernels)->Arg(nodes);
    Register("chain/executable", ChainExecutable)->Arg(nodes);
    Register("chain/function", ChainFunction)->Arg(nodes);
  }
  Register("notebook/cold", NotebookCold)
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMicrosecond);
  for (bool csr : {true, false}) {
    const std::string encoding = csr ? "sparse" : "dense";
    Register(absl::StrCat("notebook/warm/build/", encoding), [csr](benchmark::State& state) {
      return NotebookBuild(state, csr);
    })->Unit(benchmark::kMicrosecond);
    Register(absl::StrCat("notebook/warm/compile/", encoding), [csr](benchmark::State& state) {
      return NotebookCompile(state, csr);
    })->Unit(benchmark::kMicrosecond);
  }
  Register("tiny_network/function", TinyFunction)->Unit(benchmark::kMicrosecond);
  Register("tiny_network/fit", TinyFit)->Unit(benchmark::kMicrosecond);
  Recorder recorder;
  benchmark::RunSpecifiedBenchmarks(&recorder);
  benchmark::Shutdown();
  PrintOverheads(recorder);
  return 0;
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) { return adjoint::benchmarks::Main(argc, argv); }
