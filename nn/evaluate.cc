#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/fit_data.h"
#include "nn/fit_options.h"
#include "nn/model.h"
#include "nn/weighting.h"

namespace adjoint::nn {

absl::StatusOr<Logs> Model::EvaluateAverages(FitData& data, const EvaluationProgress& progress) {
  ADJOINT_ASSIGN_OR_RETURN(graph::VariableStore averages,
                           AveragedWeights("Fit, validate_averages"));
  return RunEvaluation(*data.validate, *data.validation_batches, &averages, progress);
}

absl::StatusOr<Logs> Model::RunEvaluation(CompiledStep& step, BatchSource& batches,
                                          graph::VariableStore* variables,
                                          const EvaluationProgress& progress) {
  Totals totals(step.reported);
  ADJOINT_RETURN_IF_ERROR(batches.Begin({}));
  for (int64_t batch = 1;; ++batch) {
    ADJOINT_ASSIGN_OR_RETURN(const std::optional<BatchSource::Fed> fed, batches.Next());
    if (!fed.has_value()) return totals.Results();
    ADJOINT_RETURN_IF_ERROR(step.function->Run(fed->feed, variables, &step.outputs));
    totals.Add(step.outputs, fed->samples);
    progress(batch, totals);
  }
}

absl::StatusOr<Logs> Model::EvaluateFrom(Feeding feeding, const EvaluateOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(CompiledStep* const step,
                           StepFor("evaluate", feeding.inputs, feeding.targets));
  graph::VariableStore averages;
  if (options.use_averages) {
    ADJOINT_ASSIGN_OR_RETURN(averages, AveragedWeights("Evaluate, use_averages"));
  }
  ProgressBar bar = MakeBar(feeding.batches->num_batches(), options.verbose, options.out);
  int64_t batches = 0;
  const EvaluationProgress progress = [&](int64_t done, Totals& so_far) {
    batches = done;
    if (bar.IsDue()) bar.Update(done, so_far.Results());
  };
  ADJOINT_ASSIGN_OR_RETURN(const Logs logs,
                           RunEvaluation(*step, *feeding.batches,
                                         options.use_averages ? &averages : &variables_, progress));
  bar.Finish(logs, batches);
  return logs;
}

absl::StatusOr<Logs> Model::Evaluate(const DataList& x, const DataList& y,
                                     const EvaluateOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckCompiled("Evaluate"));
  ADJOINT_RETURN_IF_ERROR(CheckBatchSize("Evaluate", "batch_size", options.batch_size));
  ADJOINT_RETURN_IF_ERROR(CheckVerbose("Evaluate", options.verbose));
  ADJOINT_RETURN_IF_ERROR(
      CheckSamples("Evaluate", x, &y, network_.inputs().size(), network_.outputs().size()));
  ADJOINT_RETURN_IF_ERROR(
      CheckWeights("Evaluate", options.sample_weight, x.rows(), network_.outputs().size()));
  ADJOINT_ASSIGN_OR_RETURN(Feeding feeding,
                           Feed(x, &y, options.batch_size, {}, {}, options.sample_weight));
  return EvaluateFrom(std::move(feeding), options);
}

absl::StatusOr<Logs> Model::Evaluate(const datasets::Dataset& dataset,
                                     const EvaluateOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckCompiled("Evaluate"));
  ADJOINT_RETURN_IF_ERROR(CheckVerbose("Evaluate", options.verbose));
  if (!options.sample_weight.empty()) {
    return Invalid("Evaluate",
                   "sample_weight is for data in memory; elements of a dataset have their own");
  }
  ADJOINT_ASSIGN_OR_RETURN(Feeding feeding, Feed("Evaluate", dataset, /*targets=*/true));
  return EvaluateFrom(std::move(feeding), options);
}

absl::Status Model::CheckOneOutput() const {
  if (network_.outputs().size() <= 1) return absl::OkStatus();
  return Invalid("Predict", absl::StrCat("the model gives ", network_.outputs().size(),
                                         " outputs; PredictAll returns them"));
}

absl::StatusOr<Tensor> Model::Predict(const DataList& x, const PredictOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckOneOutput());
  ADJOINT_ASSIGN_OR_RETURN(std::vector<Tensor> all, PredictAll(x, options));
  return std::move(all[0]);
}

absl::StatusOr<Tensor> Model::Predict(const datasets::Dataset& dataset) {
  ADJOINT_RETURN_IF_ERROR(CheckOneOutput());
  ADJOINT_ASSIGN_OR_RETURN(std::vector<Tensor> all, PredictAll(dataset));
  return std::move(all[0]);
}

absl::StatusOr<std::vector<Tensor>> Model::PredictAll(const DataList& x,
                                                      const PredictOptions& options) {
  ADJOINT_RETURN_IF_ERROR(construction_);
  ADJOINT_RETURN_IF_ERROR(CheckBatchSize("Predict", "batch_size", options.batch_size));
  ADJOINT_RETURN_IF_ERROR(CheckVerbose("Predict", options.verbose));
  ADJOINT_RETURN_IF_ERROR(CheckSamples("Predict", x, nullptr, network_.inputs().size(), 0));
  ADJOINT_ASSIGN_OR_RETURN(Feeding feeding, Feed(x, nullptr, options.batch_size));
  return PredictFrom(std::move(feeding), x.rows(), options);
}

absl::StatusOr<std::vector<Tensor>> Model::PredictAll(const datasets::Dataset& dataset) {
  ADJOINT_RETURN_IF_ERROR(construction_);
  ADJOINT_ASSIGN_OR_RETURN(Feeding feeding, Feed("Predict", dataset, /*targets=*/false));
  return PredictFrom(std::move(feeding), 0, {});
}

// `rows` is the number of samples to come; where there are more, the results grow.
absl::StatusOr<std::vector<Tensor>> Model::PredictFrom(Feeding feeding, int64_t rows,
                                                       const PredictOptions& options) {
  graph::VariableStore averages;
  if (options.use_averages) {
    ADJOINT_ASSIGN_OR_RETURN(averages, AveragedWeights("Predict, use_averages"));
  }
  graph::VariableStore* const variables = options.use_averages ? &averages : &variables_;
  ADJOINT_ASSIGN_OR_RETURN(CompiledStep* const step, StepFor("predict", feeding.inputs, {},
                                                             frozen_ && !options.use_averages));
  ADJOINT_RETURN_IF_ERROR(feeding.batches->Begin({}));
  ProgressBar bar = MakeBar(feeding.batches->num_batches(), options.verbose, options.out);
  std::vector<Tensor> results;
  int64_t done = 0, room = rows, batch = 0;
  for (;; ++batch) {
    if (bar.IsDue()) bar.Update(batch, {});
    ADJOINT_ASSIGN_OR_RETURN(const std::optional<BatchSource::Fed> fed, feeding.batches->Next());
    if (!fed.has_value()) break;
    ADJOINT_RETURN_IF_ERROR(step->function->Run(fed->feed, variables, &step->outputs));
    const bool grows = done + fed->samples > room;
    if (grows) room = std::max(2 * room, done + fed->samples);
    for (size_t i = 0; i < step->outputs.size(); ++i) {
      const Tensor& output = step->outputs[i];
      TensorSpec spec = output.spec();
      spec.shape.set_dim(0, room);
      const size_t row_bytes = static_cast<size_t>(output.bytes() / fed->samples);
      if (done == 0 || grows) {
        ADJOINT_ASSIGN_OR_RETURN(Tensor larger, Tensor::Allocate(spec));
        if (done == 0) {
          results.push_back(std::move(larger));
        } else if (results[i].Rows(0, done).bytes() != done * static_cast<int64_t>(row_bytes)) {
          return Invalid(
              "Predict",
              absl::StrCat("a batch gives ", output.spec().ToString(), ", the one before it ",
                           results[i].spec().ToString(), "; they do not make one tensor"));
        } else {
          std::memcpy(larger.mutable_raw(), results[i].raw(),
                      static_cast<size_t>(done) * row_bytes);
          results[i] = std::move(larger);
        }
      } else if (results[i].spec() != spec) {
        return Invalid("Predict", absl::StrCat("a batch gives ", output.spec().ToString(),
                                               ", those before it ", results[i].spec().ToString(),
                                               "; they do not make one tensor"));
      }
      std::memcpy(
          static_cast<char*>(results[i].mutable_raw()) + static_cast<size_t>(done) * row_bytes,
          output.raw(), static_cast<size_t>(output.bytes()));
    }
    done += fed->samples;
  }
  bar.Finish({}, batch);
  for (Tensor& result : results) {
    if (done < room) result = result.Rows(0, done).Clone();
  }
  return results;
}

}  // namespace adjoint::nn
