#include "graph/passes/fuse_elementwise.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "ops/elementwise_tape.h"
#include "ops/fused_elementwise.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

// A tape of this many instructions keeps its temporaries in the first-level cache.
constexpr size_t kMaxInstructions = 64;

// The nodes of a graph, parted into groups that are to become one node each.
class Grouping {
 public:
  explicit Grouping(const Graph& graph) : graph_(graph) {
    for (int id = 0; id < graph.num_nodes(); ++id) {
      group_of_.push_back(id);
      members_.push_back({id});
      if (Fusible(id)) JoinProducers(id);
    }
  }

  // Ids in ascending order; empty when the group has been merged into another.
  const std::vector<int>& members(int group) const { return members_[group]; }
  int num_groups() const { return static_cast<int>(members_.size()); }
  int group_of(int id) const { return group_of_[id]; }

 private:
  bool Fusible(int id) const {
    const Node& node = graph_.node(id);
    return node.op->traits.elementwise && node.op->tile && node.outputs.size() == 1 &&
           !node.op->traits.view && node.outputs[0].shape.IsConcrete() &&
           node.inputs.size() <= ops::ElementwiseTape::kMaxOperands;
  }

  void JoinProducers(int id) {
    const Shape& shape = graph_.node(id).outputs[0].shape;
    for (Var v : graph_.node(id).inputs) {
      const int mine = group_of_[id], other = group_of_[v.node];
      if (mine == other || !Fusible(v.node) || v.shape() != shape) continue;
      if (members_[mine].size() + members_[other].size() > kMaxInstructions) continue;
      if (LeavesAndReturns(mine, other)) continue;
      for (int member : members_[mine]) group_of_[member] = other;
      members_[other].insert(members_[other].end(), members_[mine].begin(), members_[mine].end());
      std::sort(members_[other].begin(), members_[other].end());
      members_[mine].clear();
    }
  }

  // True when a path leads from the union of the two groups through another group back into it.
  bool LeavesAndReturns(int a, int b) const {
    std::vector<bool> seen(members_.size(), false);
    std::vector<int> stack;
    // `seen` keeps the union itself out of the search: its members' inputs start it.
    const auto push_inputs = [&](int group) {
      for (int member : members_[group]) {
        for (Var v : graph_.node(member).inputs) {
          const int g = group_of_[v.node];
          if (!seen[g]) {
            seen[g] = true;
            stack.push_back(g);
          }
        }
      }
    };
    seen[a] = seen[b] = true;
    push_inputs(a);
    push_inputs(b);
    seen[a] = seen[b] = false;
    while (!stack.empty()) {
      const int group = stack.back();
      stack.pop_back();
      if (group == a || group == b) return true;
      push_inputs(group);
    }
    return false;
  }

  const Graph& graph_;
  std::vector<int> group_of_;              // by node
  std::vector<std::vector<int>> members_;  // by group
};

class Fuser {
 public:
  explicit Fuser(const Program& program)
      : from_(*program.graph), grouping_(from_), rewriter_(program) {
    used_outside_.assign(from_.num_nodes(), false);
    for (const Port& p : program.outputs) used_outside_[p.var.node] = true;
    for (const StateBinding& s : program.states) used_outside_[s.write.node] = true;
    for (int id = 0; id < from_.num_nodes(); ++id) {
      for (Var v : from_.node(id).inputs) {
        if (grouping_.group_of(v.node) != grouping_.group_of(id)) used_outside_[v.node] = true;
      }
    }
  }

  absl::StatusOr<Program> Run() {
    for (int group : GroupsInOrder()) {
      const std::vector<int>& members = grouping_.members(group);
      if (members.size() == 1) {
        ADJOINT_RETURN_IF_ERROR(rewriter_.Copy(members[0]));
      } else {
        ADJOINT_RETURN_IF_ERROR(EmitFused(members));
      }
    }
    return EliminateDeadCode(rewriter_.Finish());
  }

 private:
  // Groups such that each comes after those it reads; among those that are ready, the one whose
  // last member comes first, which keeps the order of the program as it was.
  std::vector<int> GroupsInOrder() const {
    const int n = grouping_.num_groups();
    std::vector<std::vector<int>> readers(n);
    std::vector<int> waiting(n, 0);
    for (int id = 0; id < from_.num_nodes(); ++id) {
      const int reader = grouping_.group_of(id);
      for (Var v : from_.node(id).inputs) {
        const int producer = grouping_.group_of(v.node);
        if (producer == reader) continue;
        readers[producer].push_back(reader);
        ++waiting[reader];
      }
    }
    using Entry = std::pair<int, int>;  // id of the last member, group
    std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> ready;
    const auto offer = [&](int g) {
      if (!grouping_.members(g).empty()) ready.push({grouping_.members(g).back(), g});
    };
    for (int g = 0; g < n; ++g) {
      if (waiting[g] == 0) offer(g);
    }
    std::vector<int> order;
    while (!ready.empty()) {
      const int group = ready.top().second;
      ready.pop();
      order.push_back(group);
      for (int reader : readers[group]) {
        if (--waiting[reader] == 0) offer(reader);
      }
    }
    return order;
  }

  // The operands of a group from outside, in order of first use, without repeats.
  std::vector<Var> ExternalInputs(const std::vector<int>& members) const {
    std::vector<Var> inputs;
    for (int id : members) {
      for (Var v : from_.node(id).inputs) {
        const bool inside = grouping_.group_of(v.node) == grouping_.group_of(id);
        if (!inside && std::find(inputs.begin(), inputs.end(), v) == inputs.end()) {
          inputs.push_back(v);
        }
      }
    }
    return inputs;
  }

  // Per operand, what to read: the source of a broadcast_to as long as the operands together still
  // broadcast to `shape`.
  std::vector<Var> Unbroadcast(const std::vector<Var>& operands, const Shape& shape) const {
    std::vector<Var> reads = operands;
    for (Var& read : reads) {
      if (from_.node(read).op != &ops::BroadcastToOp()) continue;
      const Var broadcast = std::exchange(read, from_.node(read).inputs[0]);
      Shape together;
      for (Var v : reads) together = BroadcastShapes(together, v.shape()).value_or(Shape{});
      if (together != shape) read = broadcast;
    }
    return reads;
  }

  absl::Status EmitFused(const std::vector<int>& members) {
    const bool dead =
        std::none_of(members.begin(), members.end(), [&](int id) { return used_outside_[id]; });
    if (dead) return absl::OkStatus();
    auto tape = std::make_shared<ops::ElementwiseTape>();
    const std::vector<Var> operands = ExternalInputs(members);
    const std::vector<Var> reads = Unbroadcast(operands, from_.node(members[0]).outputs[0].shape);
    absl::flat_hash_map<Var, int> refs;
    std::vector<Var> inputs;
    for (size_t i = 0; i < operands.size(); ++i) {
      const Var input = rewriter_.Map(reads[i]);
      const auto at = std::find(inputs.begin(), inputs.end(), input);
      if (at != inputs.end()) {
        refs[operands[i]] = static_cast<int>(at - inputs.begin());
        continue;
      }
      inputs.push_back(input);
      refs[operands[i]] = tape->AddInput(operands[i].dtype());
    }
    std::vector<int> outputs;
    for (int id : members) {
      const Node& node = from_.node(id);
      std::vector<int> arguments;
      for (Var v : node.inputs) arguments.push_back(refs.at(v));
      refs[from_.VarOf(id, 0)] =
          tape->AddInstr(node.op, node.attrs, arguments, node.outputs[0].dtype);
      if (used_outside_[id]) outputs.push_back(id);
    }
    for (int id : outputs) tape->AddOutput(refs.at(from_.VarOf(id, 0)));
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> results,
        rewriter_.Add(ops::FusedElementwiseOp(), std::move(inputs),
                      Attrs{{"tape", std::shared_ptr<const AttrObject>(std::move(tape))}},
                      members.back()));
    for (size_t i = 0; i < outputs.size(); ++i) {
      rewriter_.Set(from_.VarOf(outputs[i], 0), results[i]);
    }
    return absl::OkStatus();
  }

  const Graph& from_;
  const Grouping grouping_;
  Rewriter rewriter_;
  std::vector<bool> used_outside_;  // by node: read from outside its group, or a port
};

}  // namespace

absl::StatusOr<Program> FuseElementwise(const Program& program) { return Fuser(program).Run(); }

}  // namespace adjoint::graph
