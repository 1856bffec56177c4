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
#include "apps/imdb/networks/ensemble.h"
#include "apps/imdb/networks/ensemble_classifier.h"
#include "apps/imdb/networks/nbsvm.h"
#include "apps/imdb/networks/nbsvm_classifier.h"
#include "apps/imdb/networks/texts.h"
#include "apps/imdb/output.h"
#include "apps/imdb/progress.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "apps/imdb/train_page.h"
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

absl::StatusOr<TextCorpus> Load(const Options& options, Report& report, bool unlabeled = false) {
  std::cout << "Reading reviews ..." << std::endl;
  const Stopwatch watch;
  ADJOINT_ASSIGN_OR_RETURN(TextCorpus corpus, LoadTexts(options, std::cout, unlabeled));
  report.seconds.load = watch.Seconds();
  Describe(corpus, report);
  std::cout << corpus.source << ": " << WithCommas(report.train_samples) << " for training, "
            << WithCommas(report.test_samples) << " for testing"
            << (unlabeled
                    ? absl::StrCat(", ", WithCommas(static_cast<int64_t>(corpus.unlabeled.size())),
                                   " without labels")
                    : "")
            << "; " << SecondsText(report.seconds.load) << "\n";
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

// Binary crossentropy, of probabilities kept from 0 and 1 as Keras keeps them, and accuracy. Adds
// the probabilities to `predictions`.
absl::StatusOr<nn::Logs> Evaluate(Classifier& classifier, const LabeledTexts& test,
                                  std::vector<float>* predictions) {
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
    predictions->insert(predictions->end(), probabilities.begin(), probabilities.end());
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

absl::Status EvaluateOnTest(Classifier& classifier, const TextCorpus& corpus, Report& report,
                            std::vector<float>* predictions) {
  std::cout << "\nEvaluating on " << WithCommas(report.test_samples) << " test reviews\n";
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  const Stopwatch watch;
  ADJOINT_ASSIGN_OR_RETURN(nn::Logs logs, Evaluate(classifier, corpus.test, predictions));
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

// Trains an NB-SVM on some reviews and validates it on the others; draws the charts.
absl::Status Validate(const Options& options, const TextCorpus& corpus, Report& report,
                      std::vector<double>* step_seconds) {
  const Split split = HoldOut(corpus.train);
  if (split.validation.texts.empty()) return absl::OkStatus();
  std::cout << "\nTraining on " << WithCommas(static_cast<int64_t>(split.training.texts.size()))
            << " reviews, validating on the other "
            << WithCommas(static_cast<int64_t>(split.validation.texts.size())) << "\n";
  const Stopwatch watch;
  StepsProgress steps;
  ADJOINT_ASSIGN_OR_RETURN(
      Nbsvm nbsvm,
      TrainNbsvm(
          split.training, SettingsFor(options, corpus, split.training.texts.size()),
          {.validation = &split.validation,
           .out = &std::cout,
           .step_seconds = step_seconds,
           .progress = [&](absl::string_view what, double share) { steps.Update(what, share); }}));
  report.seconds.train = watch.Seconds();
  report.history = std::move(nbsvm.history);
  report.AddKernels(nbsvm.model);
  Corpus tag;
  tag.synthetic = corpus.synthetic;
  return ShowHistory(report.history, options, tag);
}

using SettingsList = std::vector<std::pair<std::string, std::string>>;

std::string Text(double value) { return absl::StrFormat("%g", value); }

SettingsList Listed(const NbsvmSettings& settings) {
  return {{"n-grams", absl::StrCat("of up to ", settings.rule.max_length,
                                   settings.rule.punctuation ? " words and marks" : " words",
                                   " in ", settings.min_texts, " reviews or more")},
          {"smoothing", Text(settings.smoothing)},
          {"epochs", absl::StrCat(settings.epochs)},
          {"batch_size", WithCommas(settings.batch_size)},
          {"learning_rate", absl::StrCat(Text(settings.learning_rate), " for batches of 256, ",
                                         "Nesterov's momentum ", Text(settings.momentum))},
          {"l2", Text(settings.l2)}};
}

DocumentClassifierSettings DocumentSettingsFor(const Options& options, const TextCorpus& corpus) {
  DocumentClassifierSettings settings;
  DocumentVectorSettings& vectors = settings.vectors;
  vectors.ngrams.punctuation = corpus.punctuation;
  vectors.seed = options.seed;
  ScaleTo(static_cast<int64_t>(corpus.unlabeled.size()), vectors);
  settings.batch_size = NbsvmBatchSize(static_cast<int64_t>(corpus.train.texts.size()));
  return settings;
}

// Trains documents' vectors beside the NB-SVM, and saves both as one model.
absl::StatusOr<std::unique_ptr<Classifier>> TrainBeside(const Nbsvm& nbsvm, const Options& options,
                                                        const TextCorpus& corpus,
                                                        TrainedOnTexts& trained) {
  const DocumentClassifierSettings settings = DocumentSettingsFor(options, corpus);
  std::cout << "\nLearning document vectors from "
            << WithCommas(static_cast<int64_t>(corpus.unlabeled.size()))
            << " reviews without labels\n";
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  StepsProgress steps;
  ADJOINT_ASSIGN_OR_RETURN(
      const DocumentClassifier documents,
      TrainDocumentClassifier(
          corpus.unlabeled, corpus.train, settings,
          {.tell =
               [&](const std::string& line) {
                 steps.Hide();
                 std::cout << line << std::endl;
               },
           .progress = [&](absl::string_view what, double share) { steps.Update(what, share); }}));
  ADJOINT_ASSIGN_OR_RETURN(Ensemble ensemble, Join(nbsvm, documents));
  ADJOINT_RETURN_IF_ERROR(AttachVocabularies(corpus.source, corpus.synthetic, ensemble));
  ADJOINT_RETURN_IF_ERROR(ensemble.model.Save(options.model, {.include_optimizer = false}));
  const DocumentVectorSettings& vectors = settings.vectors;
  const SettingsList listed = {
      {"document vectors",
       absl::StrCat(vectors.rule.units, " units, alpha ", Text(vectors.rule.alpha), ", ",
                    Text(vectors.rule.negatives), " negatives, ", vectors.epochs,
                    " epochs of batches of ", vectors.batch_size, " by Adagrad from ",
                    Text(vectors.learning_rate))},
      {"their n-grams", absl::StrCat("in ", vectors.min_texts, " reviews without labels and ",
                                     vectors.min_labeled, " with labels or more, log-count ratio ",
                                     Text(vectors.least_ratio), " from 0 or farther")},
      {"their weight", Text(kDocumentWeight)}};
  trained.settings.insert(trained.settings.end(), listed.begin(), listed.end());
  return LoadEnsemble(std::move(ensemble.model));
}

}  // namespace

bool ReadsTexts(absl::string_view network) { return network == "nbsvm" || network == "ensemble"; }

absl::Status RunTrainOnTexts(const Options& options) {
  const bool ensemble = options.network == "ensemble";
  NoteUnused(options, {"network", "data", "epochs", "batch_size", "l2", "seed", "threads", "out",
                       "model", "report_json", "trace"});
  Report report;
  ADJOINT_ASSIGN_OR_RETURN(const TextCorpus corpus, Load(options, report, ensemble));
  std::optional<AccuracyTagger> tagger;
  if (corpus.synthetic) tagger.emplace(std::cout, kSyntheticSource);
  ADJOINT_RETURN_IF_ERROR(CheckResultsWritable(options));

  TrainedOnTexts trained;
  if (!ensemble) ADJOINT_RETURN_IF_ERROR(Validate(options, corpus, report, &trained.step_seconds));
  const NbsvmSettings settings = SettingsFor(options, corpus, corpus.train.texts.size());
  trained.settings = Listed(settings);
  trained.batch_size = settings.batch_size;
  if (!trained.step_seconds.empty()) trained.tested = "trained on all training reviews";
  std::cout << "\nTraining " << (ensemble ? "an NB-SVM" : "anew") << " on all "
            << WithCommas(report.train_samples) << " reviews\n";
  const Stopwatch watch;
  StepsProgress steps;
  ADJOINT_ASSIGN_OR_RETURN(
      Nbsvm nbsvm,
      TrainNbsvm(corpus.train, settings,
                 {.out = &std::cout, .progress = [&](absl::string_view what, double share) {
                    steps.Update(what, share);
                  }}));
  std::unique_ptr<Classifier> classifier;
  if (ensemble) {
    ADJOINT_ASSIGN_OR_RETURN(classifier, TrainBeside(nbsvm, options, corpus, trained));
  } else {
    ADJOINT_RETURN_IF_ERROR(AttachNgrams(corpus.source, corpus.synthetic, nbsvm));
    ADJOINT_RETURN_IF_ERROR(nbsvm.model.Save(options.model, {.include_optimizer = false}));
    ADJOINT_ASSIGN_OR_RETURN(classifier, LoadNbsvm(std::move(nbsvm.model)));
  }
  report.seconds.retrain = watch.Seconds();
  std::vector<float> predictions;
  ADJOINT_RETURN_IF_ERROR(EvaluateOnTest(*classifier, corpus, report, &predictions));
  trained.classifier = classifier.get();
  trained.predictions = predictions;
  ADJOINT_RETURN_IF_ERROR(WriteTrainPage(options, corpus, report, trained));
  std::cout << "Saved in " << options.model << "; " << SecondsText(report.since_start.Seconds())
            << " in all\n";
  return Finish(options, *classifier, report);
}

absl::Status RunEvaluateOnTexts(const Options& options, Classifier& classifier) {
  NoteUnused(options, {"network", "data", "threads", "out", "model", "report_json", "trace"});
  std::vector<float> predictions;
  if (!options.report_json.empty()) ADJOINT_RETURN_IF_ERROR(CheckWritable(options.report_json));
  Report report;
  ADJOINT_ASSIGN_OR_RETURN(const TextCorpus corpus, Load(options, report));
  std::optional<AccuracyTagger> tagger;
  if (corpus.synthetic) tagger.emplace(std::cout, kSyntheticSource);
  ADJOINT_RETURN_IF_ERROR(EvaluateOnTest(classifier, corpus, report, &predictions));
  return Finish(options, classifier, report);
}

}  // namespace adjoint::apps::imdb
