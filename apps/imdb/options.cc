#include "apps/imdb/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "nn/activations.h"
#include "optim/optimizer.h"

namespace adjoint::apps::imdb {
namespace {

constexpr char kHint[] = "; see --help";

absl::Status UsageError(absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(message, kHint));
}

absl::Status ValueError(const std::string& flag, const std::string& value,
                        absl::string_view wanted) {
  return UsageError(absl::StrCat("--", flag, "=", value, ": ", wanted));
}

// The flags with a value, as text, and where each one stands in the help.
struct FlagText {
  const char* name;
  const char* type;
  const char* group;
  const char* help;
  std::string value = {};
};

std::vector<FlagText> ValueFlags() {
  static constexpr char kData[] = "Data", kNetwork[] = "Network", kTraining[] = "Training",
                        kFiles[] = "Files";
  return {
      {"data", "PATH", kData,
       "imdb.npz, aclImdb_v1.tar.gz, the aclImdb folder, or a folder with one of\nthem [looked for "
       "in $ADJOINT_DATA, ~/.cache/adjoint and ~/.keras/datasets,\nthen downloaded]"},
      {"num_words", "N", kData, "Ids below N are kept, rarer words become 'unknown' [10000]"},
      {"encoding", "sparse|dense", kData,
       "How reviews are fed: same numbers, other speed [sparse]"},
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
      {"out", "DIR", kFiles, "Folder of the charts and the model [imdb_out]"},
      {"model", "PATH", kFiles, "The model's file [DIR/imdb.model]"},
      {"report_json", "PATH", kFiles, "Write results, times and kernels as one JSON object"},
      {"trace", "PATH", kFiles,
       "Time every step of every program: a table of the most expensive ones,\nand a trace file "
       "for chrome://tracing or ui.perfetto.dev"},
      {"autotune", "PATH", kFiles,
       "Choose kernels by timing them, print the choices and keep them in PATH,\nwhere a later run "
       "finds them; bits then depend on that file"},
  };
}

constexpr char kDescription[] =
    "Classifies film reviews as positive or negative: the IMDB network of chapter 3 of Chollet's\n"
    "'Deep Learning with Python', trained and used from raw data to predictions.\n\n"
    "Without a command: the book's notebook, cell by cell.";
constexpr char kFooter[] =
    "\nRelative paths are meant from where you stand. Exit code: 0, 1 after an error, 2 for a "
    "wrong "
    "flag.\n\n"
    "Examples (bazel run //apps:imdb -- ARGS, or the binary itself):\n"
    "  imdb --epochs=10 --hidden=32,32 --dropout=0.3\n"
    "  imdb train --optimizer=adam --model=/tmp/adam.model\n"
    "  imdb train --epochs=20 --checkpoint=/tmp/run --resume\n"
    "  imdb evaluate --model=/tmp/adam.model\n"
    "  imdb predict --text='One of the best films I have seen in years.'\n"
    "  imdb predict < reviews.txt\n"
    "  imdb decode 7 --test\n";

constexpr char kCommandFooter[] =
    "\nThe general flags, such as --model, --data and --threads, may stand before or after the\n"
    "command; imdb --help lists them.\n";

// How many letters must be changed, added or left out to make `b` of `a`.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

absl::Status UnknownArgument(const std::string& argument, const std::vector<FlagText>& flags,
                             const std::vector<std::string>& commands, bool after_command) {
  const bool is_flag = absl::StartsWith(argument, "-");
  if (!is_flag && after_command) {
    return UsageError(absl::StrCat("unexpected '", argument, "' after the command"));
  }
  std::vector<std::string> known = {"--help", "--text",       "--file",
                                    "--test", "--checkpoint", "--resume"};
  for (const FlagText& flag : flags) known.push_back(absl::StrCat("--", flag.name));
  if (!is_flag) known = commands;
  const std::string name = argument.substr(0, argument.find('='));
  for (const char* option : {"--text", "--file"}) {
    if (name == option) {
      return UsageError(
          absl::StrCat(name, " belongs to the command predict: imdb predict ", name, "=..."));
    }
  }
  if (name == "--test") return UsageError("--test belongs to the command decode");
  if (name == "--checkpoint" || name == "--resume") {
    return UsageError(absl::StrCat(name, " belongs to the command train"));
  }
  const auto nearest =
      std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
        return EditDistance(name, a) < EditDistance(name, b);
      });
  std::string hint;
  if (EditDistance(name, *nearest) <= 2) {
    hint = absl::StrCat("; did you mean ", *nearest, "?");
  } else if (!is_flag) {
    hint = absl::StrCat("; commands are ", absl::StrJoin(commands, ", "));
  }
  return UsageError(absl::StrCat("unknown ", is_flag ? "flag" : "command", " '", name, "'", hint));
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

absl::Status ReadFlag(const FlagText& flag, Options* options) {
  const std::string name = flag.name;
  const std::string& text = flag.value;
  constexpr int64_t kMaxBatch = int64_t{1} << 30;
  if (text.empty()) return UsageError(absl::StrCat("--", name, " has no value"));
  if (name == "data") options->data = text;
  if (name == "out") options->out = text;
  if (name == "model") options->model = text;
  if (name == "report_json") options->report_json = text;
  if (name == "trace") options->trace = text;
  if (name == "autotune") options->autotune = text;
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

}  // namespace

void NoteUnused(const Options& options, std::initializer_list<absl::string_view> used) {
  std::vector<std::string> unused;
  for (const std::string& flag : options.given) {
    if (std::find(used.begin(), used.end(), flag) == used.end()) {
      unused.push_back(absl::StrCat("--", flag));
    }
  }
  if (unused.empty()) return;
  std::cerr << "Note: this command makes no use of " << absl::StrJoin(unused, ", ") << std::endl;
}

absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> args) {
  CLI::App app(kDescription, "imdb");
  app.allow_extras();
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(30);
  std::vector<FlagText> flags = ValueFlags();
  for (FlagText& flag : flags) {
    app.add_option(absl::StrCat("--", flag.name), flag.value, flag.help)
        ->type_name(flag.type)
        ->group(flag.group)
        ->take_last();
  }
  CommandLine line;
  Options& options = line.options;
  CLI::App* const train = app.add_subcommand("train", "Train one network, evaluate and save it");
  CLI::App* const evaluate =
      app.add_subcommand("evaluate", "Loss and accuracy of a saved model on the test reviews");
  CLI::App* const predict = app.add_subcommand(
      "predict", "Probability and label of reviews in plain English, by a saved model");
  CLI::App* const decode = app.add_subcommand("decode", "Show a review of the data as words");
  CLI::Option* const checkpoint_flag =
      train
          ->add_option(
              "--checkpoint", options.checkpoint,
              "Keep the training in this folder after every epoch, to be resumed should it "
              "be\nkilled")
          ->type_name("DIR")
          ->take_last();
  train->add_flag("--resume", options.resume,
                  "Go on from the newest checkpoint in the folder; from the beginning when it has "
                  "none");
  std::string text, file, index = "0";
  CLI::Option* const text_flag =
      predict->add_option("--text", text, "The review itself")->type_name("TEXT")->take_last();
  CLI::Option* const file_flag =
      predict->add_option("--file", file, "A file with a review a line [standard input]")
          ->type_name("PATH")
          ->take_last();
  decode->add_option("INDEX", index, "Number of the review, from 0 [0]")->type_name("");
  decode->add_flag("--test", options.from_test, "Of the test reviews, not the training reviews");
  std::vector<std::string> commands;
  for (CLI::App* command : {train, evaluate, predict, decode}) {
    command->fallthrough();
    commands.push_back(command->get_name());
  }

  app.footer(kFooter);  // subcommands would inherit an earlier one

  // "--flag=" is a flag with an empty value, which CLI11 takes for one whose value follows.
  std::vector<std::string> reversed;
  for (std::string& arg : args) {
    const bool empty_value =
        absl::StartsWith(arg, "--") && arg.size() > 3 && arg.find('=') == arg.size() - 1;
    if (empty_value) arg.pop_back();
    reversed.push_back(std::move(arg));
    if (empty_value) reversed.emplace_back();
  }
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    line.help = app.help();
    for (CLI::App* command : app.get_subcommands()) {
      line.help = absl::StrCat(command->help("imdb"), kCommandFooter);
    }
    return line;
  } catch (const CLI::ArgumentMismatch& error) {
    // "--epochs: 1 required N missing"
    const std::string what = error.what();
    return UsageError(absl::StrCat(what.substr(0, what.find(':')), " has no value"));
  } catch (const CLI::Error& error) {
    return UsageError(error.what());
  }
  const std::vector<CLI::App*> called = app.get_subcommands();
  if (const std::vector<std::string> extras = app.remaining(true); !extras.empty()) {
    return UnknownArgument(extras[0], flags, commands, !called.empty());
  }
  if (!called.empty()) {
    options.command = called[0] == train      ? Command::kTrain
                      : called[0] == evaluate ? Command::kEvaluate
                      : called[0] == predict  ? Command::kPredict
                                              : Command::kDecode;
  }
  if (options.command == Command::kTrain) options.epochs = 4;
  for (const FlagText& flag : flags) {
    if (app.count(absl::StrCat("--", flag.name)) == 0) continue;
    ADJOINT_RETURN_IF_ERROR(ReadFlag(flag, &options));
    options.given.insert(flag.name);
  }
  if (options.model.empty()) options.model = absl::StrCat(options.out, "/imdb.model");
  if (text_flag->count() > 0) options.text = text;
  if (file_flag->count() > 0) options.file = file;
  if (checkpoint_flag->count() > 0 && options.checkpoint.empty()) {
    return UsageError("--checkpoint has no value");
  }
  if (options.resume && options.checkpoint.empty()) {
    return UsageError("--resume wants --checkpoint=DIR, the folder to resume from");
  }
  if (options.text.has_value() && options.file.has_value()) {
    return UsageError("--text and --file are both given; give one of them");
  }
  if (!absl::SimpleAtoi(index, &options.index) || options.index < 0) {
    return UsageError(
        absl::StrCat("decode '", index, "': wants the number of a review, 0 or more"));
  }
  return line;
}

}  // namespace adjoint::apps::imdb
