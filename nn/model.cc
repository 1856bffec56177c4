#include "nn/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/freeze.h"
#include "nn/compiled_step.h"
#include "optim/extended.h"

namespace adjoint::nn {
namespace {

absl::StatusOr<Tensor> Filled(const TensorSpec& spec, double value) {
  ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::AllocateZeros(spec));
  if (value == 0) return tensor;
  VisitDType(spec.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& element : tensor.mutable_data<T>()) element = static_cast<T>(value);
  });
  return tensor;
}

// The tensor itself where it is of this type.
absl::StatusOr<Tensor> Converted(const Tensor& from, DType dtype) {
  if (from.dtype() == dtype) return from;
  ADJOINT_ASSIGN_OR_RETURN(Tensor to, Tensor::Allocate({dtype, from.shape()}));
  VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    int64_t i = 0;
    for (T& element : to.mutable_data<T>()) element = static_cast<T>(from.ValueAt(i++));
  });
  return to;
}

}  // namespace

Model::Model(const OutputList& inputs, const OutputList& outputs, ModelOptions options)
    : Model(Network::Between(inputs.outputs(), outputs.outputs()), std::move(options), "model") {}

Model::Model(absl::StatusOr<Network> network, ModelOptions options, absl::string_view default_name)
    : name_(options.name.empty() ? std::string(default_name) : std::move(options.name)),
      seed_(options.seed) {
  weight_dtype_ = options.weight_dtype;
  SetNetwork(std::move(network));
}

Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

void Model::SetNetwork(absl::StatusOr<Network> network) {
  if (network_.built()) {
    construction_ = absl::FailedPreconditionError(
        "a layer was added to a model that has its weights already; add all layers first");
    return;
  }
  construction_ = network.status();
  network_ = network.ok() ? *std::move(network) : Network();
  if (construction_.ok() && weight_dtype_ != DType::kF32 && weight_dtype_ != DType::kBF16 &&
      weight_dtype_ != DType::kF16) {
    construction_ = absl::InvalidArgumentError(absl::StrCat(
        "weight_dtype is ", DTypeName(weight_dtype_), "; it must be f32, bf16 or f16"));
  }
  network_.set_weight_dtype(weight_dtype_);
}

Sequential::Sequential(std::vector<LayerHandle> layers, ModelOptions options)
    : Model(Network::Chain(layers), std::move(options), "sequential"), layers_(std::move(layers)) {
  sequential_ = true;
}

void Sequential::Add(LayerHandle layer) {
  layers_.push_back(std::move(layer));
  SetNetwork(Network::Chain(layers_));
}

absl::Status Model::Compile(const OptimizerArg& optimizer, Loss loss, std::vector<Metric> metrics,
                            std::vector<Metric> weighted_metrics) {
  const size_t n = std::max<size_t>(1, network_.outputs().size());
  const auto each = [&](const auto& list) { return std::vector<std::vector<Metric>>(n, list); };
  return Compile(optimizer, Objective{.losses = std::vector<Loss>(n, loss),
                                      .metrics = each(metrics),
                                      .weighted_metrics = each(weighted_metrics)});
}

absl::Status Model::Compile(const OptimizerArg& optimizer, Objective objective) {
  const auto error = [&](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat("compiling model '", name_, "': ", status.message()));
  };
  if (!construction_.ok()) return error(construction_);
  if (fitting_) return error(absl::FailedPreconditionError("it is being trained"));
  if (!optimizer.optimizer().ok()) return error(optimizer.optimizer().status());
  if (*optimizer.optimizer() == nullptr) {
    return error(absl::InvalidArgumentError("the optimizer is a null pointer"));
  }
  const size_t n = network_.outputs().size();
  objective.metrics.resize(std::max(n, objective.metrics.size()));
  objective.weighted_metrics.resize(std::max(n, objective.weighted_metrics.size()));
  if (objective.losses.size() != n || objective.metrics.size() != n ||
      objective.weighted_metrics.size() != n) {
    return error(absl::InvalidArgumentError(
        absl::StrCat("it has ", n, " outputs, but was given ", objective.losses.size(),
                     " losses and metrics for ", objective.metrics.size())));
  }
  for (size_t i = 0; i < n; ++i) {
    if (absl::Status s = objective.losses[i].Check(); !s.ok()) return error(s);
    for (const auto* list : {&objective.metrics[i], &objective.weighted_metrics[i]}) {
      for (const Metric& metric : *list) {
        if (absl::Status s = metric.Check(); !s.ok()) return error(s);
      }
    }
  }
  if (!network_.built() && network_.KnowsInputs()) {
    if (absl::Status s = EnsureBuilt(network_.KnownInputs()); !s.ok()) return error(s);
  }
  optimizer_ = *optimizer.optimizer();
  objective_ = std::move(objective);
  why_not_compiled_.clear();
  EraseOptimizerState();
  variables_.Set(kLearningRateVariable,
                 Tensor::Scalar<float>(static_cast<float>(optimizer_->initial_learning_rate())));
  std::erase_if(steps_, [](const auto& step) { return step->name != "predict"; });
  return absl::OkStatus();
}

absl::Status Model::CheckCompiled(absl::string_view what) const {
  if (!construction_.ok()) {
    return absl::Status(construction_.code(),
                        absl::StrCat(what, " of model '", name_, "': ", construction_.message()));
  }
  if (compiled()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(what, " of model '", name_, "': it is not compiled",
                   why_not_compiled_.empty() ? "" : absl::StrCat(" (", why_not_compiled_, ")"),
                   "; call Compile with an optimizer and a loss first"));
}

absl::Status Model::Build(const DataList& x) {
  ADJOINT_RETURN_IF_ERROR(construction_);
  ADJOINT_RETURN_IF_ERROR(CheckSamples("Build", x, nullptr, network_.inputs().size(), 0));
  return EnsureBuilt(InputSpecs(x));
}

absl::Status Model::EnsureBuilt(absl::Span<const ValueSpec> inputs) {
  if (network_.built()) return absl::OkStatus();
  ADJOINT_RETURN_IF_ERROR(network_.Build(inputs));
  built_for_.assign(inputs.begin(), inputs.end());
  return InitializeVariables();
}

absl::Status Model::InitializeVariables() {
  for (const Network::Variable& variable : network_.Variables()) {
    auto value = variable.decl->initializer.Draw(variable.decl->spec, seed_, variable.path);
    if (!value.ok()) {
      return absl::Status(
          value.status().code(),
          absl::StrCat("initializing variable '", variable.path, "': ", value.status().message()));
    }
    ADJOINT_ASSIGN_OR_RETURN(*value, Converted(*value, variable.stored.dtype));
    variables_.Set(variable.path, *value);
  }
  return absl::OkStatus();
}

void Model::EraseOptimizerState() {
  for (const std::string& name : variables_.Names()) {
    if (absl::StartsWith(name, "optimizer/")) variables_.Erase(name);
  }
}

absl::Status Model::EnsureOptimizerState() {
  if (!variables_.Has(kStepVariable)) {
    variables_.Set(kStepVariable, Tensor::Scalar<int64_t>(0));
  }
  for (const SlotVariable& slot : OptimizerSlots(network_, *optimizer_)) {
    if (variables_.Has(slot.path)) continue;
    ADJOINT_ASSIGN_OR_RETURN(const Tensor value, Filled(slot.spec, slot.initial));
    variables_.Set(slot.path, value);
  }
  for (const MasterVariable& master : MasterVariables(network_)) {
    if (variables_.Has(master.path)) continue;
    ADJOINT_ASSIGN_OR_RETURN(const Tensor value,
                             Converted(*variables_.Find(master.weight), master.spec.dtype));
    variables_.Set(master.path, value);
  }
  return absl::OkStatus();
}

std::vector<ValueSpec> Model::InputSpecs(const DataList& x) const {
  std::vector<ValueSpec> specs;
  for (size_t i = 0; i < x.items().size(); ++i) {
    ValueSpec spec = x.items()[i].spec();
    // Where the model was told a symbolic extent, one program serves all sizes.
    const InputLayer& layer = network_.InputAt(static_cast<int>(i));
    if (layer.has_shape() && !spec.csr) {
      const Shape& told = layer.spec().shape;
      for (int axis = 1; axis < std::min(told.rank(), spec.tensor.shape.rank()); ++axis) {
        if (!told.dim(axis).is_known()) spec.tensor.shape.set_dim(axis, told.dim(axis));
      }
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

TargetSpecs Model::SpecsOfTargets(const DataList& y, const DataList& weights) const {
  const auto specs_of = [&](const DataList& list) {
    std::vector<TensorSpec> specs;
    for (size_t i = 0; i < list.items().size(); ++i) {
      TensorSpec spec = list.items()[i].spec().tensor;
      const Network::ValueId id = network_.outputs()[i];
      const Shape& output = network_.calls()[id.call].outputs[id.output].tensor.shape;
      for (int axis = 1; axis < std::min(output.rank(), spec.shape.rank()); ++axis) {
        if (!output.dim(axis).is_known()) spec.shape.set_dim(axis, output.dim(axis));
      }
      specs.push_back(std::move(spec));
    }
    return specs;
  };
  return {.targets = specs_of(y), .weights = specs_of(weights)};
}

absl::StatusOr<Model::CompiledStep*> Model::StepFor(absl::string_view name,
                                                    absl::Span<const ValueSpec> inputs,
                                                    const TargetSpecs& targets, bool frozen) {
  std::string kind;
  for (const ValueSpec& input : inputs) absl::StrAppend(&kind, input.ToString(), " ");
  for (const TensorSpec& target : targets.targets) absl::StrAppend(&kind, "-> ", target.ToString());
  for (const TensorSpec& weight : targets.weights) absl::StrAppend(&kind, "* ", weight.ToString());
  const auto found = std::find_if(steps_.begin(), steps_.end(), [&](const auto& step) {
    return step->name == name && step->kind == kind && step->frozen == frozen;
  });
  if (found != steps_.end()) {
    std::rotate(found, found + 1, steps_.end());
    return steps_.back().get();
  }
  auto step = std::make_unique<CompiledStep>();
  step->name = std::string(name);
  step->kind = std::move(kind);
  step->frozen = frozen;
  graph::Program program;
  if (name == "predict") {
    ADJOINT_ASSIGN_OR_RETURN(program, BuildPredictProgram(network_, inputs));
    if (frozen) {
      ADJOINT_ASSIGN_OR_RETURN(program, graph::Freeze(program, variables_));
    }
  } else {
    ADJOINT_ASSIGN_OR_RETURN(
        StepProgram built,
        name == "train" ? BuildTrainProgram(network_, objective_, *optimizer_, inputs, targets)
                        : BuildEvaluateProgram(network_, objective_, inputs, targets));
    program = std::move(built.program);
    step->reported = std::move(built.reported);
  }
  ADJOINT_ASSIGN_OR_RETURN(step->function,
                           graph::Function::Create(std::move(program), compile_options_ == nullptr
                                                                           ? graph::CompileOptions()
                                                                           : *compile_options_));
  steps_.push_back(std::move(step));
  return steps_.back().get();
}

absl::Status Model::Freeze() {
  ADJOINT_RETURN_IF_ERROR(construction_);
  if (!network_.built()) {
    return absl::FailedPreconditionError(
        absl::StrCat("Freeze of model '", name_,
                     "': it has no weights yet; give its first layer an Input, or call Build"));
  }
  ADJOINT_RETURN_IF_ERROR(variables_.status());
  std::erase_if(steps_, [](const auto& step) { return step->frozen; });
  frozen_ = true;
  return absl::OkStatus();
}

void Model::SetCompileOptions(const graph::CompileOptions& options) {
  compile_options_ = std::make_unique<graph::CompileOptions>(options);
  steps_.clear();
}

absl::Status Model::SetLearningRate(double rate) {
  ADJOINT_RETURN_IF_ERROR(CheckCompiled("SetLearningRate"));
  if (!std::isfinite(rate) || rate < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("SetLearningRate: a rate is finite and not negative, but was given ", rate));
  }
  if (optimizer_->ScheduledRate(0).has_value()) {
    return absl::FailedPreconditionError(absl::StrCat("SetLearningRate: the optimizer's schedule, ",
                                                      optimizer_->Config().schedule,
                                                      ", sets the rate"));
  }
  variables_.FindMutable(kLearningRateVariable)->mutable_data<float>()[0] =
      static_cast<float>(rate);
  return absl::OkStatus();
}

absl::Status Model::ApplySchedule() {
  const int64_t step = variables_.Find(kStepVariable)->item<int64_t>();
  const std::optional<double> rate = optimizer_->ScheduledRate(step);
  if (!rate.has_value()) return absl::OkStatus();
  if (!std::isfinite(*rate)) {
    return absl::OutOfRangeError(absl::StrCat("the schedule ", optimizer_->Config().schedule,
                                              " gives a rate of ", *rate, " at step ", step));
  }
  variables_.FindMutable(kLearningRateVariable)->mutable_data<float>()[0] =
      static_cast<float>(*rate);
  return absl::OkStatus();
}

absl::StatusOr<graph::VariableStore> Model::AveragedWeights(absl::string_view what) const {
  ADJOINT_RETURN_IF_ERROR(CheckCompiled(what));
  ADJOINT_RETURN_IF_ERROR(variables_.status());
  const Tensor* const step = variables_.Find(kStepVariable);
  if (step == nullptr || step->item<int64_t>() == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, ": there are no averages before the first step of training"));
  }
  graph::VariableStore weights;
  bool found = false;
  for (const std::string& weight : WeightNames()) {
    const Tensor* const average =
        variables_.Find(absl::StrCat("optimizer/", weight, "/", optim::kAverageSlot));
    found |= average != nullptr;
    const Tensor& value = *variables_.Find(weight);
    if (average == nullptr) {
      weights.Set(weight, value);
      continue;
    }
    ADJOINT_ASSIGN_OR_RETURN(const Tensor stored, Converted(*average, value.dtype()));
    weights.Set(weight, stored);
  }
  if (found) return weights;
  return absl::FailedPreconditionError(
      absl::StrCat(what, ": the optimizer keeps no averages; extend it with ema_momentum"));
}

absl::Status Model::OverwriteWithAverages() {
  ADJOINT_ASSIGN_OR_RETURN(const graph::VariableStore averages,
                           AveragedWeights("OverwriteWithAverages"));
  frozen_ = false;
  for (const std::string& weight : averages.Names()) {
    const Tensor& average = *averages.Find(weight);
    std::memcpy(variables_.FindMutable(weight)->mutable_raw(), average.raw(),
                static_cast<size_t>(average.bytes()));
  }
  return FollowWithMasters();
}

absl::Status Model::FollowWithMasters() {
  for (const MasterVariable& master : MasterVariables(network_)) {
    Tensor* const value = variables_.FindMutable(master.path);
    if (value == nullptr) continue;
    ADJOINT_ASSIGN_OR_RETURN(const Tensor weight,
                             Converted(*variables_.Find(master.weight), master.spec.dtype));
    std::memcpy(value->mutable_raw(), weight.raw(), static_cast<size_t>(weight.bytes()));
  }
  return absl::OkStatus();
}

double Model::learning_rate() const {
  const Tensor* const rate = variables_.Find(kLearningRateVariable);
  return rate == nullptr ? 0 : rate->item<float>();
}

std::vector<std::string> Model::WeightNames() const {
  std::vector<std::string> names;
  for (const Network::Variable& variable : network_.Variables()) names.push_back(variable.path);
  return names;
}

absl::Status Model::SetSection(absl::string_view name, std::string bytes) {
  if (name.empty() || absl::StartsWith(name, "nn.")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "SetSection: '", name, "' is empty or begins with \"nn.\", which is the library's"));
  }
  for (auto& section : sections_) {
    if (section.first == name) {
      section.second = std::move(bytes);
      return absl::OkStatus();
    }
  }
  sections_.emplace_back(std::string(name), std::move(bytes));
  return absl::OkStatus();
}

const std::string* Model::FindSection(absl::string_view name) const {
  for (const auto& section : sections_) {
    if (section.first == name) return &section.second;
  }
  return nullptr;
}

std::map<std::string, int64_t> Model::KernelCounts() const {
  std::map<std::string, int64_t> counts;
  for (const auto& step : steps_) {
    for (const auto& [kernel, n] : step->function->KernelCounts()) counts[kernel] += n;
  }
  return counts;
}

const graph::Program* Model::FindProgram(absl::string_view name) const {
  for (auto it = steps_.rbegin(); it != steps_.rend(); ++it) {
    if ((*it)->name == name) return &(*it)->function->program();
  }
  return nullptr;
}

}  // namespace adjoint::nn
