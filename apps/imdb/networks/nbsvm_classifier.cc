#include "apps/imdb/networks/nbsvm_classifier.h"

#include <string>
#include <utility>
#include <vector>

#include "apps/imdb/network.h"
#include "apps/imdb/networks/explain_ngrams.h"
#include "apps/imdb/networks/ngram_section.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

class NbsvmClassifier final : public Classifier {
 public:
  NbsvmClassifier(Nbsvm nbsvm, ClassifierInfo info)
      : nbsvm_(std::move(nbsvm)), info_(std::move(info)) {}

  const ClassifierInfo& info() const override { return info_; }

  absl::StatusOr<std::vector<float>> Predict(absl::Span<const std::string> texts) override {
    return nbsvm_.Predict(texts);
  }

  // Exact, for the logit is a sum over n-grams.
  absl::StatusOr<Explanation> Explain(absl::string_view text) override {
    ADJOINT_ASSIGN_OR_RETURN(const NbsvmWeights weights, nbsvm_.Weights());
    const NgramVocabulary& vocabulary = nbsvm_.vocabulary;
    ADJOINT_ASSIGN_OR_RETURN(const CsrMatrix x,
                             NgramRows({std::string(text)}, vocabulary, weights.ratio));
    NgramShares shares;
    double logit = weights.prior;
    for (size_t i = 0; i < x.RowColumns(0).size(); ++i) {
      const int32_t column = x.RowColumns(0)[i];
      const double share =
          static_cast<double>(x.RowValues(0)[i]) * weights.ratio[column] * weights.kernel[column];
      shares[vocabulary.fingerprints()[column]] = share;
      logit += share;
    }
    return ExplainByNgrams(text, vocabulary.rule(), shares, weights.prior, logit);
  }

  bool KnowsAWord(absl::string_view text) const override {
    return KnowsAToken(text, nbsvm_.vocabulary);
  }

  absl::Status Accept(const Options& options) override {
    return AcceptNgramModel(options, info_.network, "an NB-SVM");
  }

  absl::Status Describe(Report& report) const override {
    report.source = info_.source;
    report.synthetic = info_.synthetic;
    ADJOINT_ASSIGN_OR_RETURN(report.weights_sha256, WeightsSha256(nbsvm_.model));
    report.AddKernels(nbsvm_.model);
    return absl::OkStatus();
  }

  const nn::Model* model() const override { return &nbsvm_.model; }

 private:
  Nbsvm nbsvm_;
  ClassifierInfo info_;
};

}  // namespace

absl::Status AttachNgrams(const std::string& source, bool synthetic, Nbsvm& nbsvm) {
  return nbsvm.model.SetSection(kNgramSection,
                                NgramSection{source, synthetic, {&nbsvm.vocabulary}}.Serialized());
}

absl::StatusOr<std::unique_ptr<Classifier>> LoadNbsvm(nn::Model model) {
  ADJOINT_ASSIGN_OR_RETURN(LoadedNgrams loaded, LoadNgrams(model, kNgramSection, 1));
  NgramVocabulary& vocabulary = loaded.vocabularies[0];
  ClassifierInfo info = {.network = "nbsvm",
                         .summary = SummaryOf(vocabulary),
                         .source = loaded.source,
                         .synthetic = loaded.synthetic};
  Nbsvm nbsvm{.model = std::move(model), .vocabulary = std::move(vocabulary), .history = {}};
  ADJOINT_RETURN_IF_ERROR(nbsvm.Weights().status());
  return std::make_unique<NbsvmClassifier>(std::move(nbsvm), std::move(info));
}

}  // namespace adjoint::apps::imdb
