#ifndef ADJOINT_GRAPH_PASSES_INLINE_CALLS_H_
#define ADJOINT_GRAPH_PASSES_INLINE_CALLS_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Puts the nodes of its body in place of each call, those of calls within it too.
absl::StatusOr<Program> InlineCalls(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_INLINE_CALLS_H_
