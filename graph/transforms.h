#ifndef ADJOINT_GRAPH_TRANSFORMS_H_
#define ADJOINT_GRAPH_TRANSFORMS_H_

#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "graph/call.h"  // IWYU pragma: export
#include "ops/var.h"

namespace adjoint::graph {

// Derivatives made of Gradients (graph/gradients.h), and like it from vars to vars of the same
// builder, to any order. All vars that are differentiated, or by which, are floating; errors are
// kept by the builder, and the vars returned are then not valid.

using VarFn = std::function<std::vector<Var>(absl::Span<const Var>)>;

struct FunctionAndDerivative {
  std::vector<Var> outputs;
  std::vector<Var> derivative;
};

// fn(inputs), and the cotangents of the inputs for given ones of the outputs: cotangents^T J. What
// fn captures counts as constant.
FunctionAndDerivative Vjp(const VarFn& fn, absl::Span<const Var> inputs,
                          absl::Span<const Var> cotangents);

// How the ys change as the xs move along `tangents`, one of each x's spec: J tangents, of the ys'
// specs. This is forward mode by transposing twice: the gradient is linear in its seeds, and the
// gradient of that by the seeds is the transpose of the transpose (Christianson 1992 has the idea,
// J. Townsend's note "A new trick for calculating Jacobian vector products", 2017, the form). What
// only the first pass needed is dead code.
std::vector<Var> Jvp(absl::Span<const Var> ys, absl::Span<const Var> xs,
                     absl::Span<const Var> tangents);
// fn(inputs) and its change. What fn captures counts as constant.
FunctionAndDerivative Jvp(const VarFn& fn, absl::Span<const Var> inputs,
                          absl::Span<const Var> tangents);

// The second derivatives of the sum of y along vs: d/dxs <d sum(y) / dxs, vs>. Reverse over
// reverse (Pearlmutter, "Fast Exact Multiplication by the Hessian", 1994).
std::vector<Var> HessianVectorProduct(Var y, absl::Span<const Var> xs, absl::Span<const Var> vs);

// dy/dx of shape y.shape + x.shape, which must be known: a loop over the elements of the smaller of
// the two, each of which costs a gradient. For small functions.
Var Jacobian(Var y, Var x);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_TRANSFORMS_H_
