#ifndef ADJOINT_GRAPH_PASSES_POOL_BEFORE_RELU_H_
#define ADJOINT_GRAPH_PASSES_POOL_BEFORE_RELU_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Has relu follow the max pooling that it stands before, for max(relu(x)) is relu(max(x)), and the
// gradient of relu precede that of the pooling, so that both work on the pooled maps. Only where
// nothing else reads what is in between. One pooling is made of two that differ in whether they
// give indices. Results keep their bits.
absl::StatusOr<Program> PoolBeforeRelu(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_POOL_BEFORE_RELU_H_
