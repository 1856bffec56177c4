#include "graph/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "core/buffer.h"

namespace adjoint::graph {
namespace {

int64_t Align(int64_t bytes) {
  constexpr int64_t kUnit = Buffer::kAlignment;
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

int64_t LargestSumAlive(absl::Span<const BufferLifetime> buffers) {
  int last = -1;
  for (const BufferLifetime& b : buffers) last = std::max(last, b.last);
  std::vector<int64_t> change(last + 2, 0);
  for (const BufferLifetime& b : buffers) {
    change[b.first] += Align(b.bytes);
    change[b.last + 1] -= Align(b.bytes);
  }
  int64_t alive = 0, most = 0;
  for (int64_t delta : change) most = std::max(most, alive += delta);
  return most;
}

// One attempt: buffers placed in some order.
class Packing {
 public:
  explicit Packing(absl::Span<const BufferLifetime> buffers) : buffers_(buffers) {}

  // Each buffer, in this order, goes to the lowest offset that is free over its lifetime.
  void Place(absl::Span<const int> order) {
    offsets_.assign(buffers_.size(), 0);
    bytes_ = 0;
    placed_.clear();
    for (const int i : order) {
      const BufferLifetime& buffer = buffers_[i];
      const int64_t bytes = Align(buffer.bytes);
      int64_t offset = 0;
      for (const int j : placed_) {
        if (buffers_[j].last < buffer.first || buffer.last < buffers_[j].first) continue;
        if (offsets_[j] >= offset + bytes) break;  // it fits into the gap before j
        offset = std::max(offset, offsets_[j] + Align(buffers_[j].bytes));
      }
      offsets_[i] = offset;
      bytes_ = std::max(bytes_, offset + bytes);
      placed_.insert(std::upper_bound(placed_.begin(), placed_.end(), offset,
                                      [&](int64_t o, int j) { return o < offsets_[j]; }),
                     i);
    }
  }

  int64_t bytes() const { return bytes_; }
  const std::vector<int64_t>& offsets() const { return offsets_; }

  // The buffer that makes the arena as large as it is.
  int Highest() const {
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (offsets_[i] + Align(buffers_[i].bytes) == bytes_) return static_cast<int>(i);
    }
    return 0;
  }

 private:
  const absl::Span<const BufferLifetime> buffers_;
  std::vector<int64_t> offsets_;
  int64_t bytes_ = 0;
  std::vector<int> placed_;  // by ascending offset
};

// By a key, the largest first; buffers of equal keys as they are.
template <typename Key>
std::vector<int> OrderedBy(absl::Span<const BufferLifetime> buffers, Key key) {
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return key(buffers[a]) > key(buffers[b]); });
  return order;
}

// How often a buffer that stands out is tried at the front of the order; less often where there are
// many buffers, for an attempt takes the square of their number.
int Repairs(size_t buffers) {
  constexpr size_t kMost = 30, kComparisons = 20'000'000;
  return static_cast<int>(std::min(kMost, kComparisons / (buffers * buffers + 1)));
}

}  // namespace

MemoryPlan PlanMemory(absl::Span<const BufferLifetime> buffers) {
  MemoryPlan plan;
  plan.lower_bound = LargestSumAlive(buffers);
  Packing packing(buffers);
  std::vector<int> best;
  // True when there is nothing to gain any more.
  const auto attempt = [&](std::vector<int> order) {
    packing.Place(order);
    if (best.empty() || packing.bytes() < plan.arena_bytes) {
      plan.arena_bytes = packing.bytes();
      plan.offsets = packing.offsets();
      best = std::move(order);
    }
    return plan.arena_bytes == plan.lower_bound;
  };
  const auto length = [](const BufferLifetime& b) { return int64_t{b.last} - b.first + 1; };
  if (attempt(OrderedBy(buffers, [](const auto& b) { return b.bytes; }))) return plan;
  if (attempt(OrderedBy(buffers, [&](const auto& b) { return b.bytes * length(b); }))) return plan;
  if (attempt(OrderedBy(buffers, length))) return plan;
  if (attempt(OrderedBy(buffers, [](const auto& b) { return -int64_t{b.first}; }))) return plan;
  // What stands out is placed before everything else, again and again.
  std::vector<int> order = best;
  for (int repair = Repairs(buffers.size()); repair > 0; --repair) {
    packing.Place(order);
    const auto at = std::find(order.begin(), order.end(), packing.Highest());
    std::rotate(order.begin(), at, at + 1);
    if (attempt(order)) return plan;
  }
  return plan;
}

}  // namespace adjoint::graph
