#ifndef ADJOINT_GRAPH_PASSES_DCE_H_
#define ADJOINT_GRAPH_PASSES_DCE_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Removes nodes that no output and no variable's new value depends on. Input ports stay.
absl::StatusOr<Program> EliminateDeadCode(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_DCE_H_
