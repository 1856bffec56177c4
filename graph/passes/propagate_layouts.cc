#include "graph/passes/propagate_layouts.h"

#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/pass.h"
#include "ops/blocked_maps.h"
#include "ops/conv.h"
#include "ops/fused_conv.h"

namespace adjoint::graph {
namespace {

using ops::Blocks;

// A convolution or one of its gradients: its maps by the side of the convolution on which they
// are. More than one of a side lie alike.
struct Convolution {
  const OpDef* fused = nullptr;  // the op that can have its maps in blocks; null: no convolution
  std::vector<Var> x, y;
  std::vector<Var> others;  // read besides
  Shape weights;
  bool y_can = true;  // be in blocks
};

Convolution ConvolutionOf(const Graph& graph, int id) {
  const Node& node = graph.node(id);
  const std::vector<Var> inputs(node.inputs.begin(), node.inputs.end());
  Convolution c;
  std::vector<Var> outputs;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    outputs.push_back(graph.VarOf(id, static_cast<int>(i)));
  }
  if (node.op == &ops::ConvOp() || node.op == &ops::FusedConvOp()) {
    c.fused = &ops::FusedConvOp();
    c.x = {inputs[0]};
    c.y = outputs;
    c.weights = inputs[1].shape();
    c.others.assign(inputs.begin() + 1, inputs.end());
    if (node.op == &ops::ConvOp()) return c;
    const bool bias = node.attrs.At<bool>("bias"), scale = node.attrs.GetOr<bool>("scale", false);
    if (node.attrs.At<bool>("residual")) {
      c.y.push_back(inputs.back());
      c.others.pop_back();
    }
    // A scale of rows, or a bias after it, is for channels at the end.
    if (scale) {
      const Shape& by = inputs[bias ? 3 : 2].shape();
      c.y_can = !bias && by.IsConcrete() && by.NumElements() == 1;
    }
  } else if (node.op == &ops::ConvInputGradientOp() ||
             node.op == &ops::FusedConvInputGradientOp()) {
    c.fused = &ops::FusedConvInputGradientOp();
    c.x = outputs;
    c.y = {inputs[0]};
    c.y.insert(c.y.end(), inputs.begin() + 2, inputs.end());
    c.others = {inputs[1]};
    c.weights = inputs[1].shape();
  } else if (node.op == &ops::ConvWeightsGradientOp() ||
             node.op == &ops::FusedConvWeightsGradientOp()) {
    c.fused = &ops::FusedConvWeightsGradientOp();
    c.x = {inputs[0]};
    c.y.assign(inputs.begin() + 1, inputs.end());
    c.weights = node.outputs[0].shape;
  }
  return c;
}

// Which values of a program to keep in blocks: classes of values that must lie alike, with what
// speaks for and against blocks.
class BlockedValues {
 public:
  explicit BlockedValues(const Program& program) : graph_(*program.graph) {
    first_.reserve(graph_.num_nodes());
    int values = 0;
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      first_.push_back(values);
      values += static_cast<int>(graph_.node(id).outputs.size());
    }
    parent_.resize(values);
    std::iota(parent_.begin(), parent_.end(), 0);
    cannot_.resize(values);
    prefers_.resize(values);
    for (int id = 0; id < graph_.num_nodes(); ++id) Visit(id);
    for (const Port& port : program.outputs) Refuse(port.var);
    for (const StateBinding& state : program.states) Refuse(state.write);
    for (const char prefers : prefers_) any_ = any_ || prefers;
    if (any_) Settle();
  }

  bool any() const { return any_; }
  bool Contains(Var v) const { return any_ && prefers_[Index(v)] && !cannot_[Index(v)]; }

 private:
  int Index(Var v) const { return first_[v.node] + v.output; }

  int Root(int i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Join(Var a, Var b) { parent_[Root(Index(a))] = Root(Index(b)); }
  void Refuse(Var v) { cannot_[Index(v)] = true; }

  // Afterwards each value knows what its class does.
  void Settle() {
    any_ = false;
    const int values = static_cast<int>(parent_.size());
    for (int i = 0; i < values; ++i) {
      const int root = Root(i);
      cannot_[root] = cannot_[root] || cannot_[i];
      prefers_[root] = prefers_[root] || prefers_[i];
    }
    for (int i = 0; i < values; ++i) {
      cannot_[i] = cannot_[Root(i)];
      prefers_[i] = prefers_[Root(i)];
      any_ = any_ || (prefers_[i] && !cannot_[i]);
    }
  }

  void Visit(int id) {
    const Node& node = graph_.node(id);
    const Convolution c = ConvolutionOf(graph_, id);
    if (c.fused != nullptr) {
      VisitMaps(c.x, true, c, node.attrs);
      VisitMaps(c.y, c.y_can, c, node.attrs);
      for (Var v : c.others) Refuse(v);
      if (MustAgree(c, node.attrs)) Join(c.x[0], c.y[0]);
      if (c.fused == &ops::FusedConvWeightsGradientOp()) RefuseOutputs(id);
      return;
    }
    const bool elementwise = IsElementwise(node);
    if (!elementwise) RefuseOutputs(id);
    for (Var v : node.inputs) {
      if (elementwise && v.shape() == node.outputs[0].shape) {
        Join(v, graph_.VarOf(id, 0));
      } else {
        Refuse(v);
      }
    }
  }

  // A convolution that does not prefer blocks would bring the maps of its one side into them
  // because of the other, which is cheap for images of few channels alone.
  static bool MustAgree(const Convolution& c, const Attrs& attrs) {
    return ops::BlocksFor(attrs, c.weights) == Blocks::kCan &&
           c.weights[1] * attrs.At<int64_t>("groups") >= ops::ChannelsABlock();
  }

  void RefuseOutputs(int id) {
    for (size_t i = 0; i < graph_.node(id).outputs.size(); ++i) {
      Refuse(graph_.VarOf(id, static_cast<int>(i)));
    }
  }

  // Whether each element depends on those at its place and on numbers.
  static bool IsElementwise(const Node& node) {
    if (!node.op->traits.elementwise || node.outputs.size() != 1) return false;
    for (Var v : node.inputs) {
      const bool number = v.shape().IsConcrete() && v.shape().NumElements() == 1;
      if (v.shape() != node.outputs[0].shape && !number) return false;
    }
    return true;
  }

  // Maps on one side of a convolution; the first are its elements, others may be indices.
  void VisitMaps(const std::vector<Var>& maps, bool can, const Convolution& c, const Attrs& attrs) {
    const Blocks blocks = ops::BlocksFor(attrs, c.weights);
    const Shape& shape = maps[0].shape();
    can =
        can && blocks != Blocks::kCannot && maps[0].dtype() == DType::kF32 && shape.IsConcrete() &&
        shape.NumElements() > 0 &&
        ops::InBlocks(maps[0].spec(), attrs.At<bool>("channels_last"), ops::ChannelsABlock()).ok();
    for (Var v : maps) Join(maps[0], v);
    if (!can) Refuse(maps[0]);
    if (blocks == Blocks::kPrefers) prefers_[Index(maps[0])] = true;
  }

  const Graph& graph_;
  std::vector<int> first_;   // by node: the index of its first value
  std::vector<int> parent_;  // by value: another of its class, or itself
  std::vector<char> cannot_, prefers_;
  bool any_ = false;
};

absl::Status AddConvolution(const Convolution& c, int id, bool x, bool y, Rewriter& rewriter) {
  const Graph& from = *rewriter.from().graph;
  const Node& node = from.node(id);
  Attrs attrs = node.attrs;
  if (c.fused != node.op && c.fused != &ops::FusedConvInputGradientOp()) {
    attrs.Set("bias", c.fused == &ops::FusedConvOp() && node.inputs.size() > 2);
  }
  if (node.op == &ops::ConvOp()) {
    attrs.Set("activation", std::string());
    attrs.Set("residual", false);
  }
  if (x) attrs.Set("x_block", ops::ChannelsABlock());
  if (y) attrs.Set("y_block", ops::ChannelsABlock());
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> made,
                           rewriter.Add(*c.fused, rewriter.Map(node.inputs), std::move(attrs), id));
  for (size_t i = 0; i < made.size(); ++i) {
    rewriter.Set(from.VarOf(id, static_cast<int>(i)), made[i]);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Program> PropagateLayouts(const Program& program) {
  const Graph& from = *program.graph;
  if (!UsesOp(from, ops::ConvOp()) && !UsesOp(from, ops::FusedConvOp())) return program;
  const BlockedValues blocked(program);
  if (!blocked.any()) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    const Node& node = from.node(id);
    const Convolution c = ConvolutionOf(from, id);
    const bool x = c.fused != nullptr && blocked.Contains(c.x[0]);
    const bool y = c.fused != nullptr && blocked.Contains(c.y[0]);
    if (x || y) {
      ADJOINT_RETURN_IF_ERROR(AddConvolution(c, id, x, y, rewriter));
    } else if (c.fused == nullptr && blocked.Contains(from.VarOf(id, 0))) {
      // Elementwise: its shape follows those of its operands.
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id, node.attrs));
    } else {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
    }
  }
  return rewriter.Finish();
}

}  // namespace adjoint::graph
