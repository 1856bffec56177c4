#ifndef ADJOINT_GRAPH_PASSES_SIMPLIFY_H_
#define ADJOINT_GRAPH_PASSES_SIMPLIFY_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Removes what does nothing: a reshape, broadcast or cast to the spec that is there already, a
// transposition of no axes, multiplying or dividing by one, subtracting zero; merges a reshape with
// the reshape before it, and transpositions; makes a reshape of a transposition that moves axes of
// one element alone; turns a transposed matrix operand of a matmul into the matmul's flag, and a
// transposed product that nothing else reads into the product of the transposed operands. Every
// rule is exact: results keep their bits, but for products, which another kernel may compute.
absl::StatusOr<Program> Simplify(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_SIMPLIFY_H_
