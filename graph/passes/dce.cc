#include "graph/passes/dce.h"

#include <algorithm>
#include <vector>

#include "core/status_macros.h"

namespace adjoint::graph {

absl::StatusOr<Program> EliminateDeadCode(const Program& program) {
  const Graph& graph = *program.graph;
  std::vector<bool> live(graph.num_nodes(), false);
  for (const Port& p : program.inputs) live[p.var.node] = true;
  for (const Port& p : program.outputs) live[p.var.node] = true;
  for (const StateBinding& s : program.states) live[s.read.node] = live[s.write.node] = true;
  for (int id = graph.num_nodes() - 1; id >= 0; --id) {
    if (!live[id]) continue;
    for (Var v : graph.node(id).inputs) live[v.node] = true;
  }
  if (std::find(live.begin(), live.end(), false) == live.end()) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < graph.num_nodes(); ++id) {
    if (live[id]) ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
  }
  return rewriter.Finish();
}

}  // namespace adjoint::graph
