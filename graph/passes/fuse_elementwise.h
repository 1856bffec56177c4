#ifndef ADJOINT_GRAPH_PASSES_FUSE_ELEMENTWISE_H_
#define ADJOINT_GRAPH_PASSES_FUSE_ELEMENTWISE_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Groups elementwise nodes of one shape that feed each other into fused_elementwise nodes, each of
// which reads its operands and writes its results once. An operand that was broadcast to the
// group's shape is read unbroadcast. A group never both feeds and reads a node outside it, so the
// program stays acyclic.
absl::StatusOr<Program> FuseElementwise(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_FUSE_ELEMENTWISE_H_
