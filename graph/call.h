#ifndef ADJOINT_GRAPH_CALL_H_
#define ADJOINT_GRAPH_CALL_H_

#include <functional>
#include <source_location>
#include <vector>

#include "absl/types/span.h"
#include "graph/control_flow.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::graph {

// fn(inputs), of which a gradient keeps the inputs alone: what it needs besides is computed again
// when the gradient is (Griewank and Walther, "Revolve", 2000; Chen et al., "Training Deep Nets
// with Sublinear Memory Cost", 2016). The numbers are those of fn(inputs) bit for bit; a deep
// network cut into parts takes the memory of the parts' inputs and of one part, for the time of a
// second forward pass. Compiled, the function is inlined. Outer vars are captured as by branches
// and loops (graph/control_flow.h).
std::vector<Var> Checkpoint(const BranchFn& fn, absl::Span<const Var> inputs,
                            std::source_location location = std::source_location::current());

// vjp(inputs, outputs, cotangents of the outputs) → a cotangent for each input, of its spec; a
// default-constructed var is "zero by definition".
using CustomVjpFn = std::function<std::vector<Var>(
    absl::Span<const Var> inputs, absl::Span<const Var> outputs, absl::Span<const Var> cotangents)>;

// fn(inputs) with a gradient of one's own in place of that of its ops: numerically better, or
// something else than the derivative (a straight-through estimator, clipped or reversed gradients).
// Higher derivatives are those of the ops that `vjp` uses. To differentiate by a value that `fn`
// captures rather than takes is an error.
std::vector<Var> CustomGradient(const BranchFn& fn, const CustomVjpFn& vjp,
                                absl::Span<const Var> inputs,
                                std::source_location location = std::source_location::current());

// A function by its body, inlined by the compiler. Attributes: `body`; for a gradient of its own
// `vjp`, a program of inputs, outputs, cotangents and captures, the number `inputs` of inputs that
// it answers for, and `zeros`, those among them whose cotangent is zero. Operands: those of the
// body, then what `vjp` captures.
const ops::OpDef& CallOp();

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_CALL_H_
