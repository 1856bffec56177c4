#include <algorithm>
#include <cstring>
#include <iostream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/batches.h"
#include "nn/model.h"
#include "nn/progress_bar.h"

namespace adjoint::nn {
namespace {

absl::Status Invalid(absl::string_view what, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", message));
}

absl::Status CheckBatchSize(absl::string_view what, absl::string_view option, int64_t size) {
  if (size >= 1) return absl::OkStatus();
  return Invalid(what, absl::StrCat(option, " must be at least 1, but is ", size));
}

absl::Status CheckVerbose(absl::string_view what, int verbose) {
  if (verbose >= 0 && verbose <= 2) return absl::OkStatus();
  return Invalid(what, absl::StrCat("verbose must be 0, 1 or 2, but is ", verbose));
}

absl::Status CheckFitOptions(const FitOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckBatchSize("Fit", "batch_size", options.batch_size));
  ADJOINT_RETURN_IF_ERROR(CheckVerbose("Fit", options.verbose));
  if (options.validation_batch_size != 0) {
    ADJOINT_RETURN_IF_ERROR(
        CheckBatchSize("Fit", "validation_batch_size", options.validation_batch_size));
  }
  if (options.epochs < 0 || options.initial_epoch < 0) {
    return Invalid("Fit", absl::StrCat("epochs and initial_epoch must not be negative, but are ",
                                       options.epochs, " and ", options.initial_epoch));
  }
  if (!(options.validation_split >= 0 && options.validation_split < 1)) {
    return Invalid("Fit", absl::StrCat("validation_split must be at least 0 and below 1, but is ",
                                       options.validation_split));
  }
  const ValidationData& validation = options.validation_data;
  if (options.validation_split > 0 && !validation.x.empty()) {
    return Invalid("Fit", "both validation_data and validation_split are given; give one of them");
  }
  if (validation.x.empty() != validation.y.empty()) {
    return Invalid("Fit", "validation_data wants both x and y");
  }
  for (const auto& callback : options.callbacks) {
    if (callback == nullptr) return Invalid("Fit", "a callback is a null pointer");
  }
  return absl::OkStatus();
}

ProgressBar MakeBar(int64_t steps, int verbose, std::ostream* out) {
  return ProgressBar(steps, {.out = out != nullptr ? out : &std::cout,
                             .verbosity = static_cast<Verbosity>(verbose),
                             .in_place = out == nullptr && StandardOutputIsTerminal()});
}

// Sums over samples of what a program reports.
class Totals {
 public:
  explicit Totals(const std::vector<Reported>& reported)
      : reported_(reported), sums_(reported.size()) {
    for (const Reported& r : reported) logs_.Set(r.name, 0);
  }

  void Clear() {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    samples_ = 0;
  }
  void Add(const std::vector<Tensor>& outputs, int64_t samples) {
    for (size_t i = 0; i < sums_.size(); ++i) {
      sums_[i] += reported_[i].SumOverSamples(outputs[i].ValueAt(0), samples);
    }
    samples_ += samples;
  }
  // Means over the samples so far.
  const Logs& Means() {
    for (size_t i = 0; i < sums_.size(); ++i) {
      logs_.Set(reported_[i].name, sums_[i] / static_cast<double>(std::max<int64_t>(1, samples_)));
    }
    return logs_;
  }

 private:
  const std::vector<Reported>& reported_;
  std::vector<double> sums_;
  int64_t samples_ = 0;
  Logs logs_;
};

}  // namespace

// All that Fit prepares before the first step.
struct Model::FitData {
  CompiledStep* train;
  BatchFeeder batches;
  CompiledStep* validate = nullptr;  // null without validation
  std::optional<BatchFeeder> validation_batches = {};
  uint64_t seed;
  std::vector<uint32_t> order = {};
};

absl::StatusOr<History> Model::Fit(const DataList& x, const DataList& y,
                                   const FitOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckCompiled("Fit"));
  ADJOINT_RETURN_IF_ERROR(CheckFitOptions(options));
  if (fitting_) return absl::FailedPreconditionError("Fit: the model is being trained already");
  const size_t inputs = network_.inputs().size(), outputs = network_.outputs().size();
  ADJOINT_RETURN_IF_ERROR(CheckSamples("Fit", x, &y, inputs, outputs));
  DataList train_x = x, train_y = y;
  ValidationData validation = options.validation_data;
  if (options.validation_split > 0) {
    const int64_t split =
        static_cast<int64_t>(static_cast<double>(x.rows()) * (1 - options.validation_split));
    if (split < 1 || split >= x.rows()) {
      return Invalid("Fit", absl::StrCat("validation_split ", options.validation_split, " of ",
                                         x.rows(), " samples leaves ", split, " for training and ",
                                         x.rows() - split, " for validation; both need one"));
    }
    train_x = x.Rows(0, split);
    train_y = y.Rows(0, split);
    validation = {x.Rows(split, x.rows()), y.Rows(split, y.rows())};
  }
  if (x.rows() > UINT32_MAX) {
    return Invalid("Fit", absl::StrCat(x.rows(), " samples are more than 2^32 - 1"));
  }
  if (!validation.x.empty()) {
    ADJOINT_RETURN_IF_ERROR(
        CheckSamples("Fit, validation_data", validation.x, &validation.y, inputs, outputs));
  }
  ADJOINT_RETURN_IF_ERROR(EnsureBuilt(InputSpecs(train_x)));
  ADJOINT_RETURN_IF_ERROR(EnsureOptimizerState());

  const uint64_t seed = options.seed.value_or(seed_);
  // Both steps are in steps_ before pointers to them are taken; the vector holds them by pointer.
  ADJOINT_ASSIGN_OR_RETURN(CompiledStep* const train,
                           StepFor("train", InputSpecs(train_x), TargetSpecs(train_y)));
  ADJOINT_ASSIGN_OR_RETURN(
      BatchFeeder batches,
      BatchFeeder::Create(train_x, &train_y, options.batch_size, options.shuffle,
                          {Tensor::Scalar<int64_t>(static_cast<int64_t>(seed))}));
  FitData data{.train = train, .batches = std::move(batches), .seed = seed};
  if (!validation.x.empty()) {
    ADJOINT_ASSIGN_OR_RETURN(
        data.validate, StepFor("evaluate", InputSpecs(validation.x), TargetSpecs(validation.y)));
    ADJOINT_ASSIGN_OR_RETURN(
        data.validation_batches,
        BatchFeeder::Create(
            validation.x, &validation.y,
            options.validation_batch_size != 0 ? options.validation_batch_size : options.batch_size,
            /*gathers=*/false));
  }

  History history;
  stop_training_ = false;
  fitting_ = true;
  const auto done = absl::MakeCleanup([this] { fitting_ = false; });
  for (const auto& callback : options.callbacks) callback->OnTrainBegin(*this);
  for (int epoch = options.initial_epoch; epoch < options.epochs && !stop_training_; ++epoch) {
    ADJOINT_RETURN_IF_ERROR(RunEpoch(data, options, epoch, &history));
  }
  Logs last;
  for (const auto& [name, values] : history.entries()) last.Set(name, values.back());
  for (const auto& callback : options.callbacks) callback->OnTrainEnd(*this, last);
  return history;
}

absl::Status Model::RunEpoch(FitData& data, const FitOptions& options, int epoch,
                             History* history) {
  if (options.verbose != 0) {
    std::ostream& out = options.out != nullptr ? *options.out : std::cout;
    out << "Epoch " << epoch + 1 << "/" << options.epochs << "\n";
  }
  for (const auto& callback : options.callbacks) callback->OnEpochBegin(*this, epoch);
  BatchFeeder& batches = data.batches;
  graph::Function& function = *data.train->function;
  std::vector<Tensor>& outputs = data.train->outputs;
  ProgressBar bar = MakeBar(batches.num_batches(), options.verbose, options.out);
  Totals totals(data.train->reported);
  if (options.shuffle) ShuffledOrder(batches.rows(), data.seed, epochs_trained_, &data.order);
  for (int64_t batch = 0; batch < batches.num_batches() && !stop_training_; ++batch) {
    for (const auto& callback : options.callbacks) callback->OnTrainBatchBegin(*this, batch);
    ADJOINT_RETURN_IF_ERROR(ApplySchedule());
    const absl::Span<const Tensor> feed =
        options.shuffle ? batches.Gather(batch, data.order) : batches.View(batch);
    ADJOINT_RETURN_IF_ERROR(function.Run(feed, &variables_, &outputs));
    totals.Add(outputs, batches.SamplesIn(batch));
    for (const auto& callback : options.callbacks) {
      callback->OnTrainBatchEnd(*this, batch, totals.Means());
    }
    if (bar.IsDue()) bar.Update(batch + 1, totals.Means());
  }
  ++epochs_trained_;
  Logs logs = totals.Means();
  if (data.validate != nullptr) {
    ADJOINT_ASSIGN_OR_RETURN(const Logs validation,
                             RunEvaluation(*data.validate, *data.validation_batches, nullptr));
    for (const auto& [name, value] : validation.entries()) {
      logs.Set(absl::StrCat("val_", name), value);
    }
  }
  bar.Finish(logs);
  history->Append(logs);
  for (const auto& callback : options.callbacks) callback->OnEpochEnd(*this, epoch, logs);
  return absl::OkStatus();
}

absl::StatusOr<Logs> Model::RunEvaluation(CompiledStep& step, BatchFeeder& feeder,
                                          ProgressBar* bar) {
  Totals totals(step.reported);
  for (int64_t batch = 0; batch < feeder.num_batches(); ++batch) {
    ADJOINT_RETURN_IF_ERROR(step.function->Run(feeder.View(batch), &variables_, &step.outputs));
    totals.Add(step.outputs, feeder.SamplesIn(batch));
    if (bar != nullptr && bar->IsDue()) bar->Update(batch + 1, totals.Means());
  }
  return totals.Means();
}

absl::StatusOr<Logs> Model::Evaluate(const DataList& x, const DataList& y,
                                     const EvaluateOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckCompiled("Evaluate"));
  ADJOINT_RETURN_IF_ERROR(CheckBatchSize("Evaluate", "batch_size", options.batch_size));
  ADJOINT_RETURN_IF_ERROR(CheckVerbose("Evaluate", options.verbose));
  ADJOINT_RETURN_IF_ERROR(
      CheckSamples("Evaluate", x, &y, network_.inputs().size(), network_.outputs().size()));
  ADJOINT_RETURN_IF_ERROR(EnsureBuilt(InputSpecs(x)));
  ADJOINT_ASSIGN_OR_RETURN(CompiledStep* const step,
                           StepFor("evaluate", InputSpecs(x), TargetSpecs(y)));
  ADJOINT_ASSIGN_OR_RETURN(BatchFeeder feeder, BatchFeeder::Create(x, &y, options.batch_size,
                                                                   /*gathers=*/false));
  ProgressBar bar = MakeBar(feeder.num_batches(), options.verbose, options.out);
  ADJOINT_ASSIGN_OR_RETURN(Logs logs, RunEvaluation(*step, feeder, &bar));
  bar.Finish(logs);
  return logs;
}

absl::StatusOr<Tensor> Model::Predict(const DataList& x, const PredictOptions& options) {
  if (network_.outputs().size() > 1) {
    return Invalid("Predict", absl::StrCat("the model gives ", network_.outputs().size(),
                                           " outputs; PredictAll returns them"));
  }
  ADJOINT_ASSIGN_OR_RETURN(std::vector<Tensor> all, PredictAll(x, options));
  return std::move(all[0]);
}

absl::StatusOr<std::vector<Tensor>> Model::PredictAll(const DataList& x,
                                                      const PredictOptions& options) {
  ADJOINT_RETURN_IF_ERROR(construction_);
  ADJOINT_RETURN_IF_ERROR(CheckBatchSize("Predict", "batch_size", options.batch_size));
  ADJOINT_RETURN_IF_ERROR(CheckSamples("Predict", x, nullptr, network_.inputs().size(), 0));
  ADJOINT_RETURN_IF_ERROR(EnsureBuilt(InputSpecs(x)));
  ADJOINT_ASSIGN_OR_RETURN(CompiledStep* const step, StepFor("predict", InputSpecs(x), {}));
  ADJOINT_ASSIGN_OR_RETURN(BatchFeeder feeder,
                           BatchFeeder::Create(x, nullptr, options.batch_size, /*gathers=*/false));
  std::vector<Tensor> results;
  int64_t done = 0;
  for (int64_t batch = 0; batch < feeder.num_batches(); ++batch) {
    ADJOINT_RETURN_IF_ERROR(step->function->Run(feeder.View(batch), &variables_, &step->outputs));
    for (size_t i = 0; i < step->outputs.size(); ++i) {
      const Tensor& output = step->outputs[i];
      if (batch == 0) {
        TensorSpec spec = output.spec();
        spec.shape.set_dim(0, x.rows());
        ADJOINT_ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(spec));
        results.push_back(std::move(result));
      }
      const int64_t row_bytes = output.bytes() / feeder.SamplesIn(batch);
      std::memcpy(static_cast<char*>(results[i].mutable_raw()) + done * row_bytes, output.raw(),
                  static_cast<size_t>(output.bytes()));
    }
    done += feeder.SamplesIn(batch);
  }
  return results;
}

}  // namespace adjoint::nn
