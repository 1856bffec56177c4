#ifndef ADJOINT_GRAPH_GRADIENTS_H_
#define ADJOINT_GRAPH_GRADIENTS_H_

#include <vector>

#include "absl/types/span.h"
#include "ops/var.h"

namespace adjoint::graph {

// Reverse-mode differentiation, graph to graph: appends the nodes that compute
// d(sum_i <seed_i, y_i>) / dx for each x, of x's spec, and returns their vars. The result is made
// of differentiable ops, so gradients of gradients are taken the same way.
//
// `seeds`, when given, has one var of y's spec for each y; otherwise each y gets ones. An x that no
// y depends on, or only through ops whose gradient is zero by definition, gets zeros.
//
// Errors (kept by the builder, as for op functions; the returned vars are then not valid): a y or x
// that is not floating, a seed of another spec, an op that has no gradient rule for a needed input.
std::vector<ops::Var> Gradients(absl::Span<const ops::Var> ys, absl::Span<const ops::Var> xs,
                                absl::Span<const ops::Var> seeds = {});

// Gradients of a single y.
std::vector<ops::Var> Gradients(ops::Var y, absl::Span<const ops::Var> xs);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_GRADIENTS_H_
