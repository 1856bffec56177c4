#ifndef ADJOINT_OPS_LOSSES_H_
#define ADJOINT_OPS_LOSSES_H_

#include <cstdint>
#include <optional>

#include "ops/softmax.h"  // IWYU pragma: export
#include "ops/var.h"

namespace adjoint::ops {

// Losses of single elements or samples: nothing is averaged over the batch. Compositions of other
// ops, so their gradients are those of their parts, to any order. Predictions and targets of the
// elementwise losses broadcast; targets have the element type of the predictions.

// (prediction - target)^2, elementwise.
Var SquaredError(Operand prediction, Operand target);

// |prediction - target|, elementwise; the gradient where they are equal is 0.
Var AbsoluteError(Operand prediction, Operand target);

// -(z log p + (1 - z) log(1 - p)), elementwise, with p clipped to [1e-7, 1 - 1e-7] as Keras clips
// it: outside, the gradient of p is 0. In f32 the upper bound is the nearest float, 1 - 2^-23.
Var BinaryCrossEntropy(Operand probability, Operand target);

// The same from logits x, p = sigmoid(x), without cancellation or clipping: softplus(x) - x z.
Var BinaryCrossEntropyFromLogits(Operand logits, Operand target);

// -sum(z log softmax(logits)) over the last axis. Targets are distributions (one-hot or not) of the
// logits' shape; the result lacks the last axis: [batch,classes] gives [batch].
Var SoftmaxCrossEntropyFromLogits(Operand logits, Operand target);

// The same for integer labels is SparseSoftmaxCrossEntropy of ops/softmax.h, and, with weights,
// labels to ignore and class axes other than the last, SoftmaxCrossEntropy below.

// Of a difference d = prediction - target ------------------------------------------------------

// d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2); delta > 0. Huber, "Robust Estimation
// of a Location Parameter" (1964).
Var Huber(Operand prediction, Operand target, double delta = 1);
// Huber / beta, beta > 0: PyTorch's smooth L1; |d| for beta = 0.
Var SmoothL1(Operand prediction, Operand target, double beta = 1);
// log(cosh(d)), computed without overflow.
Var LogCosh(Operand prediction, Operand target);
// 100 |d| / max(|target|, 1e-7).
Var PercentageError(Operand prediction, Operand target);
// (log(1 + prediction) - log(1 + target))^2, both at least 1e-7 before, as in Keras; the gradient
// of what was clipped is 0.
Var SquaredLogarithmicError(Operand prediction, Operand target);

// Of distributions -----------------------------------------------------------------------------

// t (log t - x), elementwise, from x = log_prediction; 0 - t x where t = 0. With `log_target` from
// the logarithm of t: e^t (t - x). Summed, the divergence of Kullback and Leibler.
Var KlDivergence(Operand log_prediction, Operand target, bool log_target = false);

// The negative log-likelihood of counts t with the mean e^x: e^x - t x; with `log_input` false of
// mean x: x - t log(x + epsilon). With `full`, t log t - t + log(2 pi t) / 2, Stirling's
// approximation of log t!, is added where t > 1.
struct PoissonOptions {
  bool log_input = true;
  bool full = false;
  double epsilon = 1e-8;
};
Var PoissonNegativeLogLikelihood(Operand x, Operand target, const PoissonOptions& options = {});

// Binary cross-entropy of logits, times (1 - p)^gamma, p the probability given to what is the case:
// target 1 or 0. With alpha >= 0 also times alpha where the target is 1 and 1 - alpha where it is
// 0. Lin et al., "Focal Loss for Dense Object Detection" (2017).
Var FocalFromLogits(Operand logits, Operand target, double gamma = 2, double alpha = -1);

// (1 - smoothing) target + smoothing / classes, the last axis being the classes, a number;
// 0 <= smoothing <= 1. Szegedy et al., "Rethinking the Inception Architecture" (2016).
Var LabelSmoothing(Operand target, double smoothing);

// Of scores and margins; targets are -1 or 1 -----------------------------------------------------
// At the kinks of max(0, .) the gradient is half of that on the one side.

Var Hinge(Operand score, Operand target);         // max(0, 1 - target score)
Var SquaredHinge(Operand score, Operand target);  // its square
// max(0, 1 + max((1 - target) score) - sum(target score)) over the last axis; targets are one-hot.
// Equal largest scores share the gradient.
Var CategoricalHinge(Operand score, Operand target);
Var SoftMargin(Operand score, Operand target);  // log(1 + e^(-target score))
// x where the target is 1, max(0, margin - x) where it is -1.
Var HingeEmbedding(Operand x, Operand target, double margin = 1);
// max(0, margin - target (a - b)).
Var MarginRanking(Operand a, Operand b, Operand target, double margin = 0);

// a . b / (max(|a|, epsilon) max(|b|, epsilon)) along `axis`, which goes. Operands broadcast.
Var CosineSimilarity(Operand a, Operand b, int64_t axis = -1, double epsilon = 1e-8);
// Along the last axis: 1 - s where the target is 1, max(0, s - margin) where it is -1, with
// s = a . b / sqrt((|a|^2 + 1e-12) (|b|^2 + 1e-12)), as in PyTorch.
Var CosineEmbedding(Operand a, Operand b, Operand target, double margin = 0);

// max(0, |anchor - positive|_p - |anchor - negative|_p + margin) along the last axis; 1e-6 is added
// to each difference, as in PyTorch. With `swap`, the second distance is the smaller one of those
// of anchor and positive to the negative. p >= 1.
struct TripletOptions {
  double margin = 1;
  double p = 2;
  bool swap = false;
};
Var TripletMargin(Operand anchor, Operand positive, Operand negative,
                  const TripletOptions& options = {});

// Of class numbers -----------------------------------------------------------------------------

enum class LossReduction { kNone, kMean, kSum };

// The loss itself, its mean or its sum over all elements.
Var Reduce(Operand loss, LossReduction reduction);

struct LabelLossOptions {
  LossReduction reduction = LossReduction::kMean;
  // [classes], of the operand's element type: a sample of class c counts weight[c] times. kMean
  // divides by the sum of these weights.
  Var weight = {};
  // Samples with this label count 0 times. It may be outside of the classes.
  std::optional<int64_t> ignore_index = {};
  // In 0 .. 1: targets are those of LabelSmoothing.
  double label_smoothing = 0;
  // Of the classes.
  int64_t axis = 1;
};

// -x at the label of each sample: of log-probabilities, their negative log-likelihood. Labels are
// i32 or i64 of x's shape without the axis of the classes, [n,c,h,w] with [n,h,w]; one that is
// neither a class nor ignored is an error when the program runs. kMean over nothing is NaN. As
// ONNX's NegativeLogLikelihoodLoss and PyTorch's nll_loss.
Var NegativeLogLikelihood(Operand x, Operand labels, const LabelLossOptions& options = {});

// The same of logits: of LogSoftmax along the classes. As ONNX's SoftmaxCrossEntropyLoss and
// PyTorch's cross_entropy.
Var SoftmaxCrossEntropy(Operand logits, Operand labels, const LabelLossOptions& options = {});

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_LOSSES_H_
