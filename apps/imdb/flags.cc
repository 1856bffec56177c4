#include "apps/imdb/flags.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "apps/imdb/experiments.h"
#include "nn/activations.h"
#include "optim/optimizer.h"

namespace adjoint::apps::imdb {
namespace {

absl::Status ValueError(const std::string& flag, const std::string& value,
                        absl::string_view wanted) {
  return UsageError(absl::StrCat("--", flag, "=", value, ": ", wanted));
}

template <typename Int>
absl::Status ReadInt(const std::string& flag, const std::string& text, Int low, Int high, Int* to) {
  Int value;
  if (absl::SimpleAtoi(text, &value) && value >= low && value <= high) {
    *to = value;
    return absl::OkStatus();
  }
  return ValueError(flag, text, absl::StrCat("wants a whole number from ", low, " to ", high));
}

absl::Status ReadReal(const std::string& flag, const std::string& text, double low, double below,
                      absl::string_view wanted, double* to) {
  double value;
  if (absl::SimpleAtod(text, &value) && value >= low && value < below) {
    *to = value;
    return absl::OkStatus();
  }
  return ValueError(flag, text, wanted);
}

// "500MB": in powers of 1024, a plain number in bytes.
absl::Status ReadBytes(const std::string& flag, absl::string_view text, int64_t* to) {
  constexpr std::pair<absl::string_view, int> kUnits[] = {{"KB", 10}, {"MB", 20}, {"GB", 30},
                                                          {"TB", 40}, {"B", 0},   {"", 0}};
  const std::string given(text);
  for (const auto& [unit, shift] : kUnits) {
    if (!absl::ConsumeSuffix(&text, unit)) continue;
    int64_t number;
    if (absl::SimpleAtoi(text, &number) && number > 0 && number < int64_t{1} << (62 - shift)) {
      *to = number << shift;
      return absl::OkStatus();
    }
    break;
  }
  return ValueError(flag, given, "wants a size above zero, as in 500MB or 2GB");
}

absl::Status ReadHidden(const std::string& text, std::vector<int64_t>* to) {
  to->clear();
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    int64_t units;
    if (!absl::SimpleAtoi(part, &units) || units < 1 || units > 65536 || to->size() == 64) {
      return ValueError("hidden", text,
                        "wants the units of up to 64 layers, from 1 to 65536 each, as in 16,16");
    }
    to->push_back(units);
  }
  return absl::OkStatus();
}

absl::Status ReadLoss(const std::string& text, std::string* to) {
  for (const char* name :
       {"binary_crossentropy", "mean_squared_error", "mse", "mean_absolute_error", "mae"}) {
    if (text == name) {
      *to = text;
      return absl::OkStatus();
    }
  }
  return ValueError("loss", text,
                    absl::StrCat(absl::StrContains(text, "categorical_crossentropy")
                                     ? "it wants an output a class and the network has one output"
                                     : "there is no such loss",
                                 "; there are binary_crossentropy, mean_squared_error (mse) and "
                                 "mean_absolute_error (mae)"));
}

}  // namespace

const char kDescription[] =
    "Classifies film reviews as positive or negative: the IMDB network of chapter 3 of Chollet's\n"
    "'Deep Learning with Python', trained and used from raw data to predictions.\n\n"
    "Without a command: the book's notebook, cell by cell.";
const char kFooter[] =
    "\nRelative paths are meant from where you stand. Exit code: 0, 1 after an error, 2 for a "
    "wrong "
    "flag.\n\n"
    "Examples (bazel run //apps:imdb -- ARGS, or the binary itself):\n"
    "  imdb --epochs=10 --hidden=32,32 --dropout=0.3\n"
    "  imdb train --optimizer=adam --model=/tmp/adam.model\n"
    "  imdb train --epochs=20 --checkpoint=/tmp/run --resume\n"
    "  imdb train --network=nbsvm --data=aclImdb_v1.tar.gz\n"
    "  imdb evaluate --model=/tmp/adam.model\n"
    "  imdb predict --text='One of the best films I have seen in years.'\n"
    "  imdb predict < reviews.txt\n"
    "  imdb explain --text='A clumsy plot, but what a wonderful cast!'\n"
    "  imdb serve --port=8080\n"
    "  imdb experiments --out=/tmp/experiments\n"
    "  imdb decode 7 --test\n";

const char kCommandFooter[] =
    "\nThe general flags, such as --model, --data and --threads, may stand before or after the\n"
    "command; imdb --help lists them.\n";

absl::Status UsageError(absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(message, "; see --help"));
}

const std::vector<Flag>& Flags() {
  static constexpr char kData[] = "Data", kNetwork[] = "Network", kTraining[] = "Training",
                        kFiles[] = "Files";
  static const auto& flags = *new std::vector<Flag>{
      {"data", "PATH", kData,
       "imdb.npz, aclImdb_v1.tar.gz, the aclImdb folder, or a folder with one of\nthem [looked for "
       "in $ADJOINT_DATA, ~/.cache/adjoint and ~/.keras/datasets,\nthen downloaded]"},
      {"num_words", "N", kData, "Ids below N are kept, rarer words become 'unknown' [10000]"},
      {"encoding", "sparse|dense", kData,
       "How reviews are fed: same numbers, other speed [sparse]"},
      {"network", "NAME", kNetwork,
       "mlp, the book's; embedding, conv or lstm, which read words in their order;\nnbsvm, "
       "n-grams weighted by naive Bayes; or ensemble, the best: nbsvm beside vectors of\ndocuments "
       "learnt from the reviews without labels [mlp]"},
      {"hidden", "N,N,...", kNetwork, "Units of the hidden layers [16,16]"},
      {"activation", "NAME", kNetwork,
       "relu, tanh, sigmoid, gelu, softplus, exponential, softmax or linear\n[relu]"},
      {"dropout", "RATE", kNetwork, "Dropout after each hidden layer, 0 <= RATE < 1 [0]"},
      {"l2", "FACTOR", kNetwork, "L2 penalty on the hidden layers' kernels [0]"},
      {"epochs", "N", kTraining,
       "Epochs of the training with validation [20; of the command train 4]"},
      {"batch_size", "N", kTraining, "Reviews a step [512]"},
      {"optimizer", "NAME", kTraining, "rmsprop, adam, adamw, adagrad or sgd [rmsprop]"},
      {"loss", "NAME", kTraining,
       "binary_crossentropy, mean_squared_error (mse) or mean_absolute_error\n(mae) "
       "[binary_crossentropy]"},
      {"seed", "N", kTraining, "Of weights, order and dropout: same seed, same result [1]"},
      {"threads", "N", kTraining, "Threads; they change the speed, not the result [all cores]"},
      {"out", "DIR", kFiles, "Folder of the report, the charts and the model [imdb_out]"},
      {"model", "PATH", kFiles, "The model's file [DIR/imdb.model]"},
      {"report_json", "PATH", kFiles, "Write results, times and kernels as one JSON object"},
      {"trace", "PATH", kFiles,
       "Time every step of every program: a table of the most expensive ones,\nand a trace file "
       "for chrome://tracing or ui.perfetto.dev"},
      {"dump_passes", "DIR", kFiles,
       "Write the compiled programs as text after each pass, and as pictures for\nGraphviz"},
      {"memory_limit", "SIZE", kTraining,
       "Refuse, before it runs, what would hold more: 500MB, 2GB [no limit]"},
      {"autotune", "PATH", kFiles,
       "Choose kernels by timing them, print the choices and keep them in PATH,\nwhere a later run "
       "finds them; bits then depend on that file"},
      {"checkpoint",
       "DIR",
       "",
       "Keep the training in this folder after every epoch, to be resumed should\nit be killed",
       {Command::kTrain}},
      {"resume",
       "",
       "",
       "Go on from the newest checkpoint in the folder; from the beginning when it\nhas none",
       {Command::kTrain}},
      {"text", "TEXT", "", "The review itself", {Command::kPredict, Command::kExplain}},
      {"file", "PATH", "", "A file with a review a line [standard input]", {Command::kPredict}},
      {"file", "PATH", "", "A file that is the review [standard input]", {Command::kExplain}},
      {"html", "PATH", "", "Write the explanation as a page, too", {Command::kExplain}},
      {"color",
       "WHEN",
       "",
       "Colours: always, never or auto, which is on a terminal unless NO_COLOR is\nset [auto]",
       {Command::kExplain}},
      {"port", "N", "", "Port on 127.0.0.1; 0 takes one that is free [8080]", {Command::kServe}},
      {"seeds",
       "N",
       "",
       "Trainings of each network, with seeds from --seed on [3]",
       {Command::kExperiments}},
      {"test", "", "", "Of the test reviews, not the training reviews", {Command::kDecode}},
  };
  return flags;
}

namespace {

constexpr char kServeFooter[] =
    "\nOn 127.0.0.1 alone, until Ctrl+C or SIGTERM: then requests that are there are answered.\n"
    "  GET  /            a page that colours a review while one types it\n"
    "  POST /v1/predict  {\"texts\": [\"...\", ...]} ->\n"
    "                    {\"predictions\": [{\"probability\": 0.97, \"label\": \"positive\"}, "
    "...]}\n"
    "  POST /v1/explain  {\"text\": \"...\"} -> probability, label, and what each word adds\n"
    "  GET  /v1/model    what the model is, and the limits\n"
    "Bodies are JSON (Content-Type: application/json) of up to 1 MiB with up to 256 texts of up\n"
    "to 100,000 bytes each. Errors are {\"error\": {\"status\": 413, \"message\": \"...\"}}: 400\n"
    "wrong JSON, 404 no such path, 405 wrong method, 413 beyond a limit, 415 no JSON, 500.\n";

constexpr char kExperimentsFooter[] =
    "\nTrains each network of imdb train --help's list --seeds times for --epochs epochs and\n"
    "writes a table of validation numbers to DIR/experiments.md and DIR/experiments.json "
    "(--out).\n";

std::string TrainFooter() {
  std::string footer =
      "\nThe experiments of the book's chapter (imdb experiments runs them all):\n";
  for (const Experiment& experiment : Experiments()) {
    absl::StrAppendFormat(&footer, "  %-20s %s\n", experiment.name, experiment.CommandLine(20));
  }
  return footer;
}

}  // namespace

const std::vector<CommandText>& Commands() {
  static const auto& commands = *new std::vector<CommandText>{
      {Command::kTrain, "train", "Train one network, evaluate and save it", TrainFooter()},
      {Command::kEvaluate, "evaluate", "Loss and accuracy of a saved model on the test reviews"},
      {Command::kPredict, "predict",
       "Probability and label of reviews in plain English, by a saved model"},
      {Command::kExplain, "explain", "What each word of a review does to its probability"},
      {Command::kServe, "serve", "A page and a JSON endpoint that classify reviews", kServeFooter},
      {Command::kExperiments, "experiments",
       "Train the variants that the book's chapter suggests, and compare them", kExperimentsFooter},
      {Command::kDecode, "decode", "Show a review of the data as words"},
  };
  return commands;
}

absl::Status ReadFlag(const std::string& name, const std::string& text, Options* options) {
  constexpr int64_t kMaxBatch = int64_t{1} << 30;
  if (name == "text")
    options->text = text;  // which may be empty
  else if (text.empty())
    return UsageError(absl::StrCat("--", name, " has no value"));
  if (name == "data") options->data = text;
  if (name == "out") options->out = text;
  if (name == "model") options->model = text;
  if (name == "report_json") options->report_json = text;
  if (name == "trace") options->trace = text;
  if (name == "autotune") options->autotune = text;
  if (name == "dump_passes") options->dump_passes = text;
  if (name == "memory_limit") return ReadBytes(name, text, &options->memory_limit);
  if (name == "checkpoint") options->checkpoint = text;
  if (name == "file") options->file = text;
  if (name == "html") options->html = text;
  if (name == "port") return ReadInt(name, text, 0, 65535, &options->port);
  if (name == "seeds") return ReadInt(name, text, 1, 1000, &options->seeds);
  if (name == "color") {
    if (text != "always" && text != "never" && text != "auto") {
      return ValueError(name, text, "wants always, never or auto");
    }
    options->color = text == "always"  ? ColorMode::kAlways
                     : text == "never" ? ColorMode::kNever
                                       : ColorMode::kAuto;
  }
  if (name == "network") {
    options->network = text;
    for (const char* known : {"mlp", "embedding", "conv", "lstm", "nbsvm", "ensemble"}) {
      if (text == known) return absl::OkStatus();
    }
    return ValueError(name, text, "there are mlp, embedding, conv, lstm, nbsvm and ensemble");
  }
  // Ids 0 to 3 stand for no word.
  if (name == "num_words") return ReadInt<int64_t>(name, text, 4, 10000000, &options->num_words);
  if (name == "epochs") return ReadInt(name, text, 1, 1000000, &options->epochs);
  if (name == "batch_size") return ReadInt<int64_t>(name, text, 1, kMaxBatch, &options->batch_size);
  if (name == "threads") return ReadInt(name, text, 1, 1024, &options->threads);
  if (name == "seed") {
    return ReadInt<uint64_t>(name, text, 0, std::numeric_limits<uint64_t>::max(), &options->seed);
  }
  if (name == "hidden") return ReadHidden(text, &options->hidden);
  if (name == "dropout") {
    return ReadReal(name, text, 0, 1, "wants a number from 0 to below 1", &options->dropout);
  }
  if (name == "l2") {
    return ReadReal(name, text, 0, std::numeric_limits<float>::max(),
                    "wants a number that is not negative", &options->l2);
  }
  if (name == "loss") return ReadLoss(text, &options->loss);
  if (name == "optimizer") {
    options->optimizer = text;
    const absl::Status status = optim::MakeOptimizer(text).status();
    if (!status.ok()) return ValueError(name, text, status.message());
  }
  if (name == "activation") {
    options->activation = text;
    const absl::Status status = nn::ActivationFunction(text).Check();
    if (!status.ok()) return ValueError(name, text, status.message());
  }
  if (name == "encoding") {
    options->sparse = text == "sparse";
    if (text != "sparse" && text != "dense") {
      return ValueError(name, text, "wants sparse or dense");
    }
  }
  return absl::OkStatus();
}

}  // namespace adjoint::apps::imdb
