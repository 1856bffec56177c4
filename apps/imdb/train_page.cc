#include "apps/imdb/train_page.h"

#include <functional>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "apps/imdb/networks/mlp.h"
#include "apps/imdb/output.h"
#include "apps/imdb/preprocessing.h"
#include "apps/imdb/run_page.h"
#include "apps/imdb/text.h"
#include "apps/report/network_picture.h"
#include "core/io/file.h"
#include "core/parallel.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr size_t kMistakesOfAKind = 4;

std::vector<std::pair<std::string, std::string>> Settings(const Options& options,
                                                          const Corpus& corpus,
                                                          int64_t batch_size) {
  std::vector<std::pair<std::string, std::string>> settings = {
      {"data", corpus.data.source},
      {"num_words", WithCommas(options.num_words)},
      {"encoding", options.sparse ? "sparse" : "dense"},
      {"hidden", absl::StrJoin(options.hidden, ", ")},
      {"activation", options.activation},
      {"dropout", absl::StrFormat("%g", options.dropout)},
      {"l2", absl::StrFormat("%g", options.l2)},
      {"epochs", absl::StrCat(options.epochs)},
      {"batch_size", WithCommas(batch_size)},
      {"optimizer", options.optimizer},
      {"loss", options.loss},
      {"seed", absl::StrCat(options.seed)},
      {"threads", absl::StrCat(NumThreads())},
      {"model", options.model}};
  return settings;
}

// Adds the surest mistakes, explained by `explain`, and writes the page.
absl::Status WritePage(
    const Options& options, RunPage page,
    const std::function<absl::StatusOr<MlpExplainer::Review>(int64_t index)>& explain) {
  for (const int label : {0, 1}) {
    for (const int64_t index :
         SurestMistakes(page.labels, page.probabilities, label, kMistakesOfAKind)) {
      ADJOINT_ASSIGN_OR_RETURN(MlpExplainer::Review review, explain(index));
      page.mistakes.push_back({.index = index,
                               .label = label,
                               .text = std::move(review.text),
                               .explanation = std::move(review.explanation)});
    }
  }
  ADJOINT_RETURN_IF_ERROR(io::WriteFileAtomically(ReportPath(options), ToHtml(page)));
  std::cout << "Report with charts and mistakes: " << ReportPath(options) << "\n";
  return FlushOutput();
}

}  // namespace

std::string ReportPath(const Options& options) { return absl::StrCat(options.out, "/report.html"); }

absl::Status WriteTrainPage(const Options& options, const Corpus& corpus, const Report& report,
                            const TrainedModel& trained) {
  const datasets::Reviews& test = corpus.data.test;
  RunPage page;
  page.title = absl::StrCat("Positive or negative?", corpus.Tag());
  page.subtitle = absl::StrCat(corpus.data.source, ": ", WithCommas(report.train_samples),
                               " reviews for training, ", WithCommas(trained.validated),
                               " of them for validation, and ", WithCommas(report.test_samples),
                               " for testing");
  page.tag = corpus.Tag();
  page.settings = Settings(options, corpus, trained.batch_size);
  page.report = &report;
  page.step_seconds = trained.step_seconds;
  page.batch_size = trained.batch_size;
  for (const Tensor& weight : trained.model->GetWeights()) page.weights += weight.size();
  page.network_svg = report::NetworkPicture(*trained.model);
  page.tested = trained.tested;
  page.labels = test.labels;
  page.probabilities.assign(trained.predictions.begin(), trained.predictions.end());
  const Preprocessing preprocessing = Preprocessing::Of(corpus, options);
  MlpExplainer explainer(*trained.model, preprocessing);
  return WritePage(options, std::move(page),
                   [&](int64_t index) { return explainer.ExplainIds(test[index]); });
}

absl::Status WriteTrainPage(const Options& options, const TextCorpus& corpus, const Report& report,
                            const TrainedOnTexts& trained) {
  RunPage page;
  page.tag = corpus.synthetic ? absl::StrCat(" (", kSyntheticSource, ")") : "";
  page.title = absl::StrCat("Positive or negative?", page.tag);
  page.subtitle =
      absl::StrCat(corpus.source, ": ", WithCommas(report.train_samples), " reviews for training, ",
                   corpus.unlabeled.empty()
                       ? ""
                       : absl::StrCat(WithCommas(static_cast<int64_t>(corpus.unlabeled.size())),
                                      " without labels, "),
                   "and ", WithCommas(report.test_samples), " for testing");
  page.settings = trained.settings;
  page.settings.insert(page.settings.begin(),
                       {{"data", corpus.source}, {"network", options.network}});
  page.settings.emplace_back("seed", absl::StrCat(options.seed));
  page.settings.emplace_back("threads", absl::StrCat(NumThreads()));
  page.settings.emplace_back("model", options.model);
  page.report = &report;
  page.step_seconds = trained.step_seconds;
  page.batch_size = trained.batch_size;
  const nn::Model& model = *trained.classifier->model();
  for (const Tensor& weight : model.GetWeights()) page.weights += weight.size();
  page.network_svg = report::NetworkPicture(model);
  page.tested = trained.tested;
  page.labels = corpus.test.labels;
  page.probabilities.assign(trained.predictions.begin(), trained.predictions.end());
  return WritePage(
      options, std::move(page), [&](int64_t index) -> absl::StatusOr<MlpExplainer::Review> {
        const std::string& text = corpus.test.texts[static_cast<size_t>(index)];
        ADJOINT_ASSIGN_OR_RETURN(Explanation explanation, trained.classifier->Explain(text));
        return MlpExplainer::Review{text, std::move(explanation)};
      });
}

}  // namespace adjoint::apps::imdb
