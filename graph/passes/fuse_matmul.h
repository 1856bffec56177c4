#ifndef ADJOINT_GRAPH_PASSES_FUSE_MATMUL_H_
#define ADJOINT_GRAPH_PASSES_FUSE_MATMUL_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Replaces a matmul and what follows it by one fused_matmul: the multiplication by one number, the
// addition of a bias row, that of a residual of the product's spec, and an activation that has a
// post-op name, each where it is there, in this order, and where nothing else reads the values in
// between. The activation's gradient must read its output, not its input, for that to happen in a
// training program; relu's, tanh's and sigmoid's do. A scale or a residual that elementwise nodes
// read is left to these (fuse_elementwise.h): they take it at no cost.
absl::StatusOr<Program> FuseMatMul(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_FUSE_MATMUL_H_
