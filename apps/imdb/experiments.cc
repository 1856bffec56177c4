#include "apps/imdb/experiments.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "apps/imdb/commands.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/flags.h"
#include "apps/imdb/network.h"
#include "apps/imdb/output.h"
#include "apps/imdb/progress.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "apps/imdb/training.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kValAccuracy[] = "val_binary_accuracy";

struct Spread {
  double mean = 0, deviation = 0;  // the sample's; 0 of a single number
};

Spread SpreadOf(const std::vector<double>& values) {
  Spread spread;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) spread.mean += value / n;
  for (const double value : values) {
    if (values.size() > 1) spread.deviation += std::pow(value - spread.mean, 2) / (n - 1);
  }
  spread.deviation = std::sqrt(spread.deviation);
  return spread;
}

// What one training came to, on the validation reviews.
struct Run {
  uint64_t seed = 0;
  int best_epoch = 0;  // of the least loss, from 1: where one would stop
  double best_loss = 0, best_accuracy = 0;
  double last_loss = 0, last_accuracy = 0;
  double seconds = 0;
  nn::History history = {};
};

struct Result {
  const Experiment* experiment;
  int64_t weights = 0;
  std::vector<Run> runs = {};

  Spread Of(double Run::*number) const {
    std::vector<double> values;
    for (const Run& run : runs) values.push_back(run.*number);
    return SpreadOf(values);
  }
  double BestEpoch() const {
    double sum = 0;
    for (const Run& run : runs) sum += run.best_epoch;
    return sum / static_cast<double>(runs.size());
  }
};

// The columns of the table in Markdown, and which of them the screen has room for.
struct Column {
  const char* title;
  bool on_screen;
};
constexpr Column kColumns[] = {
    {"Network", true},        {"Flags of train", false}, {"Weights", false},
    {"Best", true},           {"Accuracy", true},        {"Loss", true},
    {"Accuracy, last", true}, {"Loss, last", true},      {"Seconds", false}};

std::vector<std::string> Cells(const Result& result) {
  std::vector<std::string> flags;
  for (const auto& [name, value] : result.experiment->flags) {
    flags.push_back(absl::StrCat("--", name, "=", value));
  }
  const auto accuracy = [&](double Run::*number) {
    const Spread spread = result.Of(number);
    return result.runs.size() > 1
               ? absl::StrFormat("%.2f ± %.2f %%", 100 * spread.mean, 100 * spread.deviation)
               : absl::StrFormat("%.2f %%", 100 * spread.mean);
  };
  return {result.experiment->name,
          absl::StrJoin(flags, " "),
          WithCommas(result.weights),
          absl::StrFormat("%.1f", result.BestEpoch()),
          accuracy(&Run::best_accuracy),
          absl::StrFormat("%.4f", result.Of(&Run::best_loss).mean),
          accuracy(&Run::last_accuracy),
          absl::StrFormat("%.4f", result.Of(&Run::last_loss).mean),
          absl::StrFormat("%.2f", result.Of(&Run::seconds).mean)};
}

class Runner {
 public:
  Runner(const Options& options, const Corpus& corpus) : options_(options), corpus_(corpus) {}

  absl::Status Prepare() {
    ADJOINT_ASSIGN_OR_RETURN(x_,
                             VectorizeFor(corpus_.data.train, options_.num_words, options_.sparse));
    ADJOINT_ASSIGN_OR_RETURN(const Tensor labels, datasets::Labels(corpus_.data.train));
    y_ = labels;
    batch_size_ = ChooseBatchSize(options_, corpus_);
    return absl::OkStatus();
  }

  int64_t batch_size() const { return batch_size_; }

  // `trained` is called after every epoch.
  absl::StatusOr<Result> Run(const Experiment& experiment, const std::function<void()>& trained) {
    Result result{.experiment = &experiment};
    for (int i = 0; i < options_.seeds; ++i) {
      Options options = experiment.Apply(options_);
      options.seed = options_.seed + static_cast<uint64_t>(i);
      ADJOINT_ASSIGN_OR_RETURN(nn::Model model, MakeModel(options, x_));
      result.weights = 0;
      for (const Tensor& weight : model.GetWeights()) result.weights += weight.size();
      ADJOINT_ASSIGN_OR_RETURN(imdb::Run run, Train(model, options, trained));
      result.runs.push_back(std::move(run));
    }
    return result;
  }

 private:
  absl::StatusOr<imdb::Run> Train(nn::Model& model, const Options& options,
                                  const std::function<void()>& trained) {
    const int64_t kept = corpus_.validation_size(), n = x_.rows();
    nn::FitOptions fit;
    fit.epochs = options.epochs;
    fit.batch_size = std::min(batch_size_, n - kept);
    fit.validation_data = {x_.Rows(0, kept), y_.Rows(0, kept)};
    fit.verbose = 0;
    fit.callbacks = {nn::LambdaCallback({.on_epoch_end = [&](nn::Model& fitted, int, nn::Logs&) {
      trained();
      if (!std::cout.good()) fitted.StopTraining(absl::AbortedError("nobody reads the output"));
    }})};
    const Stopwatch watch;
    imdb::Run run{.seed = options.seed};
    ADJOINT_ASSIGN_OR_RETURN(run.history, model.Fit(x_.Rows(kept, n), y_.Rows(kept, n), fit));
    run.seconds = watch.Seconds();
    const std::vector<double>& losses = run.history["val_loss"];
    const std::vector<double>& accuracies = run.history[kValAccuracy];
    // Numbers that are none lose against all others.
    size_t best = 0;
    for (size_t i = 1; i < losses.size(); ++i) {
      if (losses[i] < losses[best] || std::isnan(losses[best])) best = i;
    }
    run.best_epoch = static_cast<int>(best) + 1;
    run.best_loss = losses[best];
    run.best_accuracy = accuracies[best];
    run.last_loss = losses.back();
    run.last_accuracy = accuracies.back();
    return run;
  }

  const Options& options_;
  const Corpus& corpus_;
  nn::DataList x_, y_;
  int64_t batch_size_ = 0;
};

// Columns of one width; the first to the left, the numbers to the right.
std::string ScreenTable(const std::vector<Result>& results) {
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : kColumns) rows[0].push_back(column.title);
  for (const Result& result : results) rows.push_back(Cells(result));
  const auto columns = [](const std::string& text) {
    return std::count_if(text.begin(), text.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  };
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (!kColumns[i].on_screen) continue;
      std::ptrdiff_t width = 0;
      for (const std::vector<std::string>& other : rows) width = std::max(width, columns(other[i]));
      const std::string blanks(static_cast<size_t>(width - columns(row[i])), ' ');
      if (i == 0) {
        absl::StrAppend(&line, row[i], blanks);
      } else {
        absl::StrAppend(&line, "  ", blanks, row[i]);
      }
    }
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string CommandList(const Options& options) {
  std::string text;
  for (const Experiment& experiment : Experiments()) {
    absl::StrAppend(&text, "    ", experiment.CommandLine(options.epochs), "\n");
  }
  return text;
}

// What the numbers are, in a sentence or two.
std::string Caption(const Options& options, const Corpus& corpus, int64_t batch_size) {
  return absl::StrCat(
      "Each network was trained on ",
      WithCommas(corpus.data.train.size() - corpus.validation_size()), " reviews of ",
      corpus.data.source, " for ", options.epochs, " epochs of batches of ", batch_size, ", ",
      options.seeds, options.seeds == 1 ? " time" : " times with different seeds",
      ". All numbers are of the ", WithCommas(corpus.validation_size()), " validation reviews",
      options.seeds > 1 ? ", means over the seeds" : "",
      ": at the best epoch, that of the least loss, and at the last one. Losses of different kinds "
      "are not comparable, and one with an L2 penalty includes it.");
}

std::string Markdown(const Options& options, const Corpus& corpus, int64_t batch_size,
                     const std::vector<Result>& results) {
  std::string text = absl::StrCat("# The chapter's experiments", corpus.Tag(), "\n\n",
                                  Caption(options, corpus, batch_size), "\n\n|");
  for (const Column& column : kColumns) absl::StrAppend(&text, " ", column.title, " |");
  absl::StrAppend(&text, "\n|---|---|");
  for (size_t i = 2; i < std::size(kColumns); ++i) absl::StrAppend(&text, "---:|");
  absl::StrAppend(&text, "\n");
  for (const Result& result : results) {
    std::vector<std::string> cells = Cells(result);
    if (!cells[1].empty()) cells[1] = absl::StrCat("`", cells[1], "`");
    absl::StrAppend(&text, "| ", absl::StrJoin(cells, " | "), " |\n");
  }
  absl::StrAppend(&text, "\nEach as one command:\n\n", CommandList(options));
  return text;
}

std::string ToJson(const Options& options, const Corpus& corpus, int64_t batch_size,
                   const std::vector<Result>& results) {
  Json json;
  json["data"] = {{"source", corpus.data.source},
                  {"synthetic", corpus.synthetic},
                  {"train_samples", corpus.data.train.size() - corpus.validation_size()},
                  {"validation_samples", corpus.validation_size()}};
  json["epochs"] = options.epochs;
  json["batch_size"] = batch_size;
  json["experiments"] = Json::array();
  for (const Result& result : results) {
    Json one;
    one["name"] = result.experiment->name;
    one["command"] = result.experiment->CommandLine(options.epochs);
    one["flags"] = Json::object();
    for (const auto& [name, value] : result.experiment->flags) one["flags"][name] = value;
    one["weights"] = result.weights;
    const auto spread = [&](double Run::*number) {
      const Spread of = result.Of(number);
      return Json{{"mean", of.mean}, {"deviation", of.deviation}};
    };
    one["validation"] = {{"best_epoch", result.BestEpoch()},
                         {"best_loss", spread(&Run::best_loss)},
                         {"best_accuracy", spread(&Run::best_accuracy)},
                         {"last_loss", spread(&Run::last_loss)},
                         {"last_accuracy", spread(&Run::last_accuracy)}};
    one["seconds"] = result.Of(&Run::seconds).mean;
    one["runs"] = Json::array();
    for (const Run& run : result.runs) {
      one["runs"].push_back({{"seed", run.seed},
                             {"best_epoch", run.best_epoch},
                             {"val_loss", run.history["val_loss"]},
                             {"val_binary_accuracy", run.history[kValAccuracy]},
                             {"loss", run.history["loss"]},
                             {"binary_accuracy", run.history[kAccuracy]}});
    }
    json["experiments"].push_back(std::move(one));
  }
  return absl::StrCat(json.dump(2, ' ', false, Json::error_handler_t::replace), "\n");
}

}  // namespace

std::string Experiment::CommandLine(int epochs) const {
  std::string line = "imdb train";
  for (const auto& [flag, value] : flags) absl::StrAppend(&line, " --", flag, "=", value);
  return absl::StrCat(line, " --epochs=", epochs);
}

Options Experiment::Apply(Options options) const {
  for (const auto& [flag, value] : flags) {
    // These are known to be good.
    ReadFlag(flag, value, &options).IgnoreError();
  }
  return options;
}

const std::vector<Experiment>& Experiments() {
  static const auto& experiments = *new std::vector<Experiment>{
      {"The notebook's", {}},
      {"One hidden layer", {{"hidden", "16"}}},
      {"Three hidden layers", {{"hidden", "16,16,16"}}},
      {"32 units", {{"hidden", "32,32"}}},
      {"64 units", {{"hidden", "64,64"}}},
      {"Mean squared error", {{"loss", "mse"}}},
      {"tanh", {{"activation", "tanh"}}},
      {"Dropout", {{"dropout", "0.5"}}},
      {"L2 penalty", {{"l2", "0.001"}}},
      {"Smaller network", {{"hidden", "4,4"}}},
  };
  return experiments;
}

absl::Status RunExperiments(const Options& options) {
  NoteUnused(options, {"data", "num_words", "encoding", "epochs", "batch_size", "optimizer", "seed",
                       "threads", "out"});
  ADJOINT_ASSIGN_OR_RETURN(const Corpus corpus, LoadCorpus(options, options.num_words, std::cout));
  std::optional<AccuracyTagger> tagger;
  if (corpus.synthetic) tagger.emplace(std::cout, kSyntheticSource);
  const std::string markdown_path = absl::StrCat(options.out, "/experiments.md");
  const std::string json_path = absl::StrCat(options.out, "/experiments.json");
  for (const std::string& path : {markdown_path, json_path}) {
    ADJOINT_RETURN_IF_ERROR(CheckWritable(path));
  }
  Runner runner(options, corpus);
  ADJOINT_RETURN_IF_ERROR(runner.Prepare());
  std::cout << Wrapped(Caption(options, corpus, runner.batch_size())) << "\n\n";
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  std::vector<Result> results;
  {
    Progress progress("Training");
    const double epochs =
        static_cast<double>(Experiments().size()) * options.seeds * options.epochs;
    double done = 0;
    for (const Experiment& experiment : Experiments()) {
      ADJOINT_ASSIGN_OR_RETURN(Result result, runner.Run(experiment, [&] {
        progress.Update(++done / epochs, experiment.name);
      }));
      results.push_back(std::move(result));
    }
  }
  std::cout << ScreenTable(results) << "\nEach as one command:\n" << CommandList(options) << "\n";
  ADJOINT_RETURN_IF_ERROR(io::WriteFileAtomically(
      markdown_path, Markdown(options, corpus, runner.batch_size(), results)));
  ADJOINT_RETURN_IF_ERROR(
      io::WriteFileAtomically(json_path, ToJson(options, corpus, runner.batch_size(), results)));
  std::cout << "Written to " << markdown_path << " and " << json_path << corpus.Tag() << "\n";
  return FlushOutput();
}

}  // namespace adjoint::apps::imdb
