#ifndef ADJOINT_GRAPH_PASSES_GROUP_UPDATES_H_
#define ADJOINT_GRAPH_PASSES_GROUP_UPDATES_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Gathers the elementwise nodes that compute new values of small variables (an optimizer's updates,
// the sums for the metrics) into one multi_elementwise node, whatever their shapes. Of nodes that
// depend on each other (a rate scaled by the norm of what was updated before) each goes with those
// of its depth. Large variables keep a node of their own: it costs nothing beside them, and their
// gradients die at once.
absl::StatusOr<Program> GroupUpdates(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_GROUP_UPDATES_H_
