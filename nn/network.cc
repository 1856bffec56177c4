#include "nn/network.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/graph.h"
#include "nn/state_bindings.h"

namespace adjoint::nn {
namespace {

// "Dense" -> "dense", "LayerNorm" -> "layer_norm".
std::string SnakeCase(absl::string_view name) {
  std::string snake;
  for (size_t i = 0; i < name.size(); ++i) {
    if (i > 0 && absl::ascii_isupper(name[i]) && absl::ascii_islower(name[i - 1])) snake += '_';
    snake += absl::ascii_tolower(name[i]);
  }
  return snake;
}

std::string PlaceOf(const Network::Part& part) {
  return graph::FormatPlace(absl::StrCat("nn/", part.name), part.layer->location());
}

absl::Status At(const Network::Part& part, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(PlaceOf(part), ": ", status.message()));
}

TensorSpec StoredSpec(const VariableDecl& decl, DType weight_dtype) {
  TensorSpec spec = decl.spec;
  if (decl.trainable && spec.dtype == DType::kF32) spec.dtype = weight_dtype;
  return spec;
}

class PartContext final : public CallContext {
 public:
  PartContext(graph::Graph& graph, const Network::Part& part, DType weight_dtype,
              const Network::TraceOptions& options, StateBindings& states, std::vector<Var>& losses)
      : graph_(graph),
        part_(part),
        weight_dtype_(weight_dtype),
        options_(options),
        states_(states),
        losses_(losses) {}

  ops::Builder& builder() override { return graph_; }
  bool training() const override { return options_.training; }

  Var Variable(absl::string_view name) override {
    const VariableDecl* const decl = Find(name);
    if (decl == nullptr) return Var{&graph_, -1, 0};
    return states_.ReadAs(absl::StrCat(part_.name, "/", name), StoredSpec(*decl, weight_dtype_),
                          decl->spec.dtype);
  }

  void SetVariable(absl::string_view name, Var value) override {
    const VariableDecl* const decl = Find(name);
    if (decl == nullptr || !value.valid() || !options_.training) return;
    if (decl->trainable) {
      return Fail(absl::StrCat("variable '", name,
                               "' is trainable: the optimizer updates it, the layer cannot"));
    }
    if (value.spec() != decl->spec) {
      return Fail(absl::StrCat("variable '", name, "' is ", decl->spec.ToString(),
                               ", but its new value is ", value.spec().ToString()));
    }
    const std::string path = absl::StrCat(part_.name, "/", name);
    states_.Read(path, decl->spec);
    states_.Write(path, value);
  }

  Var seed() override { return options_.training ? options_.seed : Zero(); }
  Var step() override { return options_.training ? options_.step : Zero(); }

  void AddLoss(Var loss) override {
    if (!loss.valid()) return;
    if (loss.shape().rank() != 0) {
      return Fail(absl::StrCat("adds a loss of ", loss.spec().ToString(), "; it must be a scalar"));
    }
    losses_.push_back(loss);
  }

  void Fail(absl::string_view message) override {
    graph_.Fail(At(part_, absl::InvalidArgumentError(message)));
  }

 private:
  const VariableDecl* Find(absl::string_view name) {
    for (const VariableDecl& decl : part_.variables) {
      if (decl.name == name) return &decl;
    }
    Fail(absl::StrCat("has no variable '", name, "'; Layer::Build declares variables"));
    return nullptr;
  }
  Var Zero() { return graph_.Constant(Tensor::Scalar<int64_t>(0)); }

  graph::Graph& graph_;
  const Network::Part& part_;
  const DType weight_dtype_;
  const Network::TraceOptions& options_;
  StateBindings& states_;
  std::vector<Var>& losses_;
};

absl::Status CheckVariables(const Network::Part& part) {
  std::set<std::string> names;
  for (const VariableDecl& decl : part.variables) {
    if (decl.name.empty() || !names.insert(decl.name).second) {
      return At(part, absl::InvalidArgumentError(
                          absl::StrCat("declares variable '", decl.name, "' ",
                                       decl.name.empty() ? "without a name" : "twice")));
    }
    if (!decl.spec.shape.IsConcrete() || !IsFloating(decl.spec.dtype)) {
      return At(part, absl::InvalidArgumentError(absl::StrCat(
                          "declares variable '", decl.name, "' of ", decl.spec.ToString(),
                          "; a variable is floating and all its extents are numbers")));
    }
    if (!std::isfinite(decl.regularizer.l1) || !std::isfinite(decl.regularizer.l2)) {
      return At(part, absl::InvalidArgumentError(
                          absl::StrCat("the regularizer of variable '", decl.name,
                                       "' wants finite factors, but was given ",
                                       decl.regularizer.l1, " and ", decl.regularizer.l2)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Network> Network::Chain(absl::Span<const LayerHandle> layers) {
  if (layers.empty()) {
    return absl::InvalidArgumentError("a Sequential wants at least one layer, but was given none");
  }
  Network network;
  const auto is_input = [](const LayerHandle& layer) {
    return dynamic_cast<const InputLayer*>(layer.layer().get()) != nullptr;
  };
  if (!is_input(layers[0])) {
    network.parts_.push_back(
        {.layer = std::make_shared<InputLayer>(nullptr, DType::kF32, "", std::source_location())});
    network.calls_.push_back({.part = 0});
  }
  std::map<const Layer*, int> part_of;
  for (const LayerHandle& layer : layers) {
    if (&layer != &layers[0] && is_input(layer)) {
      return absl::InvalidArgumentError(
          absl::StrCat(graph::FormatPlace("nn", layer.layer()->location()),
                       ": in a Sequential an Input can only be the first item"));
    }
    const auto [it, added] =
        part_of.try_emplace(layer.layer().get(), static_cast<int>(network.parts_.size()));
    if (added) network.parts_.push_back({.layer = layer.layer()});
    Call call{.part = it->second};
    if (!network.calls_.empty()) {
      call.inputs.push_back({static_cast<int>(network.calls_.size()) - 1, 0});
    }
    network.calls_.push_back(std::move(call));
  }
  network.inputs_ = {0};
  network.outputs_ = {{static_cast<int>(network.calls_.size()) - 1, 0}};
  ADJOINT_RETURN_IF_ERROR(network.NameParts());
  return network;
}

absl::StatusOr<Network> Network::Between(absl::Span<const LayerOutput> inputs,
                                         absl::Span<const LayerOutput> outputs) {
  if (inputs.empty() || outputs.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a Model wants at least one input and one output, but was given ",
                     inputs.size(), " and ", outputs.size()));
  }
  // Every call that outputs depend on, in the order in which they were made.
  std::map<int64_t, const LayerCall*> found;
  std::vector<const LayerCall*> open;
  for (const LayerOutput& output : outputs) open.push_back(output.call().get());
  for (const LayerOutput& input : inputs) open.push_back(input.call().get());
  while (!open.empty()) {
    const LayerCall* const call = open.back();
    open.pop_back();
    if (!found.emplace(call->order, call).second) continue;
    for (const LayerOutput& input : call->inputs) open.push_back(input.call().get());
  }
  Network network;
  std::map<const Layer*, int> part_of;
  std::map<const LayerCall*, int> index_of;
  for (const auto& [order, call] : found) {
    const auto [it, added] =
        part_of.try_emplace(call->layer.get(), static_cast<int>(network.parts_.size()));
    if (added) network.parts_.push_back({.layer = call->layer});
    index_of[call] = static_cast<int>(network.calls_.size());
    Call copy{.part = it->second};
    for (const LayerOutput& input : call->inputs) {
      copy.inputs.push_back({index_of.at(input.call().get()), input.index()});
    }
    network.calls_.push_back(std::move(copy));
  }
  for (const LayerOutput& input : inputs) {
    network.inputs_.push_back(index_of.at(input.call().get()));
  }
  for (const LayerOutput& output : outputs) {
    network.outputs_.push_back({index_of.at(output.call().get()), output.index()});
  }
  ADJOINT_RETURN_IF_ERROR(network.NameParts());
  for (size_t i = 0; i < network.calls_.size(); ++i) {
    const Part& part = network.parts_[network.calls_[i].part];
    const bool is_input = dynamic_cast<const InputLayer*>(part.layer.get()) != nullptr;
    const int64_t listed =
        std::count(network.inputs_.begin(), network.inputs_.end(), static_cast<int>(i));
    if (is_input && listed != 1) {
      return At(part, absl::InvalidArgumentError(
                          absl::StrCat("the outputs depend on this Input, which is listed ", listed,
                                       " times among the model's inputs; list it once")));
    }
    if (!is_input && listed != 0) {
      return At(part, absl::InvalidArgumentError(
                          "is listed among the model's inputs, which must come from nn::Input"));
    }
    if (!is_input && network.calls_[i].inputs.empty()) {
      return At(part, absl::InvalidArgumentError("is called without inputs"));
    }
  }
  return network;
}

absl::StatusOr<Network> Network::FromLists(std::vector<Part> parts, std::vector<Call> calls,
                                           std::vector<int> inputs, std::vector<ValueId> outputs) {
  const auto wrong = [](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("the network's description is damaged: ", what, " is out of range"));
  };
  const auto outside = [](int64_t i, size_t size) {
    return i < 0 || i >= static_cast<int64_t>(size);
  };
  if (inputs.empty() || outputs.empty()) return wrong("the number of inputs or outputs");
  for (size_t i = 0; i < calls.size(); ++i) {
    if (outside(calls[i].part, parts.size())) return wrong("a layer");
    for (const ValueId& id : calls[i].inputs) {
      if (outside(id.call, i) || id.output < 0) return wrong("a connection");
    }
    const bool is_input =
        dynamic_cast<const InputLayer*>(parts[calls[i].part].layer.get()) != nullptr;
    const int64_t listed = std::count(inputs.begin(), inputs.end(), static_cast<int>(i));
    if (listed != (is_input ? 1 : 0) || is_input != calls[i].inputs.empty()) {
      return wrong("an input");
    }
  }
  for (int input : inputs) {
    if (outside(input, calls.size())) return wrong("an input");
  }
  for (const ValueId& id : outputs) {
    if (outside(id.call, calls.size()) || id.output < 0) return wrong("an output");
  }
  Network network;
  network.parts_ = std::move(parts);
  network.calls_ = std::move(calls);
  network.inputs_ = std::move(inputs);
  network.outputs_ = std::move(outputs);
  ADJOINT_RETURN_IF_ERROR(network.NameParts());
  return network;
}

absl::Status Network::NameParts() {
  std::set<std::string> taken;
  for (Part& part : parts_) {
    part.name = part.layer->name();
    if (part.name.empty()) continue;
    if (part.name.find('/') != std::string::npos || part.name == "optimizer") {
      return At(part, absl::InvalidArgumentError(
                          "a layer's name must not hold a '/' nor be \"optimizer\""));
    }
    if (!taken.insert(part.name).second) {
      return At(part, absl::InvalidArgumentError("two layers of the model have this name"));
    }
  }
  std::map<std::string, int> used;
  for (Part& part : parts_) {
    if (!part.name.empty()) continue;
    const bool is_input = dynamic_cast<const InputLayer*>(part.layer.get()) != nullptr;
    const std::string base = SnakeCase(part.layer->ClassName());
    do {
      const int n = used[base]++;
      // As in Keras, where inputs count from 1 and other layers from nothing.
      part.name = is_input ? absl::StrCat(base, "_", n + 1)
                  : n == 0 ? base
                           : absl::StrCat(base, "_", n);
    } while (!taken.insert(part.name).second);
  }
  return absl::OkStatus();
}

const InputLayer& Network::InputAt(int i) const {
  return static_cast<const InputLayer&>(*parts_[calls_[inputs_[i]].part].layer);
}

const std::string& Network::OutputName(int i) const {
  return parts_[calls_[outputs_[i].call].part].name;
}

bool Network::KnowsInputs() const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!InputAt(static_cast<int>(i)).has_shape()) return false;
  }
  return true;
}

std::vector<ValueSpec> Network::KnownInputs() const {
  std::vector<ValueSpec> specs;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    specs.push_back({.tensor = InputAt(static_cast<int>(i)).spec()});
  }
  return specs;
}

absl::Status Network::CheckInputs(absl::Span<const ValueSpec> inputs) const {
  if (inputs.size() != inputs_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model takes ", inputs_.size(), " inputs, but was given ", inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const InputLayer& layer = InputAt(static_cast<int>(i));
    if (!layer.has_shape()) continue;
    const Shape& want = layer.spec().shape;
    const Shape& given = inputs[i].tensor.shape;
    bool fits = want.rank() == given.rank();
    for (int axis = 1; fits && axis < want.rank(); ++axis) {
      fits = !want.dim(axis).is_known() || want.dim(axis) == given.dim(axis) ||
             !given.dim(axis).is_known();
    }
    if (!fits) {
      return At(parts_[calls_[inputs_[i]].part], absl::InvalidArgumentError(absl::StrCat(
                                                     "samples were said to make ", want.ToString(),
                                                     ", but the data makes ", given.ToString())));
    }
  }
  return absl::OkStatus();
}

absl::Status Network::Build(absl::Span<const ValueSpec> inputs) {
  const auto graph = std::make_shared<graph::Graph>();
  graph::Program program;
  program.graph = graph;
  StateBindings states(*graph);
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    values.push_back(AddInput(program, *graph, absl::StrCat("x", i), inputs[i]));
  }
  ADJOINT_RETURN_IF_ERROR(Walk(*graph, values, {}, states, this).status());
  built_ = true;
  return absl::OkStatus();
}

std::vector<Network::Variable> Network::Variables() const {
  std::vector<Variable> variables;
  for (const Part& part : parts_) {
    for (const VariableDecl& decl : part.variables) {
      variables.push_back(
          {absl::StrCat(part.name, "/", decl.name), &decl, StoredSpec(decl, weight_dtype_)});
    }
  }
  return variables;
}

absl::StatusOr<Network::Traced> Network::Trace(graph::Graph& graph, absl::Span<const Value> inputs,
                                               const TraceOptions& options,
                                               StateBindings& states) const {
  return Walk(graph, inputs, options, states, nullptr);
}

absl::StatusOr<Network::Traced> Network::Walk(graph::Graph& graph, absl::Span<const Value> inputs,
                                              const TraceOptions& options, StateBindings& states,
                                              Network* building) const {
  std::vector<ValueSpec> specs;
  for (const Value& input : inputs) specs.push_back(input.spec());
  ADJOINT_RETURN_IF_ERROR(CheckInputs(specs));
  Traced traced;
  std::vector<std::vector<Value>> values(calls_.size());
  for (size_t i = 0; i < inputs_.size(); ++i) values[inputs_[i]] = {inputs[i]};
  for (size_t i = 0; i < calls_.size(); ++i) {
    const Part& part = parts_[calls_[i].part];
    const ops::ScopedName scope(
        graph, absl::StrCat("nn/", part.name),
        part.layer->location().line() == 0 ? nullptr : &part.layer->location());
    if (values[i].empty()) {
      std::vector<Value> arguments;
      std::vector<ValueSpec> argument_specs;
      for (const ValueId& id : calls_[i].inputs) {
        const std::vector<Value>& from = values[id.call];
        if (id.output >= static_cast<int>(from.size())) {
          return At(part, absl::InvalidArgumentError(absl::StrCat(
                              "takes output ", id.output, " of layer '",
                              parts_[calls_[id.call].part].name, "', which has ", from.size())));
        }
        arguments.push_back(from[id.output]);
        argument_specs.push_back(arguments.back().spec());
      }
      if (building != nullptr && !part.built) {
        Part& own = building->parts_[calls_[i].part];
        own.variables.clear();
        if (absl::Status s = part.layer->Build(argument_specs, &own.variables); !s.ok()) {
          return At(part, s);
        }
        ADJOINT_RETURN_IF_ERROR(CheckVariables(own));
        own.built = true;
      } else if (std::vector<VariableDecl> again; true) {
        // A layer's own checks hold for every call.
        if (absl::Status s = part.layer->Build(argument_specs, &again); !s.ok()) {
          return At(part, s);
        }
      }
      PartContext context(graph, part, weight_dtype_, options, states, traced.losses);
      values[i] = part.layer->Call(context, arguments);
      if (!values[i].empty() && part.layer->PassesMask() && !values[i][0].mask().valid()) {
        values[i][0].set_mask(arguments[0].mask());
      }
      ADJOINT_RETURN_IF_ERROR(graph.status());
      if (values[i].empty() || !std::all_of(values[i].begin(), values[i].end(),
                                            [](const Value& v) { return v.valid(); })) {
        return At(part, absl::InternalError(absl::StrCat(
                            "class ", part.layer->ClassName(),
                            " returned no output, or one that is not valid, without an error")));
      }
    }
    if (building != nullptr) {
      std::vector<ValueSpec>& outputs = building->calls_[i].outputs;
      outputs.clear();
      for (const Value& v : values[i]) outputs.push_back(v.spec());
    }
  }
  for (const ValueId& id : outputs_) {
    if (id.output >= static_cast<int>(values[id.call].size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("the model's output is output ", id.output, " of layer '",
                       parts_[calls_[id.call].part].name, "', which has ", values[id.call].size()));
    }
    traced.outputs.push_back(values[id.call][id.output]);
  }
  for (const Part& part : parts_) {
    for (const VariableDecl& decl : part.variables) {
      if (decl.regularizer.empty()) continue;
      const ops::ScopedName scope(graph, absl::StrCat("regularizer/", part.name));
      traced.losses.push_back(decl.regularizer.Penalty(
          states.ReadAs(absl::StrCat(part.name, "/", decl.name), StoredSpec(decl, weight_dtype_),
                        decl.spec.dtype)));
    }
  }
  ADJOINT_RETURN_IF_ERROR(graph.status());
  return traced;
}

}  // namespace adjoint::nn
