#include "graph/passes/fuse_elementwise.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "graph/passes/group_order.h"
#include "ops/elementwise_tape.h"
#include "ops/fused_elementwise.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

// A tape of this many instructions keeps its temporaries in the first-level cache.
constexpr size_t kMaxInstructions = 64;

// Shorter rows are reduced faster by a kernel that takes many at once.
constexpr int64_t kMinClosedElements = 256;

// How many last axes a node reduces, if a tape can close with it; else 0.
int ClosedAxes(const Node& node) {
  if (!ops::ClosingReduction(*node.op).has_value() || node.outputs[0].dtype != DType::kF32)
    return 0;
  const Shape& shape = node.inputs[0].shape();
  if (!shape.IsConcrete() || shape.NumElements() == 0) return 0;
  const auto axes = NormalizeAxes(node.attrs.At<std::vector<int64_t>>("axes"), shape.rank());
  if (!axes.ok()) return 0;
  int64_t elements = 1;
  for (int i = 0; i < static_cast<int>(axes->size()); ++i) {
    const int axis = shape.rank() - static_cast<int>(axes->size()) + i;
    if ((*axes)[i] != axis) return 0;
    elements *= shape[axis];
  }
  return elements >= kMinClosedElements ? static_cast<int>(axes->size()) : 0;
}

// The nodes of a graph, parted into groups that are to become one node each.
class Grouping {
 public:
  explicit Grouping(const Graph& graph) : graph_(graph) {
    for (int id = 0; id < graph.num_nodes(); ++id) {
      group_of_.push_back(id);
      members_.push_back({id});
      closed_axes_.push_back(ClosedAxes(graph.node(id)));
      if (Fusible(id)) JoinProducers(id);
      if (closed_axes_[id] > 0) JoinAsClosing(id);
    }
  }

  // Ids in ascending order; empty when the group has been merged into another.
  const std::vector<int>& members(int group) const { return members_[group]; }
  // No group has two members.
  bool is_trivial() const {
    return std::all_of(members_.begin(), members_.end(),
                       [](const auto& m) { return m.size() == 1; });
  }
  int group_of(int id) const { return group_of_[id]; }
  absl::Span<const int> group_of() const { return group_of_; }
  absl::Span<const std::vector<int>> members() const { return members_; }

 private:
  bool Fusible(int id) const {
    const Node& node = graph_.node(id);
    return node.op->traits.elementwise && node.op->tile && node.outputs.size() == 1 &&
           !node.op->traits.view && node.outputs[0].shape.IsConcrete() &&
           node.inputs.size() <= ops::ElementwiseTape::kMaxOperands;
  }

  // A reduction joins the group of what it reduces.
  void JoinAsClosing(int id) {
    const Var v = graph_.node(id).inputs[0];
    if (Fusible(v.node)) Join(group_of_[id], group_of_[v.node]);
  }

  void JoinProducers(int id) {
    const Shape& shape = graph_.node(id).outputs[0].shape;
    for (Var v : graph_.node(id).inputs) {
      if (Fusible(v.node) && v.shape() == shape) Join(group_of_[id], group_of_[v.node]);
    }
  }

  // Merges two groups where that is possible.
  void Join(int mine, int other) {
    if (mine == other) return;
    if (members_[mine].size() + members_[other].size() > kMaxInstructions) return;
    if (!ValuesFit(mine, other) || !ClosingsFit(mine, other) || LeavesAndReturns(mine, other))
      return;
    for (int member : members_[mine]) group_of_[member] = other;
    members_[other].insert(members_[other].end(), members_[mine].begin(), members_[mine].end());
    std::sort(members_[other].begin(), members_[other].end());
    members_[mine].clear();
  }

  // A tape of both groups has no more values than the engine takes.
  bool ValuesFit(int a, int b) const {
    constexpr size_t kMost = ops::ElementwiseTape::kMaxValues;
    const size_t instructions = members_[a].size() + members_[b].size();
    if (instructions * (1 + ops::ElementwiseTape::kMaxOperands) <= kMost) return true;
    absl::flat_hash_set<Var> inputs;
    for (const int group : {a, b}) {
      for (const int member : members_[group]) {
        for (Var v : graph_.node(member).inputs) {
          if (group_of_[v.node] != a && group_of_[v.node] != b) inputs.insert(v);
        }
      }
    }
    return instructions + inputs.size() <= kMost;
  }

  // All reductions of a group are over the same axes, and nothing in it reads them.
  bool ClosingsFit(int a, int b) const {
    int axes = 0;
    for (const int group : {a, b}) {
      for (const int member : members_[group]) {
        const int closed = closed_axes_[member];
        if (closed > 0 && axes > 0 && closed != axes) return false;
        axes = std::max(axes, closed);
        for (Var v : graph_.node(member).inputs) {
          const bool inside = group_of_[v.node] == a || group_of_[v.node] == b;
          if (inside && closed_axes_[v.node] > 0) return false;
        }
      }
    }
    return true;
  }

  // True when a path leads from the union of the two groups through another group back into it.
  // The last node that was added is in `a`.
  bool LeavesAndReturns(int a, int b) {
    std::vector<bool>& seen = seen_;
    std::vector<int>& stack = stack_;
    seen.assign(members_.size(), false);
    stack.clear();
    // `seen` keeps the union itself out of the search: its members' inputs start it.
    const auto push_inputs = [&](int group) {
      for (int member : members_[group]) {
        for (Var v : graph_.node(member).inputs) {
          const int g = group_of_[v.node];
          if (!seen[g] && !graph_.node(v).op->traits.leaf) {
            seen[g] = true;
            stack.push_back(g);
          }
        }
      }
    };
    seen[a] = seen[b] = true;
    push_inputs(a);
    // Nothing reads the newest node yet, so alone it is not where a path begins.
    if (members_[a].size() > 1) push_inputs(b);
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
  std::vector<int> closed_axes_;           // by node
  std::vector<int> group_of_;              // by node
  std::vector<std::vector<int>> members_;  // by group
  std::vector<bool> seen_;                 // room for LeavesAndReturns
  std::vector<int> stack_;
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
    if (grouping_.is_trivial()) return rewriter_.from();
    for (int group : OrderGroups(from_, grouping_.group_of(), grouping_.members())) {
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
      if (ClosedAxes(node) > 0) {
        if (used_outside_[id]) outputs.push_back(id);
        continue;
      }
      std::vector<int> arguments;
      for (Var v : node.inputs) arguments.push_back(refs.at(v));
      refs[from_.VarOf(id, 0)] =
          tape->AddInstr(node.op, node.attrs, arguments, node.outputs[0].dtype);
      if (used_outside_[id]) outputs.push_back(id);
    }
    std::vector<ops::TapeClosing> closings;
    for (int id : outputs) {
      const Node& node = from_.node(id);
      const int axes = ClosedAxes(node);
      tape->AddOutput(refs.at(axes > 0 ? node.inputs[0] : from_.VarOf(id, 0)));
      closings.emplace_back();
      if (axes == 0) continue;
      closings.back() = {.reduction = *ops::ClosingReduction(*node.op),
                         .axes = axes,
                         .keepdims = node.attrs.At<bool>("keepdims")};
    }
    const bool closed = std::any_of(closings.begin(), closings.end(),
                                    [](const ops::TapeClosing& c) { return c.axes > 0; });
    Attrs attrs = ops::FusedElementwiseAttrs(std::move(tape));
    if (closed) {
      attrs.Set("closings", std::shared_ptr<const AttrObject>(
                                std::make_shared<ops::TapeClosings>(std::move(closings))));
    }
    ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> results,
                             rewriter_.Add(ops::FusedElementwiseOp(), std::move(inputs),
                                           std::move(attrs), members.back()));
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
