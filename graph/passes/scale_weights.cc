#include "graph/passes/scale_weights.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "graph/passes/pass.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

const Tensor* ConstantOf(const Graph& graph, Var v) {
  const Node& node = graph.node(v);
  return node.op == &ops::ConstantOp() ? &node.attrs.At<Tensor>("value") : nullptr;
}

// `value` of which each of the blocks along axis 0 is multiplied by its number of `scale`, which
// has as many or one.
Tensor Scaled(const Tensor& value, const Tensor& scale) {
  Tensor scaled = value.Clone();
  if (value.size() == 0) return scaled;
  const int64_t block = value.size() / value.shape()[0];
  VisitFloating(value.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const absl::Span<T> to = scaled.mutable_data<T>();
    const absl::Span<const T> by = scale.data<T>();
    for (int64_t i = 0; i < value.size(); ++i) to[i] *= by[by.size() == 1 ? 0 : i / block];
  });
  return scaled;
}

// A convolution of constants whose result is multiplied by a constant.
struct ScaledConv {
  int conv;
  Tensor scale;
};

class Finder {
 public:
  explicit Finder(const Program& program) : graph_(*program.graph), reads_(CountReads(program)) {}

  std::optional<ScaledConv> Find(int id) const {
    const Node& mul = graph_.node(id);
    if (mul.op != &ops::MulOp()) return std::nullopt;
    for (int i = 0; i < 2; ++i) {
      const Var y = mul.inputs[i];
      const Tensor* const scale = ConstantOf(graph_, mul.inputs[1 - i]);
      const Node& conv = graph_.node(y);
      if (scale == nullptr || conv.op != &ops::ConvOp() || reads_[y.node] != 1) continue;
      if (mul.outputs[0] != conv.outputs[0] || !IsOfChannels(*scale, conv)) continue;
      bool constant = true;
      for (size_t k = 1; k < conv.inputs.size(); ++k) {
        constant = constant && ConstantOf(graph_, conv.inputs[k]) != nullptr;
      }
      if (constant) return ScaledConv{y.node, *scale};
    }
    return std::nullopt;
  }

 private:
  // One number, or one for each channel of the convolution's result, along its axis.
  static bool IsOfChannels(const Tensor& scale, const Node& conv) {
    if (scale.size() == 1) return true;
    const Shape& y = conv.outputs[0].shape;
    const int channels = conv.attrs.At<bool>("channels_last") ? y.rank() - 1 : 1;
    const int axis = channels - (y.rank() - scale.shape().rank());
    return axis >= 0 && y.dim(channels).is_known() && scale.shape()[axis] == y[channels] &&
           scale.size() == y[channels];
  }

  const Graph& graph_;
  const std::vector<int> reads_;
};

}  // namespace

absl::StatusOr<Program> ScaleWeights(const Program& program) {
  const Graph& from = *program.graph;
  if (!UsesOp(from, ops::ConvOp())) return program;
  const Finder finder(program);
  std::vector<std::optional<ScaledConv>> found(from.num_nodes());
  bool any = false;
  for (int id = 0; id < from.num_nodes(); ++id) {
    found[id] = finder.Find(id);
    any = any || found[id].has_value();
  }
  if (!any) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    if (!found[id].has_value()) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    const Node& conv = from.node(found[id]->conv);
    std::vector<Var> inputs = {rewriter.Map(conv.inputs[0])};
    for (size_t k = 1; k < conv.inputs.size(); ++k) {
      Tensor scaled = Scaled(*ConstantOf(from, conv.inputs[k]), found[id]->scale);
      ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> constant,
                               rewriter.Add(ops::ConstantOp(), {},
                                            Attrs{{"value", std::move(scaled)}}, found[id]->conv));
      inputs.push_back(constant[0]);
    }
    ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> y, rewriter.Add(*conv.op, std::move(inputs),
                                                                    conv.attrs, found[id]->conv));
    rewriter.Set(from.VarOf(id, 0), y[0]);
  }
  return EliminateDeadCode(rewriter.Finish());
}

}  // namespace adjoint::graph
