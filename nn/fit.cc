#include <algorithm>
#include <cstring>
#include <iostream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/fit_data.h"
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

}  // namespace

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
  FitData data{.train = train,
               .batches = std::move(batches),
               .seed = seed,
               .totals = Totals(train->reported),
               .epoch = options.initial_epoch};
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

  if (!options.checkpoint.dir.empty()) {
    data.checkpoints.emplace(options.checkpoint);
    ADJOINT_RETURN_IF_ERROR(data.checkpoints->Prepare());
  }
  stop_training_ = false;
  training_error_ = absl::OkStatus();
  fitting_ = true;
  const auto done = absl::MakeCleanup([this] { fitting_ = false; });
  for (const auto& callback : options.callbacks) callback->OnTrainBegin(*this);
  ADJOINT_RETURN_IF_ERROR(training_error_);
  if (data.checkpoints.has_value() && options.checkpoint.resume) {
    ADJOINT_RETURN_IF_ERROR(ReadCheckpoint(data, options));
  }
  while (data.epoch < options.epochs && !stop_training_) {
    ADJOINT_RETURN_IF_ERROR(RunEpoch(data, options));
  }
  Logs last;
  for (const auto& [name, values] : data.history.entries()) last.Set(name, values.back());
  for (const auto& callback : options.callbacks) callback->OnTrainEnd(*this, last);
  ADJOINT_RETURN_IF_ERROR(training_error_);
  return std::move(data.history);
}

absl::Status Model::RunEpoch(FitData& data, const FitOptions& options) {
  const int epoch = data.epoch;
  if (options.verbose != 0) {
    std::ostream& out = options.out != nullptr ? *options.out : std::cout;
    out << "Epoch " << epoch + 1 << "/" << options.epochs << "\n";
  }
  if (!data.epoch_begun) {
    data.epoch_begun = true;
    data.batch = 0;
    data.totals.Clear();
    for (const auto& callback : options.callbacks) callback->OnEpochBegin(*this, epoch);
    ADJOINT_RETURN_IF_ERROR(training_error_);
  }
  const CheckpointOptions& checkpoint = options.checkpoint;
  BatchFeeder& batches = data.batches;
  graph::Function& function = *data.train->function;
  std::vector<Tensor>& outputs = data.train->outputs;
  Totals& totals = data.totals;
  ProgressBar bar = MakeBar(batches.num_batches(), options.verbose, options.out);
  if (options.shuffle) ShuffledOrder(batches.rows(), data.seed, epochs_trained_, &data.order);
  while (data.batch < batches.num_batches() && !stop_training_) {
    const int64_t batch = data.batch;
    for (const auto& callback : options.callbacks) callback->OnTrainBatchBegin(*this, batch);
    ADJOINT_RETURN_IF_ERROR(training_error_);
    ADJOINT_RETURN_IF_ERROR(ApplySchedule());
    const absl::Span<const Tensor> feed =
        options.shuffle ? batches.Gather(batch, data.order) : batches.View(batch);
    ADJOINT_RETURN_IF_ERROR(function.Run(feed, &variables_, &outputs));
    totals.Add(outputs, batches.SamplesIn(batch));
    ++data.batch;
    for (const auto& callback : options.callbacks) {
      callback->OnTrainBatchEnd(*this, batch, totals.Results());
    }
    ADJOINT_RETURN_IF_ERROR(training_error_);
    if (bar.IsDue()) bar.Update(batch + 1, totals.Results());
    if (checkpoint.every_steps > 0 && data.checkpoints.has_value() && !stop_training_ &&
        data.Steps(variables_) % checkpoint.every_steps == 0) {
      ADJOINT_RETURN_IF_ERROR(WriteCheckpoint(data, options));
    }
  }
  ++epochs_trained_;
  Logs logs = totals.Results();
  if (data.validate != nullptr) {
    ADJOINT_ASSIGN_OR_RETURN(const Logs validation,
                             RunEvaluation(*data.validate, *data.validation_batches, nullptr));
    for (const auto& [name, value] : validation.entries()) {
      logs.Set(absl::StrCat("val_", name), value);
    }
  }
  for (const auto& callback : options.callbacks) callback->OnEpochEnd(*this, epoch, logs);
  bar.Finish(logs);
  data.history.Append(logs);
  ADJOINT_RETURN_IF_ERROR(training_error_);
  ++data.epoch;
  data.batch = 0;
  data.epoch_begun = false;
  const int every = checkpoint.every_epochs;
  const bool last = stop_training_ || data.epoch >= options.epochs;
  if (data.checkpoints.has_value() && every > 0 && (last || data.epoch % every == 0)) {
    ADJOINT_RETURN_IF_ERROR(WriteCheckpoint(data, options));
  }
  return absl::OkStatus();
}

absl::StatusOr<Logs> Model::RunEvaluation(CompiledStep& step, BatchFeeder& feeder,
                                          ProgressBar* bar) {
  Totals totals(step.reported);
  for (int64_t batch = 0; batch < feeder.num_batches(); ++batch) {
    ADJOINT_RETURN_IF_ERROR(step.function->Run(feeder.View(batch), &variables_, &step.outputs));
    totals.Add(step.outputs, feeder.SamplesIn(batch));
    if (bar != nullptr && bar->IsDue()) bar->Update(batch + 1, totals.Results());
  }
  return totals.Results();
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
