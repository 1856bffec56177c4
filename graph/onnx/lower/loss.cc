#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/scatter.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

// Losses over classes, axis 1 of [batch, classes, ...], with labels [batch, ...].

namespace adjoint::onnx {
namespace {

using ops::Var;

// -weight[label] log_probability[label], 0 where the label is the one to be ignored; the mean is
// over the weights.
Var NegativeLogLikelihood(NodeContext& c, Var log_probability, Var labels) {
  const std::string reduction = c.Choice("reduction", "mean", {"mean", "sum", "none"});
  const bool ignores = c.HasAttr("ignore_index");
  const int64_t ignored = c.Int("ignore_index", 0);
  if (!c.RankIs(log_probability, 2)) return labels;
  const DType dtype = log_probability.dtype();
  Var ignore, weight;
  if (ignores) {
    ignore = ops::Equal(labels, c.ScalarOf(labels.dtype(), static_cast<double>(ignored)));
    labels = ops::Where(ignore, c.ScalarOf(labels.dtype(), 0), labels);
  }
  if (c.Has(2)) weight = ops::Gather(c.In(2), labels);
  if (ignores) {
    const Var one = c.Has(2) ? weight : c.ScalarOf(dtype, 1);
    weight = ops::Where(ignore, 0, one);
  }
  const Var picked =
      ops::Squeeze(ops::TakeAlongAxis(log_probability, ops::ExpandDims(labels, 1), 1), {1});
  Var loss = ops::Neg(picked);
  const bool weighted = weight.builder != nullptr;
  if (weighted) loss = ops::Mul(loss, weight);
  if (reduction == "none") return loss;
  if (reduction == "sum") return ops::Sum(loss);
  return weighted ? ops::Div(ops::Sum(loss), ops::Sum(weight)) : ops::Mean(loss);
}

Values NegativeLogLikelihoodLoss(NodeContext& c) {
  return One(NegativeLogLikelihood(c, c.In(0), c.In(1)));
}

Values SoftmaxCrossEntropyLoss(NodeContext& c) {
  const Var log_probability = ops::LogSoftmax(c.In(0), 1);
  return {NegativeLogLikelihood(c, log_probability, c.In(1)), log_probability};
}

constexpr Lowering kRows[] = {
    {"NegativeLogLikelihoodLoss", 12, 2, 3, NegativeLogLikelihoodLoss},
    {"SoftmaxCrossEntropyLoss", 12, 2, 3, SoftmaxCrossEntropyLoss},
};

}  // namespace

absl::Span<const Lowering> LossLowerings() { return kRows; }

}  // namespace adjoint::onnx
