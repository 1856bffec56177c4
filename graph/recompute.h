#ifndef ADJOINT_GRAPH_RECOMPUTE_H_
#define ADJOINT_GRAPH_RECOMPUTE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Trades time for memory: where the arena is at its fullest, a value that waits there for later
// readers, and that is cheap to compute from what is alive then anyway (elementwise ops,
// broadcasts, nets of them), is computed once more before its later readers. Goes on, the value
// that saves most first, until the arena is no larger than `arena_limit` or nothing more can be
// saved, and returns the smallest program found: the caller checks whether it fits. The same
// kernels see the same operands, so results keep their bits.
//
// To be run after all passes, for common subexpressions undo it. Requires a verified program of
// concrete shapes.
absl::StatusOr<Program> RecomputeToFit(const Program& program, int64_t arena_limit);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_RECOMPUTE_H_
