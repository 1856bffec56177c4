#include "apps/imdb/classifier.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/imdb/networks/document_vector_layer.h"
#include "apps/imdb/networks/ensemble_classifier.h"
#include "apps/imdb/networks/mlp.h"
#include "apps/imdb/networks/naive_bayes.h"
#include "apps/imdb/networks/nbsvm_classifier.h"
#include "apps/imdb/preprocessing.h"
#include "core/status_macros.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {
namespace {

// A kind of model: the section that only its files have, and what makes a classifier of one.
struct Kind {
  const char* section;
  absl::StatusOr<std::unique_ptr<Classifier>> (*load)(nn::Model model);
};

constexpr Kind kKinds[] = {
    {kPreprocessingSection, LoadMlp},
    {kNgramSection, LoadNbsvm},
    {kEnsembleSection, LoadEnsemble},
};

}  // namespace

void SortTerms(Explanation& explanation) {
  std::stable_sort(explanation.terms.begin(), explanation.terms.end(),
                   [](const Explanation::Term& a, const Explanation::Term& b) {
                     return std::abs(a.contribution) > std::abs(b.contribution);
                   });
}

absl::StatusOr<std::unique_ptr<Classifier>> LoadClassifier(const std::string& path) {
  RegisterNaiveBayesDense();
  RegisterDocumentVector();
  ADJOINT_ASSIGN_OR_RETURN(nn::Model model, nn::Model::Load(path));
  absl::StatusOr<std::unique_ptr<Classifier>> classifier = NotAModelOfReviews();
  for (const Kind& kind : kKinds) {
    if (model.FindSection(kind.section) == nullptr) continue;
    classifier = kind.load(std::move(model));
    break;
  }
  if (!classifier.ok()) return CannotUse(path, classifier.status());
  return classifier;
}

absl::StatusOr<std::unique_ptr<Classifier>> LoadClassifierFor(const Options& options) {
  absl::StatusOr<std::unique_ptr<Classifier>> classifier = LoadClassifier(options.model);
  if (!classifier.ok()) return WithModelHint(options, classifier.status());
  ADJOINT_RETURN_IF_ERROR((*classifier)->Accept(options));
  return classifier;
}

}  // namespace adjoint::apps::imdb
