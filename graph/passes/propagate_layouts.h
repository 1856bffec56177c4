#ifndef ADJOINT_GRAPH_PASSES_PROPAGATE_LAYOUTS_H_
#define ADJOINT_GRAPH_PASSES_PROPAGATE_LAYOUTS_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Keeps the maps that convolutions, their gradients and elementwise ops alone write and read in
// blocks of channels (ops/blocked_maps.h), where one of these convolutions prefers them: nothing
// is then brought into blocks and back between one and the next.
absl::StatusOr<Program> PropagateLayouts(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_PROPAGATE_LAYOUTS_H_
