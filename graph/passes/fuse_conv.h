#ifndef ADJOINT_GRAPH_PASSES_FUSE_CONV_H_
#define ADJOINT_GRAPH_PASSES_FUSE_CONV_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Puts a scale, a bias, a residual and an activation, or a max pooling, after a convolution into
// one fused_conv; the unpooling before a convolution's gradients into these; and the sum that is
// the bias' gradient into that of the weights. Only where nothing else reads the values in between.
absl::StatusOr<Program> FuseConv(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_FUSE_CONV_H_
