#include "apps/imdb/networks/ensemble_classifier.h"

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/imdb/attribution.h"
#include "apps/imdb/network.h"
#include "apps/imdb/networks/explain_ngrams.h"
#include "apps/imdb/networks/ngram_section.h"
#include "apps/imdb/text.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

class EnsembleClassifier final : public Classifier {
 public:
  EnsembleClassifier(Ensemble ensemble, ClassifierInfo info)
      : ensemble_(std::move(ensemble)), info_(std::move(info)) {}

  const ClassifierInfo& info() const override { return info_; }

  absl::StatusOr<std::vector<float>> Predict(absl::Span<const std::string> texts) override {
    return ensemble_.Predict(texts);
  }

  // An n-gram has the shares of its entries in both inputs.
  absl::StatusOr<Explanation> Explain(absl::string_view text) override {
    ADJOINT_ASSIGN_OR_RETURN(const nn::DataList x, ensemble_.Rows({std::string(text)}));
    const std::vector<nn::ValueSpec> specs = {x.items()[0].spec(), x.items()[1].spec()};
    NgramShares shares;
    double sum = 0, logit = 0;
    for (size_t input = 0; input < attributions_.size(); ++input) {
      std::optional<Attribution>& attribution = attributions_[input];
      if (!attribution.has_value()) {
        ADJOINT_ASSIGN_OR_RETURN(attribution, Attribution::Create(ensemble_.model, specs, input));
      }
      ADJOINT_ASSIGN_OR_RETURN(const Attribution::Result result,
                               attribution->Run(ensemble_.model, x));
      logit = result.logit;
      const NgramVocabulary& vocabulary = input == 0 ? ensemble_.ngrams : ensemble_.telling;
      const absl::Span<const int32_t> columns = x.items()[input].csr().RowColumns(0);
      for (size_t i = 0; i < columns.size(); ++i) {
        const double share = result.shares.ValueAt(static_cast<int64_t>(i));
        shares[vocabulary.fingerprints()[columns[i]]] += share;
        sum += share;
      }
    }
    return ExplainByNgrams(text, ensemble_.ngrams.rule(), shares, logit - sum, logit);
  }

  bool KnowsAWord(absl::string_view text) const override {
    return KnowsAToken(text, ensemble_.ngrams) || KnowsAToken(text, ensemble_.telling);
  }

  absl::Status Accept(const Options& options) override {
    return AcceptNgramModel(options, info_.network, "an ensemble");
  }

  absl::Status Describe(Report& report) const override {
    report.source = info_.source;
    report.synthetic = info_.synthetic;
    ADJOINT_ASSIGN_OR_RETURN(report.weights_sha256, WeightsSha256(ensemble_.model));
    report.AddKernels(ensemble_.model);
    return absl::OkStatus();
  }

  const nn::Model* model() const override { return &ensemble_.model; }

 private:
  Ensemble ensemble_;
  ClassifierInfo info_;
  std::array<std::optional<Attribution>, 2> attributions_;  // of each input, when asked for
};

}  // namespace

absl::Status AttachVocabularies(const std::string& source, bool synthetic, Ensemble& ensemble) {
  return ensemble.model.SetSection(
      kEnsembleSection,
      NgramSection{source, synthetic, {&ensemble.ngrams, &ensemble.telling}}.Serialized());
}

absl::StatusOr<std::unique_ptr<Classifier>> LoadEnsemble(nn::Model model) {
  ADJOINT_ASSIGN_OR_RETURN(LoadedNgrams loaded, LoadNgrams(model, kEnsembleSection, 2));
  Ensemble ensemble{std::move(model), std::move(loaded.vocabularies[0]),
                    std::move(loaded.vocabularies[1])};
  ADJOINT_RETURN_IF_ERROR(ensemble.Rows({std::string()}).status());
  ClassifierInfo info = {
      .network = "ensemble",
      .summary = absl::StrCat(SummaryOf(ensemble.ngrams), ", document vectors by ",
                              WithCommas(ensemble.telling.size()), " of them"),
      .source = loaded.source,
      .synthetic = loaded.synthetic};
  return std::make_unique<EnsembleClassifier>(std::move(ensemble), std::move(info));
}

}  // namespace adjoint::apps::imdb
