#include "graph/passes/cse.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "core/status_macros.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

// Nodes by what they compute.
class FirstAlike {
 public:
  explicit FirstAlike(const Graph& graph) : graph_(graph), first_(graph.num_nodes()) {
    absl::flat_hash_map<size_t, int> by_hash;  // to the last node of a hash
    by_hash.reserve(first_.size());
    std::vector<int> before(first_.size(), -1);  // by node, the one of the same hash before it
    for (int id = 0; id < graph.num_nodes(); ++id) {
      first_[id] = id;
      if (graph.node(id).op == &ops::InputOp()) continue;
      const auto [last, added] = by_hash.try_emplace(HashOf(id), id);
      if (added) continue;
      int candidate = last->second;
      while (candidate >= 0 && !Alike(candidate, id)) candidate = before[candidate];
      if (candidate >= 0) {
        first_[id] = candidate;
      } else {
        before[id] = std::exchange(last->second, id);
      }
    }
  }

  // The first node that computes the same as this one, which may be itself.
  int Of(int id) const { return first_[id]; }

 private:
  // An operand, by the first node alike; the first two of a commutative op in ascending order.
  std::pair<int, int> Operand(const Node& node, size_t i) const {
    const auto at = [&](size_t j) {
      return std::make_pair(first_[node.inputs[j].node], int{node.inputs[j].output});
    };
    if (i > 1 || !node.op->traits.commutative) return at(i);
    return i == 0 ? std::min(at(0), at(1)) : std::max(at(0), at(1));
  }

  size_t HashOf(int id) const {
    const Node& node = graph_.node(id);
    size_t hash = absl::HashOf(node.op, node.attrs.Fingerprint());
    for (size_t i = 0; i < node.inputs.size(); ++i) hash = absl::HashOf(hash, Operand(node, i));
    return hash;
  }

  bool Alike(int a, int b) const {
    const Node &x = graph_.node(a), &y = graph_.node(b);
    if (x.op != y.op || x.inputs.size() != y.inputs.size()) return false;
    for (size_t i = 0; i < x.inputs.size(); ++i) {
      if (Operand(x, i) != Operand(y, i)) return false;
    }
    return x.attrs == y.attrs;
  }

  const Graph& graph_;
  std::vector<int> first_;  // by node
};

}  // namespace

absl::StatusOr<Program> EliminateCommonSubexpressions(const Program& program) {
  const Graph& from = *program.graph;
  const FirstAlike first(from);
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    if (first.Of(id) == id) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    for (int i = 0; i < static_cast<int>(from.node(id).outputs.size()); ++i) {
      rewriter.Set(from.VarOf(id, i), rewriter.Map(from.VarOf(first.Of(id), i)));
    }
  }
  return rewriter.Finish();
}

}  // namespace adjoint::graph
