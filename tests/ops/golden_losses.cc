#include "ops/arithmetic.h"
#include "ops/ctc.h"
#include "ops/losses.h"
#include "tests/ops/golden_cases.h"

namespace adjoint::testing {
namespace {

using ops::LossReduction;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

GoldenBuild One(std::function<Var(Vars)> fn) {
  return [fn = std::move(fn)](Vars v) { return Result{fn(v)}; };
}

Var Integers(Var like, Shape shape, std::initializer_list<int32_t> values) {
  return ops::Constant(*like.builder, Tensor::Of<int32_t>(shape, values));
}

// The script's LABELS, ROWS and WEIGHT.
Var Labels(Var x) { return Integers(x, {3, 2, 2}, {0, 3, 1, 2, 2, 2, 0, 1, 3, 0, 1, 1}); }
Var Weight(Var x) {
  Var w = ops::Constant(*x.builder, Tensor::Of<double>({4}, {0.5, 1, 2, 0.25}));
  if (x.dtype() == DType::kF32) {
    w = ops::Constant(*x.builder, Tensor::Of<float>({4}, {0.5f, 1, 2, 0.25f}));
  }
  return w;
}

struct LabelCase {
  bool weighted = false;
  std::optional<int64_t> ignore = {};
  LossReduction reduction = LossReduction::kMean;
  double smoothing = 0;

  ops::LabelLossOptions Options(Var x) const {
    return {.reduction = reduction,
            .weight = weighted ? Weight(x) : Var{},
            .ignore_index = ignore,
            .label_smoothing = smoothing};
  }
};

GoldenBuild Nll(LabelCase c) {
  return One(
      [c](Vars v) { return ops::NegativeLogLikelihood(v[0], Labels(v[0]), c.Options(v[0])); });
}

GoldenBuild CrossEntropy(LabelCase c) {
  return One([c](Vars v) { return ops::SoftmaxCrossEntropy(v[0], Labels(v[0]), c.Options(v[0])); });
}

GoldenBuild Ctc(Shape shape, std::initializer_list<int32_t> labels,
                std::initializer_list<int32_t> inputs, std::initializer_list<int32_t> lengths,
                ops::CtcOptions options) {
  return One([=, labels = std::vector<int32_t>(labels), inputs = std::vector<int32_t>(inputs),
              lengths = std::vector<int32_t>(lengths)](Vars v) {
    ops::Builder& b = *v[0].builder;
    return ops::CtcLoss(ops::LogSoftmax(v[0]), ops::Constant(b, Tensor::Of<int32_t>(shape, labels)),
                        ops::Constant(b, Tensor::Vector<int32_t>(inputs)),
                        ops::Constant(b, Tensor::Vector<int32_t>(lengths)), options);
  });
}

}  // namespace

std::map<std::string, GoldenBuild> TorchLossCases() {
  return {
      {"focal", One([](Vars v) { return ops::FocalFromLogits(v[0], v[1]); })},
      {"focal balanced", One([](Vars v) { return ops::FocalFromLogits(v[0], v[1], 1.5, 0.25); })},
      {"mse", One([](Vars v) { return ops::SquaredError(v[0], v[1]); })},
      {"l1", One([](Vars v) { return ops::AbsoluteError(v[0], v[1]); })},
      {"huber", One([](Vars v) { return ops::Huber(v[0], v[1], 0.7); })},
      {"smooth l1", One([](Vars v) { return ops::SmoothL1(v[0], v[1], 0.6); })},
      {"kl", One([](Vars v) { return ops::KlDivergence(v[0], v[1]); })},
      {"kl log", One([](Vars v) { return ops::KlDivergence(v[0], v[1], true); })},
      {"poisson", One([](Vars v) { return ops::PoissonNegativeLogLikelihood(v[0], v[1]); })},
      {"poisson mean full", One([](Vars v) {
         return ops::PoissonNegativeLogLikelihood(v[0], v[1], {.log_input = false, .full = true});
       })},
      {"bce", One([](Vars v) { return ops::BinaryCrossEntropy(v[0], v[1]); })},
      {"bce logits", One([](Vars v) { return ops::BinaryCrossEntropyFromLogits(v[0], v[1]); })},
      {"soft margin", One([](Vars v) { return ops::SoftMargin(v[0], v[1]); })},
      {"hinge embedding", One([](Vars v) { return ops::HingeEmbedding(v[0], v[1], 0.8); })},
      {"margin ranking", One([](Vars v) { return ops::MarginRanking(v[0], v[1], v[2], 0.3); })},
      {"cosine similarity", One([](Vars v) { return ops::CosineSimilarity(v[0], v[1]); })},
      {"cosine embedding",
       One([](Vars v) { return ops::CosineEmbedding(v[0], v[1], v[2], -0.9); })},
      {"triplet",
       One([](Vars v) { return ops::TripletMargin(v[0], v[1], v[2], {.margin = 0.5}); })},
      {"triplet swap p 3", One([](Vars v) {
         return ops::TripletMargin(v[0], v[1], v[2], {.margin = 2, .p = 3, .swap = true});
       })},
      {"cross entropy shares",
       One([](Vars v) { return ops::SoftmaxCrossEntropyFromLogits(v[0], v[1]); })},
      {"nll", Nll({})},
      {"nll none", Nll({.reduction = LossReduction::kNone})},
      {"nll weight", Nll({.weighted = true})},
      {"nll weight ignore", Nll({.weighted = true, .ignore = 1})},
      {"nll ignore sum", Nll({.ignore = 1, .reduction = LossReduction::kSum})},
      {"nll ignore none", Nll({.weighted = true, .ignore = 1, .reduction = LossReduction::kNone})},
      {"cross entropy", CrossEntropy({})},
      {"cross entropy rows", One([](Vars v) {
         return ops::SoftmaxCrossEntropy(v[0], Integers(v[0], {3}, {2, 0, 3}),
                                         {.reduction = LossReduction::kNone});
       })},
      {"cross entropy weight ignore", CrossEntropy({.weighted = true, .ignore = 2})},
      {"cross entropy smooth", CrossEntropy({.smoothing = 0.2})},
      {"cross entropy smooth weight ignore",
       CrossEntropy({.weighted = true, .ignore = 2, .smoothing = 0.2})},
      {"cross entropy smooth none",
       CrossEntropy(
           {.weighted = true, .ignore = 2, .reduction = LossReduction::kNone, .smoothing = 0.2})},
      {"ctc", Ctc({3, 3}, {1, 2, 2, 3, 0, 0, 1, 3, 1}, {6, 4, 5}, {3, 1, 3}, {})},
      {"ctc blank 3", Ctc({3, 3}, {1, 2, 2, 0, 0, 0, 1, 0, 1}, {6, 4, 5}, {3, 1, 3}, {.blank = 3})},
      {"ctc zero infinity",
       Ctc({3, 2}, {1, 1, 2, 1, 1, 2}, {2, 2, 3}, {2, 2, 0}, {.zero_infinity = true})},
  };
}

}  // namespace adjoint::testing
