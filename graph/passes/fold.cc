#include "graph/passes/fold.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/status_macros.h"
#include "graph/evaluate.h"
#include "graph/passes/dce.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

// Results of a scalar's size are folded whatever they are made of.
constexpr int64_t kSmallBytes = 8;

bool CanFold(const Graph& graph, const Node& node) {
  if (node.op->traits.leaf) return false;
  int64_t input_bytes = 0, output_bytes = 0;
  for (Var v : node.inputs) {
    const bool constant = graph.node(v).op == &ops::ConstantOp();
    if (!constant && !(node.op->traits.shape_only && v.shape().IsConcrete())) return false;
    input_bytes += v.spec().ByteSize().value_or(0);
  }
  for (const TensorSpec& spec : node.outputs) {
    auto bytes = spec.ByteSize();
    if (!bytes.ok()) return false;
    output_bytes += *bytes;
  }
  return output_bytes <= std::max(kSmallBytes, input_bytes);
}

// The values of a node whose inputs are `graph`'s constants; an error when it cannot be computed.
absl::StatusOr<std::vector<Tensor>> Evaluate(const Graph& graph, const Node& node) {
  std::vector<const void*> inputs;
  for (Var v : node.inputs) {
    const Node& origin = graph.node(v);
    inputs.push_back(origin.op == &ops::ConstantOp() ? origin.attrs.At<Tensor>("value").raw()
                                                     : nullptr);
  }
  return EvaluateNode(node, inputs);
}

}  // namespace

absl::StatusOr<Program> FoldConstants(const Program& program) {
  const Graph& from = *program.graph;
  bool some = false;
  for (int id = 0; id < from.num_nodes() && !some; ++id) some = CanFold(from, from.node(id));
  if (!some) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
    const Graph& to = rewriter.graph();
    const Node& node = to.node(to.num_nodes() - 1);
    if (!CanFold(to, node)) continue;
    const absl::StatusOr<std::vector<Tensor>> values = Evaluate(to, node);
    if (!values.ok()) continue;
    for (int i = 0; i < static_cast<int>(values->size()); ++i) {
      ADJOINT_ASSIGN_OR_RETURN(
          const std::vector<Var> constant,
          rewriter.Add(ops::ConstantOp(), {}, Attrs{{"value", (*values)[i]}}, id));
      rewriter.Set(from.VarOf(id, i), constant[0]);
    }
  }
  return EliminateDeadCode(rewriter.Finish());
}

}  // namespace adjoint::graph
