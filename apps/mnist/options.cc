#include "apps/mnist/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace adjoint::apps::mnist {
namespace {

constexpr char kDescription[] =
    "Recognises handwritten digits: the network of chapter 2 of Chollet's 'Deep Learning with\n"
    "Python', or a convolutional one, trained on MNIST and used from raw data to predictions.\n\n"
    "Without a command: trains, evaluates on the test images, shows the mistakes and saves.";
constexpr char kFooter[] =
    "\nRelative paths are meant from where you stand. Exit code: 0, 1 after an error, 2 for a "
    "wrong flag.\n\n"
    "Examples (bazel run //apps:mnist -- ARGS, or the binary itself):\n"
    "  mnist --network=conv\n"
    "  mnist --epochs=20 --validation=10000\n"
    "  mnist evaluate --model=mnist_out/mnist.model\n"
    "  mnist predict 0 17 247\n"
    "  mnist predict --image=digit.pgm\n";

absl::Status UsageError(absl::string_view message) {
  return absl::InvalidArgumentError(
      absl::StrCat(absl::StrReplaceAll(message, {{"\n", " "}}), "; see --help"));
}

CLI::Validator WholeNumber(int64_t low, int64_t high) {
  return CLI::Validator(
      [low, high](std::string& text) -> std::string {
        int64_t value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= low && value <= high) return "";
        return absl::StrCat("wants a whole number from ", low, " to ", high, ", not '", text, "'");
      },
      "");
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> args) {
  CommandLine line;
  Options& o = line.options;
  CLI::App app(kDescription, "mnist");
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(30);
  const auto option = [&](const char* name, auto& to, const char* type, const char* group,
                          const char* help) {
    return app.add_option(name, to, help)->type_name(type)->group(group)->take_last();
  };
  option("--data", o.data, "PATH", "Data",
         "mnist.npz, or a folder with it or with the four idx files, gzipped or\nnot [looked for "
         "in $ADJOINT_DATA, ~/.cache/adjoint and ~/.keras/datasets,\nthen downloaded]");
  option("--validation", o.validation, "N", "Data",
         "Training images, the last ones, that validate rather than train [0]")
      ->check(WholeNumber(0, 1 << 30));
  option("--network", o.network, "dense|conv", "Training",
         "dense: 512 relu units, as in the book; conv: three convolutions, trained on\nimages "
         "varied at random [dense]")
      ->check([](const std::string& text) -> std::string {
        if (text == "dense" || text == "conv") return "";
        return absl::StrCat("wants dense or conv, not '", text, "'");
      });
  option("--epochs", o.epochs, "N", "Training", "Rounds over the training images [dense 5, conv 8]")
      ->check(WholeNumber(1, 1000000));
  option("--batch_size", o.batch_size, "N", "Training", "Images a step [128]")
      ->check(WholeNumber(1, 1 << 30));
  option("--seed", o.seed, "N", "Training",
         "Of weights, order and dropout: same seed, same result [1]")
      ->check(WholeNumber(0, INT64_MAX));
  option("--threads", o.threads, "N", "Training",
         "Threads; they change the speed, not the result [all cores]")
      ->check(WholeNumber(1, 1024));
  option("--out", o.out, "DIR", "Files",
         "Folder of the charts, the report and the model [mnist_out]");
  const CLI::Option* const model =
      option("--model", o.model, "PATH", "Files", "The model's file [DIR/mnist.model]");
  option("--trace", o.trace, "PATH", "Files",
         "Time every step of every program: a table of the most expensive ones, and a\ntrace file "
         "for chrome://tracing or ui.perfetto.dev");
  option("--autotune", o.autotune, "PATH", "Files",
         "Choose kernels by timing them, print the choices and keep them in PATH,\nwhere a later "
         "run finds them; bits then depend on that file");
  CLI::App* const evaluate =
      app.add_subcommand("evaluate", "Accuracy and mistakes of a saved model on the test images");
  CLI::App* const predict =
      app.add_subcommand("predict", "What a saved model takes images for, and how surely");
  predict->add_option("INDEX", o.indices, "Numbers of test images, from 0")
      ->type_name("")
      ->check(WholeNumber(0, INT64_MAX));
  predict
      ->add_option("--image", o.images,
                   "A picture of one digit, as PGM; dark on a light ground is turned\naround, and "
                   "any size is brought to 28x28 as MNIST's own were")
      ->type_name("PATH");
  for (CLI::App* command : {evaluate, predict}) command->fallthrough();
  app.footer(kFooter);

  std::reverse(args.begin(), args.end());
  try {
    app.parse(std::move(args));
  } catch (const CLI::CallForHelp&) {
    line.help = app.help();
    for (CLI::App* command : app.get_subcommands()) line.help = command->help("mnist");
    return line;
  } catch (const CLI::ArgumentMismatch& error) {
    // "--epochs: 1 required N missing"
    const std::string what = error.what();
    return UsageError(absl::StrCat(what.substr(0, what.find(':')), " has no value"));
  } catch (const CLI::ExtrasError& error) {
    std::vector<std::string> extras = app.remaining(true);
    return UsageError(
        absl::StrCat("unknown argument '", extras.empty() ? error.what() : extras[0], "'"));
  } catch (const CLI::Error& error) {
    return UsageError(error.what());
  }
  const std::pair<const char*, const std::string*> paths[] = {
      {"--data", &o.data}, {"--out", &o.out}, {"--trace", &o.trace}, {"--autotune", &o.autotune}};
  for (const auto& [name, path] : paths) {
    if (app.count(name) > 0 && path->empty()) {
      return UsageError(absl::StrCat(name, " has no value"));
    }
  }
  o.model_given = model->count() > 0;
  if (o.model_given && o.model.empty()) return UsageError("--model has no value");
  if (o.model.empty()) o.model = absl::StrCat(o.out, "/mnist.model");
  if (o.epochs == 0) o.epochs = o.network == "conv" ? 8 : 5;
  if (evaluate->parsed()) o.command = Command::kEvaluate;
  if (predict->parsed()) {
    o.command = Command::kPredict;
    if (o.indices.empty() && o.images.empty()) {
      return UsageError("predict wants numbers of test images or --image=PATH");
    }
  }
  return line;
}

}  // namespace adjoint::apps::mnist
