#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/fit_data.h"
#include "nn/fit_options.h"
#include "nn/model.h"
#include "nn/weighting.h"

namespace adjoint::nn {
namespace {

absl::Status CheckFitOptions(const FitOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckBatchSize("Fit", "batch_size", options.batch_size));
  ADJOINT_RETURN_IF_ERROR(CheckVerbose("Fit", options.verbose));
  if (options.validation_batch_size != 0) {
    ADJOINT_RETURN_IF_ERROR(
        CheckBatchSize("Fit", "validation_batch_size", options.validation_batch_size));
  }
  if (options.steps_per_epoch < 0) {
    return Invalid("Fit", absl::StrCat("steps_per_epoch must not be negative, but is ",
                                       options.steps_per_epoch));
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
  if (options.validation_split > 0 && !validation.empty()) {
    return Invalid("Fit", "both validation_data and validation_split are given; give one of them");
  }
  if (validation.dataset.has_value() && !(validation.x.empty() && validation.y.empty())) {
    return Invalid("Fit", "validation_data has both x and a dataset; give one of them");
  }
  if (validation.x.empty() != validation.y.empty()) {
    return Invalid("Fit", "validation_data wants both x and y");
  }
  for (const auto& callback : options.callbacks) {
    if (callback == nullptr) return Invalid("Fit", "a callback is a null pointer");
  }
  return absl::OkStatus();
}

absl::Status CheckClassWeight(const FitOptions& options, size_t outputs) {
  if (options.class_weight.empty() || outputs == 1) return absl::OkStatus();
  return Invalid(
      "Fit", absl::StrCat("class_weight is for models of one output, this one gives ", outputs));
}

// What a step is fed with after x: targets, then weights.
DataList Join(const DataList& y, const DataList& weights) {
  std::vector<Data> items = y.items();
  items.insert(items.end(), weights.items().begin(), weights.items().end());
  return items;
}

}  // namespace

absl::StatusOr<Model::Feeding> Model::Feed(const DataList& x, const DataList* y, int64_t batch_size,
                                           std::optional<uint64_t> shuffle_seed,
                                           std::vector<Tensor> extra, const DataList& weights) {
  Feeding feeding{.batches = nullptr, .inputs = InputSpecs(x), .targets = {}};
  ADJOINT_RETURN_IF_ERROR(EnsureBuilt(feeding.inputs));
  // Here all values are known. Of a dataset a later batch may have others than the first.
  for (size_t i = 0; i < feeding.inputs.size(); ++i) {
    const Data& item = x.items()[i];
    feeding.inputs[i].ones = item.is_csr() && item.csr().all_ones();
  }
  DataList fed;
  if (y != nullptr) {
    feeding.targets = SpecsOfTargets(*y, weights);
    fed = Join(*y, weights);
  }
  ADJOINT_ASSIGN_OR_RETURN(BatchFeeder feeder,
                           BatchFeeder::Create(x, y != nullptr ? &fed : nullptr, batch_size,
                                               shuffle_seed.has_value(), std::move(extra)));
  feeding.batches = std::make_unique<ArrayBatches>(std::move(feeder), shuffle_seed);
  return feeding;
}

absl::StatusOr<Model::Feeding> Model::Feed(absl::string_view what, const datasets::Dataset& dataset,
                                           bool targets, const FitOptions* fit,
                                           std::vector<Tensor> extra) {
  DatasetBatches::Options options{.what = std::string(what),
                                  .inputs = network_.inputs().size(),
                                  .outputs = network_.outputs().size(),
                                  .targets = targets,
                                  .extra = std::move(extra)};
  if (fit != nullptr) {
    options.steps = fit->steps_per_epoch;
    options.epoch = epochs_trained_;
    options.class_weight = fit->class_weight;
  }
  ADJOINT_ASSIGN_OR_RETURN(std::unique_ptr<DatasetBatches> batches,
                           DatasetBatches::Create(dataset, std::move(options)));
  Feeding feeding{.batches = nullptr, .inputs = InputSpecs(batches->x()), .targets = {}};
  ADJOINT_RETURN_IF_ERROR(EnsureBuilt(feeding.inputs));
  if (targets) feeding.targets = SpecsOfTargets(batches->y(), batches->sample_weight());
  batches->Expect(feeding.inputs, feeding.targets);
  feeding.batches = std::move(batches);
  return feeding;
}

absl::StatusOr<History> Model::Fit(const DataList& x, const DataList& y,
                                   const FitOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckCompiled("Fit"));
  ADJOINT_RETURN_IF_ERROR(CheckFitOptions(options));
  if (options.steps_per_epoch != 0) {
    return Invalid("Fit", "steps_per_epoch is for datasets; data in memory have batch_size");
  }
  const size_t inputs = network_.inputs().size(), outputs = network_.outputs().size();
  ADJOINT_RETURN_IF_ERROR(CheckSamples("Fit", x, &y, inputs, outputs));
  ADJOINT_RETURN_IF_ERROR(CheckWeights("Fit", options.sample_weight, x.rows(), outputs));
  ADJOINT_RETURN_IF_ERROR(CheckClassWeight(options, outputs));
  DataList train_x = x, train_y = y, train_weight = options.sample_weight;
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
    train_weight = train_weight.Rows(0, split);
    validation = {.x = x.Rows(split, x.rows()),
                  .y = y.Rows(split, y.rows()),
                  .sample_weight = options.sample_weight.Rows(split, x.rows())};
  }
  if (x.rows() > UINT32_MAX) {
    return Invalid("Fit", absl::StrCat(x.rows(), " samples are more than 2^32 - 1"));
  }
  if (!options.class_weight.empty()) {
    ADJOINT_ASSIGN_OR_RETURN(train_weight, ClassWeights("Fit", options.class_weight,
                                                        train_y.items()[0].dense(), train_weight));
  }
  const uint64_t seed = options.seed.value_or(seed_);
  ADJOINT_ASSIGN_OR_RETURN(
      Feeding train, Feed(train_x, &train_y, options.batch_size,
                          options.shuffle ? std::optional<uint64_t>(seed) : std::nullopt,
                          {Tensor::Scalar<int64_t>(static_cast<int64_t>(seed))}, train_weight));
  return FitFrom(std::move(train), validation, seed, options.shuffle, options);
}

absl::StatusOr<History> Model::Fit(const datasets::Dataset& dataset, const FitOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckCompiled("Fit"));
  ADJOINT_RETURN_IF_ERROR(CheckFitOptions(options));
  if (options.validation_split > 0) {
    return Invalid("Fit",
                   "validation_split is for data in memory; divide a dataset by Take and "
                   "Skip, and give one part as validation_data");
  }
  if (!options.sample_weight.empty()) {
    return Invalid("Fit",
                   "sample_weight is for data in memory; elements of a dataset have their own");
  }
  ADJOINT_RETURN_IF_ERROR(CheckClassWeight(options, network_.outputs().size()));
  const uint64_t seed = options.seed.value_or(seed_);
  ADJOINT_ASSIGN_OR_RETURN(Feeding train,
                           Feed("Fit", dataset, /*targets=*/true, &options,
                                {Tensor::Scalar<int64_t>(static_cast<int64_t>(seed))}));
  return FitFrom(std::move(train), options.validation_data, seed, /*shuffle=*/false, options);
}

absl::StatusOr<History> Model::FitFrom(Feeding train, const ValidationData& validation,
                                       uint64_t seed, bool shuffle, const FitOptions& options) {
  if (fitting_) return absl::FailedPreconditionError("Fit: the model is being trained already");
  ADJOINT_RETURN_IF_ERROR(EnsureOptimizerState());
  // Both steps are in steps_ before pointers to them are taken; the vector holds them by pointer.
  ADJOINT_ASSIGN_OR_RETURN(CompiledStep* const step, StepFor("train", train.inputs, train.targets));
  FitData data{.train = step,
               .batches = std::move(train.batches),
               .seed = seed,
               .shuffle = shuffle,
               .first_epoch = epochs_trained_,
               .totals = Totals(step->reported),
               .epoch = options.initial_epoch};
  if (!validation.empty()) {
    constexpr char kWhat[] = "Fit, validation_data";
    if (!validation.dataset.has_value()) {
      ADJOINT_RETURN_IF_ERROR(CheckSamples(kWhat, validation.x, &validation.y,
                                           network_.inputs().size(), network_.outputs().size()));
      ADJOINT_RETURN_IF_ERROR(CheckWeights(kWhat, validation.sample_weight, validation.x.rows(),
                                           network_.outputs().size()));
    }
    const int64_t batch_size =
        options.validation_batch_size != 0 ? options.validation_batch_size : options.batch_size;
    ADJOINT_ASSIGN_OR_RETURN(
        Feeding feeding,
        validation.dataset.has_value()
            ? Feed(kWhat, *validation.dataset, /*targets=*/true)
            : Feed(validation.x, &validation.y, batch_size, {}, {}, validation.sample_weight));
    ADJOINT_ASSIGN_OR_RETURN(data.validate, StepFor("evaluate", feeding.inputs, feeding.targets));
    data.validation_batches = std::move(feeding.batches);
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
  BatchSource& batches = *data.batches;
  graph::Function& function = *data.train->function;
  std::vector<Tensor>& outputs = data.train->outputs;
  Totals& totals = data.totals;
  ProgressBar bar =
      MakeBar(batches.num_batches(), options.verbose, options.out,
              {.left = options.epochs - epoch - 1, .epoch_seconds = data.epoch_seconds});
  const bool whole = data.batch == 0;
  ADJOINT_RETURN_IF_ERROR(batches.Begin({.epoch = epochs_trained_,
                                         .in_fit = epochs_trained_ - data.first_epoch,
                                         .batch = data.batch}));
  while (!stop_training_) {
    const int64_t batch = data.batch;
    ADJOINT_ASSIGN_OR_RETURN(const std::optional<BatchSource::Fed> fed, batches.Next());
    if (!fed.has_value()) break;
    for (const auto& callback : options.callbacks) callback->OnTrainBatchBegin(*this, batch);
    ADJOINT_RETURN_IF_ERROR(training_error_);
    ADJOINT_RETURN_IF_ERROR(ApplySchedule());
    frozen_ = false;
    ADJOINT_RETURN_IF_ERROR(function.Run(fed->feed, &variables_, &outputs));
    totals.Add(outputs, fed->samples);
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
    const int64_t batches_to_validate = data.validation_batches->num_batches();
    const EvaluationProgress progress = [&](int64_t done, Totals&) {
      if (bar.IsDue()) bar.UpdateValidation(done, batches_to_validate, logs);
    };
    ADJOINT_ASSIGN_OR_RETURN(
        const Logs validation,
        options.validate_averages
            ? EvaluateAverages(data, progress)
            : RunEvaluation(*data.validate, *data.validation_batches, &variables_, progress));
    for (const auto& [name, value] : validation.entries()) {
      logs.Set(absl::StrCat("val_", name), value);
    }
  }
  for (const auto& callback : options.callbacks) callback->OnEpochEnd(*this, epoch, logs);
  bar.Finish(logs, data.batch);
  if (whole) data.epoch_seconds = bar.Elapsed();
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

}  // namespace adjoint::nn
