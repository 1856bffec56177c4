#ifndef ADJOINT_GRAPH_PASSES_FUSE_MATMUL_H_
#define ADJOINT_GRAPH_PASSES_FUSE_MATMUL_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Replaces a matmul, the addition of a bias row to it and an activation of the sum by one
// fused_matmul, where nothing else reads the values in between and the activation has a post-op
// name. The activation's gradient must read its output, not its input, for that to happen in a
// training program; relu's, tanh's and sigmoid's do.
absl::StatusOr<Program> FuseMatMul(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_FUSE_MATMUL_H_
