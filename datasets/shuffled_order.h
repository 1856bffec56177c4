#ifndef ADJOINT_DATASETS_SHUFFLED_ORDER_H_
#define ADJOINT_DATASETS_SHUFFLED_ORDER_H_

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "core/philox.h"

namespace adjoint::datasets {

// The random numbers of shuffles: ops::RandomStreamFor("shuffle", 0), which this layer does not
// see.
inline constexpr uint64_t kShuffleStream = 0xb7b72735349a82ea;

// The order in which an epoch visits n samples: a permutation of 0 .. n-1 that depends on these
// numbers alone (Fisher and Yates' shuffle by PhiloxEngine). Writes into `order`, which it resizes.
// Requires n < 2^32.
inline void ShuffledOrder(int64_t n, uint64_t seed, int64_t epoch, std::vector<uint32_t>* order) {
  order->resize(static_cast<size_t>(n));
  std::iota(order->begin(), order->end(), 0u);
  PhiloxEngine engine(
      RandomStream{.seed = seed, .stream = kShuffleStream, .step = static_cast<uint64_t>(epoch)});
  for (size_t i = order->size(); i > 1; --i) {
    std::swap((*order)[i - 1], (*order)[engine.Below(static_cast<uint32_t>(i))]);
  }
}

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_SHUFFLED_ORDER_H_
