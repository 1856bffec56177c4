// A step of training a table of embeddings, of which a batch looks up few rows: updated as a whole
// and in those rows alone (lazy_rows of optim/extended.h). Pairs stand next to each other:
// embedding/<rows>x<width>/<looked up>/<optimizer>/whole and .../rows.

#include <memory>
#include <string>

#include "benchmark/benchmark.h"
#include "benchmarks/main.h"
#include "core/philox.h"
#include "nn/nn.h"
#include "optim/optimizer.h"

namespace adjoint::benchmarks {
namespace {

struct Shapes {
  int64_t rows, width, batch, words;
  const char* optimizer;
  bool lazy;

  std::string Name() const {
    return "embedding/" + std::to_string(rows) + "x" + std::to_string(width) + "/" +
           std::to_string(batch * words) + "/" + optimizer + (lazy ? "/rows" : "/whole");
  }
};

constexpr int64_t kSteps = 20;

// Fit's whole way: gathering, forward, backward, update.
void Step(benchmark::State& state, const Shapes& s) {
  const int64_t samples = s.batch * kSteps;
  Tensor x = Tensor::Empty({DType::kI32, Shape{samples, s.words}});
  Tensor y = Tensor::Empty({DType::kF32, Shape{samples, 1}});
  PhiloxEngine random({.seed = 1});
  for (int32_t& word : x.mutable_data<int32_t>()) {
    word = static_cast<int32_t>(random.Below(static_cast<uint32_t>(s.rows)));
  }
  for (float& label : y.mutable_data<float>()) label = static_cast<float>(random.Below(2));
  nn::Sequential model({nn::Embedding(s.rows, s.width), nn::GlobalAveragePooling1D(),
                        nn::Dense(1, {.activation = "sigmoid"})});
  absl::Status status =
      model.Compile(optim::OptimizerConfig{s.optimizer, {{"lazy_rows", s.lazy ? 1.0 : 0.0}}},
                    "binary_crossentropy");
  const nn::FitOptions options{.batch_size = s.batch, .verbose = 0};
  if (status.ok()) status = model.Fit(x, y, options).status();
  for (auto _ : state) {
    if (status.ok()) status = model.Fit(x, y, options).status();
    if (!status.ok()) return state.SkipWithError(std::string(status.message()).c_str());
  }
  state.counters["steps/s"] = benchmark::Counter(static_cast<double>(kSteps),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

void Register() {
  for (const char* optimizer : {"adam", "adagrad"}) {
    for (const int64_t rows : {10000, 200000}) {
      for (const bool lazy : {false, true}) {
        const Shapes shapes{rows, 64, 32, 100, optimizer, lazy};
        benchmark::RegisterBenchmark(shapes.Name().c_str(),
                                     [shapes](benchmark::State& state) { Step(state, shapes); })
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
