#ifndef ADJOINT_GRAPH_MEMORY_PLAN_H_
#define ADJOINT_GRAPH_MEMORY_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace adjoint::graph {

// A buffer that steps first..last of a program use, both included.
struct BufferLifetime {
  int64_t bytes;
  int first;
  int last;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // one a buffer, multiples of 64
  int64_t arena_bytes = 0;
  // The largest sum of buffers alive at one step: no plan can do with less.
  int64_t lower_bound = 0;
};

// Places buffers in one arena so that no two alive at a step overlap, each at the lowest offset
// that is free over its lifetime: the largest first (Pisarchyk and Lee, "Efficient Memory
// Management for Deep Neural Net Inference", 2020, greedy by size), and, where that misses the
// lower bound, in some other orders, of which the best is kept. Deterministic.
MemoryPlan PlanMemory(absl::Span<const BufferLifetime> buffers);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_MEMORY_PLAN_H_
