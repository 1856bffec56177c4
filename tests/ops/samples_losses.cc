#include "ops/cast.h"
#include "ops/ctc.h"
#include "ops/losses.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;
using LossFn = Var (*)(ops::Operand, ops::Operand);

SampleArg Floats(Shape shape, double low = -2, double high = 2) {
  return {.spec = {DType::kF32, std::move(shape)}, .low = low, .high = high};
}
SampleArg Values(std::vector<double> values) {
  return {.spec = {DType::kF32, {static_cast<int64_t>(values.size())}},
          .values = std::move(values)};
}
SampleArg Labels(Shape shape, int64_t classes, DType dtype) {
  return {.spec = {dtype, std::move(shape)}, .low = 0, .high = static_cast<double>(classes - 1)};
}

Sample Loss(std::string op, std::string label, LossFn fn, SampleArg prediction, SampleArg target) {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = {std::move(prediction), std::move(target)},
          .build = [fn](Vars v) { return Result{fn(v[0], v[1])}; }};
}

constexpr char kSparse[] = "sparse_softmax_cross_entropy";

Sample Make(std::string op, std::string label, std::vector<SampleArg> args,
            std::function<Var(Vars)> fn) {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = std::move(args),
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v)}; },
          .f32_tolerance = 2e-5};
}

SampleArg Signs() { return Values({1, -1, -1, 1, 1, -1}); }
SampleArg Six(double low = -2, double high = 2) { return Floats({6}, low, high); }

// Losses of differences, distributions and margins.
std::vector<Sample> PlainLossSamples() {
  return {
      Make("minimum", "huber", {Floats({5, 3}), Floats({1, 3})},
           [](Vars v) { return ops::Huber(v[0], v[1], 1.3); }),
      Make("minimum", "smooth_l1", {Six(), Six()},
           [](Vars v) { return ops::SmoothL1(v[0], v[1], 0.5); }),
      Make("abs", "smooth_l1_of_0", {Six(), Six(3, 4)},
           [](Vars v) { return ops::SmoothL1(v[0], v[1], 0); }),
      Make("softplus", "log_cosh", {Six(-30, 30), Six()},
           [](Vars v) { return ops::LogCosh(v[0], v[1]); }),
      Make("abs", "percentage_error", {Six(), Six(3, 4)},
           [](Vars v) { return ops::PercentageError(v[0], v[1]); }),
      Make("log", "squared_logarithmic_error", {Six(0.1, 4), Six(0.1, 4)},
           [](Vars v) { return ops::SquaredLogarithmicError(v[0], v[1]); }),
      Make("log", "kl_divergence", {Six(-3, 0), Six(0.1, 1)},
           [](Vars v) { return ops::KlDivergence(v[0], v[1]); }),
      Make("exp", "kl_divergence_of_logs", {Six(-3, 0), Six(-3, 0)},
           [](Vars v) { return ops::KlDivergence(v[0], v[1], true); }),
      Make("exp", "poisson", {Six(), Six(0, 5)},
           [](Vars v) { return ops::PoissonNegativeLogLikelihood(v[0], v[1]); }),
      Make("log", "poisson_full", {Six(0.5, 3), Values({0, 0.5, 2, 3, 4, 5})},
           [](Vars v) {
             return ops::PoissonNegativeLogLikelihood(v[0], v[1],
                                                      {.log_input = false, .full = true});
           }),
      Make("softplus", "focal", {Six(), Values({0, 1, 1, 0, 1, 0})},
           [](Vars v) { return ops::FocalFromLogits(v[0], v[1]); }),
      Make("softplus", "focal_balanced", {Six(), Values({0, 1, 1, 0, 1, 0})},
           [](Vars v) { return ops::FocalFromLogits(v[0], v[1], 1.5, 0.25); }),
      Make("mul", "label_smoothing", {Floats({4, 3})},
           [](Vars v) { return ops::LabelSmoothing(v[0], 0.1); }),
      Make("maximum", "hinge", {Six(), Signs()}, [](Vars v) { return ops::Hinge(v[0], v[1]); }),
      Make("maximum", "squared_hinge", {Six(), Signs()},
           [](Vars v) { return ops::SquaredHinge(v[0], v[1]); }),
      Make("maximum", "categorical_hinge",
           {Floats({2, 3}), {.spec = {DType::kF32, {2, 3}}, .values = {0, 1, 0, 0, 0, 1}}},
           [](Vars v) { return ops::CategoricalHinge(v[0], v[1]); }),
      Make("softplus", "soft_margin", {Six(), Signs()},
           [](Vars v) { return ops::SoftMargin(v[0], v[1]); }),
      Make("where", "hinge_embedding", {Six(), Signs()},
           [](Vars v) { return ops::HingeEmbedding(v[0], v[1]); }),
      Make("maximum", "margin_ranking", {Six(), Six(), Signs()},
           [](Vars v) { return ops::MarginRanking(v[0], v[1], v[2], 0.2); }),
      Make("sqrt", "cosine_similarity", {Floats({2, 3, 4}), Floats({3, 4})},
           [](Vars v) { return ops::CosineSimilarity(v[0], v[1], -1); }),
      Make("sqrt", "cosine_embedding", {Floats({6, 4}), Floats({6, 4}), Signs()},
           [](Vars v) { return ops::CosineEmbedding(v[0], v[1], v[2], -0.95); }),
      Make("sqrt", "triplet", {Floats({6, 4}), Floats({6, 4}), Floats({6, 4})},
           [](Vars v) { return ops::TripletMargin(v[0], v[1], v[2]); }),
      Make("pow", "triplet_swapped", {Floats({6, 4}), Floats({6, 4}), Floats({6, 4})},
           [](Vars v) {
             return ops::TripletMargin(v[0], v[1], v[2], {.margin = 3, .p = 3, .swap = true});
           }),
      Make("abs", "triplet_l1", {Floats({6, 4}), Floats({6, 4}), Floats({6, 4})},
           [](Vars v) { return ops::TripletMargin(v[0], v[1], v[2], {.margin = 3, .p = 1}); }),
  };
}

// Losses of class numbers, each with and without the class axis being the last.
std::vector<Sample> LabelLossSamples() {
  const auto weight = [](Var x) {
    return ops::Cast(ops::Constant(*x.builder, Tensor::Of<double>({4}, {0.5, 1, 2, 0.25})),
                     x.dtype());
  };
  const SampleArg maps = Floats({3, 4, 2, 2}), rows = Floats({3, 4});
  const SampleArg of_maps = Labels({3, 2, 2}, 4, DType::kI64),
                  of_rows = Labels({3}, 4, DType::kI32);
  return {
      Make("one_hot", "nll_rows", {rows, of_rows},
           [](Vars v) { return ops::NegativeLogLikelihood(v[0], v[1]); }),
      Make("one_hot", "nll_maps", {maps, of_maps},
           [=](Vars v) {
             return ops::NegativeLogLikelihood(v[0], v[1],
                                               {.weight = weight(v[0]), .ignore_index = 2});
           }),
      Make("one_hot", "nll_one", {Floats({4}), Labels(Shape::Of({}), 4, DType::kI32)},
           [](Vars v) { return ops::NegativeLogLikelihood(v[0], v[1]); }),
      Make(kSparse, "cross_entropy_rows", {rows, of_rows},
           [](Vars v) { return ops::SoftmaxCrossEntropy(v[0], v[1]); }),
      Make(kSparse, "cross_entropy_maps", {maps, of_maps},
           [=](Vars v) {
             return ops::SoftmaxCrossEntropy(v[0], v[1],
                                             {.reduction = ops::LossReduction::kNone,
                                              .weight = weight(v[0]),
                                              .ignore_index = 0});
           }),
      Make(kSparse, "cross_entropy_last_axis", {Floats({3, 2, 4}), Labels({3, 2}, 4, DType::kI64)},
           [](Vars v) {
             return ops::SoftmaxCrossEntropy(
                 v[0], v[1],
                 {.reduction = ops::LossReduction::kSum, .ignore_index = -100, .axis = -1});
           }),
      Make("log_softmax", "cross_entropy_smooth", {maps, of_maps},
           [=](Vars v) {
             return ops::SoftmaxCrossEntropy(
                 v[0], v[1], {.weight = weight(v[0]), .ignore_index = 1, .label_smoothing = 0.2});
           }),
  };
}

SampleArg Given(Shape shape, std::vector<double> values, DType dtype = DType::kI32) {
  return {.spec = {dtype, std::move(shape)}, .values = std::move(values)};
}

std::vector<SampleArg> CtcArgs(DType dtype = DType::kI32) {
  return {Floats({6, 3, 4}), Given({3, 3}, {1, 2, 2, 3, 0, 0, 1, 3, 1}, dtype),
          Given({3}, {6, 4, 5}, dtype), Given({3}, {3, 1, 3}, dtype)};
}

std::vector<Sample> CtcSamples() {
  const auto loss = [](Vars v) { return ops::CtcLoss(ops::LogSoftmax(v[0]), v[1], v[2], v[3]); };
  std::vector<Sample> samples = {
      Make("ctc_loss", "i32", CtcArgs(), loss),
      Make("ctc_loss", "i64", CtcArgs(DType::kI64), loss),
      Make("ctc_loss", "empty",
           {Floats({3, 2, 2}), Given({2, 0}, {}), Given({2}, {0, 3}), Given({2}, {0, 0})}, loss),
      Make("ctc_loss", "impossible",
           {Floats({2, 2, 3}), Given({2, 2}, {1, 1, 2, 1}), Given({2}, {2, 1}), Given({2}, {2, 2})},
           loss),
      Make(
          "ctc_loss_gradient", "i32",
          [] {
            std::vector<SampleArg> args = CtcArgs();
            args.push_back(Floats({3}));
            return args;
          }(),
          [](Vars v) {
            return ops::Apply1(ops::CtcLossGradientOp(), {v[0], v[1], v[2], v[3], v[4]},
                               Attrs{{"blank", int64_t{0}}, {"zero_infinity", false}});
          }),
  };
  for (Sample& sample : samples) {
    sample.orders = sample.op == "ctc_loss" ? 1 : 0;
    sample.gradient = sample.label != "impossible";  // infinite: no differences can be taken
  }
  return samples;
}

}  // namespace

std::vector<Sample> LossSamples() {
  std::vector<Sample> samples = {
      Loss("square", "squared_error", ops::SquaredError, Floats({4, 3}), Floats({4, 3})),
      Loss("abs", "absolute_error", ops::AbsoluteError, Floats({4, 3}), Floats({1, 3}, 3, 4)),
      Loss("log", "binary_cross_entropy", ops::BinaryCrossEntropy, Floats({5, 2}, 0.05, 0.95),
           Floats({5, 2}, 0, 1)),
      // Clipped: the values are finite and the gradient of the probability is zero.
      Loss("log", "binary_cross_entropy_clipped", ops::BinaryCrossEntropy,
           Values({-1, -0.5, 1.5, 2}), Values({0, 1, 0, 1})),
      Loss("softplus", "binary_cross_entropy_from_logits", ops::BinaryCrossEntropyFromLogits,
           Floats({5, 2}), Floats({5, 2}, 0, 1)),
      Loss("softplus", "binary_cross_entropy_from_large_logits", ops::BinaryCrossEntropyFromLogits,
           Values({-300, -50, 50, 300}), Values({0, 1, 0, 1})),
      Loss("log_softmax", "softmax_cross_entropy", ops::SoftmaxCrossEntropyFromLogits,
           Floats({4, 5}), Floats({4, 5}, 0, 1)),
      Loss(kSparse, "i64", ops::SparseSoftmaxCrossEntropy, Floats({4, 37}),
           Labels({4}, 37, DType::kI64)),
      Loss(kSparse, "tokens", ops::SparseSoftmaxCrossEntropy, Floats({2, 3, 5}),
           Labels({2, 3}, 5, DType::kI32)),
      Loss(kSparse, "one", ops::SparseSoftmaxCrossEntropy, Floats({5}),
           Labels(Shape::Of({}), 5, DType::kI32)),
      Loss(kSparse, "zero_size", ops::SparseSoftmaxCrossEntropy, Floats({0, 5}),
           Labels({0}, 5, DType::kI32)),
  };
  for (Sample& sample : samples) {
    if (sample.op == kSparse) sample.fast_kernel = "simd";
  }
  for (auto family : {PlainLossSamples, LabelLossSamples, CtcSamples}) {
    for (Sample& sample : family()) samples.push_back(std::move(sample));
  }
  // f32 rounds the clip's upper bound, 1 - 1e-7, by 2e-8, a fifth of what the logarithm sees.
  samples[3].f32_tolerance = 0.2;
  return samples;
}

std::vector<ErrorSample> LossErrors() {
  const auto error = [](std::string op, LossFn fn, SampleArg prediction, SampleArg target,
                        std::string message) {
    return ErrorSample{.op = std::move(op),
                       .args = {std::move(prediction), std::move(target)},
                       .build = [fn](Vars v) { return Result{fn(v[0], v[1])}; },
                       .message = std::move(message)};
  };
  return {
      error("square", ops::SquaredError, Floats({4, 3}), Floats({4, 2}), "do not broadcast"),
      error("log_softmax", ops::SoftmaxCrossEntropyFromLogits, Floats({4, 3}), Floats({4}),
            "logits have shape [4,3], targets have [4]; they must be equal"),
      error(kSparse, ops::SparseSoftmaxCrossEntropy, Floats({4, 3}), Labels({4, 1}, 3, DType::kI32),
            "labels have shape [4,1], logits without their last axis have [4]"),
      error(kSparse, ops::SparseSoftmaxCrossEntropy, Floats({4, 3}), Floats({4}),
            "labels must be of type i32 or i64, but are f32[4]"),
      error(kSparse, ops::SparseSoftmaxCrossEntropy, Floats({4, Dim::Symbol("classes")}),
            Labels({4}, 3, DType::kI32), "the number of classes must be a number, but is classes"),
      error(
          "minimum", [](ops::Operand p, ops::Operand t) { return ops::Huber(p, t, 0); }, Six(),
          Six(), "delta is 0; it must be above 0"),
      error(
          "one_hot",
          [](ops::Operand p, ops::Operand t) { return ops::NegativeLogLikelihood(p, t); },
          Floats({4, 3}), Labels({3}, 3, DType::kI32),
          "labels must be i32 or i64 of shape [4], but are i32[3]"),
      error(
          kSparse, [](ops::Operand p, ops::Operand t) { return ops::SoftmaxCrossEntropy(p, t); },
          Floats({4, 3, 2}), Floats({4, 2}),
          "labels must be i32 or i64 of shape [4,2], but are f32[4,2]"),
      error(
          kSparse,
          [](ops::Operand p, ops::Operand t) {
            return ops::SoftmaxCrossEntropy(p, t, {.label_smoothing = 2});
          },
          Floats({4, 3}), Labels({4}, 3, DType::kI32), "the smoothing is 2; it must be 0 to 1"),
      error(
          "one_hot",
          [](ops::Operand p, ops::Operand t) {
            const Var two = ops::Constant(*p.var.builder, Tensor::Zeros({DType::kF32, {2}}));
            return ops::NegativeLogLikelihood(p, t, {.weight = two});
          },
          Floats({4, 3}), Labels({4}, 3, DType::kI32),
          "the weights must be f32[3], but are f32[2]"),
      {.op = "ctc_loss",
       .args = {Floats({6, 3}), Given({3, 1}, {1, 1, 1}), Given({3}, {1, 1, 1}),
                Given({3}, {1, 1, 1})},
       .build = [](Vars v) { return Result{ops::CtcLoss(v[0], v[1], v[2], v[3])}; },
       .message = "log-probabilities must have 3 axes, steps, batch and classes, but have 2"},
      {.op = "ctc_loss",
       .args = CtcArgs(),
       .build = [](Vars v) { return Result{ops::CtcLoss(v[0], v[1], v[1], v[3])}; },
       .message = "input_lengths have shape [3,3]; they must have 1 axes, the first of extent 3"},
      {.op = "ctc_loss",
       .args = CtcArgs(),
       .build = [](Vars v) { return Result{ops::CtcLoss(v[0], v[1], v[2], v[3], {.blank = 4})}; },
       .message = "the blank is 4; it must be one of the 4 classes"},
  };
}

}  // namespace adjoint::testing
