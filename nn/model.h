#ifndef ADJOINT_NN_MODEL_H_
#define ADJOINT_NN_MODEL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "datasets/dataset.h"
#include "graph/variables.h"
#include "nn/callbacks.h"
#include "nn/checkpoint.h"
#include "nn/data.h"
#include "nn/history.h"
#include "nn/network.h"
#include "nn/objective.h"
#include "nn/optimizer_arg.h"
#include "nn/topology.h"
#include "optim/optimizer.h"

namespace adjoint::graph {
struct CompileOptions;
struct Program;
}  // namespace adjoint::graph

namespace adjoint::nn {

class BatchSource;
class Totals;
struct TargetSpecs;

struct ModelOptions {
  // "model", or "sequential", when empty.
  std::string name = {};
  // Of initial weights, and of shuffling and dropout where Fit is not told another. Equal seeds
  // give equal bytes.
  uint64_t seed = 0;
  // The type that trained weights are stored in, in memory and in files: f32, bf16 or f16. Layers
  // compute in f32; training keeps an f32 master of each weight with the optimizer's state, updates
  // that, and stores it rounded, so that steps smaller than the rounding are not lost. Masters
  // follow SetWeights and LoadWeights, but not what is written through mutable_variables().
  DType weight_dtype = DType::kF32;
};

// Data in memory, or a dataset of batches.
struct ValidationData {
  DataList x = {};
  DataList y = {};
  std::optional<datasets::Dataset> dataset = {};
  DataList sample_weight = {};  // of data in memory

  bool empty() const { return x.empty() && !dataset.has_value(); }
};

struct FitOptions {
  int epochs = 1;
  int64_t batch_size = 32;
  // Of data in memory: how much each sample, [samples], or each step of it, [samples, steps],
  // counts in the loss and in weighted metrics: a tensor of numbers an output of the model. None:
  // all count alike. Elements of a dataset have their own (datasets/element.h).
  DataList sample_weight = {};
  // The same by class, for models of one output: a weight for each of the classes 0 to n - 1, which
  // multiplies sample_weight. Validation is not weighed by it.
  std::map<int64_t, double> class_weight = {};
  // Evaluated after every epoch. At most one of the two.
  ValidationData validation_data = {};
  // This part of the samples, the last ones, is kept from training and evaluated instead.
  double validation_split = 0;
  int64_t validation_batch_size = 0;  // 0: batch_size
  bool validate_averages = false;     // use_averages of EvaluateOptions
  bool shuffle = true;                // a new order every epoch
  // Of a dataset: batches that make an epoch. The pass then goes on from one epoch to the next. 0:
  // an epoch is a pass.
  int64_t steps_per_epoch = 0;
  int verbose = 1;  // 0 nothing, 1 a bar, 2 a line an epoch
  std::vector<std::shared_ptr<Callback>> callbacks = {};
  std::optional<uint64_t> seed = {};  // of the order of samples and of dropout; the model's if none
  // Epochs that count as done: trains epochs - initial_epoch of them and names them from there.
  int initial_epoch = 0;
  // Checkpoints to resume from after the program was killed, when a folder is named.
  CheckpointOptions checkpoint = {};
  std::ostream* out = nullptr;  // standard output when null
};

struct EvaluateOptions {
  int64_t batch_size = 32;
  DataList sample_weight = {};  // as in FitOptions
  // With the moving averages that the optimizer keeps (ema_momentum of optim/extended.h) in place
  // of the weights, which stay as they are.
  bool use_averages = false;
  int verbose = 1;
  std::ostream* out = nullptr;
};

struct PredictOptions {
  int64_t batch_size = 32;
  bool use_averages = false;  // as in EvaluateOptions
  int verbose = 0;            // as in FitOptions
  std::ostream* out = nullptr;
};

struct SaveOptions {
  bool include_optimizer = true;  // without it the file is smaller and training starts anew
};

// A network with its weights, which can be trained, evaluated, asked and saved. Mistakes in how it
// was put together surface at Compile. Not thread-safe. Movable; a moved-from model can only be
// destroyed.
//
// Where a layer stands in two models, each has weights of its own.
class Model {
 public:
  // The functional API: what lies between `inputs`, made by nn::Input, and `outputs`.
  Model(const OutputList& inputs, const OutputList& outputs, ModelOptions options = {});
  virtual ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  // Sets what to train for. Weights stay as they are when compiled again; the optimizer starts
  // anew. `loss` and `metrics` are for every output. Errors: of the network's construction, an
  // unknown name, a value of the optimizer's out of range.
  //
  // Weights of samples weigh the loss and `weighted_metrics`; the mask that an output has
  // (nn/value.h) takes its steps out of the loss and all metrics.
  absl::Status Compile(const OptimizerArg& optimizer, Loss loss, std::vector<Metric> metrics = {},
                       std::vector<Metric> weighted_metrics = {});
  // An entry an output.
  absl::Status Compile(const OptimizerArg& optimizer, Objective objective);

  // Trains. Loss and metrics are means over the epoch's samples, taken as training goes on; a last,
  // smaller batch counts by its size. Which samples form a batch, and every bit of the result,
  // depend on the seed, on the epochs trained so far in the model's life, and on nothing else: not
  // on the number of threads.
  absl::StatusOr<History> Fit(const DataList& x, const DataList& y, const FitOptions& options = {});

  // Trains on the batches of a dataset; epoch e of the model's life is its pass number e. The
  // options batch_size, shuffle and validation_split have no part in it: a dataset says these
  // itself. Its samples weigh what its elements' sample_weight and class_weight say. The same
  // samples in the same order, batch size and seed give the same bits as above. A training that is
  // resumed passes over the batches it has seen (DatasetIterator::Skip). Errors: those of the
  // dataset, with the batch; single samples rather than batches; a batch that differs from the
  // first in more than its number of samples.
  absl::StatusOr<History> Fit(const datasets::Dataset& dataset, const FitOptions& options = {});

  // "loss" and the metrics.
  absl::StatusOr<Logs> Evaluate(const DataList& x, const DataList& y,
                                const EvaluateOptions& options = {});

  // The same for the batches of a dataset, its pass number 0.
  absl::StatusOr<Logs> Evaluate(const datasets::Dataset& dataset,
                                const EvaluateOptions& options = {});

  // What the network gives for each sample. For models of one output.
  absl::StatusOr<Tensor> Predict(const DataList& x, const PredictOptions& options = {});
  // A tensor an output.
  absl::StatusOr<std::vector<Tensor>> PredictAll(const DataList& x,
                                                 const PredictOptions& options = {});

  // The same for the batches of a dataset, its pass number 0, whose y are left aside.
  absl::StatusOr<Tensor> Predict(const datasets::Dataset& dataset);
  absl::StatusOr<std::vector<Tensor>> PredictAll(const datasets::Dataset& dataset);
  // How the model's programs are compiled from now on: passes left out, who observes them, a limit
  // on memory above which Fit, Evaluate and Predict refuse to run. Without influence on what is
  // saved. (graph/executable.h)
  void SetCompileOptions(const graph::CompileOptions& options);

  // Makes the weights, for samples like these: what the first Fit, Evaluate or Predict does.
  absl::Status Build(const DataList& x);

  // A table of layers, output shapes and numbers of parameters, as Keras prints it.
  std::string Summary() const;

  // Writes a file that holds everything: network, weights, what it is compiled for, the state of
  // the optimizer and of the training, and the sections. Errors: a layer that cannot be saved (by
  // name), a model without weights yet, those of writing.
  absl::Status Save(const std::string& path, const SaveOptions& options = {}) const;
  // A model that predicts, evaluates and trains on as the saved one would have. A loss or metric
  // that was a function of the user's is not in the file; such a model must be compiled again.
  static absl::StatusOr<Model> Load(const std::string& path);

  // Saves the weights alone, in a format that the file's ending names: ".safetensors" and ".npz"
  // are what users of PyTorch and NumPy read, any other is a model file of this library. They are
  // loaded into a model of the same layers by name.
  absl::Status SaveWeights(const std::string& path) const;
  // Weights of another floating type are converted where that changes no number. Errors: those of
  // reading; a weight that is missing, or of another spec; a weight too many. The model must have
  // its weights already (Build), and keeps them after an error.
  absl::Status LoadWeights(const std::string& path);

  // Copies of the weights, in the order of WeightNames.
  std::vector<Tensor> GetWeights() const;
  // Errors: another number of tensors, a tensor of another spec; the weights then stay.
  absl::Status SetWeights(absl::Span<const Tensor> weights);

  // Ends Fit after the batch that is being trained. For callbacks.
  void StopTraining() { stop_training_ = true; }
  // Ends Fit with this error at once; the first one counts. For callbacks.
  void StopTraining(absl::Status error) {
    stop_training_ = true;
    if (training_error_.ok()) training_error_ = std::move(error);
  }

  // The optimizer's rate from the next step on. Errors: the model is not compiled; the optimizer
  // has a schedule, which sets the rate before every step.
  absl::Status SetLearningRate(double rate);
  double learning_rate() const;

  const std::string& name() const { return name_; }
  uint64_t seed() const { return seed_; }
  bool compiled() const { return optimizer_ != nullptr; }
  int64_t epochs_trained() const { return epochs_trained_; }
  const Network& network() const { return network_; }
  // What the weights were made for: a type an input. Empty before they are.
  const std::vector<ValueSpec>& input_specs() const { return built_for_; }

  // Weights ("dense/kernel") and the optimizer's state ("optimizer/..."). Values of the same spec
  // may be set.
  const graph::VariableStore& variables() const { return variables_; }
  graph::VariableStore& mutable_variables() {
    frozen_ = false;
    return variables_;
  }
  // Overwrites the trained weights with their moving averages, which an optimizer with ema_momentum
  // keeps (optim/extended.h): what Keras does when Fit ends. Training goes on from there. Errors:
  // the optimizer keeps none, or no step was made yet.
  absl::Status OverwriteWithAverages();

  // Names of the weights, in the order of layers.
  std::vector<std::string> WeightNames() const;

  // Makes Predict faster, most of all for small batches and large layers, until the model changes:
  // its programs take the weights of now as constants, which kernels bring into their own layouts
  // once, at the price of the memory for that. Results keep their bits. Fit, LoadWeights,
  // SetWeights, OverwriteWithAverages and mutable_variables undo it; what is written through a
  // store that was got before is not seen. Errors: the model has no weights yet.
  absl::Status Freeze();
  bool frozen() const { return frozen_; }

  // Bytes of the user's that are saved with the model and loaded again: a vocabulary. Names that
  // begin with "nn." are the library's.
  absl::Status SetSection(absl::string_view name, std::string bytes);
  // Null when there is none.
  const std::string* FindSection(absl::string_view name) const;

  // How often each kernel has run in this model.
  std::map<std::string, int64_t> KernelCounts() const;

  // The program, as built, that training, evaluation ("train", "evaluate") or prediction
  // ("predict") has run last; null before.
  const graph::Program* FindProgram(absl::string_view name) const;

 protected:
  Model(absl::StatusOr<Network> network, ModelOptions options, absl::string_view default_name);

  // Replaces the network of a model that has no weights yet.
  void SetNetwork(absl::StatusOr<Network> network);

  DType weight_dtype_ = DType::kF32;
  bool sequential_ = false;

 private:
  struct CompiledStep;

  absl::Status CheckCompiled(absl::string_view what) const;
  absl::Status EnsureBuilt(absl::Span<const ValueSpec> inputs);
  absl::Status InitializeVariables();
  absl::Status EnsureOptimizerState();
  // Masters become what the weights are.
  absl::Status FollowWithMasters();
  // Sets the rate of the next step when the optimizer has a schedule.
  absl::Status ApplySchedule();
  void EraseOptimizerState();

  std::vector<ValueSpec> InputSpecs(const DataList& x) const;
  TargetSpecs SpecsOfTargets(const DataList& y, const DataList& weights) const;
  // The program for such data, built now if need be.
  absl::StatusOr<CompiledStep*> StepFor(absl::string_view name, absl::Span<const ValueSpec> inputs,
                                        const TargetSpecs& targets, bool frozen = false);

  struct FitData;
  struct Feeding;
  // Data in memory as batches; the weights are made if need be.
  absl::StatusOr<Feeding> Feed(const DataList& x, const DataList* y, int64_t batch_size,
                               std::optional<uint64_t> shuffle_seed = {},
                               std::vector<Tensor> extra = {}, const DataList& weights = {});
  // The same of a dataset; `fit` where it trains. `what` begins messages.
  absl::StatusOr<Feeding> Feed(absl::string_view what, const datasets::Dataset& dataset,
                               bool targets, const FitOptions* fit = nullptr,
                               std::vector<Tensor> extra = {});
  absl::StatusOr<History> FitFrom(Feeding train, const ValidationData& validation, uint64_t seed,
                                  bool shuffle, const FitOptions& options);
  absl::StatusOr<Logs> EvaluateFrom(Feeding feeding, const EvaluateOptions& options);
  absl::StatusOr<std::vector<Tensor>> PredictFrom(Feeding feeding, int64_t rows,
                                                  const PredictOptions& options);
  absl::Status CheckOneOutput() const;
  absl::Status RunEpoch(FitData& data, const FitOptions& options);
  // The training's whole state in a file, and back.
  absl::Status WriteCheckpoint(const FitData& data, const FitOptions& options) const;
  absl::Status ReadCheckpoint(FitData& data, const FitOptions& options);
  // Called after each batch with how many are done.
  using EvaluationProgress = std::function<void(int64_t batches, Totals& so_far)>;
  absl::StatusOr<Logs> RunEvaluation(CompiledStep& step, BatchSource& batches,
                                     graph::VariableStore* variables,
                                     const EvaluationProgress& progress);
  absl::StatusOr<Logs> EvaluateAverages(FitData& data, const EvaluationProgress& progress);
  // A copy of the weights, in which those that have averages are these. `what` begins the message.
  absl::StatusOr<graph::VariableStore> AveragedWeights(absl::string_view what) const;

  absl::StatusOr<std::string> NetworkSection() const;
  std::string TrainingSection() const;
  absl::Status ReadTrainingSection(const std::string& bytes);

  std::string name_;
  uint64_t seed_ = 0;
  absl::Status construction_;  // of the network
  Network network_;
  std::vector<ValueSpec> built_for_;
  graph::VariableStore variables_;
  std::unique_ptr<graph::CompileOptions> compile_options_;  // null: as they are by default
  std::shared_ptr<const optim::Optimizer> optimizer_;
  Objective objective_;
  std::string why_not_compiled_;  // after Load
  int64_t epochs_trained_ = 0;
  bool stop_training_ = false;
  absl::Status training_error_;
  bool fitting_ = false;
  bool frozen_ = false;                               // see Freeze
  std::vector<std::unique_ptr<CompiledStep>> steps_;  // the one used last is the last
  std::vector<std::pair<std::string, std::string>> sections_;
};

// A chain of layers:
//
//   nn::Sequential model({nn::Dense(16, {.activation = "relu"}), nn::Dense(1)});
//
// An Input may stand first; without one the model takes the shape of the first data it sees.
class Sequential final : public Model {
 public:
  explicit Sequential(std::vector<LayerHandle> layers = {}, ModelOptions options = {});

  // Appends a layer. Requires a model without weights yet; Compile reports where it is not so.
  void Add(LayerHandle layer);

 private:
  std::vector<LayerHandle> layers_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_MODEL_H_
