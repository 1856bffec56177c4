#include "benchmarks/baselines/notebook.h"

#include <cmath>
#include <numeric>
#include <random>
#include <utility>

namespace adjoint::benchmarks {

NotebookWeights InitialWeights(int64_t cols, uint64_t seed) {
  std::mt19937_64 generator(seed);
  auto glorot = [&generator](int64_t in, int64_t out) {
    const double limit = std::sqrt(6.0 / static_cast<double>(in + out));
    std::vector<float> kernel(in * out);
    for (float& value : kernel) {
      const double unit = static_cast<double>(generator() >> 11) * 0x1p-53;
      value = static_cast<float>((2 * unit - 1) * limit);
    }
    return kernel;
  };
  NotebookWeights weights;
  weights.w1 = glorot(cols, kHidden);
  weights.b1.assign(kHidden, 0.0f);
  weights.w2 = glorot(kHidden, kHidden);
  weights.b2.assign(kHidden, 0.0f);
  weights.w3 = glorot(kHidden, 1);
  weights.b3.assign(1, 0.0f);
  return weights;
}

EpochOrder::EpochOrder(int64_t rows, uint64_t seed, bool shuffle)
    : order_(rows), state_(seed), shuffle_(shuffle) {
  std::iota(order_.begin(), order_.end(), 0);
}

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
uint64_t EpochOrder::Random() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

const std::vector<int32_t>& EpochOrder::Next() {
  if (shuffle_) {
    // Fisher and Yates; the bias of the multiplication is below rows / 2^32.
    for (uint64_t i = order_.size(); i > 1; --i) {
      std::swap(order_[i - 1], order_[((Random() >> 32) * i) >> 32]);
    }
  }
  return order_;
}

}  // namespace adjoint::benchmarks
