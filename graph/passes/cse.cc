#include "graph/passes/cse.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "core/status_macros.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

std::vector<Var> CanonicalInputs(const OpDef& op, std::vector<Var> inputs) {
  const auto key = [](Var v) { return std::make_pair(v.node, v.output); };
  if (op.traits.commutative && key(inputs[1]) < key(inputs[0])) std::swap(inputs[0], inputs[1]);
  return inputs;
}

}  // namespace

absl::StatusOr<Program> EliminateCommonSubexpressions(const Program& program) {
  const Graph& from = *program.graph;
  Rewriter rewriter(program);
  absl::flat_hash_map<size_t, std::vector<int>> by_hash;  // ids in the new graph
  for (int id = 0; id < from.num_nodes(); ++id) {
    const Node& node = from.node(id);
    if (node.op == &ops::InputOp()) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    const std::vector<Var> inputs = CanonicalInputs(*node.op, rewriter.Map(node.inputs));
    std::vector<int>& candidates = by_hash[absl::HashOf(node.op, inputs, node.attrs.Fingerprint())];
    int same = -1;
    for (int candidate : candidates) {
      const Node& other = rewriter.graph().node(candidate);
      if (other.op == node.op && CanonicalInputs(*other.op, other.inputs) == inputs &&
          other.attrs == node.attrs) {
        same = candidate;
      }
    }
    if (same < 0) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      candidates.push_back(rewriter.graph().num_nodes() - 1);
      continue;
    }
    for (int i = 0; i < static_cast<int>(node.outputs.size()); ++i) {
      rewriter.Set(from.VarOf(id, i), Var{&rewriter.graph(), same, i});
    }
  }
  return rewriter.Finish();
}

}  // namespace adjoint::graph
