#ifndef ADJOINT_GRAPH_PASSES_LOOPS_H_
#define ADJOINT_GRAPH_PASSES_LOOPS_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Takes away what nobody reads from ops with bodies: results of branches, stacked values of loops,
// carries that influence nothing else, and the operands that only these needed.
absl::StatusOr<Program> PruneBodies(const Program& program);

// Moves nodes of a loop's step that compute the same in every step before the loop.
absl::StatusOr<Program> HoistInvariants(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_LOOPS_H_
