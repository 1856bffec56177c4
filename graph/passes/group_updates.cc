#include "graph/passes/group_updates.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/group_order.h"
#include "ops/elementwise_tape.h"
#include "ops/fused_elementwise.h"
#include "ops/multi_elementwise.h"

namespace adjoint::graph {
namespace {

// A variable of more elements is large.
constexpr int64_t kMaxElements = 65536;

// Whether a tape can stand for the node.
bool IsSmallElementwise(const Node& node) {
  if (!node.outputs[0].shape.IsConcrete()) return false;
  if (node.outputs[0].shape.NumElements() > kMaxElements) return false;
  if (node.op == &ops::FusedElementwiseOp()) {
    return ops::ClosingsOf(node.attrs).empty();
  }
  return node.op->traits.elementwise && !node.op->traits.view && node.op->tile != nullptr &&
         node.outputs.size() == 1 && node.inputs.size() <= ops::ElementwiseTape::kMaxOperands;
}

std::shared_ptr<const ops::ElementwiseTape> TapeFor(const Node& node) {
  if (node.op == &ops::FusedElementwiseOp()) return ops::FusedElementwiseTape(node.attrs);
  auto tape = std::make_shared<ops::ElementwiseTape>();
  std::vector<ops::ElementwiseTape::Ref> operands;
  for (Var v : node.inputs) operands.push_back(tape->AddInput(v.dtype()));
  tape->AddOutput(tape->AddInstr(node.op, node.attrs, operands, node.outputs[0].dtype));
  return tape;
}

// Nodes by group. Members of a group are updates of one depth, the number of updates on the longest
// path to a node: no path leads from one to another, and paths between groups go upwards. An update
// of a variable whose old value another one reads comes in a later group than that, so that it may
// overwrite the value; `before` gets the two of them.
std::vector<int> GroupByDepth(const Program& program, std::vector<std::pair<int, int>>* before) {
  const Graph& graph = *program.graph;
  std::vector<bool> writes(graph.num_nodes(), false);
  std::vector<std::vector<int>> overwrites(graph.num_nodes());  // the reads of what a node writes
  for (const StateBinding& s : program.states) {
    writes[s.write.node] = IsSmallElementwise(graph.node(s.write));
    overwrites[s.write.node].push_back(s.read.node);
  }
  std::vector<int> depth(graph.num_nodes(), 0), group_of(graph.num_nodes());
  std::vector<std::vector<int>> readers(graph.num_nodes());  // the updates that read a value
  std::vector<int> group_at;                                 // by depth: the id of its first node
  for (int id = 0; id < graph.num_nodes(); ++id) {
    for (Var v : graph.node(id).inputs) depth[id] = std::max(depth[id], depth[v.node]);
    group_of[id] = id;
    if (!writes[id]) continue;
    for (int read : overwrites[id]) {
      for (int reader : readers[read]) {
        depth[id] = std::max(depth[id], depth[reader]);
        before->emplace_back(reader, id);
      }
    }
    const size_t mine = depth[id]++;
    for (Var v : graph.node(id).inputs) readers[v.node].push_back(id);
    if (mine == group_at.size()) group_at.push_back(id);
    group_of[id] = group_at[mine];
  }
  return group_of;
}

}  // namespace

absl::StatusOr<Program> GroupUpdates(const Program& program) {
  const Graph& from = *program.graph;
  std::vector<std::pair<int, int>> before;
  const std::vector<int> group_of = GroupByDepth(program, &before);
  std::vector<std::vector<int>> members(from.num_nodes());
  bool grouped = false;
  for (int id = 0; id < from.num_nodes(); ++id) {
    members[group_of[id]].push_back(id);
    grouped |= group_of[id] != id;
  }
  if (!grouped) return program;
  Rewriter rewriter(program);
  for (const int group : OrderGroups(from, group_of, members, before)) {
    const std::vector<int>& parts = members[group];
    if (parts.size() == 1) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(group));
      continue;
    }
    std::vector<Var> inputs;
    std::vector<std::shared_ptr<const ops::ElementwiseTape>> tapes;
    for (const int id : parts) {
      const Node& node = from.node(id);
      for (Var v : node.inputs) inputs.push_back(rewriter.Map(v));
      tapes.push_back(TapeFor(node));
    }
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> outputs,
        rewriter.Add(ops::MultiElementwiseOp(), std::move(inputs),
                     ops::MultiElementwiseAttrs(std::move(tapes)), parts.back()));
    size_t output = 0;
    for (const int id : parts) {
      for (size_t i = 0; i < from.node(id).outputs.size(); ++i) {
        rewriter.Set(from.VarOf(id, static_cast<int>(i)), outputs[output++]);
      }
    }
  }
  return rewriter.Finish();
}

}  // namespace adjoint::graph
