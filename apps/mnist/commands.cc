#include "apps/mnist/commands.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/chart.h"
#include "apps/console.h"
#include "apps/mnist/augment.h"
#include "apps/mnist/digits.h"
#include "apps/mnist/mistakes.h"
#include "apps/mnist/network.h"
#include "apps/mnist/page.h"
#include "apps/report/html.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::apps::mnist {
namespace {

constexpr size_t kShownMistakes = 100;
constexpr int64_t kPredictBatch = 100;

absl::Status ShowHistory(const nn::History& history, const std::string& folder) {
  for (const char* name : {"loss", kAccuracy}) {
    const Chart chart = ChartOf(history, name);
    const std::string path = absl::StrCat(folder, "/", name, ".svg");
    ADJOINT_RETURN_IF_ERROR(io::WriteFileAtomically(path, ToSvg(chart)));
    std::cout << "\n" << ToText(chart) << "Drawn in " << path << "\n";
  }
  return FlushOutput();
}

// What a network makes of the test images.
struct Evaluation {
  Tensor probabilities;
  Judgement judgement;
  double loss = 0;
};

// Shows loss, accuracy and confusion, and draws the mistakes.
absl::StatusOr<Evaluation> EvaluateOn(nn::Model& model, const DigitData& data,
                                      const std::string& folder) {
  Evaluation e;
  ADJOINT_ASSIGN_OR_RETURN(const Tensor x, PixelsOf(data.test.images));
  std::cout << "\nEvaluating on " << report::Thousands(data.test.size()) << " test images\n";
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  ADJOINT_ASSIGN_OR_RETURN(const nn::Logs logs, model.Evaluate(x, data.test.labels));
  std::cout << "Predicting each\n";
  ADJOINT_ASSIGN_OR_RETURN(e.probabilities,
                           model.Predict(x, {.batch_size = kPredictBatch, .verbose = 1}));
  e.judgement = Judge(data.test, e.probabilities);
  e.loss = logs["loss"];
  std::cout << absl::StrFormat("Test loss: %.4f, test accuracy: %.4f (%d mistakes)\n\n",
                               logs["loss"], logs[kAccuracy], e.judgement.mistakes.size())
            << ConfusionText(e.judgement);
  const std::string path = absl::StrCat(folder, "/mistakes.svg");
  ADJOINT_RETURN_IF_ERROR(
      io::WriteFileAtomically(path, MistakesSvg(data.test, e.judgement, kShownMistakes)));
  std::cout << "Mistakes drawn in " << path << "\n";
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  return e;
}

// The model in the file predicts what the model here does.
absl::Status CheckSaved(const Options& options, const DigitData& data,
                        const Tensor& probabilities) {
  ADJOINT_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(options));
  ADJOINT_ASSIGN_OR_RETURN(const Tensor x, PixelsOf(data.test.images));
  std::cout << "\nPredicting each with the model of the file\n";
  ADJOINT_ASSIGN_OR_RETURN(const Tensor again,
                           loaded.model.Predict(x, {.batch_size = kPredictBatch, .verbose = 1}));
  if (!BitwiseEqual(probabilities, again)) {
    return absl::InternalError(
        absl::StrCat("the model saved in '", options.model, "' predicts otherwise when loaded"));
  }
  std::cout << "Saved in " << options.model
            << " and loaded again: its predictions are the same, bit for bit\n";
  return FlushOutput();
}

absl::Status ShowPrediction(const std::string& what, absl::Span<const uint8_t> image,
                            absl::Span<const float> probabilities) {
  std::cout << what << "\n" << DrawDigit(image);
  const int prediction = PredictionOf(probabilities);
  for (int digit = 0; digit < kClasses; ++digit) {
    const int bar = static_cast<int>(std::lround(40 * probabilities[digit]));
    std::cout << absl::StrFormat("%s %d  %.6f %s\n", digit == prediction ? ">" : " ", digit,
                                 probabilities[digit], std::string(bar, '#'));
  }
  std::cout << "\n";
  return FlushOutput();
}

}  // namespace

absl::Status RunTrain(const Options& options) {
  ADJOINT_ASSIGN_OR_RETURN(const DigitData data, LoadDigits(options.data));
  const int64_t n = data.train.size(), train = n - options.validation;
  if (train < 1) {
    return absl::InvalidArgumentError(absl::StrCat("--validation=", options.validation,
                                                   " leaves no image to train on: ", data.source,
                                                   " has ", n, " training images"));
  }
  for (const std::string& path : {absl::StrCat(options.out, "/loss.svg"), options.model}) {
    ADJOINT_RETURN_IF_ERROR(CheckWritable(path));
  }
  ADJOINT_ASSIGN_OR_RETURN(const Tensor x, PixelsOf(data.train.images));
  const Tensor& y = data.train.labels;
  ADJOINT_ASSIGN_OR_RETURN(nn::Model model, MakeModel(options, train));
  ADJOINT_RETURN_IF_ERROR(model.Build(x));
  std::cout << model.Summary() << "\n"
            << data.source << ": training on " << report::Thousands(train) << " images";
  if (options.validation > 0) {
    std::cout << ", validating on the last " << report::Thousands(options.validation);
  }
  std::cout << ": " << options.epochs << (options.epochs == 1 ? " epoch" : " epochs")
            << " of batches of " << options.batch_size
            << (VariesDigits(options) ? ", images varied at random" : "") << "\n";
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  nn::FitOptions fit;
  fit.epochs = options.epochs;
  fit.batch_size = options.batch_size;
  if (options.validation > 0) fit.validation_data = {x.Rows(train, n), y.Rows(train, n)};
  const Stopwatch watch;
  ADJOINT_ASSIGN_OR_RETURN(
      const nn::History history,
      VariesDigits(options)
          ? model.Fit(VariedBatches(data.train.images.Rows(0, train), y.Rows(0, train),
                                    options.batch_size, options.seed),
                      fit)
          : model.Fit(x.Rows(0, train), y.Rows(0, train), fit));
  const double seconds = watch.Seconds();
  std::cout << absl::StrFormat("Trained in %.1f s\n", seconds);
  ADJOINT_RETURN_IF_ERROR(ShowHistory(history, options.out));
  ADJOINT_ASSIGN_OR_RETURN(const Evaluation evaluation, EvaluateOn(model, data, options.out));
  const std::string report = absl::StrCat(options.out, "/report.html");
  ADJOINT_RETURN_IF_ERROR(
      io::WriteFileAtomically(report, RunPage({.options = &options,
                                               .data = &data,
                                               .model = &model,
                                               .history = &history,
                                               .judgement = &evaluation.judgement,
                                               .test_loss = evaluation.loss,
                                               .train_seconds = seconds})));
  std::cout << "All of it as a page: " << report << "\n";
  ADJOINT_RETURN_IF_ERROR(SaveModel(model, data.source, options.model));
  return CheckSaved(options, data, evaluation.probabilities);
}

absl::Status RunEvaluate(const Options& options) {
  ADJOINT_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(options));
  ADJOINT_ASSIGN_OR_RETURN(const DigitData data, LoadDigits(options.data));
  ADJOINT_RETURN_IF_ERROR(CheckWritable(absl::StrCat(options.out, "/mistakes.svg")));
  std::cout << options.model << ", trained on " << loaded.source << "\n" << data.source << "\n";
  return EvaluateOn(loaded.model, data, options.out).status();
}

absl::Status RunPredict(const Options& options) {
  ADJOINT_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(options));
  std::vector<std::string> names;
  std::vector<std::array<uint8_t, kPixels>> images;
  for (const std::string& path : options.images) {
    ADJOINT_ASSIGN_OR_RETURN(images.emplace_back(), ReadDigit(path));
    names.push_back(path);
  }
  if (!options.indices.empty()) {
    ADJOINT_ASSIGN_OR_RETURN(const DigitData data, LoadDigits(options.data));
    for (const int64_t index : options.indices) {
      if (index >= data.test.size()) {
        return absl::OutOfRangeError(absl::StrCat("there is no test image ", index, ": ",
                                                  data.source, " has ", data.test.size(), " (0 to ",
                                                  data.test.size() - 1, ")"));
      }
      const absl::Span<const uint8_t> image = data.test.image(index);
      std::copy(image.begin(), image.end(), images.emplace_back().begin());
      names.push_back(absl::StrCat("test image ", index, ", label ", data.test.label(index)));
    }
  }
  const int64_t n = static_cast<int64_t>(images.size());
  Tensor bytes = Tensor::Empty({DType::kU8, Shape{n, kSide, kSide}});
  for (int64_t i = 0; i < n; ++i) {
    std::copy(images[i].begin(), images[i].end(),
              bytes.mutable_data<uint8_t>().begin() + i * kPixels);
  }
  ADJOINT_ASSIGN_OR_RETURN(const Tensor x, PixelsOf(bytes));
  ADJOINT_ASSIGN_OR_RETURN(const Tensor probabilities,
                           loaded.model.Predict(x, {.batch_size = kPredictBatch}));
  for (int64_t i = 0; i < n; ++i) {
    ADJOINT_RETURN_IF_ERROR(ShowPrediction(
        names[i], images[i],
        probabilities.data<float>().subspan(static_cast<size_t>(i) * kClasses, kClasses)));
  }
  return absl::OkStatus();
}

}  // namespace adjoint::apps::mnist
