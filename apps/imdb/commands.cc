#include "apps/imdb/commands.h"

#include <unistd.h>

#include <algorithm>
#include <initializer_list>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/network.h"
#include "apps/imdb/networks/on_texts.h"
#include "apps/imdb/networks/sequence.h"
#include "apps/imdb/output.h"
#include "apps/imdb/preprocessing.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "apps/imdb/train_page.h"
#include "apps/imdb/training.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

void Describe(const Corpus& corpus, Report& report) {
  report.source = corpus.data.source;
  report.synthetic = corpus.synthetic;
  report.train_samples = corpus.data.train.size();
  report.test_samples = corpus.data.test.size();
}

// Returns the probabilities, too, where `predictions` asks for them.
absl::Status EvaluateOnTest(nn::Model& model, const Corpus& corpus, bool sparse, int64_t length,
                            Report& report, Tensor* predictions = nullptr) {
  const Stopwatch vectorize;
  ADJOINT_ASSIGN_OR_RETURN(
      const nn::DataList x,
      VectorizeFor(corpus.data.test, corpus.encoding.num_words, sparse, length));
  ADJOINT_ASSIGN_OR_RETURN(const Tensor y, datasets::Labels(corpus.data.test));
  report.seconds.vectorize += vectorize.Seconds();
  const Stopwatch watch;
  ADJOINT_ASSIGN_OR_RETURN(nn::Logs logs, EvaluateOn(model, x, y));
  report.seconds.evaluate = watch.Seconds();
  report.evaluation = logs;
  std::cout << absl::StrFormat("Test loss: %.4f, test accuracy: %.4f\n", logs["loss"],
                               logs[kAccuracy]);
  if (predictions != nullptr) {
    std::cout << "Predicting each\n";
    ADJOINT_ASSIGN_OR_RETURN(*predictions, PredictFor(model, x, /*verbose=*/1));
  }
  return absl::OkStatus();
}

absl::Status Finish(const Options& options, const nn::Model& model, Report& report) {
  ADJOINT_ASSIGN_OR_RETURN(report.weights_sha256, WeightsSha256(model));
  report.AddKernels(model);
  ADJOINT_RETURN_IF_ERROR(WriteReport(report, options.report_json));
  return FlushOutput();
}

// Ids mean the words of the data they come from.
absl::Status CheckVocabulary(const LoadedModel& loaded, const Corpus& corpus) {
  const datasets::WordIndex& ours = loaded.preprocessing.word_index;
  const datasets::WordIndex& theirs = corpus.data.word_index;
  if (ours.size() == 0 || theirs.size() == 0) return absl::OkStatus();
  bool equal = ours.size() == theirs.size();
  for (int64_t rank = 1; equal && rank <= ours.size(); ++rank) {
    equal = ours.word(rank) == theirs.word(rank);
  }
  if (equal) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the model was trained on ", loaded.preprocessing.source, " and numbers its ",
                   WithCommas(ours.size()), " words otherwise than ", corpus.data.source, " (",
                   WithCommas(theirs.size()), " words): it cannot be evaluated on them"));
}

}  // namespace

absl::Status RunTrain(const Options& options) {
  if (ReadsTexts(options.network)) return RunTrainOnTexts(options);
  const int64_t length = SequenceLength(options.network);
  if (length > 0 && options.Given("encoding")) {
    std::cerr << "Note: the network " << options.network << " makes no use of --encoding"
              << std::endl;
  }
  Report report;
  const Stopwatch load;
  ADJOINT_ASSIGN_OR_RETURN(const Corpus corpus, LoadCorpus(options, options.num_words, std::cout));
  report.seconds.load = load.Seconds();
  Describe(corpus, report);
  std::optional<AccuracyTagger> tagger;
  if (corpus.synthetic) tagger.emplace(std::cout, kSyntheticSource);
  ADJOINT_RETURN_IF_ERROR(CheckResultsWritable(options));
  const int64_t batch_size = ChooseBatchSize(options, corpus);

  const Stopwatch vectorize;
  ADJOINT_ASSIGN_OR_RETURN(const nn::DataList x, VectorizeFor(corpus.data.train, options.num_words,
                                                              options.sparse, length));
  ADJOINT_ASSIGN_OR_RETURN(const Tensor labels, datasets::Labels(corpus.data.train));
  const nn::DataList y = labels;
  report.seconds.vectorize = vectorize.Seconds();
  const int64_t n = x.rows();
  const int64_t kept = length > 0 ? std::max<int64_t>(1, n / 10) : corpus.validation_size();
  ADJOINT_ASSIGN_OR_RETURN(nn::Model model, MakeModel(options, x));
  std::cout << model.Summary() << "\n"
            << corpus.data.source << ": training on " << WithCommas(n - kept)
            << " reviews, validating on the first " << WithCommas(kept) << "\n";
  TrainedModel trained{.model = &model, .validated = kept, .batch_size = batch_size};
  const Stopwatch train;
  ADJOINT_ASSIGN_OR_RETURN(
      report.history,
      Train(model, x.Rows(kept, n), y.Rows(kept, n), {x.Rows(0, kept), y.Rows(0, kept)},
            options.epochs, batch_size, {.dir = options.checkpoint, .resume = options.resume},
            &trained.step_seconds, length > 0));
  report.seconds.train = train.Seconds();
  ADJOINT_RETURN_IF_ERROR(ShowHistory(report.history, options, corpus));
  std::cout << "\nEvaluating on " << WithCommas(corpus.data.test.size()) << " test reviews\n";
  Tensor predictions;
  ADJOINT_RETURN_IF_ERROR(
      EvaluateOnTest(model, corpus, options.sparse, length, report, &predictions));
  trained.predictions = predictions.data<float>();
  ADJOINT_RETURN_IF_ERROR(WriteTrainPage(options, corpus, report, trained));
  ADJOINT_RETURN_IF_ERROR(Attach(Preprocessing::Of(corpus, options), model));
  ADJOINT_RETURN_IF_ERROR(model.Save(options.model));
  std::cout << "Saved in " << options.model << "\n";
  return Finish(options, model, report);
}

absl::Status RunEvaluate(const Options& options) {
  NoteUnused(options, {"network", "data", "num_words", "hidden", "encoding", "threads", "out",
                       "model", "report_json", "dump_passes", "memory_limit"});
  if (!options.report_json.empty()) ADJOINT_RETURN_IF_ERROR(CheckWritable(options.report_json));
  Report report;
  {
    ADJOINT_ASSIGN_OR_RETURN(const std::unique_ptr<Classifier> classifier,
                             LoadClassifierFor(options));
    if (ReadsTexts(classifier->info().network)) return RunEvaluateOnTexts(options, *classifier);
  }
  ADJOINT_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModelFor(options));
  const Stopwatch load;
  ADJOINT_ASSIGN_OR_RETURN(const Corpus corpus,
                           LoadCorpus(options, loaded.preprocessing.encoding.num_words, std::cout));
  report.seconds.load = load.Seconds();
  Describe(corpus, report);
  std::optional<AccuracyTagger> tagger;
  if (corpus.synthetic) tagger.emplace(std::cout, kSyntheticSource);
  ADJOINT_RETURN_IF_ERROR(CheckVocabulary(loaded, corpus));
  std::cout << corpus.data.source << ": " << WithCommas(corpus.data.test.size())
            << " test reviews, model " << options.model << "\n";
  ADJOINT_RETURN_IF_ERROR(EvaluateOnTest(loaded.model, corpus, loaded.preprocessing.sparse,
                                         loaded.preprocessing.length, report));
  return Finish(options, loaded.model, report);
}

absl::Status RunDecode(const Options& options) {
  NoteUnused(options, {"data", "num_words", "threads", "report_json"});
  if (!options.report_json.empty()) ADJOINT_RETURN_IF_ERROR(CheckWritable(options.report_json));
  Report report;
  const Stopwatch load;
  ADJOINT_ASSIGN_OR_RETURN(const Corpus corpus, LoadCorpus(options, options.num_words, std::cerr));
  report.seconds.load = load.Seconds();
  Describe(corpus, report);
  const datasets::Reviews& reviews = options.from_test ? corpus.data.test : corpus.data.train;
  const char* const part = options.from_test ? "test" : "train";
  if (options.index >= reviews.size()) {
    return absl::OutOfRangeError(absl::StrCat("there is no ", part, " review ", options.index,
                                              ": there are ", reviews.size(), " (0 to ",
                                              reviews.size() - 1, ")"));
  }
  if (corpus.data.word_index.size() == 0) {
    return absl::FailedPreconditionError(
        "reviews cannot be shown as words without imdb_word_index.json; put it beside the data");
  }
  const absl::Span<const int32_t> review = reviews[options.index];
  const std::string words =
      datasets::imdb::Decode(review, corpus.data.word_index, corpus.encoding.index_from);
  const int label = reviews.labels[static_cast<size_t>(options.index)];
  std::cout << part << "_data[" << options.index << "] of " << corpus.data.source << ", label "
            << label << (label == 1 ? " (positive), " : " (negative), ") << review.size()
            << " ids\n"
            << (isatty(STDOUT_FILENO) == 1 ? Wrapped(words, 80) : words) << "\n";
  ADJOINT_RETURN_IF_ERROR(WriteReport(report, options.report_json));
  return FlushOutput();
}

}  // namespace adjoint::apps::imdb
