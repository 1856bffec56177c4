// Training steps of multi-layer perceptrons by Model::Fit, feeding of the batches included.
//
//   mlp/784x512x512x10/batch_128/adjoint   the network that rivals measure too: relu, softmax
//                                          cross-entropy on whole numbers, Adam
//   neighbour/alone, neighbour/busy        the same network, and beside a process that keeps one
//                                          core busy
//   scaling/...                            what a step costs as batch, width or depth grows by 1,
//   2,
//                                          4 and 8, from a hidden width of 256, 2 hidden layers and
//                                          batches of 64: cost against size
//
// Times are of one step, the mean over an epoch of 50.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "benchmarks/compiled.h"
#include "benchmarks/main.h"
#include "core/parallel.h"
#include "core/tensor.h"
#include "nn/nn.h"

namespace adjoint::benchmarks {
namespace {

constexpr int64_t kSteps = 50;
constexpr int64_t kClasses = 10;

struct Perceptron {
  int64_t inputs;
  std::vector<int64_t> hidden;
  int64_t batch;

  double ParametersTimesBatch() const {
    double parameters = 0;
    int64_t width = inputs;
    for (int64_t next : hidden) {
      parameters += static_cast<double>(width + 1) * next;
      width = next;
    }
    return (parameters + static_cast<double>(width + 1) * kClasses) * batch;
  }
};

absl::Status Train(benchmark::State& state, const Perceptron& net) {
  std::vector<nn::LayerHandle> layers;
  for (int64_t units : net.hidden) layers.push_back(nn::Dense(units, {.activation = "relu"}));
  layers.push_back(nn::Dense(kClasses, {.activation = "softmax"}));
  nn::Sequential model(std::move(layers), {.seed = 1});
  ADJOINT_RETURN_IF_ERROR(model.Compile("adam", "sparse_categorical_crossentropy"));

  const Tensor x = Random({kSteps * net.batch, net.inputs}, 1);
  Tensor y = Tensor::Empty({DType::kI64, {kSteps * net.batch}});
  for (int64_t i = 0; i < y.size(); ++i) y.mutable_data<int64_t>()[i] = i % kClasses;
  const nn::FitOptions options{.epochs = 1, .batch_size = net.batch, .verbose = 0};
  ADJOINT_RETURN_IF_ERROR(model.Fit(x, y, options).status());
  for (auto _ : state) {
    const absl::Time begin = absl::Now();
    ADJOINT_RETURN_IF_ERROR(model.Fit(x, y, options).status());
    state.SetIterationTime(absl::ToDoubleSeconds(absl::Now() - begin) / kSteps);
  }
  state.counters["GFLOP/s"] = benchmark::Counter(6e-9 * net.ParametersTimesBatch(),
                                                 benchmark::Counter::kIsIterationInvariantRate);
  return absl::OkStatus();
}

// A process that computes without end, for as long as this lives.
class BusyNeighbour {
 public:
  BusyNeighbour() : child_(fork()) {
    if (child_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) asm volatile("");
  }
  ~BusyNeighbour() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  BusyNeighbour(const BusyNeighbour&) = delete;
  BusyNeighbour& operator=(const BusyNeighbour&) = delete;

  bool ok() const { return child_ > 0; }

 private:
  const pid_t child_;
};

absl::Status TrainBeside(benchmark::State& state, const Perceptron& net) {
  const BusyNeighbour neighbour;
  if (!neighbour.ok()) return absl::UnavailableError("cannot start a busy process");
  return Train(state, net);
}

void Register(const std::string& name, const Perceptron& net,
              absl::Status (*train)(benchmark::State&, const Perceptron&) = Train) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [net, train](benchmark::State& state) {
                                 const absl::Status status = train(state, net);
                                 if (!status.ok()) state.SkipWithError(status.ToString().c_str());
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond)
      // An iteration is 50 steps and counts as one.
      ->MinTime(0.01);
}

void RegisterAll() {
  Register("mlp/784x512x512x10/batch_128/adjoint", {784, {512, 512}, 128});
  Register("neighbour/alone", {784, {512, 512}, 128});
  Register("neighbour/busy", {784, {512, 512}, 128}, TrainBeside);
  constexpr int64_t kBatch = 64, kWidth = 256, kDepth = 2;
  for (int64_t times : {1, 2, 4, 8}) {
    Register(absl::StrCat("scaling/batch/", times),
             {kWidth, std::vector<int64_t>(kDepth, kWidth), times * kBatch});
    Register(absl::StrCat("scaling/width/", times),
             {kWidth, std::vector<int64_t>(kDepth, times * kWidth), kBatch});
    Register(absl::StrCat("scaling/depth/", times),
             {kWidth, std::vector<int64_t>(times * kDepth, kWidth), kBatch});
  }
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) {
  adjoint::SetNumThreads(2);
  return adjoint::benchmarks::RunBenchmarks(argc, argv, adjoint::benchmarks::RegisterAll);
}
