#ifndef ADJOINT_GRAPH_EVALUATE_H_
#define ADJOINT_GRAPH_EVALUATE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace adjoint::graph {

// The results of one node alone, for operands at hand: prepares a kernel, runs it once and drops
// it. `inputs` has a pointer an operand, null where the op reads its shape only. Requires concrete
// shapes and a node that is no leaf.
absl::StatusOr<std::vector<Tensor>> EvaluateNode(const Node& node,
                                                 absl::Span<const void* const> inputs);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_EVALUATE_H_
