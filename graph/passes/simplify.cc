#include "graph/passes/simplify.h"

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/barrier.h"
#include "ops/cast.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

// True when v is a constant of one element, `number`, and not its negative zero.
bool IsNumber(const Graph& graph, Var v, double number) {
  const Node& node = graph.node(v);
  if (node.op != &ops::ConstantOp()) return false;
  const Tensor& value = node.attrs.At<Tensor>("value");
  if (value.size() != 1) return false;
  return value.ValueAt(0) == number && !std::signbit(value.ValueAt(0));
}

// The operand that the last node of `graph` merely passes on, or an invalid var.
Var PassedOn(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.outputs.size() != 1) return Var{};
  const Var x = node.inputs[0];
  const bool same_spec = x.spec() == node.outputs[0];
  if (!same_spec) {
    // The only rule for a second operand: 1 * x.
    const bool passes_second = node.op == &ops::MulOp() &&
                               node.inputs[1].spec() == node.outputs[0] && IsNumber(graph, x, 1);
    return passes_second ? node.inputs[1] : Var{};
  }
  if (node.op == &ops::ReshapeOp() || node.op == &ops::BroadcastToOp() ||
      node.op == &ops::CastOp() || node.op == &ops::SavedOp()) {
    return x;
  }
  if (node.op == &ops::TransposeOp()) {
    const auto& permutation = node.attrs.At<std::vector<int64_t>>("permutation");
    std::vector<int64_t> identity(permutation.size());
    std::iota(identity.begin(), identity.end(), 0);
    return permutation == identity ? x : Var{};
  }
  if (node.op == &ops::MulOp() || node.op == &ops::DivOp()) {
    return IsNumber(graph, node.inputs[1], 1) ? x : Var{};
  }
  if (node.op == &ops::SubOp()) return IsNumber(graph, node.inputs[1], 0) ? x : Var{};
  return Var{};
}

// True when v only swaps the last two axes of its operand.
bool SwapsLastTwoAxes(const Graph& graph, Var v) {
  const Node& node = graph.node(v);
  if (node.op != &ops::TransposeOp() || v.shape().rank() < 2) return false;
  std::vector<int64_t> swap(v.shape().rank());
  std::iota(swap.begin(), swap.end(), 0);
  std::swap(swap[swap.size() - 1], swap[swap.size() - 2]);
  return node.attrs.At<std::vector<int64_t>>("permutation") == swap;
}

// The node to have in place of `node`: other inputs, other attributes.
struct Rewrite {
  std::vector<Var> inputs;
  Attrs attrs;
};

Rewrite AbsorbOperands(const Graph& graph, const Node& node) {
  Rewrite now{node.inputs, node.attrs};
  if (node.op == &ops::ReshapeOp()) {
    const Node& before = graph.node(node.inputs[0]);
    if (before.op == &ops::ReshapeOp()) now.inputs = before.inputs;
  }
  if (node.op == &ops::MatMulOp()) {
    constexpr absl::string_view kFlags[] = {"transpose_a", "transpose_b"};
    for (int i = 0; i < 2; ++i) {
      if (!SwapsLastTwoAxes(graph, node.inputs[i])) continue;
      now.inputs[i] = graph.node(node.inputs[i]).inputs[0];
      now.attrs.Set(kFlags[i], !node.attrs.GetOr<bool>(kFlags[i], false));
    }
  }
  return now;
}

}  // namespace

absl::StatusOr<Program> Simplify(const Program& program) {
  const Graph& from = *program.graph;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    const Node& old = from.node(id);
    if (old.op->traits.leaf) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    const Graph& to = rewriter.graph();
    const Node mapped{.op = old.op,
                      .inputs = rewriter.Map(old.inputs),
                      .attrs = old.attrs,
                      .outputs = old.outputs,
                      .location = {},
                      .scope = ""};
    if (const Var passed = PassedOn(to, mapped); passed.valid()) {
      rewriter.Set(from.VarOf(id, 0), passed);
      continue;
    }
    Rewrite now = AbsorbOperands(to, mapped);
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> outputs,
        rewriter.Add(*old.op, std::move(now.inputs), std::move(now.attrs), id));
    for (size_t i = 0; i < outputs.size(); ++i) {
      rewriter.Set(from.VarOf(id, static_cast<int>(i)), outputs[i]);
    }
  }
  return rewriter.Finish();
}

}  // namespace adjoint::graph
