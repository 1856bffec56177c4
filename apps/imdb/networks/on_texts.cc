#include "apps/imdb/networks/on_texts.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/network.h"
#include "apps/imdb/networks/nbsvm.h"
#include "apps/imdb/networks/nbsvm_classifier.h"
#include "apps/imdb/networks/texts.h"
#include "apps/imdb/output.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "apps/imdb/training.h"
#include "core/status_macros.h"
#include "nn/progress_bar.h"

namespace adjoint::apps::imdb {
namespace {

using datasets::imdb::LabeledTexts;

constexpr size_t kBatch = 1024;

void Describe(const TextCorpus& corpus, Report& report) {
  report.source = corpus.source;
  report.synthetic = corpus.synthetic;
  report.train_samples = static_cast<int64_t>(corpus.train.texts.size());
  report.test_samples = static_cast<int64_t>(corpus.test.texts.size());
}

absl::StatusOr<TextCorpus> Load(const Options& options, Report& report) {
  std::cout << "Reading reviews ..." << std::endl;
  const Stopwatch watch;
  ADJOINT_ASSIGN_OR_RETURN(TextCorpus corpus, LoadTexts(options, std::cout));
  report.seconds.load = watch.Seconds();
  Describe(corpus, report);
  std::cout << corpus.source << ": " << WithCommas(report.train_samples) << " for training, "
            << WithCommas(report.test_samples) << " for testing; "
            << SecondsText(report.seconds.load) << "\n";
  return corpus;
}

// A fifth of the reviews of each label, its first ones, and the rest. In the raw data the reviews
// of a film lie side by side, so the two have few films in common.
struct Split {
  LabeledTexts validation, training;
};
Split HoldOut(const LabeledTexts& all) {
  int64_t total[2] = {}, seen[2] = {};
  for (const uint8_t label : all.labels) ++total[label];
  Split split;
  for (size_t i = 0; i < all.texts.size(); ++i) {
    const uint8_t label = all.labels[i];
    LabeledTexts& to = seen[label]++ < total[label] / 5 ? split.validation : split.training;
    to.texts.push_back(all.texts[i]);
    to.labels.push_back(label);
  }
  return split;
}

NbsvmSettings SettingsFor(const Options& options, const TextCorpus& corpus, size_t num_texts) {
  NbsvmSettings settings;
  settings.rule.punctuation = corpus.punctuation;
  settings.batch_size = options.Given("batch_size")
                            ? options.batch_size
                            : NbsvmBatchSize(static_cast<int64_t>(num_texts));
  if (options.Given("epochs")) settings.epochs = options.epochs;
  settings.l2 = options.l2;
  settings.seed = options.seed;
  return settings;
}

// Binary crossentropy, of probabilities kept from 0 and 1 as Keras keeps them, and accuracy.
absl::StatusOr<nn::Logs> Evaluate(Classifier& classifier, const LabeledTexts& test) {
  const size_t n = test.texts.size();
  nn::ProgressBar bar(static_cast<int64_t>((n + kBatch - 1) / kBatch),
                      {.out = &std::cout, .in_place = nn::StandardOutputIsTerminal()});
  double loss = 0, right = 0;
  nn::Logs logs;
  for (size_t begin = 0; begin < n; begin += kBatch) {
    const size_t end = std::min(n, begin + kBatch);
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<float> probabilities,
        classifier.Predict(absl::MakeConstSpan(test.texts).subspan(begin, end - begin)));
    for (size_t i = begin; i < end; ++i) {
      const double p = std::clamp(static_cast<double>(probabilities[i - begin]), 1e-7, 1 - 1e-7);
      loss -= std::log(test.labels[i] == 1 ? p : 1 - p);
      right += (p > 0.5) == (test.labels[i] == 1) ? 1 : 0;
    }
    logs.Set("loss", loss / static_cast<double>(end));
    logs.Set(kAccuracy, right / static_cast<double>(end));
    if (bar.IsDue()) bar.Update(static_cast<int64_t>(end / kBatch), logs);
  }
  bar.Finish(logs);
  return logs;
}

absl::Status EvaluateOnTest(Classifier& classifier, const TextCorpus& corpus, Report& report) {
  std::cout << "\nEvaluating on " << WithCommas(report.test_samples) << " test reviews\n";
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  const Stopwatch watch;
  ADJOINT_ASSIGN_OR_RETURN(nn::Logs logs, Evaluate(classifier, corpus.test));
  report.seconds.evaluate = watch.Seconds();
  report.evaluation = logs;
  std::cout << absl::StrFormat("Test loss: %.4f, test accuracy: %.4f\n", logs["loss"],
                               logs[kAccuracy]);
  return FlushOutput();
}

absl::Status Finish(const Options& options, const Classifier& classifier, Report& report) {
  const std::string source = report.source;
  const bool synthetic = report.synthetic;
  ADJOINT_RETURN_IF_ERROR(classifier.Describe(report));
  report.source = source;
  report.synthetic = synthetic;
  ADJOINT_RETURN_IF_ERROR(WriteReport(report, options.report_json));
  return FlushOutput();
}

}  // namespace

absl::Status RunTrainNbsvm(const Options& options) {
  NoteUnused(options, {"network", "data", "epochs", "batch_size", "l2", "seed", "threads", "out",
                       "model", "report_json", "trace"});
  if (!options.checkpoint.empty()) {
    std::cerr << "Note: the network nbsvm makes no use of --checkpoint" << std::endl;
  }
  Report report;
  ADJOINT_ASSIGN_OR_RETURN(const TextCorpus corpus, Load(options, report));
  std::optional<AccuracyTagger> tagger;
  if (corpus.synthetic) tagger.emplace(std::cout, kSyntheticSource);
  ADJOINT_RETURN_IF_ERROR(CheckResultsWritable(options));

  const Split split = HoldOut(corpus.train);
  const size_t kept = split.validation.texts.size();
  if (kept > 0) {
    std::cout << "\nTraining on " << WithCommas(static_cast<int64_t>(split.training.texts.size()))
              << " reviews, validating on the other " << WithCommas(static_cast<int64_t>(kept))
              << "\n";
    const Stopwatch watch;
    ADJOINT_ASSIGN_OR_RETURN(
        Nbsvm nbsvm,
        TrainNbsvm(split.training, SettingsFor(options, corpus, split.training.texts.size()),
                   {.validation = &split.validation, .out = &std::cout}));
    report.seconds.train = watch.Seconds();
    report.history = std::move(nbsvm.history);
    report.AddKernels(nbsvm.model);
    Corpus tag;
    tag.synthetic = corpus.synthetic;
    ADJOINT_RETURN_IF_ERROR(ShowHistory(report.history, options, tag));
  }

  std::cout << "\nTraining anew on all " << WithCommas(report.train_samples) << " reviews\n";
  const Stopwatch watch;
  ADJOINT_ASSIGN_OR_RETURN(
      Nbsvm nbsvm, TrainNbsvm(corpus.train, SettingsFor(options, corpus, corpus.train.texts.size()),
                              {.out = &std::cout}));
  report.seconds.retrain = watch.Seconds();
  ADJOINT_RETURN_IF_ERROR(AttachNgrams(corpus.source, corpus.synthetic, nbsvm));
  ADJOINT_RETURN_IF_ERROR(nbsvm.model.Save(options.model, {.include_optimizer = false}));
  ADJOINT_ASSIGN_OR_RETURN(const std::unique_ptr<Classifier> classifier,
                           LoadNbsvm(std::move(nbsvm.model)));
  ADJOINT_RETURN_IF_ERROR(EvaluateOnTest(*classifier, corpus, report));
  std::cout << "Saved in " << options.model << "; " << SecondsText(report.since_start.Seconds())
            << " in all\n";
  return Finish(options, *classifier, report);
}

absl::Status RunEvaluateOnTexts(const Options& options, Classifier& classifier) {
  NoteUnused(options, {"network", "data", "threads", "out", "model", "report_json", "trace"});
  if (!options.report_json.empty()) ADJOINT_RETURN_IF_ERROR(CheckWritable(options.report_json));
  Report report;
  ADJOINT_ASSIGN_OR_RETURN(const TextCorpus corpus, Load(options, report));
  std::optional<AccuracyTagger> tagger;
  if (corpus.synthetic) tagger.emplace(std::cout, kSyntheticSource);
  ADJOINT_RETURN_IF_ERROR(EvaluateOnTest(classifier, corpus, report));
  return Finish(options, classifier, report);
}

}  // namespace adjoint::apps::imdb
