#include "apps/imdb/networks/ensemble.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "apps/imdb/networks/naive_bayes.h"
#include "core/status_macros.h"
#include "nn/basic_layers.h"
#include "nn/dense.h"
#include "nn/topology.h"
#include "optim/adam.h"
#include "optim/extended.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int64_t kLargeBatch = 1024;

constexpr char kRatio[] = "naive_bayes_dense/ratio", kNgrams[] = "document_vector/ngrams",
               kDrawn[] = "document_vector/drawn", kKernel[] = "document_logit/kernel";

}  // namespace

absl::StatusOr<std::vector<float>> DocumentClassifier::Logits(
    absl::Span<const std::string> texts) const {
  ADJOINT_ASSIGN_OR_RETURN(const Tensor rows, VectorsOf(texts, vectors));
  const absl::Span<const float> values = rows.data<float>();
  std::vector<float> logits(texts.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    for (size_t j = 0; j < kernel.size(); ++j) {
      logits[i] += values[i * kernel.size() + j] * kernel[j];
    }
  }
  return logits;
}

absl::StatusOr<DocumentClassifier> TrainDocumentClassifier(
    absl::Span<const std::string> unlabeled, const datasets::imdb::LabeledTexts& labeled,
    const DocumentClassifierSettings& settings, const DocumentVectorTraining& training) {
  DocumentClassifier result;
  ADJOINT_ASSIGN_OR_RETURN(result.vectors,
                           TrainDocumentVectors(unlabeled, labeled, settings.vectors, training));
  ADJOINT_ASSIGN_OR_RETURN(
      const Tensor x, VectorsOf(labeled.texts, result.vectors,
                                PartOfStep(training.progress, "Making vectors of reviews", 0, 1)));
  Tensor y = Tensor::Empty({DType::kF32, Shape{x.shape().dim(0).value(), 1}});
  std::copy(labeled.labels.begin(), labeled.labels.end(), y.mutable_data<float>().begin());
  const int64_t n = x.shape().dim(0).value(), batch = std::min(settings.batch_size, n);
  nn::Sequential model({nn::Dense(1, {.activation = "sigmoid",
                                      .use_bias = false,
                                      .kernel_regularizer = nn::L2(settings.l2)})},
                       {.seed = settings.vectors.seed});
  const double steps = static_cast<double>((n + batch - 1) / batch) * settings.epochs;
  ADJOINT_RETURN_IF_ERROR(model.Compile(
      optim::Extended(
          optim::MakeAdam({.learning_rate = settings.learning_rate}),
          {.schedule = optim::CosineDecay(
               {.initial_learning_rate = settings.learning_rate, .decay_steps = steps})}),
      "binary_crossentropy"));
  ADJOINT_RETURN_IF_ERROR(
      model.Fit(x, y, {.epochs = settings.epochs, .batch_size = batch, .verbose = 0}).status());
  const std::vector<Tensor> weights = model.GetWeights();
  const absl::Span<const float> kernel = weights[0].data<float>();
  result.kernel.assign(kernel.begin(), kernel.end());
  return result;
}

absl::StatusOr<Ensemble> Join(const Nbsvm& nbsvm, const DocumentClassifier& documents,
                              double weight) {
  const DocumentVectors& vectors = documents.vectors;
  const nn::InputOutput ngrams = nn::Input({nbsvm.vocabulary.size()}, {.name = "ngrams"});
  const nn::InputOutput telling =
      nn::Input({vectors.vocabulary.size()}, {.name = "telling_ngrams"});
  const nn::LayerOutput document = DocumentVector(
      vectors.rule, vectors.drawn.shape().dim(0).value(), "document_vector")(telling);
  const nn::LayerOutput logit = nn::Add({.name = "logit"})(
      {NaiveBayesDense(0, true)(ngrams),
       nn::Dense(1, {.use_bias = false, .name = "document_logit"})(document)});
  nn::Model model({ngrams, telling}, nn::Activation("sigmoid", {.name = "probability"})(logit),
                  {.name = "ensemble"});
  const std::vector<std::string> text = {""};
  ADJOINT_ASSIGN_OR_RETURN(const NbsvmWeights naive, nbsvm.Weights());
  ADJOINT_ASSIGN_OR_RETURN(const CsrMatrix x, NgramRows(text, nbsvm.vocabulary, naive.ratio));
  ADJOINT_ASSIGN_OR_RETURN(const CsrMatrix z, NgramRows(text, vectors.vocabulary));
  ADJOINT_RETURN_IF_ERROR(model.Build({x, z}));
  graph::VariableStore& variables = model.mutable_variables();
  for (const std::string& name : nbsvm.model.WeightNames()) {
    variables.Set(name, *nbsvm.model.variables().Find(name));
  }
  variables.Set(kNgrams, vectors.ngrams);
  variables.Set(kDrawn, vectors.drawn);
  const auto scaled = [&](float value) { return static_cast<float>(weight * value); };
  std::vector<float> kernel(documents.kernel.size());
  std::transform(documents.kernel.begin(), documents.kernel.end(), kernel.begin(), scaled);
  variables.Set(kKernel, Tensor::Of<float>(Shape{static_cast<int64_t>(kernel.size()), 1}, kernel));
  return Ensemble{std::move(model), nbsvm.vocabulary, vectors.vocabulary};
}

absl::StatusOr<nn::DataList> Ensemble::Rows(absl::Span<const std::string> texts) const {
  const Tensor* const ratio = model.variables().Find(kRatio);
  const Tensor* const vectors = model.variables().Find(kNgrams);
  for (const auto& [name, tensor, rows] :
       {std::tuple(kRatio, ratio, ngrams.size()), std::tuple(kNgrams, vectors, telling.size())}) {
    if (tensor == nullptr || tensor->dtype() != DType::kF32 || tensor->shape().rank() != 2 ||
        tensor->shape().dim(0).value() != rows) {
      return absl::InvalidArgumentError(
          absl::StrCat("its network has no '", name, "' of ", rows, " rows"));
    }
  }
  ADJOINT_ASSIGN_OR_RETURN(CsrMatrix x, NgramRows(texts, ngrams, ratio->data<float>()));
  ADJOINT_ASSIGN_OR_RETURN(CsrMatrix z, NgramRows(texts, telling));
  return nn::DataList{nn::Data(std::move(x)), nn::Data(std::move(z))};
}

absl::StatusOr<std::vector<float>> Ensemble::Predict(absl::Span<const std::string> texts) {
  if (texts.empty()) return std::vector<float>();
  ADJOINT_ASSIGN_OR_RETURN(const nn::DataList x, Rows(texts));
  ADJOINT_ASSIGN_OR_RETURN(const Tensor probabilities,
                           model.Predict(x, {.batch_size = std::min(kLargeBatch, x.rows())}));
  const absl::Span<const float> values = probabilities.data<float>();
  return std::vector<float>(values.begin(), values.end());
}

}  // namespace adjoint::apps::imdb
