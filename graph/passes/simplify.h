#ifndef ADJOINT_GRAPH_PASSES_SIMPLIFY_H_
#define ADJOINT_GRAPH_PASSES_SIMPLIFY_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Removes what does nothing: a reshape, broadcast or cast to the spec that is there already, a
// transposition of no axes, multiplying or dividing by one, subtracting zero; merges a reshape with
// the reshape before it; turns a transposed matrix operand of a matmul into the matmul's flag.
// Every rule is exact: results keep their bits.
absl::StatusOr<Program> Simplify(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_SIMPLIFY_H_
