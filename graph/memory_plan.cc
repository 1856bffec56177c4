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

}  // namespace

MemoryPlan PlanMemory(absl::Span<const BufferLifetime> buffers) {
  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  plan.lower_bound = LargestSumAlive(buffers);
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return buffers[a].bytes > buffers[b].bytes; });
  std::vector<int> placed;  // by ascending offset
  for (int i : order) {
    const int64_t bytes = Align(buffers[i].bytes);
    int64_t offset = 0;
    for (int j : placed) {
      if (buffers[j].last < buffers[i].first || buffers[i].last < buffers[j].first) continue;
      if (plan.offsets[j] >= offset + bytes) break;  // it fits into the gap before j
      offset = std::max(offset, plan.offsets[j] + Align(buffers[j].bytes));
    }
    plan.offsets[i] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), offset,
                                   [&](int64_t o, int j) { return o < plan.offsets[j]; }),
                  i);
  }
  return plan;
}

}  // namespace adjoint::graph
