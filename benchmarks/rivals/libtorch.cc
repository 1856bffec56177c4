// The chain of //benchmarks:chain in LibTorch, eager as it is used: a thousand multiplications of
// 64 elements, the sum, and the gradient by the first operand.

#include <torch/torch.h>

#include "benchmark/benchmark.h"

namespace {

void Chain(benchmark::State& state) {
  torch::set_num_threads(1);
  torch::Tensor a = torch::ones({64}, torch::requires_grad());
  const torch::Tensor b = torch::full({64}, 1.0);
  for (auto _ : state) {
    a.mutable_grad() = torch::Tensor();
    torch::Tensor h = a;
    for (int64_t i = 0; i < state.range(0); ++i) h = h * b;
    h.sum().backward();
    benchmark::DoNotOptimize(a.grad().data_ptr());
  }
}
BENCHMARK(Chain)->Name("chain/libtorch")->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
