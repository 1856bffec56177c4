#include "graph/passes/inline_calls.h"

#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/body.h"
#include "graph/call.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

// The outputs of the body for inputs in `to`, where its nodes are added.
absl::StatusOr<std::vector<Var>> InlineInto(Graph& to, const Body& body,
                                            absl::Span<const Var> inputs) {
  const Program& program = body.program();
  std::vector<std::vector<Var>> made(program.graph->num_nodes());
  for (int i = 0; i < body.num_inputs(); ++i) made[program.inputs[i].var.node] = {inputs[i]};
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    const Node& node = program.graph->node(id);
    if (node.op == &ops::InputOp()) continue;
    std::vector<Var> operands;
    for (Var v : node.inputs) operands.push_back(made[v.node][v.output]);
    if (node.op == &CallOp()) {
      ADJOINT_ASSIGN_OR_RETURN(made[id], InlineInto(to, *BodyOf(node.attrs, "body"), operands));
    } else {
      ADJOINT_ASSIGN_OR_RETURN(made[id], to.Append(*node.op, std::move(operands), node.attrs,
                                                   node.location, node.scope));
    }
  }
  std::vector<Var> outputs;
  for (const Port& p : program.outputs) outputs.push_back(made[p.var.node][p.var.output]);
  return outputs;
}

}  // namespace

absl::StatusOr<Program> InlineCalls(const Program& program) {
  const Graph& graph = *program.graph;
  if (!UsesOp(graph, CallOp())) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (node.op != &CallOp()) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> outputs,
        InlineInto(rewriter.graph(), *BodyOf(node.attrs, "body"), rewriter.Map(node.inputs)));
    for (size_t i = 0; i < outputs.size(); ++i) {
      rewriter.Set(graph.VarOf(id, static_cast<int>(i)), outputs[i]);
    }
  }
  return rewriter.Finish();
}

}  // namespace adjoint::graph
