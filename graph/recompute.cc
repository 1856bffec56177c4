#include "graph/recompute.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "graph/storage.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

// Chains of nodes to compute again are no longer than this.
constexpr int kMaxDepth = 8;

bool IsCheap(const Node& node) {
  return node.op->traits.elementwise || node.op->traits.view || node.op == &ops::BroadcastToOp();
}

// Nodes to add once more before node `before`, so that its readers from there on need the first
// ones no longer.
struct Plan {
  std::vector<int> nodes;  // in ascending order
  int before = 0;
  Var value;  // what is saved
};

class Chooser {
 public:
  explicit Chooser(const Program& program) : graph_(*program.graph) {
    readers_.resize(graph_.num_nodes());
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      for (Var v : graph_.node(id).inputs) readers_[v.node].push_back(id);
    }
    // Ports read at the end.
    for (const Port& p : program.outputs) readers_[p.var.node].push_back(graph_.num_nodes());
    for (const StateBinding& s : program.states) {
      readers_[s.write.node].push_back(graph_.num_nodes());
    }
  }

  // What saves most at the peak, or nothing.
  std::optional<Plan> Choose(const MemoryPeak& peak) const {
    std::optional<Plan> best;
    int64_t most = 0;
    for (const MemoryPeak::Value& value : peak.values) {
      if (value.bytes <= most) break;  // they come largest first
      std::optional<Plan> plan = PlanFor(value.var, peak.node);
      if (!plan.has_value()) continue;
      const int64_t saved = value.bytes - BytesExtended(*plan, peak.node);
      if (saved <= most) continue;
      most = saved;
      best = std::move(plan);
    }
    return best;
  }

 private:
  int LastRead(int id) const {
    int last = readers_[id].empty() ? id : readers_[id].back();
    // A view's readers read what it is a view of.
    for (const int reader : readers_[id]) {
      if (reader < graph_.num_nodes() && graph_.node(reader).op->traits.view) {
        last = std::max(last, LastRead(reader));
      }
    }
    return last;
  }

  std::optional<Plan> PlanFor(Var value, int peak) const {
    Plan plan{.nodes = {}, .before = graph_.num_nodes(), .value = value};
    for (const int reader : readers_[value.node]) {
      if (reader == peak || (reader < graph_.num_nodes() && graph_.node(reader).op->traits.view)) {
        return std::nullopt;
      }
      if (reader > peak) plan.before = std::min(plan.before, reader);
    }
    if (value.node >= peak || plan.before == graph_.num_nodes()) return std::nullopt;
    if (!Collect(value.node, plan, 0)) return std::nullopt;
    std::sort(plan.nodes.begin(), plan.nodes.end());
    plan.nodes.erase(std::unique(plan.nodes.begin(), plan.nodes.end()), plan.nodes.end());
    return plan;
  }

  // Node `id` and what it reads that is dead by then and cheap.
  bool Collect(int id, Plan& plan, int depth) const {
    if (!IsCheap(graph_.node(id)) || depth == kMaxDepth) return false;
    plan.nodes.push_back(id);
    for (Var v : graph_.node(id).inputs) {
      const Node& origin = graph_.node(v);
      if (origin.op->traits.leaf || LastRead(v.node) >= plan.before) continue;
      if (v.node != plan.value.node && IsCheap(origin) && Collect(v.node, plan, depth + 1)) {
        continue;
      }
      // It is kept for longer, which BytesExtended counts.
    }
    return true;
  }

  // Bytes of the values that the plan keeps alive at the peak and that were dead there.
  int64_t BytesExtended(const Plan& plan, int peak) const {
    int64_t bytes = 0;
    for (const int id : plan.nodes) {
      for (Var v : graph_.node(id).inputs) {
        const bool again = std::binary_search(plan.nodes.begin(), plan.nodes.end(), v.node);
        if (again || graph_.node(v).op->traits.leaf || LastRead(v.node) >= peak) continue;
        bytes += v.spec().ByteSize().value_or(0);
      }
    }
    return bytes;
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;  // by node, ascending
};

absl::StatusOr<Program> Apply(const Program& program, const Plan& plan) {
  const Graph& from = *program.graph;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    if (id == plan.before) {
      for (const int again : plan.nodes) ADJOINT_RETURN_IF_ERROR(rewriter.Copy(again));
    }
    ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
  }
  return EliminateDeadCode(rewriter.Finish());
}

}  // namespace

absl::StatusOr<Program> RecomputeToFit(const Program& program, int64_t arena_limit) {
  Program now = program, best = program;
  ADJOINT_ASSIGN_OR_RETURN(StoragePlan storage, PlanStorage(now));
  int64_t least = storage.arena_bytes;
  // Each round takes one value from one peak; a program has no more rounds than values.
  for (int round = 0; round < program.graph->num_nodes() && least > arena_limit; ++round) {
    ADJOINT_ASSIGN_OR_RETURN(const MemoryPeak peak, FindMemoryPeak(now));
    const std::optional<Plan> plan = Chooser(now).Choose(peak);
    if (!plan.has_value()) break;
    ADJOINT_ASSIGN_OR_RETURN(now, Apply(now, *plan));
    ADJOINT_ASSIGN_OR_RETURN(storage, PlanStorage(now));
    if (storage.arena_bytes >= least) continue;
    least = storage.arena_bytes;
    best = now;
  }
  return best;
}

}  // namespace adjoint::graph
