#include "graph/passes/cse.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
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

// For each node the first that computes the same, which may be itself.
std::vector<int> FirstAlike(const Graph& graph) {
  std::vector<int> first(graph.num_nodes());
  absl::flat_hash_map<size_t, absl::InlinedVector<int, 1>> by_hash;
  std::vector<std::vector<Var>> canonical(graph.num_nodes());
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    first[id] = id;
    if (node.op == &ops::InputOp()) continue;
    std::vector<Var> inputs = node.inputs;
    for (Var& v : inputs) v.node = first[v.node];
    canonical[id] = CanonicalInputs(*node.op, std::move(inputs));
    auto& candidates = by_hash[absl::HashOf(node.op, canonical[id], node.attrs.Fingerprint())];
    for (const int candidate : candidates) {
      const Node& other = graph.node(candidate);
      if (other.op == node.op && canonical[candidate] == canonical[id] &&
          other.attrs == node.attrs) {
        first[id] = candidate;
        break;
      }
    }
    if (first[id] == id) candidates.push_back(id);
  }
  return first;
}

}  // namespace

absl::StatusOr<Program> EliminateCommonSubexpressions(const Program& program) {
  const Graph& from = *program.graph;
  const std::vector<int> first = FirstAlike(from);
  bool some = false;
  for (int id = 0; id < from.num_nodes(); ++id) some |= first[id] != id;
  if (!some) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    if (first[id] == id) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    for (int i = 0; i < static_cast<int>(from.node(id).outputs.size()); ++i) {
      rewriter.Set(from.VarOf(id, i), rewriter.Map(from.VarOf(first[id], i)));
    }
  }
  return rewriter.Finish();
}

}  // namespace adjoint::graph
