#include "apps/imdb/training.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/chart.h"
#include "apps/imdb/network.h"
#include "apps/imdb/output.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "apps/imdb/train_page.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "nn/early_stopping.h"

namespace adjoint::apps::imdb {
namespace {

constexpr double kFullSize = 25000;  // reviews that the default batch size is meant for

Chart ChartOf(const nn::History& history, const std::string& name, const std::string& title,
              const Corpus& corpus) {
  const std::string word = name == kAccuracy ? "accuracy" : name;
  return {.title = absl::StrCat(title, corpus.Tag()),
          .x_label = "Epochs",
          .y_label = word,
          .series = {{absl::StrCat("Training ", word), Series::kDots, history[name]},
                     {absl::StrCat("Validation ", word), Series::kLine,
                      history[absl::StrCat("val_", name)]}}};
}

}  // namespace

absl::Status CheckResultsWritable(const Options& options) {
  for (const std::string& path : {absl::StrCat(options.out, "/loss.svg"), ReportPath(options),
                                  options.model, options.report_json}) {
    if (!path.empty()) ADJOINT_RETURN_IF_ERROR(CheckWritable(path));
  }
  return absl::OkStatus();
}

std::shared_ptr<nn::Callback> StepTimer(std::vector<double>* seconds) {
  const auto step = std::make_shared<Stopwatch>();
  nn::LambdaHooks hooks;
  hooks.on_train_batch_begin = [step](nn::Model&, int64_t) { *step = Stopwatch(); };
  hooks.on_train_batch_end = [step, seconds](nn::Model&, int64_t, const nn::Logs&) {
    seconds->push_back(step->Seconds());
  };
  return nn::LambdaCallback(std::move(hooks));
}

int64_t ChooseBatchSize(const Options& options, const Corpus& corpus) {
  if (!corpus.synthetic || options.Given("batch_size")) return options.batch_size;
  const double scaled = static_cast<double>(options.batch_size) *
                        static_cast<double>(corpus.data.train.size()) / kFullSize;
  const int64_t size = int64_t{1} << std::max(0, static_cast<int>(std::lround(std::log2(scaled))));
  std::cout << "Batches of " << size << " in place of " << options.batch_size
            << ", since there are only " << WithCommas(corpus.data.train.size())
            << " reviews to train on (--batch_size sets it).\n";
  return size;
}

absl::StatusOr<nn::History> Train(nn::Model& model, const nn::DataList& x, const nn::DataList& y,
                                  const nn::ValidationData& validation, int epochs,
                                  int64_t batch_size, const nn::CheckpointOptions& checkpoint,
                                  std::vector<double>* step_seconds, bool stop_early) {
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  nn::FitOptions fit;
  fit.epochs = epochs;
  // Buffers are made for a whole batch.
  fit.batch_size = std::min(batch_size, x.rows());
  fit.validation_data = validation;
  fit.checkpoint = checkpoint;
  nn::LambdaHooks hooks;
  hooks.on_epoch_end = [](nn::Model& trained, int, const nn::Logs&) {
    // An error, so that a checkpoint does not say that the training is over.
    if (!std::cout.good()) trained.StopTraining(absl::AbortedError("nobody reads the output"));
  };
  fit.callbacks = {nn::LambdaCallback(std::move(hooks))};
  if (stop_early) {
    fit.callbacks.push_back(nn::EarlyStopping({.patience = 1, .restore_best_weights = true}));
  }
  if (step_seconds != nullptr) fit.callbacks.push_back(StepTimer(step_seconds));
  absl::StatusOr<nn::History> history = model.Fit(x, y, fit);
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  ADJOINT_RETURN_IF_ERROR(history.status());
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  return history;
}

absl::Status ShowHistory(const nn::History& history, const Options& options, const Corpus& corpus) {
  std::vector<std::string> keys;
  for (const auto& [key, values] : history.entries()) keys.push_back(absl::StrCat("'", key, "'"));
  std::cout << "\n>>> history.keys()\ndict_keys([" << absl::StrJoin(keys, ", ") << "])\n";
  for (const auto& [key, values] : history.entries()) {
    const bool accuracy = key.find("accuracy") != std::string::npos;
    std::cout << ">>> history['" << key << "']" << (accuracy ? corpus.Tag() : "") << "\n"
              << Wrapped(ListText(values)) << "\n";
  }
  const std::pair<Chart, const char*> charts[] = {
      {ChartOf(history, "loss", "Training and validation loss", corpus), "loss.svg"},
      {ChartOf(history, kAccuracy, "Training and validation accuracy", corpus), "accuracy.svg"}};
  for (const auto& [chart, file] : charts) {
    const std::string path = absl::StrCat(options.out, "/", file);
    ADJOINT_RETURN_IF_ERROR(io::WriteFileAtomically(path, ToSvg(chart)));
    std::cout << "\n" << ToText(chart) << "Drawn in " << path << "\n";
  }
  return FlushOutput();
}

absl::StatusOr<nn::Logs> EvaluateOn(nn::Model& model, const nn::DataList& x,
                                    const nn::DataList& y) {
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  ADJOINT_ASSIGN_OR_RETURN(nn::Logs logs, model.Evaluate(x, y));
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  return logs;
}

absl::StatusOr<Tensor> PredictFor(nn::Model& model, const nn::DataList& x, int verbose) {
  return model.Predict(x, {.batch_size = 512, .verbose = verbose});
}

}  // namespace adjoint::apps::imdb
