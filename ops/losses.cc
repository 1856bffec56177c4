#include "ops/losses.h"

#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/fail.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

constexpr double kEpsilon = 1e-7;  // Keras'

Operand At(const Operand& x, Var v) { return Operand(v, x.location); }

bool AreVars(std::initializer_list<const Operand*> operands) {
  for (const Operand* x : operands) {
    if (x->is_number || !x->var.valid()) return false;
  }
  return true;
}

Var Positive(Var x) { return Maximum(x, 0.0); }

// (sum |x|^p)^(1/p) along the last axis.
Var Norm(Var x, double p) {
  if (p == 1) return Sum(Abs(x), {-1});
  if (p == 2) return Sqrt(Sum(Square(x), {-1}));
  return Pow(Sum(Pow(Abs(x), p), {-1}), 1 / p);
}

// What label losses have in common: labels that are all classes, which samples count and how much.
struct Labels {
  Var safe;    // of ignored samples 0
  Var counts;  // bool; not valid when all do
  Var weight;  // of each sample; not valid when there are no weights
};

// An invalid `safe` after telling the builder.
Labels ReadLabels(const Operand& x, const Operand& labels, const LabelLossOptions& options,
                  int axis) {
  Labels result{labels.var, {}, {}};
  if (options.ignore_index.has_value()) {
    // As a constant of the labels' own type: it need not be one that a class has.
    const Operand ignored =
        Operand(ScalarLike(labels.var, static_cast<double>(*options.ignore_index), labels.location),
                labels.location);
    result.counts = NotEqual(labels, ignored);
    result.safe = Where(At(labels, result.counts), labels, Operand(0, labels.location));
  }
  if (options.weight.builder == nullptr || !result.safe.valid()) return result;
  const TensorSpec want{x.var.dtype(), {x.var.shape().dim(axis)}};
  if (options.weight.spec() != want) {
    result.safe = FailAt(x, "negative_log_likelihood",
                         absl::StrCat("the weights must be ", want.ToString(), ", but are ",
                                      options.weight.spec().ToString()));
    return result;
  }
  result.weight = Gather(Operand(options.weight, x.location), At(labels, result.safe));
  return result;
}

// loss, of one element a sample, with weights and reduction. `divisor`: what kMean divides by is
// that of the samples that count.
Var Finish(Var loss, const Labels& labels, LossReduction reduction, bool weighted) {
  if (!loss.valid()) return loss;
  if (weighted && labels.weight.valid()) loss = loss * labels.weight;
  if (labels.counts.valid()) loss = Where(labels.counts, loss, 0.0);
  if (reduction == LossReduction::kNone) return loss;
  if (reduction == LossReduction::kSum) return Sum(loss);
  if (!labels.counts.valid() && !labels.weight.valid()) return Mean(loss);
  Var share = labels.weight;
  if (!share.valid()) {
    share = Cast(labels.counts, loss.dtype());
  } else if (labels.counts.valid()) {
    share = Where(labels.counts, share, 0.0);
  }
  return Sum(loss) / Sum(share);
}

// The axis of the classes, or -1 after telling the builder of a mistake.
int ClassAxis(const Operand& x, const Operand& labels, const LabelLossOptions& options,
              absl::string_view function) {
  const Shape& shape = x.var.shape();
  // A vector is the classes of one sample.
  const auto axis =
      NormalizeAxis(shape.rank() == 1 && options.axis == 1 ? 0 : options.axis, shape.rank());
  if (!axis.ok()) {
    FailAt(x, function, axis.status().message());
    return -1;
  }
  Shape want(shape.dims().subspan(0, *axis));
  for (Dim d : shape.dims().subspan(*axis + 1)) want.push_back(d);
  const DType dtype = labels.var.dtype();
  if (labels.var.shape() != want || (dtype != DType::kI32 && dtype != DType::kI64)) {
    FailAt(x, function,
           absl::StrCat("labels must be i32 or i64 of shape ", want.ToString(), ", but are ",
                        labels.var.spec().ToString()));
    return -1;
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    FailAt(x, function,
           absl::StrCat("the smoothing is ", options.label_smoothing, "; it must be 0 to 1"));
    return -1;
  }
  return *axis;
}

// -x at the labels, smoothed.
Var LabelLoss(const Operand& x, const Operand& labels, const LabelLossOptions& options, int axis) {
  const Labels read = ReadLabels(x, labels, options, axis);
  if (!read.safe.valid()) return read.safe;
  const Dim classes = x.var.shape().dim(axis);
  if (!classes.is_known()) {
    return FailAt(
        x, "negative_log_likelihood",
        absl::StrCat("the number of classes must be a number, but is ", classes.ToString()));
  }
  // Chosen rather than multiplied: a log-probability may be -inf.
  const Var own = OneHot(At(labels, read.safe), classes.value(), DType::kBool);
  const Var last = MoveAxis(x, axis, -1);
  if (!own.valid() || !last.valid()) return own;
  const Var picked = Sum(At(x, Where(At(x, own), At(x, last), Operand(0, x.location))), {-1});
  const Var loss = Finish(-picked, read, options.reduction, true);
  const double smoothing = options.label_smoothing;
  if (smoothing == 0 || !loss.valid()) return loss;
  Var all = x.var;
  if (options.weight.builder != nullptr) {
    Shape column{classes};
    for (int k = axis + 1; k < x.var.shape().rank(); ++k) column.push_back(1);
    all = Mul(x, At(x, Reshape(Operand(options.weight, x.location), column)));
  }
  const Var spread = Finish(-Sum(At(x, all), {axis}), read, options.reduction, false);
  return (1 - smoothing) * loss + (smoothing / static_cast<double>(classes.value())) * spread;
}

}  // namespace

Var SquaredError(Operand prediction, Operand target) { return Square(Sub(prediction, target)); }

Var AbsoluteError(Operand prediction, Operand target) { return Abs(Sub(prediction, target)); }

Var BinaryCrossEntropy(Operand probability, Operand target) {
  const double epsilon = 1e-7;
  const Var p = Minimum(Maximum(probability, epsilon), 1 - epsilon);
  return -(target * Log(p) + (1 - target) * Log(1 - p));
}

Var BinaryCrossEntropyFromLogits(Operand logits, Operand target) {
  return Softplus(logits) - Mul(logits, target);
}

Var SoftmaxCrossEntropyFromLogits(Operand logits, Operand target) {
  if (logits.var.valid() && target.var.valid() && target.var.shape() != logits.var.shape()) {
    return FailAt(
        logits, "softmax_cross_entropy",
        absl::StrCat("logits have shape ", logits.var.shape().ToString(), ", targets have ",
                     target.var.shape().ToString(), "; they must be equal"));
  }
  return -Sum(Mul(target, LogSoftmax(logits)), {-1});
}

Var Huber(Operand prediction, Operand target, double delta) {
  if (AreVars({&prediction}) && !(delta > 0)) {
    return FailAt(prediction, "huber", absl::StrCat("delta is ", delta, "; it must be above 0"));
  }
  // With the part of |d| that is below delta, m: m (|d| - m / 2).
  const Var size = Abs(Sub(prediction, target));
  const Var near = Minimum(size, delta);
  return near * (size - 0.5 * near);
}

Var SmoothL1(Operand prediction, Operand target, double beta) {
  if (beta == 0) return AbsoluteError(prediction, target);
  const Var huber = Huber(prediction, target, beta);
  return beta == 1 ? huber : huber * (1 / beta);
}

Var LogCosh(Operand prediction, Operand target) {
  const Var d = Sub(prediction, target);
  return d + Softplus(-2 * d) - std::numbers::ln2;
}

Var PercentageError(Operand prediction, Operand target) {
  return 100 * Abs(Sub(prediction, target)) / Maximum(Abs(target), kEpsilon);
}

Var SquaredLogarithmicError(Operand prediction, Operand target) {
  const auto log = [](const Operand& x) { return Log(Maximum(x, kEpsilon) + 1); };
  return Square(log(prediction) - log(target));
}

Var KlDivergence(Operand log_prediction, Operand target, bool log_target) {
  if (log_target) return Exp(target) * Sub(target, log_prediction);
  if (!AreVars({&log_prediction, &target})) return Mul(log_prediction, target);
  const Var none = Equal(target, 0);
  const Var safe = Where(none, 1, target);
  return Where(none, 0, target * Log(safe)) - Mul(target, log_prediction);
}

Var PoissonNegativeLogLikelihood(Operand x, Operand target, const PoissonOptions& options) {
  Var loss =
      options.log_input ? Exp(x) - Mul(target, x) : Sub(x, target * Log(Add(x, options.epsilon)));
  if (!options.full || !AreVars({&target})) return loss;
  const Var large = Greater(target, 1);
  const Var t = Where(large, target, 1);
  const Var stirling = t * Log(t) - t + 0.5 * Log(2 * std::numbers::pi * t);
  return loss + Where(large, stirling, 0);
}

Var FocalFromLogits(Operand logits, Operand target, double gamma, double alpha) {
  const Var cross_entropy = BinaryCrossEntropyFromLogits(logits, target);
  // 1 - p_t = p (1 - t) + (1 - p) t.
  const Var missed = Sigmoid(logits) * Sub(1, target) + Sigmoid(Neg(logits)) * target;
  const Var loss = cross_entropy * Pow(missed, gamma);
  return alpha < 0 ? loss : loss * (Mul(alpha, target) + (1 - alpha) * Sub(1, target));
}

Var LabelSmoothing(Operand target, double smoothing) {
  if (!target.var.valid() || smoothing == 0) return target.var;
  const int rank = target.var.shape().rank();
  if (rank == 0 || !target.var.shape().dim(rank - 1).is_known() ||
      !(smoothing >= 0 && smoothing <= 1)) {
    return FailAt(target, "label_smoothing",
                  absl::StrCat("the last axis must be the classes, a number, and the smoothing, ",
                               smoothing, ", 0 to 1"));
  }
  const double classes = static_cast<double>(target.var.shape()[rank - 1]);
  return Mul(target, 1 - smoothing) + smoothing / classes;
}

Var Hinge(Operand score, Operand target) { return Positive(1 - Mul(target, score)); }

Var SquaredHinge(Operand score, Operand target) { return Square(Hinge(score, target)); }

Var CategoricalHinge(Operand score, Operand target) {
  const Var own = Sum(Mul(target, score), {-1});
  const Var other = ReduceMax(Mul(Sub(1, target), score), {-1});
  return Positive(other - own + 1);
}

Var SoftMargin(Operand score, Operand target) { return Softplus(-Mul(target, score)); }

Var HingeEmbedding(Operand x, Operand target, double margin) {
  return Where(Greater(target, 0), x, Positive(Sub(margin, x)));
}

Var MarginRanking(Operand a, Operand b, Operand target, double margin) {
  return Positive(margin - Mul(target, Sub(a, b)));
}

Var CosineSimilarity(Operand a, Operand b, int64_t axis, double epsilon) {
  // Clipped before the root, whose gradient at 0 would be infinite.
  const auto norm = [&](const Operand& x) {
    return Sqrt(Maximum(Sum(Square(x), {axis}), epsilon * epsilon));
  };
  return Sum(Mul(a, b), {axis}) / (norm(a) * norm(b));
}

Var CosineEmbedding(Operand a, Operand b, Operand target, double margin) {
  const auto square = [](const Operand& x) { return Sum(Square(x), {-1}) + 1e-12; };
  const Var similarity = Sum(Mul(a, b), {-1}) / Sqrt(square(a) * square(b));
  return Where(Greater(target, 0), 1 - similarity, Positive(similarity - margin));
}

Var TripletMargin(Operand anchor, Operand positive, Operand negative,
                  const TripletOptions& options) {
  if (AreVars({&anchor}) && !(options.p >= 1)) {
    return FailAt(anchor, "triplet_margin",
                  absl::StrCat("p is ", options.p, "; it must be at least 1"));
  }
  const auto distance = [&](const Operand& x, const Operand& y) {
    return Norm(Sub(x, y) + 1e-6, options.p);
  };
  Var away = distance(anchor, negative);
  if (options.swap) away = Minimum(away, distance(positive, negative));
  return Positive(distance(anchor, positive) - away + options.margin);
}

Var Reduce(Operand loss, LossReduction reduction) {
  if (reduction == LossReduction::kNone) return loss.var;
  return reduction == LossReduction::kMean ? Mean(loss) : Sum(loss);
}

Var NegativeLogLikelihood(Operand x, Operand labels, const LabelLossOptions& options) {
  if (!AreVars({&x, &labels})) return Mul(x, labels);
  const int axis = ClassAxis(x, labels, options, "negative_log_likelihood");
  return axis < 0 ? Var{x.var.builder, -1, 0} : LabelLoss(x, labels, options, axis);
}

Var SoftmaxCrossEntropy(Operand logits, Operand labels, const LabelLossOptions& options) {
  if (!AreVars({&logits, &labels})) return Mul(logits, labels);
  const int axis = ClassAxis(logits, labels, options, "softmax_cross_entropy");
  if (axis < 0) return Var{logits.var.builder, -1, 0};
  const Dim classes = logits.var.shape().dim(axis);
  if (options.label_smoothing != 0 || !classes.is_known()) {
    return LabelLoss(At(logits, LogSoftmax(logits, axis)), labels, options, axis);
  }
  const Labels read = ReadLabels(logits, labels, options, axis);
  if (!read.safe.valid()) return read.safe;
  const Var last = MoveAxis(logits, axis, -1);
  return Finish(SparseSoftmaxCrossEntropy(At(logits, last), At(labels, read.safe)), read,
                options.reduction, true);
}

}  // namespace adjoint::ops
