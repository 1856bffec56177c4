#include "graph/passes/fuse_conv.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "graph/passes/readers.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/fused_conv.h"
#include "ops/matmul.h"
#include "ops/op_list.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace adjoint::graph {
namespace {

using Ints = std::vector<int64_t>;

// A convolution and what follows it.
struct Chain {
  int conv = -1;
  Var bias, scale, residual;  // not valid: none
  int pool = -1;              // the node; -1: none
  Ints windows;               // of the pool
  std::string activation;     // empty: none
};

// The gradients of a convolution in its weights and its bias.
struct WeightsGradient {
  int node = -1;
  int bias = -1;    // the sum; -1: none
  int unpool = -1;  // what makes the cotangent, where it is to be fused
};

class ConvFinder {
 public:
  explicit ConvFinder(const Program& program) : graph_(*program.graph), readers_(program) {}

  // The chain from convolution `id`, and the id of its last node; -1 when there is nothing to fuse.
  std::pair<Chain, int> ChainFrom(int id) const {
    Chain chain;
    chain.conv = id;
    const Node& conv = graph_.node(id);
    int last = id;
    if (conv.inputs.size() > 2) {
      chain.bias = conv.inputs[2];
    } else {
      if (const int reader = Reader(last); reader >= 0) {
        chain.scale = ScaleOf(last, reader);
        if (chain.scale.valid()) last = reader;
      }
      if (const int reader = Reader(last); reader >= 0) {
        chain.bias = BiasAddedTo(last, reader, conv.attrs.At<bool>("channels_last"));
        if (chain.bias.valid()) last = reader;
      }
    }
    if (const int reader = Reader(last); reader >= 0) {
      chain.residual = ResidualAddedTo(last, reader);
      if (chain.residual.valid()) last = reader;
    }
    if (const int reader = Reader(last); reader >= 0) {
      const Node& node = graph_.node(reader);
      if (node.op == &ops::MaxPoolOp() && ops::PoolAttrOf(node.attrs, &chain.windows) &&
          node.attrs.At<bool>("channels_last") == conv.attrs.At<bool>("channels_last")) {
        chain.pool = last = reader;
      }
    }
    if (const int reader = Reader(last); reader >= 0) {
      const Node& node = graph_.node(reader);
      // By name is how the fused op finds it: an op outside the list cannot be.
      if (ops::CanFuseActivation(*node.op) && ops::FindOp(node.op->name) == node.op) {
        chain.activation = node.op->name;
        last = reader;
      }
    }
    return {chain, last == id ? -1 : last};
  }

  // The windows of the pooling whose indices a max_unpool takes, when the gradients of convolutions
  // are all that reads its result.
  bool CanFuseUnpool(int id, Ints* windows) const {
    const Node& node = graph_.node(id);
    if (node.op != &ops::MaxUnpoolOp() || node.inputs[1].output != 1) return false;
    const Node& pool = graph_.node(node.inputs[1]);
    if (pool.op != &ops::MaxPoolOp() || pool.inputs[0].spec() != node.outputs[0] ||
        !ops::PoolAttrOf(pool.attrs, windows)) {
      return false;
    }
    const bool channels_last = pool.attrs.At<bool>("channels_last");
    int gradients = 0;
    for (const int reader : readers_.Of(id)) {
      if (reader == Readers::kPort) return false;
      const Node& r = graph_.node(reader);
      const bool input = r.op == &ops::ConvInputGradientOp() && r.inputs[1].node != id;
      const bool weights = r.op == &ops::ConvWeightsGradientOp() && r.inputs[0].node != id;
      if ((input || weights) && r.attrs.At<bool>("channels_last") == channels_last) {
        gradients += weights ? 1 : 0;
      } else if (!IsBiasGradient(reader, channels_last)) {
        return false;
      }
    }
    // A bias' gradient needs a weights' one to be fused with; of several it takes the first.
    int sums = 0;
    for (const int reader : readers_.Of(id)) sums += IsBiasGradient(reader, channels_last) ? 1 : 0;
    return sums <= std::min(gradients, 1);
  }

  // The sum of a cotangent over all but its channels, read beside weights' gradient `id`; -1 for
  // none.
  int BiasGradientBeside(int id) const {
    const Node& node = graph_.node(id);
    const bool channels_last = node.attrs.At<bool>("channels_last");
    const Var cotangent = node.inputs[1];
    for (const int reader : readers_.Of(cotangent)) {
      if (reader != Readers::kPort && IsBiasGradient(reader, channels_last) &&
          (node.inputs[0].node < reader || id < reader)) {
        return reader;
      }
    }
    return -1;
  }

 private:
  // Whoever reads output 0 of a node alone, where its other outputs do not matter.
  int Reader(int id) const { return readers_.Only(id); }

  bool IsBiasGradient(int id, bool channels_last) const {
    const Node& node = graph_.node(id);
    if (node.op != &ops::SumOp() || node.attrs.At<bool>("keepdims")) return false;
    const int rank = node.inputs[0].shape().rank();
    Ints axes;
    for (int axis = 0; axis < rank; ++axis) {
      if (axis != (channels_last ? rank - 1 : 1)) axes.push_back(axis);
    }
    return rank >= 3 && node.attrs.At<Ints>("axes") == axes;
  }

  static Var Other(const Node& node, int operand) {
    return node.inputs[0].node == operand ? node.inputs[1] : node.inputs[0];
  }

  // Whether v has a number a channel of node `id`, which has channels last.
  bool IsRow(Var v, int id) const {
    const Shape& shape = graph_.node(id).outputs[0].shape;
    return v.shape().rank() == 1 && v.shape().dim(0) == shape.dim(shape.rank() - 1);
  }

  // The other operand when `reader` multiplies by a number, or one a channel.
  Var ScaleOf(int conv, int reader) const {
    const Node& node = graph_.node(reader);
    if (node.op != &ops::MulOp()) return {};
    const Var scale = Other(node, conv);
    const bool number = scale.shape().IsConcrete() && scale.shape().NumElements() == 1;
    const bool row = graph_.node(conv).attrs.At<bool>("channels_last") && IsRow(scale, conv);
    return scale.node != conv && (number || row) && node.outputs[0] == graph_.node(conv).outputs[0]
               ? scale
               : Var{};
  }

  // The other operand when `reader` adds a number a channel to node `id`.
  Var BiasAddedTo(int id, int reader, bool channels_last) const {
    const Node& node = graph_.node(reader);
    if (node.op != &ops::AddOp() || !channels_last) return {};
    const Var bias = Other(node, id);
    return IsRow(bias, id) && node.outputs[0] == graph_.node(id).outputs[0] ? bias : Var{};
  }

  Var ResidualAddedTo(int id, int reader) const {
    const Node& node = graph_.node(reader);
    if (node.op != &ops::AddOp()) return {};
    const Var residual = Other(node, id);
    const TensorSpec& spec = graph_.node(id).outputs[0];
    return residual.node != id && residual.spec() == spec && node.outputs[0] == spec ? residual
                                                                                     : Var{};
  }

  const Graph& graph_;
  const Readers readers_;
};

// What FuseConv makes of a program, by node.
struct Plans {
  explicit Plans(int nodes) : ends(nodes), gradients(nodes), windows(nodes) {}

  std::vector<Chain> ends;                 // by a chain's last node
  std::vector<WeightsGradient> gradients;  // by the node in whose place they are
  std::vector<Ints> windows;               // of unpoolings to fuse
  bool any = false;
};

Plans PlanFusion(const Program& program) {
  const Graph& graph = *program.graph;
  Plans plans(graph.num_nodes());
  const ConvFinder finder(program);
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (node.op == &ops::ConvOp()) {
      const auto [chain, last] = finder.ChainFrom(id);
      // An addition of two convolutions goes to the first.
      if (last < 0 || plans.ends[last].conv >= 0) continue;
      plans.ends[last] = chain;
      plans.any = true;
    } else if (node.op == &ops::MaxUnpoolOp()) {
      Ints windows;
      if (!finder.CanFuseUnpool(id, &windows)) continue;
      plans.windows[id] = std::move(windows);
      plans.any = true;
    } else if (node.op == &ops::ConvWeightsGradientOp()) {
      WeightsGradient gradient{id, finder.BiasGradientBeside(id), -1};
      if (!plans.windows[node.inputs[1].node].empty()) gradient.unpool = node.inputs[1].node;
      // One sum goes to one of several gradients.
      for (const WeightsGradient& other : plans.gradients) {
        if (other.bias >= 0 && other.bias == gradient.bias) gradient.bias = -1;
      }
      if (gradient.bias < 0 && gradient.unpool < 0) continue;
      plans.gradients[gradient.bias < 0 ? id : std::min(id, gradient.bias)] = gradient;
      plans.any = true;
    }
  }
  return plans;
}

absl::Status AddChain(const Chain& chain, int last, Rewriter& rewriter) {
  const Graph& from = *rewriter.from().graph;
  const Node& conv = from.node(chain.conv);
  std::vector<Var> inputs = {rewriter.Map(conv.inputs[0]), rewriter.Map(conv.inputs[1])};
  for (Var v : {chain.bias, chain.scale, chain.residual}) {
    if (v.valid()) inputs.push_back(rewriter.Map(v));
  }
  Attrs attrs = conv.attrs;
  attrs.Set("activation", chain.activation);
  attrs.Set("bias", chain.bias.valid());
  attrs.Set("residual", chain.residual.valid());
  if (chain.scale.valid()) attrs.Set("scale", true);
  if (chain.pool >= 0) {
    attrs.Set("pool", chain.windows);
    attrs.Set("indices", from.node(chain.pool).outputs.size() > 1);
  }
  ADJOINT_ASSIGN_OR_RETURN(
      const std::vector<Var> fused,
      rewriter.Add(ops::FusedConvOp(), std::move(inputs), std::move(attrs), last));
  rewriter.Set(from.VarOf(last, 0), fused[0]);
  if (fused.size() > 1) rewriter.Set(from.VarOf(chain.pool, 1), fused[1]);
  return absl::OkStatus();
}

absl::Status AddWeightsGradient(const WeightsGradient& gradient, const Plans& plans,
                                Rewriter& rewriter) {
  const Graph& from = *rewriter.from().graph;
  const Node& node = from.node(gradient.node);
  std::vector<Var> inputs = {rewriter.Map(node.inputs[0])};
  Attrs attrs = node.attrs;
  attrs.Set("bias", gradient.bias >= 0);
  if (gradient.unpool >= 0) {
    for (Var v : from.node(gradient.unpool).inputs) inputs.push_back(rewriter.Map(v));
    attrs.Set("pool", plans.windows[gradient.unpool]);
  } else {
    inputs.push_back(rewriter.Map(node.inputs[1]));
  }
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> fused,
                           rewriter.Add(ops::FusedConvWeightsGradientOp(), std::move(inputs),
                                        std::move(attrs), gradient.node));
  rewriter.Set(from.VarOf(gradient.node, 0), fused[0]);
  if (gradient.bias >= 0) rewriter.Set(from.VarOf(gradient.bias, 0), fused[1]);
  return absl::OkStatus();
}

absl::Status AddInputGradient(int id, const Plans& plans, Rewriter& rewriter) {
  const Graph& from = *rewriter.from().graph;
  const Node& node = from.node(id);
  const Node& unpool = from.node(node.inputs[0]);
  std::vector<Var> inputs = {rewriter.Map(unpool.inputs[0]), rewriter.Map(node.inputs[1]),
                             rewriter.Map(unpool.inputs[1])};
  Attrs attrs = node.attrs;
  attrs.Set("pool", plans.windows[node.inputs[0].node]);
  ADJOINT_ASSIGN_OR_RETURN(
      const std::vector<Var> fused,
      rewriter.Add(ops::FusedConvInputGradientOp(), std::move(inputs), std::move(attrs), id));
  rewriter.Set(from.VarOf(id, 0), fused[0]);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Program> FuseConv(const Program& program) {
  const Graph& from = *program.graph;
  if (!UsesOp(from, ops::ConvOp()) && !UsesOp(from, ops::ConvWeightsGradientOp()) &&
      !UsesOp(from, ops::MaxUnpoolOp())) {
    return program;
  }
  const Plans plans = PlanFusion(program);
  if (!plans.any) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    const Node& node = from.node(id);
    if (plans.ends[id].conv >= 0) {
      ADJOINT_RETURN_IF_ERROR(AddChain(plans.ends[id], id, rewriter));
    } else if (plans.gradients[id].node >= 0) {
      ADJOINT_RETURN_IF_ERROR(AddWeightsGradient(plans.gradients[id], plans, rewriter));
    } else if (node.op == &ops::ConvInputGradientOp() &&
               !plans.windows[node.inputs[0].node].empty()) {
      ADJOINT_RETURN_IF_ERROR(AddInputGradient(id, plans, rewriter));
    } else if (!rewriter.IsMapped(from.VarOf(id, 0))) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
    }
  }
  return EliminateDeadCode(rewriter.Finish());
}

}  // namespace adjoint::graph
