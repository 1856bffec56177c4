#ifndef ADJOINT_DATASETS_NUMPY_RANDOM_H_
#define ADJOINT_DATASETS_NUMPY_RANDOM_H_

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace adjoint::datasets {

// The part of numpy.random.RandomState that orders Keras' data sets, number for number: MT19937
// seeded with one 32-bit integer (Knuth's initialisation, which std::mt19937 has too) and the
// shuffle of arrays, Fisher-Yates from the end with masked rejection.
class NumpyRandomState {
 public:
  explicit NumpyRandomState(uint32_t seed) : engine_(seed) {}

  // np.arange(n), shuffled.
  std::vector<int64_t> ShuffledRange(int64_t n) {
    std::vector<int64_t> order(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) order[i] = i;
    for (int64_t i = n - 1; i > 0; --i) std::swap(order[i], order[Below(i)]);
    return order;
  }

 private:
  // An integer in 0 .. max. Requires max < 2^32.
  int64_t Below(int64_t max) {
    uint32_t mask = static_cast<uint32_t>(max);
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    uint32_t n;
    do {
      n = static_cast<uint32_t>(engine_()) & mask;
    } while (n > static_cast<uint32_t>(max));
    return n;
  }

  std::mt19937 engine_;
};

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_NUMPY_RANDOM_H_
