#ifndef ADJOINT_GRAPH_PASSES_FUSE_CONV_H_
#define ADJOINT_GRAPH_PASSES_FUSE_CONV_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Has relu follow the max pooling that it stands before, for max(relu(x)) is relu(max(x)), and the
// gradient of relu precede that of the pooling, so that both work on the pooled maps. Only where
// nothing else reads what is in between. One pooling is made of two that differ in whether they
// give indices. Results keep their bits.
absl::StatusOr<Program> PoolBeforeRelu(const Program& program);

// Puts a scale, a bias, a residual and an activation, or a max pooling, after a convolution into
// one fused_conv; the unpooling before a convolution's gradients into these; and the sum that is
// the bias' gradient into that of the weights. Only where nothing else reads the values in between.
absl::StatusOr<Program> FuseConv(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_FUSE_CONV_H_
