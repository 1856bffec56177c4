#ifndef ADJOINT_GRAPH_PASSES_CSE_H_
#define ADJOINT_GRAPH_PASSES_CSE_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Keeps the first of several nodes that apply one op to the same values with equal attributes.
// Operands of a commutative op may come in either order. Inputs are never merged. Draws of random
// numbers differ in their stream attribute, so they are merged only when they are the same draw.
absl::StatusOr<Program> EliminateCommonSubexpressions(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_CSE_H_
