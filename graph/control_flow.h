#ifndef ADJOINT_GRAPH_CONTROL_FLOW_H_
#define ADJOINT_GRAPH_CONTROL_FLOW_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <vector>

#include "absl/types/span.h"
#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::graph {

using ops::Var;

// Branches and loops as ops: their attributes are programs, bodies, which are compiled by all
// passes when the program is prepared and run without copies. The functions that describe a body
// are called once, with vars of a graph of its own. They may use vars from around them: what is
// computed from those alone is computed outside, once, and they are passed in like operands
// ("captured"). Vars of a body must not be used after its function has returned.
//
// Errors are kept by the builder; the vars returned then are not valid, and there may be fewer.

using BranchFn = std::function<std::vector<Var>(absl::Span<const Var> operands)>;

// then_fn(operands) where `condition`, a bool scalar, holds, else else_fn(operands). Only the
// branch taken runs. Both return as many values, of equal specs. The gradient is an If over the
// gradients of the branches; that of `condition` is zero by definition.
std::vector<Var> If(Var condition, const BranchFn& then_fn, const BranchFn& else_fn,
                    absl::Span<const Var> operands = {},
                    std::source_location location = std::source_location::current());

// What one step of a loop gives: the carries for the next step, of the specs of those it was given,
// and any number of values to be stacked.
struct StepResult {
  std::vector<Var> carries;
  std::vector<Var> ys = {};
};
using StepFn = std::function<StepResult(absl::Span<const Var> carries, absl::Span<const Var> xs,
                                        absl::Span<const Var> invariants)>;

struct ScanOptions {
  bool reverse = false;            // from the last step to the first; ys keep their positions
  std::optional<Dim> length = {};  // the number of steps, for a scan without xs
  int64_t axis = 0;                // of xs and ys; other axes than 0 cost transposes
};

struct LoopResult {
  std::vector<Var> carries;  // after the last step
  std::vector<Var> ys;       // of all steps
};

// A loop over slices, as JAX's lax.scan: for each t along `axis` of the xs, whose extents there are
// equal, step(carries, xs[t], invariants) gives the carries of the next step and values that are
// stacked along that axis. Over zero steps the carries are returned as they are. Slices are views
// where the axis is 0: nothing is copied.
//
// The gradient is a scan in the other direction whose step computes the forward step again from its
// saved carries, with products of matrices saved; gradients of matrices that the step multiplies by
// are one product over all steps afterwards, those of other invariants are summed up as carries. It
// is made of ops like this one, so any order works. What gradients need is stacked as further
// outputs, which cost nothing in programs that do not read them.
LoopResult Scan(const StepFn& step, absl::Span<const Var> carries, absl::Span<const Var> xs,
                absl::Span<const Var> invariants = {}, const ScanOptions& options = {},
                std::source_location location = std::source_location::current());

// What one step of a while loop gives: whether to go on (a bool scalar), and as StepResult.
struct LoopStep {
  Var go_on;
  std::vector<Var> carries;
  std::vector<Var> ys = {};
};
using LoopStepFn = std::function<LoopStep(Var iteration, absl::Span<const Var> carries,
                                          absl::Span<const Var> invariants)>;

struct WhileOptions {
  // The greatest number of steps: the extent of stacked values. Without it nothing can be stacked,
  // and the loop has no gradient.
  std::optional<Dim> max_steps = {};
};

struct WhileResult {
  std::vector<Var> carries;  // after the last step
  std::vector<Var> ys;       // [max_steps, ...]: of all steps, then zeros
  Var count;                 // i64[]: how many steps there were
};

// A loop that goes on as long as its condition, a bool scalar, holds, as ONNX' Loop:
//
//   for (i = 0; condition && i < max_steps; ++i) condition, carries, ys[i] = step(i, carries, ...)
//
// `iteration` is i, i64[]. The gradient is a scan over max_steps whose step computes the loop's
// step again from its saved carries, and does nothing where the loop did nothing; any order.
WhileResult Loop(Var condition, const LoopStepFn& step, absl::Span<const Var> carries,
                 absl::Span<const Var> invariants = {}, const WhileOptions& options = {},
                 std::source_location location = std::source_location::current());

const ops::OpDef& IfOp();    // attributes then, else
const ops::OpDef& ScanOp();  // attributes: see graph/scan.h
const ops::OpDef& LoopOp();  // attributes: see graph/loop.h

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_CONTROL_FLOW_H_
