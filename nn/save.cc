#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/model_file.h"
#include "graph/program_proto.h"
#include "nn/model.h"
#include "nn/network.pb.h"
#include "nn/optimizer_proto.h"
#include "nn/programs.h"
#include "nn/registry.h"

namespace adjoint::nn {
namespace {

constexpr uint32_t kVersion = 1;
constexpr char kNetworkSection[] = "nn.network";
constexpr char kTrainingSection[] = "nn.training";

absl::Status Wrap(const std::string& what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the model's description is damaged: ", what));
}

absl::Status CheckVersion(absl::string_view section, uint32_t version) {
  if (version == kVersion) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("section '", section, "' has version ", version,
                                               ", this build knows version ", kVersion));
}

void ToProto(const Network::ValueId& id, proto::ValueIdProto* message) {
  message->set_call(id.call);
  message->set_output(id.output);
}

absl::Status ToProto(const Network::Part& part, proto::LayerProto* message) {
  message->set_class_name(part.layer->ClassName());
  message->set_name(part.name);
  ADJOINT_ASSIGN_OR_RETURN(const Attrs config, part.layer->Config());
  for (const Attrs::Entry& entry : config.entries()) {
    if (!graph::ToProto(entry, message->add_values())) {
      return absl::InvalidArgumentError(
          absl::StrCat("value '", entry.first,
                       "' of its Config is of a kind that files do not "
                       "hold"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Network::Part> FromProto(const proto::LayerProto& message) {
  LayerConfig config{.class_name = message.class_name(), .name = message.name(), .values = {}};
  for (const graph::proto::AttrProto& value : message.values()) {
    ADJOINT_ASSIGN_OR_RETURN(AttrValue read, graph::FromProto(value));
    config.values.Set(value.name(), std::move(read));
  }
  ADJOINT_ASSIGN_OR_RETURN(const LayerHandle layer, MakeLayer(config));
  if (layer.layer()->name() != config.name) {
    return absl::InvalidArgumentError(
        absl::StrCat("the factory of layer class '", config.class_name, "' made a layer named '",
                     layer.layer()->name(), "' for '", config.name, "'; it must keep the name"));
  }
  return Network::Part{.layer = layer.layer()};
}

absl::StatusOr<Network> NetworkFromProto(const proto::NetworkProto& message) {
  std::vector<Network::Part> parts;
  for (const proto::LayerProto& layer : message.layers()) {
    ADJOINT_ASSIGN_OR_RETURN(Network::Part part, FromProto(layer));
    parts.push_back(std::move(part));
  }
  const auto id = [](const proto::ValueIdProto& value) {
    return Network::ValueId{value.call(), value.output()};
  };
  std::vector<Network::Call> calls;
  for (const proto::CallProto& call : message.calls()) {
    calls.push_back({.part = call.layer()});
    for (const proto::ValueIdProto& value : call.inputs()) calls.back().inputs.push_back(id(value));
  }
  std::vector<Network::ValueId> outputs;
  for (const proto::ValueIdProto& value : message.outputs()) outputs.push_back(id(value));
  ADJOINT_ASSIGN_OR_RETURN(
      Network network,
      Network::FromLists(std::move(parts), std::move(calls),
                         {message.inputs().begin(), message.inputs().end()}, std::move(outputs)));
  std::vector<ValueSpec> specs;
  for (const proto::ValueSpecProto& spec : message.built_for()) {
    ADJOINT_ASSIGN_OR_RETURN(TensorSpec tensor, graph::FromProto(spec.tensor()));
    if (spec.csr() && (tensor.shape.rank() != 2 || !tensor.shape.dim(1).is_known())) {
      return Damaged("a sparse input is not a matrix");
    }
    specs.push_back({.tensor = std::move(tensor), .csr = spec.csr()});
  }
  if (specs.size() != network.inputs().size()) return Damaged("inputs without a shape");
  if (!message.weight_dtype().empty()) {
    ADJOINT_ASSIGN_OR_RETURN(const DType dtype, DTypeFromName(message.weight_dtype()));
    if (dtype != DType::kBF16 && dtype != DType::kF16) {
      return Damaged(absl::StrCat("weights are stored in ", message.weight_dtype()));
    }
    network.set_weight_dtype(dtype);
  }
  ADJOINT_RETURN_IF_ERROR(network.Build(specs));
  return network;
}

// Whether the store has the variable with this spec.
absl::Status CheckVariable(const graph::VariableStore& store, const std::string& path,
                           const TensorSpec& spec) {
  const Tensor* const value = store.Find(path);
  if (value == nullptr) return Damaged(absl::StrCat("variable '", path, "' is missing"));
  if (value->spec() == spec) return absl::OkStatus();
  return Damaged(absl::StrCat("variable '", path, "' is ", value->spec().ToString(),
                              ", but the network wants ", spec.ToString()));
}

}  // namespace

absl::StatusOr<std::string> Model::NetworkSection() const {
  proto::NetworkProto message;
  message.set_version(kVersion);
  message.set_name(name_);
  message.set_sequential(sequential_);
  if (weight_dtype_ != DType::kF32) message.set_weight_dtype(std::string(DTypeName(weight_dtype_)));
  for (const Network::Part& part : network_.parts()) {
    if (absl::Status s = ToProto(part, message.add_layers()); !s.ok()) {
      return Wrap(absl::StrCat("layer '", part.name, "'"), s);
    }
  }
  for (const Network::Call& call : network_.calls()) {
    proto::CallProto* const to = message.add_calls();
    to->set_layer(call.part);
    for (const Network::ValueId& id : call.inputs) ToProto(id, to->add_inputs());
  }
  for (int input : network_.inputs()) message.add_inputs(input);
  for (const Network::ValueId& id : network_.outputs()) ToProto(id, message.add_outputs());
  for (const ValueSpec& spec : built_for_) {
    proto::ValueSpecProto* const to = message.add_built_for();
    graph::ToProto(spec.tensor, to->mutable_tensor());
    to->set_csr(spec.csr);
  }
  return message.SerializeAsString();
}

std::string Model::TrainingSection() const {
  proto::TrainingProto message;
  message.set_version(kVersion);
  message.set_seed(seed_);
  message.set_epochs_trained(epochs_trained_);
  if (compiled()) {
    ToProto(optimizer_->Config(), message.mutable_optimizer());
    for (size_t i = 0; i < objective_.losses.size(); ++i) {
      const auto write = [](const auto& function, proto::FunctionProto* to) {
        to->set_name(function.text());
        to->set_users_own(function.is_users_own());
        if (function.name() != function.text()) to->set_key(function.name());
      };
      proto::OutputObjectiveProto* const to = message.add_objectives();
      write(objective_.losses[i], to->mutable_loss());
      for (const Metric& metric : objective_.metrics[i]) write(metric, to->add_metrics());
      for (const Metric& metric : objective_.weighted_metrics[i]) {
        write(metric, to->add_weighted_metrics());
      }
    }
  }
  return message.SerializeAsString();
}

absl::Status Model::ReadTrainingSection(const std::string& bytes) {
  proto::TrainingProto message;
  if (!message.ParseFromString(bytes)) {
    return Damaged(absl::StrCat("section '", kTrainingSection, "' cannot be read"));
  }
  ADJOINT_RETURN_IF_ERROR(CheckVersion(kTrainingSection, message.version()));
  seed_ = message.seed();
  epochs_trained_ = message.epochs_trained();
  if (epochs_trained_ < 0) return Damaged("the number of epochs is negative");
  if (!message.has_optimizer()) {
    why_not_compiled_ = "it was not when it was saved";
    return absl::OkStatus();
  }
  Objective objective;
  for (const proto::OutputObjectiveProto& output : message.objectives()) {
    objective.losses.emplace_back(output.loss().name());
    if (output.loss().users_own()) {
      why_not_compiled_ = absl::StrCat("its loss '", output.loss().name(),
                                       "' is a function that files do not hold");
    }
    const auto read = [&](const auto& metrics, std::vector<std::vector<Metric>>& to) {
      to.emplace_back();
      for (const proto::FunctionProto& metric : metrics) {
        to.back().emplace_back(metric.name());
        if (!metric.key().empty()) to.back().back().SetName(metric.key());
        if (metric.users_own()) {
          why_not_compiled_ =
              absl::StrCat("its metric '", metric.name(), "' is a function that files do not hold");
        }
      }
    };
    read(output.metrics(), objective.metrics);
    read(output.weighted_metrics(), objective.weighted_metrics);
  }
  if (!why_not_compiled_.empty()) {
    EraseOptimizerState();
    return absl::OkStatus();
  }
  optim::OptimizerConfig config{
      .name = message.optimizer().name(), .values = {}, .schedule = message.optimizer().schedule()};
  for (const proto::HyperparameterProto& value : message.optimizer().values()) {
    config.values[value.name()] = value.value();
  }
  // Compile starts an optimizer anew; the state from the file comes back after it.
  const graph::VariableStore saved = variables_;
  ADJOINT_RETURN_IF_ERROR(Compile(config, std::move(objective)));
  if (!saved.Has(kStepVariable)) return absl::OkStatus();
  variables_.Restore(saved);
  ADJOINT_RETURN_IF_ERROR(CheckVariable(variables_, kLearningRateVariable, {DType::kF32, Shape{}}));
  ADJOINT_RETURN_IF_ERROR(CheckVariable(variables_, kStepVariable, {DType::kI64, Shape{}}));
  for (const SlotVariable& slot : OptimizerSlots(network_, *optimizer_)) {
    ADJOINT_RETURN_IF_ERROR(CheckVariable(variables_, slot.path, slot.spec));
  }
  for (const MasterVariable& master : MasterVariables(network_)) {
    ADJOINT_RETURN_IF_ERROR(CheckVariable(variables_, master.path, master.spec));
  }
  return absl::OkStatus();
}

absl::Status Model::Save(const std::string& path, const SaveOptions& options) const {
  const std::string what = absl::StrCat("saving model '", name_, "' to ", path);
  if (!network_.built()) {
    return Wrap(what, absl::FailedPreconditionError(
                          "it has no weights yet: begin it with an Input and compile it, or train "
                          "it first"));
  }
  if (!variables_.status().ok()) return Wrap(what, variables_.status());
  graph::ModelFile file;
  auto network = NetworkSection();
  if (!network.ok()) return Wrap(what, network.status());
  // For readers that know graphs but no layers.
  auto predict = BuildPredictProgram(network_, built_for_);
  if (!predict.ok()) return Wrap(what, predict.status());
  file.programs.push_back(*std::move(predict));
  file.variables = variables_;
  if (!options.include_optimizer) {
    for (const std::string& name : variables_.Names()) {
      if (absl::StartsWith(name, "optimizer/")) file.variables.Erase(name);
    }
  }
  file.sections = sections_;
  file.sections.emplace_back(kNetworkSection, *std::move(network));
  file.sections.emplace_back(kTrainingSection, TrainingSection());
  return graph::WriteModelFile(path, file);
}

absl::StatusOr<Model> Model::Load(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(graph::ModelFile file, graph::ReadModelFile(path));
  const std::string what = absl::StrCat("loading a model from ", path);
  const std::string* const network_bytes = file.FindSection(kNetworkSection);
  const std::string* const training_bytes = file.FindSection(kTrainingSection);
  if (network_bytes == nullptr || training_bytes == nullptr) {
    return Wrap(what, absl::InvalidArgumentError(absl::StrCat(
                          "it has no section '",
                          network_bytes == nullptr ? kNetworkSection : kTrainingSection,
                          "': it was not written by Model::Save")));
  }
  proto::NetworkProto message;
  if (!message.ParseFromString(*network_bytes)) {
    return Wrap(what, Damaged(absl::StrCat("section '", kNetworkSection, "' cannot be read")));
  }
  if (absl::Status s = CheckVersion(kNetworkSection, message.version()); !s.ok()) {
    return Wrap(what, s);
  }
  auto network = NetworkFromProto(message);
  if (!network.ok()) return Wrap(what, network.status());
  for (const Network::Variable& variable : network->Variables()) {
    absl::Status s = CheckVariable(file.variables, variable.path, variable.stored);
    if (!s.ok()) return Wrap(what, s);
  }
  const DType weight_dtype = network->weight_dtype();
  Model model(*std::move(network), {.name = message.name(), .weight_dtype = weight_dtype}, "model");
  model.sequential_ = message.sequential();
  for (const proto::ValueSpecProto& spec : message.built_for()) {
    // They were read without an error a moment ago.
    model.built_for_.push_back({.tensor = *graph::FromProto(spec.tensor()), .csr = spec.csr()});
  }
  model.variables_ = std::move(file.variables);
  if (absl::Status s = model.ReadTrainingSection(*training_bytes); !s.ok()) return Wrap(what, s);
  for (auto& section : file.sections) {
    if (!absl::StartsWith(section.first, "nn.")) model.sections_.push_back(std::move(section));
  }
  return model;
}

}  // namespace adjoint::nn
