#include "ops/normalization.h"

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/layer_norm.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

// Normalizations.

namespace adjoint::onnx {
namespace {

using ops::Var;

// Inputs x, scale, bias, mean, variance. In training the moments are those of the batch, and
// results 1 and 2 the running ones.
Values BatchNormalization(NodeContext& c) {
  const Var x = c.In(0), scale = c.In(1), bias = c.In(2), mean = c.In(3), variance = c.In(4);
  const double epsilon = c.Float("epsilon", 1e-5f);
  const double momentum = c.Float("momentum", 0.9f);
  bool training = false;
  if (c.version() >= 14) {
    training = c.Flag("training_mode", false);
  } else if (c.version() < 7) {
    training = !c.Flag("is_test", false);
    c.Ints("consumed_inputs");
  }
  if (c.version() < 9 && !c.Flag("spatial", true)) {
    return One(c.Unsupported("attribute 'spatial' of 0 is not supported"));
  }
  if (!c.RankIs(x, 2)) return {};
  if (!training) return One(ops::BatchNormInference(x, mean, variance, scale, bias, 1, epsilon));
  const ops::BatchNormResult batch = ops::BatchNormTraining(x, scale, bias, 1, epsilon);
  const auto running = [&](Var old, Var now) {
    return ops::Add(ops::Mul(old, momentum), ops::Mul(now, 1 - momentum));
  };
  return {batch.y, running(mean, batch.mean), running(variance, batch.variance)};
}

Values InstanceNormalization(NodeContext& c) {
  const double epsilon = c.Float("epsilon", 1e-5f);
  return One(ops::InstanceNorm(c.In(0), c.In(1), c.In(2), 1, epsilon));
}

// Over the axes from `axis` on; the mean and the reciprocal deviation keep them with extent 1.
Values LayerNormalization(NodeContext& c) {
  const Var x = c.In(0), scale = c.In(1);
  const int rank = x.shape().rank();
  const int axis = c.Axis(c.Int("axis", -1), rank);
  const double epsilon = c.Float("epsilon", 1e-5f);
  c.Int("stash_type", 1);
  if (!c.ok()) return {};
  std::vector<int64_t> axes;
  Shape normalized;
  for (int i = axis; i < rank; ++i) {
    axes.push_back(i);
    normalized.push_back(x.shape().dim(i));
  }
  const Var bias = c.Has(2) ? c.In(2) : Var{};
  const bool whole = scale.shape() == normalized && (!c.Has(2) || bias.shape() == normalized);
  if (whole && !c.Wants(1) && !c.Wants(2)) {
    return One(ops::LayerNorm(x, scale, bias, axis, epsilon));
  }
  const Var mean = ops::Mean(x, axes, /*keepdims=*/true);
  const Var centered = ops::Sub(x, mean);
  const Var variance = ops::Mean(ops::Square(centered), axes, /*keepdims=*/true);
  const Var inverse = ops::Div(1, ops::Sqrt(ops::Add(variance, epsilon)));
  Var y = ops::Mul(ops::Mul(centered, inverse), scale);
  if (c.Has(2)) y = ops::Add(y, bias);
  return {y, mean, inverse};
}

Values LRN(NodeContext& c) {
  const double alpha = c.Float("alpha", 1e-4f), beta = c.Float("beta", 0.75f);
  const double bias = c.Float("bias", 1);
  const int64_t size = c.Int("size");
  if (!c.ok()) return {};
  return One(ops::LocalResponseNorm(c.In(0), size, alpha, beta, bias, 1));
}

Values LpNormalization(NodeContext& c) {
  const int64_t p = c.Int("p", 2), axis = c.Int("axis", -1);
  if (p != 1 && p != 2) return One(c.Fail(absl::StrCat("attribute 'p' is ", p)));
  return One(ops::LpNormalize(c.In(0), static_cast<double>(p), axis));
}

// The operator is a function: 1e-9 is added to the deviation.
Values MeanVarianceNormalization(NodeContext& c) {
  const Var x = c.In(0);
  const std::vector<int64_t> axes = c.Ints("axes", {0, 2, 3});
  const Var mean = ops::Mean(x, axes, /*keepdims=*/true);
  const Var centered = ops::Sub(x, mean);
  const Var variance = ops::Mean(ops::Square(centered), axes, /*keepdims=*/true);
  return One(ops::Div(centered, ops::Add(ops::Sqrt(variance), 1e-9)));
}

constexpr Lowering kRows[] = {
    {"BatchNormalization", 1, 5, 5, BatchNormalization},
    {"InstanceNormalization", 6, 3, 3, InstanceNormalization},
    {"LayerNormalization", 17, 2, 3, LayerNormalization},
    {"LRN", 1, 1, 1, LRN},
    {"LpNormalization", 1, 1, 1, LpNormalization},
    {"MeanVarianceNormalization", 9, 1, 1, MeanVarianceNormalization},
};

}  // namespace

absl::Span<const Lowering> NormalizationLowerings() { return kRows; }

}  // namespace adjoint::onnx
