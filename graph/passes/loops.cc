#include "graph/passes/loops.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/body.h"
#include "graph/control_flow.h"
#include "graph/loop.h"
#include "graph/passes/dce.h"
#include "graph/scan.h"
#include "ops/leaf.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

// What is left of a node with bodies: which of its inputs and outputs, and its new attributes.
struct Pruned {
  std::vector<int> inputs;
  std::vector<int> outputs;
  Attrs attrs;
};

std::vector<int> Positions(const std::vector<bool>& which) {
  std::vector<int> positions;
  for (size_t i = 0; i < which.size(); ++i) {
    if (which[i]) positions.push_back(static_cast<int>(i));
  }
  return positions;
}

absl::StatusOr<Pruned> PruneIf(const Node& node, const std::vector<bool>& read) {
  Pruned pruned{.inputs = {0}, .outputs = Positions(read), .attrs = {}};
  const BodyPtr branches[] = {BodyOf(node.attrs, "then"), BodyOf(node.attrs, "else")};
  std::vector<bool> needed = InputsNeeded(*branches[0], pruned.outputs);
  const std::vector<bool> also = InputsNeeded(*branches[1], pruned.outputs);
  for (size_t i = 0; i < needed.size(); ++i) needed[i] = needed[i] || also[i];
  const std::vector<int> operands = Positions(needed);
  for (int i : operands) pruned.inputs.push_back(i + 1);
  for (int b = 0; b < 2; ++b) {
    ADJOINT_ASSIGN_OR_RETURN(BodyPtr branch, Select(*branches[b], operands, pruned.outputs));
    pruned.attrs.Set(b == 0 ? "then" : "else", BodyAttr(std::move(branch)));
  }
  return pruned;
}

// The outputs of a loop's body that are needed, given those that must be: a carry that is read by
// one of them is one. Carry k is input `first_in` + k and output `first_out` + k.
std::vector<bool> CloseOverCarries(const Body& body, int carries, int first_in, int first_out,
                                   std::vector<bool> live) {
  for (bool changed = true; changed;) {
    changed = false;
    const std::vector<bool> needed = InputsNeeded(body, Positions(live));
    for (int k = 0; k < carries; ++k) {
      if (!needed[first_in + k] || live[first_out + k]) continue;
      live[first_out + k] = changed = true;
    }
  }
  return live;
}

absl::StatusOr<Pruned> PruneScan(const Node& node, const std::vector<bool>& read) {
  ADJOINT_ASSIGN_OR_RETURN(const ScanConfig scan, ScanConfig::From(node.attrs));
  const Body& body = *scan.body;
  const int first_stack = body.num_outputs();
  std::vector<bool> live(read.begin(), read.begin() + first_stack);
  for (size_t s = 0; s < scan.stacks.size(); ++s) {
    if (read[first_stack + s]) live[scan.stacks[s]] = true;
  }
  live = CloseOverCarries(body, scan.carries, 0, 0, std::move(live));
  std::vector<bool> needed = InputsNeeded(body, Positions(live));
  ScanConfig now{.body = nullptr, .length = scan.length, .reverse = scan.reverse};
  std::vector<int64_t> new_carry(scan.carries, -1);
  for (int k = 0; k < scan.carries; ++k) {
    needed[k] = live[k];
    if (live[k]) new_carry[k] = now.carries++;
  }
  for (int j = 0; j < scan.xs; ++j) now.xs += needed[scan.carries + j] ? 1 : 0;
  Pruned pruned{.inputs = Positions(needed), .outputs = Positions(live), .attrs = {}};
  for (int i : pruned.outputs) now.residuals += i >= first_stack - scan.residuals ? 1 : 0;
  ADJOINT_ASSIGN_OR_RETURN(now.body, Select(body, pruned.inputs, pruned.outputs));
  for (size_t s = 0; s < scan.stacks.size(); ++s) {
    if (!read[first_stack + s]) continue;
    now.stacks.push_back(new_carry[scan.stacks[s]]);
    pruned.outputs.push_back(first_stack + static_cast<int>(s));
  }
  pruned.attrs = now.ToAttrs();
  return pruned;
}

absl::StatusOr<Pruned> PruneLoop(const Node& node, const std::vector<bool>& read) {
  ADJOINT_ASSIGN_OR_RETURN(const LoopConfig loop, LoopConfig::From(node.attrs));
  const Body& body = *loop.body;
  // By output of the body, the first of which is the condition.
  std::vector<bool> live = {true};
  live.insert(live.end(), read.begin(), read.begin() + loop.first_stack());
  for (size_t s = 0; s < loop.stacks.size(); ++s) {
    if (read[loop.first_stack() + s]) live[1 + loop.stacks[s]] = true;
  }
  live = CloseOverCarries(body, loop.carries, 1, 1, std::move(live));
  std::vector<bool> needed = InputsNeeded(body, Positions(live));
  needed[0] = true;
  LoopConfig now{.body = nullptr, .max_steps = loop.max_steps};
  std::vector<int64_t> new_carry(loop.carries, -1);
  for (int k = 0; k < loop.carries; ++k) {
    needed[1 + k] = live[1 + k];
    if (live[1 + k]) new_carry[k] = now.carries++;
  }
  Pruned pruned{.inputs = Positions(needed), .outputs = {}, .attrs = {}};
  const std::vector<int> outputs = Positions(live);
  for (size_t i = 1; i < outputs.size(); ++i) pruned.outputs.push_back(outputs[i] - 1);
  ADJOINT_ASSIGN_OR_RETURN(now.body, Select(body, pruned.inputs, outputs));
  for (size_t s = 0; s < loop.stacks.size(); ++s) {
    if (!read[loop.first_stack() + s]) continue;
    now.stacks.push_back(new_carry[loop.stacks[s]]);
    pruned.outputs.push_back(loop.first_stack() + static_cast<int>(s));
  }
  pruned.outputs.push_back(loop.count());
  pruned.attrs = now.ToAttrs();
  return pruned;
}

// Nothing for ops without bodies.
absl::StatusOr<std::optional<Pruned>> Prune(const Node& node, const std::vector<bool>& read) {
  std::optional<Pruned> pruned;
  if (node.op == &IfOp()) {
    ADJOINT_ASSIGN_OR_RETURN(pruned, PruneIf(node, read));
  } else if (node.op == &ScanOp()) {
    ADJOINT_ASSIGN_OR_RETURN(pruned, PruneScan(node, read));
  } else if (node.op == &LoopOp()) {
    ADJOINT_ASSIGN_OR_RETURN(pruned, PruneLoop(node, read));
  }
  return pruned;
}

// Nodes that are better computed in each step than read from memory.
bool Cheap(const Node& node) {
  return node.op->traits.view || node.op->traits.shape_only || node.op == &ops::BroadcastToOp();
}

// The step of a loop without what is the same in every step.
class Hoister {
 public:
  // Inputs of the body from `first_invariant` on are invariant.
  Hoister(const Program& body, int first_invariant)
      : body_(body), graph_(*body.graph), varies_(graph_.num_nodes(), false) {
    for (int i = 0; i < first_invariant; ++i) varies_[body.inputs[i].var.node] = true;
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (node.inputs.empty() && !node.op->traits.leaf) varies_[id] = true;
      for (Var v : node.inputs) {
        if (varies_[v.node]) varies_[id] = true;
      }
    }
  }

  bool FindsSome() const {
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      if (Leaves(id)) return true;
    }
    return false;
  }

  // Adds the invariant nodes before node `loop` of the outer program, and returns the body without
  // them; `inputs`, the loop's, gets further invariants.
  absl::StatusOr<BodyPtr> Run(int loop, Rewriter* outer, std::vector<Var>* inputs) {
    std::vector<std::vector<Var>> outside(graph_.num_nodes());
    for (size_t i = 0; i < body_.inputs.size(); ++i) {
      outside[body_.inputs[i].var.node] = {(*inputs)[i]};
    }
    std::vector<std::vector<bool>> read = ReadInside();
    Rewriter inner(body_);
    std::vector<Port> added;
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (!varies_[id] && node.op != &ops::InputOp()) {
        std::vector<Var> operands;
        for (Var v : node.inputs) operands.push_back(outside[v.node][v.output]);
        ADJOINT_ASSIGN_OR_RETURN(outside[id],
                                 outer->Add(*node.op, std::move(operands), node.attrs, loop));
      }
      if (!Leaves(id)) {
        ADJOINT_RETURN_IF_ERROR(inner.Copy(id));
        continue;
      }
      for (int i = 0; i < static_cast<int>(node.outputs.size()); ++i) {
        if (!read[id][i]) continue;
        const std::string name = "hoisted" + std::to_string(added.size());
        ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> input,
                                 inner.Add(ops::InputOp(), {},
                                           Attrs{{"name", name},
                                                 {"dtype", node.outputs[i].dtype},
                                                 {"shape", node.outputs[i].shape}},
                                           id));
        inner.Set(graph_.VarOf(id, i), input[0]);
        added.push_back({name, input[0]});
        inputs->push_back(outside[id][i]);
      }
    }
    Program program = inner.Finish();
    program.inputs.insert(program.inputs.end(), added.begin(), added.end());
    return Body::Create(std::move(program));
  }

 private:
  bool Leaves(int id) const {
    return !varies_[id] && !graph_.node(id).op->traits.leaf && !Cheap(graph_.node(id));
  }

  // By node and output: whether what stays in the body reads it.
  std::vector<std::vector<bool>> ReadInside() const {
    std::vector<std::vector<bool>> read(graph_.num_nodes());
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      read[id].resize(graph_.node(id).outputs.size());
      if (Leaves(id)) continue;
      for (Var v : graph_.node(id).inputs) read[v.node][v.output] = true;
    }
    for (const Port& p : body_.outputs) read[p.var.node][p.var.output] = true;
    return read;
  }

  const Program& body_;
  const Graph& graph_;
  std::vector<bool> varies_;  // by node: differs from step to step
};

}  // namespace

absl::StatusOr<Program> PruneBodies(const Program& program) {
  const Graph& graph = *program.graph;
  if (!UsesOp(graph, IfOp()) && !UsesOp(graph, ScanOp()) && !UsesOp(graph, LoopOp())) {
    return EliminateDeadCode(program);
  }
  std::vector<std::vector<bool>> read(graph.num_nodes());
  for (int id = 0; id < graph.num_nodes(); ++id) read[id].resize(graph.node(id).outputs.size());
  const auto mark = [&](Var v) { read[v.node][v.output] = true; };
  for (const Port& p : program.outputs) mark(p.var);
  for (const StateBinding& s : program.states) mark(s.write);
  std::vector<std::optional<Pruned>> pruned(graph.num_nodes());
  std::vector<bool> live(graph.num_nodes(), false);
  for (int id = graph.num_nodes() - 1; id >= 0; --id) {
    const Node& node = graph.node(id);
    live[id] = node.op == &ops::InputOp() || !Positions(read[id]).empty();
    if (!live[id]) continue;
    ADJOINT_ASSIGN_OR_RETURN(pruned[id], Prune(node, read[id]));
    if (pruned[id].has_value()) {
      for (int i : pruned[id]->inputs) mark(node.inputs[i]);
    } else {
      for (Var v : node.inputs) mark(v);
    }
  }
  const bool all_live = std::find(live.begin(), live.end(), false) == live.end();
  if (all_live &&
      std::none_of(pruned.begin(), pruned.end(), [](const auto& p) { return p.has_value(); })) {
    return program;
  }
  Rewriter rewriter(program);
  for (int id = 0; id < graph.num_nodes(); ++id) {
    if (!live[id]) continue;
    if (!pruned[id].has_value()) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    const Node& node = graph.node(id);
    std::vector<Var> inputs;
    for (int i : pruned[id]->inputs) inputs.push_back(rewriter.Map(node.inputs[i]));
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> outputs,
        rewriter.Add(*node.op, std::move(inputs), std::move(pruned[id]->attrs), id));
    for (size_t i = 0; i < outputs.size(); ++i) {
      rewriter.Set(graph.VarOf(id, pruned[id]->outputs[i]), outputs[i]);
    }
  }
  return rewriter.Finish();
}

absl::StatusOr<Program> HoistInvariants(const Program& program) {
  const Graph& graph = *program.graph;
  if (!UsesOp(graph, ScanOp())) return program;
  Rewriter rewriter(program);
  bool hoisted = false;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (node.op != &ScanOp()) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    ADJOINT_ASSIGN_OR_RETURN(ScanConfig scan, ScanConfig::From(node.attrs));
    const BodyPtr body = scan.body;
    Hoister hoister(body->program(), scan.carries + scan.xs);
    // A loop without steps computes nothing, and so must not fail either.
    const bool runs = scan.length.is_known() && scan.length.value() > 0;
    if (!runs || !hoister.FindsSome()) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    hoisted = true;
    std::vector<Var> inputs = rewriter.Map(node.inputs);
    ADJOINT_ASSIGN_OR_RETURN(scan.body, hoister.Run(id, &rewriter, &inputs));
    ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> outputs,
                             rewriter.Add(*node.op, std::move(inputs), scan.ToAttrs(), id));
    for (size_t i = 0; i < outputs.size(); ++i) {
      rewriter.Set(graph.VarOf(id, static_cast<int>(i)), outputs[i]);
    }
  }
  Program result = rewriter.Finish();
  if (!hoisted) return result;
  return PruneBodies(result);
}

}  // namespace adjoint::graph
