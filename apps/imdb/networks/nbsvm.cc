#include "apps/imdb/networks/nbsvm.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "apps/imdb/network.h"
#include "apps/imdb/networks/naive_bayes.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "apps/imdb/training.h"
#include "core/status_macros.h"
#include "optim/extended.h"
#include "optim/sgd.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int64_t kUsualBatch = 256, kUsualReviews = 25000;
// Of evaluations and predictions, which keep nothing a review.
constexpr int64_t kLargeBatch = 1024;

constexpr char kRatio[] = "naive_bayes_dense/ratio", kKernel[] = "naive_bayes_dense/kernel",
               kPrior[] = "naive_bayes_dense/prior";

Tensor Column(absl::Span<const float> values) {
  Tensor column = Tensor::Zeros({DType::kF32, Shape{static_cast<int64_t>(values.size()), 1}});
  std::copy(values.begin(), values.end(), column.mutable_data<float>().begin());
  return column;
}

Tensor LabelColumn(absl::Span<const uint8_t> labels) {
  return Column(std::vector<float>(labels.begin(), labels.end()));
}

absl::StatusOr<nn::Model> MakeNbsvmModel(const CsrMatrix& x, const NbsvmSettings& settings) {
  const double steps = std::ceil(static_cast<double>(x.rows()) / settings.batch_size);
  const double rate = settings.learning_rate * settings.batch_size / kUsualBatch;
  nn::Sequential model({NaiveBayesDense(settings.l2)}, {.name = "nbsvm", .seed = settings.seed});
  ADJOINT_RETURN_IF_ERROR(model.Build(x));
  ADJOINT_RETURN_IF_ERROR(model.Compile(
      optim::Extended(
          optim::MakeSgd({.learning_rate = rate, .momentum = settings.momentum, .nesterov = true}),
          {.schedule = optim::CosineDecay(
               {.initial_learning_rate = rate, .decay_steps = steps * settings.epochs})}),
      "binary_crossentropy", {kAccuracy}));
  return nn::Model(std::move(model));
}

}  // namespace

int64_t NbsvmBatchSize(int64_t num_texts) {
  return std::clamp<int64_t>(num_texts * kUsualBatch / kUsualReviews, 1, kUsualBatch);
}

absl::StatusOr<Nbsvm> TrainNbsvm(const datasets::imdb::LabeledTexts& reviews,
                                 const NbsvmSettings& settings,
                                 const NbsvmTrainingOptions& options) {
  const std::vector<uint8_t>& labels = reviews.labels;
  const auto n = static_cast<double>(reviews.texts.size());
  const auto positive = static_cast<double>(std::count(labels.begin(), labels.end(), 1));
  if (labels.size() != reviews.texts.size() || positive == 0 || positive == n) {
    return absl::InvalidArgumentError(
        absl::StrCat("naive Bayes wants a label a text and texts of both labels, but was given ",
                     reviews.texts.size(), " texts and ", labels.size(), " labels, ", positive,
                     " of them positive"));
  }
  const Stopwatch counting;
  // Counting takes about twice as long as making rows.
  const double kept = options.validation == nullptr ? 0 : options.validation->texts.size();
  const double all = 3 * n + kept;
  const auto part = [&](double begin, double size) {
    return PartOfStep(options.progress, "Counting n-grams", begin / all, size / all);
  };
  ADJOINT_ASSIGN_OR_RETURN(NgramCounts counts, CountNgrams(reviews.texts, labels, settings.rule,
                                                           settings.min_texts, part(0, 2 * n)));
  const std::vector<float> ratio =
      LogCountRatio(counts.positive, counts.negative, settings.smoothing);
  ADJOINT_ASSIGN_OR_RETURN(const CsrMatrix x,
                           NgramRows(reviews.texts, counts.vocabulary, ratio, part(2 * n, n)));
  nn::ValidationData validation;
  if (options.validation != nullptr) {
    ADJOINT_ASSIGN_OR_RETURN(CsrMatrix rows, NgramRows(options.validation->texts, counts.vocabulary,
                                                       ratio, part(3 * n, kept)));
    validation = {.x = std::move(rows), .y = LabelColumn(options.validation->labels)};
  }
  if (options.out != nullptr) {
    *options.out << WithCommas(counts.vocabulary.size()) << " n-grams of up to "
                 << settings.rule.max_length << " tokens stand in " << settings.min_texts
                 << " reviews or more, " << WithCommas(x.nnz()) << " times in all; counted in "
                 << SecondsText(counting.Seconds()) << std::endl;
  }
  ADJOINT_ASSIGN_OR_RETURN(nn::Model model, MakeNbsvmModel(x, settings));
  model.mutable_variables().Set(kRatio, Column(ratio));
  Tensor prior = Tensor::Zeros({DType::kF32, Shape{1}});
  prior.mutable_data<float>()[0] = static_cast<float>(std::log(positive) - std::log(n - positive));
  model.mutable_variables().Set(kPrior, prior);
  std::vector<std::shared_ptr<nn::Callback>> callbacks;
  if (options.step_seconds != nullptr) callbacks = {StepTimer(options.step_seconds)};
  ADJOINT_ASSIGN_OR_RETURN(nn::History history,
                           model.Fit(x, LabelColumn(labels),
                                     {.epochs = settings.epochs,
                                      .batch_size = std::min(settings.batch_size, x.rows()),
                                      .validation_data = std::move(validation),
                                      .verbose = options.out == nullptr ? 0 : 1,
                                      .callbacks = std::move(callbacks),
                                      .out = options.out}));
  return Nbsvm{std::move(model), std::move(counts.vocabulary), std::move(history)};
}

absl::StatusOr<NbsvmWeights> Nbsvm::Weights() const {
  const auto find = [&](const char* name, int64_t size) -> absl::StatusOr<absl::Span<const float>> {
    const Tensor* const tensor = model.variables().Find(name);
    if (tensor == nullptr || tensor->dtype() != DType::kF32 || tensor->size() != size) {
      return absl::InvalidArgumentError(
          absl::StrCat("its network has no '", name, "' of ", size, " numbers"));
    }
    return tensor->data<float>();
  };
  NbsvmWeights weights;
  ADJOINT_ASSIGN_OR_RETURN(weights.ratio, find(kRatio, vocabulary.size()));
  ADJOINT_ASSIGN_OR_RETURN(weights.kernel, find(kKernel, vocabulary.size()));
  ADJOINT_ASSIGN_OR_RETURN(const absl::Span<const float> prior, find(kPrior, 1));
  weights.prior = prior[0];
  return weights;
}

absl::StatusOr<std::vector<float>> Nbsvm::Predict(absl::Span<const std::string> texts) {
  ADJOINT_ASSIGN_OR_RETURN(const NbsvmWeights weights, Weights());
  ADJOINT_ASSIGN_OR_RETURN(const CsrMatrix x, NgramRows(texts, vocabulary, weights.ratio));
  if (x.rows() == 0) return std::vector<float>();
  ADJOINT_ASSIGN_OR_RETURN(const Tensor probabilities,
                           model.Predict(x, {.batch_size = std::min(kLargeBatch, x.rows())}));
  const absl::Span<const float> values = probabilities.data<float>();
  return std::vector<float>(values.begin(), values.end());
}

}  // namespace adjoint::apps::imdb
