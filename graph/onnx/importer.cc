#include "graph/onnx/importer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/program.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"

namespace adjoint::onnx {
namespace {

constexpr int64_t kNewestOperatorSet = 17;
constexpr absl::string_view kTrainingDomain = "ai.onnx.preview.training";

// Bounds of what a small file may unfold to.
constexpr int kMaxDepth = 32;
constexpr int64_t kMaxNodes = 1000000;

absl::Status Damaged(absl::string_view what) { return absl::DataLossError(what); }

absl::Status InFront(absl::string_view what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

// The default domain has two spellings.
std::string DomainOf(absl::string_view domain) {
  return domain == "ai.onnx" ? "" : std::string(domain);
}

absl::StatusOr<OperatorSets> ReadSets(
    const google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto>& imports) {
  OperatorSets sets;
  for (const pb::OperatorSetIdProto& set : imports) {
    const std::string domain = DomainOf(set.domain());
    const int64_t newest = domain.empty() ? kNewestOperatorSet : 1;
    const bool known = domain.empty() || domain == kTrainingDomain;
    if (set.version() < 1 || (known && set.version() > newest)) {
      return absl::UnimplementedError(absl::StrCat(
          "the model is made of operator set ", set.version(), " of domain ",
          domain.empty() ? "ai.onnx" : domain, "; versions 1 to ", newest, " are supported"));
    }
    sets[domain] = std::max(sets[domain], set.version());
  }
  return sets;
}

std::string SymbolName(absl::string_view name) {
  std::string symbol(name);
  for (char& c : symbol) {
    if (!absl::ascii_isalnum(c)) c = '_';
  }
  if (!absl::ascii_isalpha(symbol[0]) && symbol[0] != '_') symbol.insert(0, "_");
  return symbol;
}

std::string KindName(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNone:
      return "nothing";
    case Value::Kind::kTensor:
      return "a tensor";
    case Value::Kind::kSequence:
      return "a sequence";
    case Value::Kind::kOptional:
      break;
  }
  return "an optional";
}

std::string ValuesToString(const Values& values) {
  return absl::StrJoin(values, ", ", [](std::string* out, const Value& v) {
    absl::StrAppend(out, v.is_tensor() ? v.var.spec().ToString() : KindName(v.kind));
  });
}

// The node of a function's body with the attributes of the call in place of references to them.
void ResolveReferences(const pb::NodeProto& call, pb::GraphProto* graph);

void ResolveReferences(const pb::NodeProto& call, pb::NodeProto* node) {
  auto* const attributes = node->mutable_attribute();
  for (int i = 0; i < attributes->size();) {
    pb::AttributeProto& attribute = *attributes->Mutable(i);
    if (!attribute.ref_attr_name().empty()) {
      const auto given = std::find_if(
          call.attribute().begin(), call.attribute().end(),
          [&](const pb::AttributeProto& a) { return a.name() == attribute.ref_attr_name(); });
      if (given == call.attribute().end()) {
        attributes->DeleteSubrange(i, 1);
        continue;
      }
      const std::string name = attribute.name();
      attribute = *given;
      attribute.set_name(name);
    } else {
      if (attribute.has_g()) ResolveReferences(call, attribute.mutable_g());
      for (pb::GraphProto& graph : *attribute.mutable_graphs()) ResolveReferences(call, &graph);
    }
    ++i;
  }
}

void ResolveReferences(const pb::NodeProto& call, pb::GraphProto* graph) {
  for (pb::NodeProto& node : *graph->mutable_node()) ResolveReferences(call, &node);
}

// The name of a node's first output that has one.
std::string FirstOutput(const pb::NodeProto& node) {
  for (const std::string& name : node.output()) {
    if (!name.empty()) return name;
  }
  return "";
}

bool Contradicts(const Shape& declared, const Shape& fed) {
  if (declared.rank() != fed.rank()) return true;
  for (int axis = 0; axis < fed.rank(); ++axis) {
    if (declared.dim(axis).is_known() && declared.dim(axis) != fed.dim(axis)) return true;
  }
  return false;
}

const HostValue* FindIn(const std::map<std::string, HostValue>& values, const std::string& name) {
  const auto it = values.find(name);
  return it == values.end() ? nullptr : &it->second;
}

}  // namespace

std::string OperatorName(const pb::NodeProto& node, int64_t version) {
  return absl::StrCat(node.domain().empty() ? "ai.onnx" : node.domain(), ".", node.op_type(),
                      " of operator set ", version);
}

const Value* Scope::Find(absl::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer_) {
    const auto it = scope->values_.find(name);
    if (it != scope->values_.end()) return &it->second;
  }
  return nullptr;
}

bool Scope::Add(absl::string_view name, Value value) {
  return values_.try_emplace(std::string(name), std::move(value)).second;
}

Importer::Importer(const pb::ModelProto& model, const ImportOptions& options,
                   const std::string& folder, const MadeConstant& made_constant,
                   const Unrolled& unrolled)
    : model_(model),
      options_(options),
      folder_(folder),
      made_constant_(made_constant),
      unrolled_(unrolled),
      graph_(std::make_shared<graph::Graph>()),
      knowledge_(*graph_) {}

std::vector<std::string> Importer::Missing() const {
  return {knowledge_.missing().begin(), knowledge_.missing().end()};
}

ops::Var Importer::RunCounter() {
  if (run_counter_.valid()) return run_counter_;
  std::string name = "run_counter";
  while (result_.variables.Find(name) != nullptr) name += "_";
  const TensorSpec spec{DType::kI64, Shape{}};
  run_counter_ = graph_->Input(name, spec);
  result_.variables.Set(name, Tensor::Zeros(spec));
  result_.program.states.push_back({name, run_counter_, ops::Add(run_counter_, 1)});
  return run_counter_;
}

bool Importer::MayBeAnOp(const pb::NodeProto& node) const {
  return !unrolled_.Contains(FirstOutput(node));
}

void Importer::EndOp(const pb::NodeProto& node, bool ok) {
  if (!ok && not_an_op_.empty()) not_an_op_ = FirstOutput(node);
}

bool Importer::InLoopStep() const {
  return std::any_of(bodies_.begin(), bodies_.end(), [](const OpenBody& b) { return b.is_loop; });
}

bool Importer::ok() const {
  return graph_->status().ok() &&
         std::all_of(bodies_.begin(), bodies_.end(), [](const OpenBody& b) {
           return b.builder == nullptr || b.builder->status().ok();
         });
}

absl::Status Importer::CheckModel() {
  if (!model_.has_graph()) return Damaged("the model has no graph");
  ADJOINT_ASSIGN_OR_RETURN(sets_, ReadSets(model_.opset_import()));
  // Models from before operator sets had versions use the first.
  if (sets_.empty()) sets_[""] = 1;
  if (model_.graph().sparse_initializer_size() > 0) {
    return absl::UnimplementedError("sparse initializers are not supported");
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportedModel> Importer::Import() {
  ADJOINT_RETURN_IF_ERROR(CheckModel());
  const pb::GraphProto& top = model_.graph();
  Scope scope(nullptr, &sets_);
  ADJOINT_RETURN_IF_ERROR(AddInitializers(top, &scope, /*top=*/true));
  ADJOINT_RETURN_IF_ERROR(AddInputs(top, &scope));
  ADJOINT_RETURN_IF_ERROR(RunNodes(top.node(), &scope));
  for (const pb::ValueInfoProto& info : top.output()) {
    const Value* const value = scope.Find(info.name());
    if (value == nullptr) {
      return Damaged(absl::StrCat("output '", info.name(), "' is made by no node"));
    }
    ADJOINT_ASSIGN_OR_RETURN(ImportedValue output, AddOutput(info.name(), *value, &result_));
    result_.outputs.push_back(std::move(output));
  }
  result_.program.name = top.name().empty() ? "onnx" : top.name();
  result_.program.graph = graph_;
  ADJOINT_RETURN_IF_ERROR(graph::Verify(result_.program));
  return std::move(result_);
}

absl::Status Importer::AddInitializers(const pb::GraphProto& graph, Scope* scope, bool top) {
  for (const pb::TensorProto& message : graph.initializer()) {
    const std::string& name = message.name();
    if (name.empty()) return Damaged("an initializer has no name");
    ADJOINT_ASSIGN_OR_RETURN(const Tensor tensor, ReadTensor(message));
    const bool weight = top && !options_.constant_weights && IsFloating(tensor.dtype()) &&
                        tensor.shape().rank() >= 1 && !made_constant_.contains(name) &&
                        FindIn(options_.values, name) == nullptr;
    Var var;
    if (weight) {
      var = graph_->Input(name, tensor.spec());
      result_.variables.Set(name, tensor);
      result_.program.states.push_back({name, var, var});
    } else {
      const HostValue* const given = top ? FindIn(options_.values, name) : nullptr;
      var = graph_->Constant(given == nullptr ? tensor : given->tensor);
    }
    if (!scope->Add(name, var)) {
      return Damaged(absl::StrCat("two initializers have the name '", name, "'"));
    }
  }
  return graph_->status();
}

absl::Status Importer::AddInputs(const pb::GraphProto& graph, Scope* scope) {
  for (const pb::ValueInfoProto& info : graph.input()) {
    // Before version 4 of the format, every initializer is an input as well.
    if (scope->Find(info.name()) != nullptr) {
      const bool initialized =
          std::any_of(graph.initializer().begin(), graph.initializer().end(),
                      [&](const pb::TensorProto& t) { return t.name() == info.name(); });
      if (initialized) continue;
      return Damaged(absl::StrCat("two inputs have the name '", info.name(), "'"));
    }
    if (absl::Status status = AddInput(info, scope); !status.ok()) {
      return InFront(absl::StrCat("input '", info.name(), "'"), status);
    }
  }
  return graph_->status();
}

absl::Status Importer::AddInput(const pb::ValueInfoProto& info, Scope* scope) {
  const std::string& name = info.name();
  if (name.empty()) return Damaged("it has no name");
  const HostValue* const given = FindIn(options_.values, name);
  const HostValue* const example = FindIn(options_.examples, name);
  const HostValue* constant = given;
  if (constant == nullptr && made_constant_.contains(name)) constant = example;
  if (constant == nullptr) {
    ADJOINT_ASSIGN_OR_RETURN(auto made, MakeInput(name, info.type(), example));
    scope->Add(name, std::move(made.first));
    result_.inputs.push_back(std::move(made.second));
    return absl::OkStatus();
  }
  if (info.type().has_tensor_type()) {
    if (constant->kind != HostValue::Kind::kTensor) {
      return absl::InvalidArgumentError("it is a tensor, but the value given is not");
    }
    ADJOINT_ASSIGN_OR_RETURN(const DType dtype,
                             DTypeFromOnnx(info.type().tensor_type().elem_type()));
    if (dtype != constant->tensor.dtype()) {
      return absl::InvalidArgumentError(absl::StrCat("it has elements of type ", DTypeName(dtype),
                                                     ", but the value given is ",
                                                     constant->tensor.spec().ToString()));
    }
  }
  scope->Add(name, ConstantValue(*constant));
  result_.constant_inputs.push_back(name);
  return absl::OkStatus();
}

Value Importer::ConstantValue(const HostValue& value) {
  if (value.kind == HostValue::Kind::kTensor) return graph_->Constant(value.tensor);
  Values elements;
  for (const HostValue& element : value.elements) elements.push_back(ConstantValue(element));
  return value.kind == HostValue::Kind::kSequence ? Value::Sequence(std::move(elements))
                                                  : Value::Optional(std::move(elements));
}

absl::StatusOr<TensorSpec> Importer::InputSpec(const std::string& name, const pb::TypeProto& type,
                                               const HostValue* example) const {
  const pb::TypeProto::Tensor& tensor = type.tensor_type();
  TensorSpec spec;
  ADJOINT_ASSIGN_OR_RETURN(spec.dtype, DTypeFromOnnx(tensor.elem_type()));
  if (!tensor.has_shape()) {
    if (example == nullptr || example->kind != HostValue::Kind::kTensor) {
      return absl::FailedPreconditionError(
          "it declares no shape: give an example of what will be fed");
    }
    spec.shape = example->tensor.shape();
    return spec;
  }
  for (const auto& dim : tensor.shape().dim()) {
    if (dim.has_dim_value()) {
      if (dim.dim_value() < 0) {
        return Damaged(absl::StrCat("an extent is ", dim.dim_value()));
      }
      spec.shape.push_back(dim.dim_value());
      continue;
    }
    const std::string param =
        dim.dim_param().empty() ? absl::StrCat(name, "_dim", spec.shape.rank()) : dim.dim_param();
    const auto number = options_.dims.find(param);
    if (number != options_.dims.end() && number->second < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("dim '", param, "' is given as ", number->second));
    }
    spec.shape.push_back(number != options_.dims.end() ? Dim(number->second)
                                                       : Dim::Symbol(SymbolName(param)));
  }
  ADJOINT_RETURN_IF_ERROR(spec.CheckExtents());
  if (example != nullptr && example->kind == HostValue::Kind::kTensor &&
      (options_.shapes_of_examples || Contradicts(spec.shape, example->tensor.shape()))) {
    spec.shape = example->tensor.shape();
  }
  return spec;
}

absl::StatusOr<std::pair<Value, ImportedValue>> Importer::MakeInput(const std::string& name,
                                                                    const pb::TypeProto& type,
                                                                    const HostValue* example) {
  ImportedValue imported;
  imported.name = name;
  if (type.has_tensor_type()) {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec spec, InputSpec(name, type, example));
    const Var var = graph_->Input(name, spec);
    ADJOINT_RETURN_IF_ERROR(graph_->status());
    imported.port = static_cast<int>(result_.program.inputs.size());
    imported.dtype = spec.dtype;
    result_.program.AddInput(name, var);
    return std::make_pair(Value(var), std::move(imported));
  }
  const bool sequence = type.has_sequence_type();
  if (!sequence && !type.has_optional_type()) {
    return absl::UnimplementedError("only tensors, sequences and optionals are supported");
  }
  imported.kind = sequence ? HostValue::Kind::kSequence : HostValue::Kind::kOptional;
  const pb::TypeProto& element_type =
      sequence ? type.sequence_type().elem_type() : type.optional_type().elem_type();
  if (example == nullptr || example->kind != imported.kind) {
    return absl::FailedPreconditionError(
        absl::StrCat("it is ", sequence ? "a sequence" : "an optional",
                     ": give an example of what will be fed, for what it holds must be known"));
  }
  Values elements;
  for (size_t i = 0; i < example->elements.size(); ++i) {
    // Elements may differ in shape, and take that of the example: what is declared holds for all.
    pb::TypeProto declared = element_type;
    if (declared.has_tensor_type()) declared.mutable_tensor_type()->clear_shape();
    ADJOINT_ASSIGN_OR_RETURN(
        auto made, MakeInput(absl::StrCat(name, ".", i), declared, &example->elements[i]));
    elements.push_back(std::move(made.first));
    imported.elements.push_back(std::move(made.second));
  }
  Value value =
      sequence ? Value::Sequence(std::move(elements)) : Value::Optional(std::move(elements));
  return std::make_pair(std::move(value), std::move(imported));
}

absl::StatusOr<ImportedValue> Importer::AddOutput(const std::string& name, const Value& value,
                                                  ImportedModel* model) {
  ImportedValue output;
  output.name = name;
  switch (value.kind) {
    case Value::Kind::kNone:
      return Damaged(absl::StrCat("output '", name, "' has no value"));
    case Value::Kind::kTensor:
      output.port = static_cast<int>(model->program.outputs.size());
      output.dtype = value.var.dtype();
      model->program.AddOutput(name, value.var);
      return output;
    case Value::Kind::kSequence:
      output.kind = HostValue::Kind::kSequence;
      break;
    case Value::Kind::kOptional:
      output.kind = HostValue::Kind::kOptional;
      break;
  }
  for (size_t i = 0; i < value.elements.size(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(ImportedValue element,
                             AddOutput(absl::StrCat(name, ".", i), value.elements[i], model));
    output.elements.push_back(std::move(element));
  }
  return output;
}

absl::Status Importer::RunNodes(const google::protobuf::RepeatedPtrField<pb::NodeProto>& nodes,
                                Scope* scope) {
  for (int i = 0; i < nodes.size(); ++i) {
    const pb::NodeProto& node = nodes[i];
    if (absl::Status status = RunNode(node, scope); !status.ok()) {
      return InFront(absl::StrCat("node ", i, node.name().empty() ? "" : " '", node.name(),
                                  node.name().empty() ? "" : "'"),
                     status);
    }
  }
  return absl::OkStatus();
}

absl::Status Importer::RunNode(const pb::NodeProto& node, Scope* scope) {
  Values inputs;
  for (const std::string& name : node.input()) {
    if (name.empty()) {
      inputs.emplace_back();
      continue;
    }
    const Value* const value = scope->Find(name);
    if (value == nullptr) {
      return Damaged(
          absl::StrCat(node.op_type(), " reads '", name, "', which nothing before it makes"));
    }
    inputs.push_back(*value);
  }
  ADJOINT_ASSIGN_OR_RETURN(const Values outputs, Lower(node, scope, std::move(inputs)));
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    if (i >= static_cast<int>(outputs.size()) || outputs[i].kind == Value::Kind::kNone) {
      return absl::UnimplementedError(absl::StrCat(node.op_type(), ": output ", i, ", '",
                                                   node.output(i), "', is not supported"));
    }
    if (!scope->Add(node.output(i), outputs[i])) {
      return Damaged(absl::StrCat(node.op_type(), " makes '", node.output(i),
                                  "', which has been made before"));
    }
  }
  return absl::OkStatus();
}

const pb::FunctionProto* Importer::FindFunction(const pb::NodeProto& node) const {
  for (const pb::FunctionProto& function : model_.functions()) {
    if (function.name() == node.op_type() &&
        DomainOf(function.domain()) == DomainOf(node.domain())) {
      return &function;
    }
  }
  return nullptr;
}

absl::StatusOr<Values> Importer::Lower(const pb::NodeProto& node, Scope* scope, Values inputs) {
  if (++num_lowered_ > kMaxNodes || graph_->num_nodes() > 4 * kMaxNodes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the model unfolds to more than ", kMaxNodes, " nodes"));
  }
  if (const pb::FunctionProto* function = FindFunction(node)) {
    return CallFunction(*function, node, std::move(inputs));
  }
  const std::string domain = DomainOf(node.domain());
  const auto set = scope->sets().find(domain);
  if (set == scope->sets().end()) {
    return Damaged(absl::StrCat("operator ", node.op_type(), " is of domain '",
                                domain.empty() ? "ai.onnx" : domain,
                                "', of which the model imports no operator set"));
  }
  const int64_t version = set->second;
  const Lowering* const row = FindLowering(domain, node.op_type());
  const std::string types = ValuesToString(inputs);
  const auto describe = [&] { return absl::StrCat(OperatorName(node, version), " (", types, ")"); };
  if (row == nullptr) {
    return absl::UnimplementedError(absl::StrCat(OperatorName(node, version), " is not supported"));
  }
  if (version < row->since) {
    return absl::UnimplementedError(absl::StrCat(OperatorName(node, version),
                                                 " is not supported; it is from operator set ",
                                                 row->since, " on"));
  }
  NodeContext context(*this, node, version, scope, std::move(inputs));
  absl::StatusOr<Values> outputs = ApplyLowering(*row, context);
  if (!outputs.ok()) return InFront(describe(), outputs.status());
  return outputs;
}

absl::StatusOr<Values> Importer::ApplyLowering(const Lowering& row, NodeContext& context) {
  int given = context.num_inputs();
  while (given > 0 && !context.Has(given - 1)) --given;
  if (given < row.min_inputs || (row.max_inputs != kVariadic && given > row.max_inputs)) {
    return Damaged(absl::StrCat(
        "it takes ", row.min_inputs,
        row.max_inputs == kVariadic
            ? " or more"
            : (row.max_inputs == row.min_inputs ? "" : absl::StrCat(" to ", row.max_inputs)),
        " inputs, but has ", given));
  }
  DType half = DType::kF32;
  for (int i = 0; i < given; ++i) {
    Value& value = context.inputs_[i];
    if ((i < row.min_inputs || row.max_inputs == kVariadic) && value.kind == Value::Kind::kNone) {
      return Damaged(absl::StrCat("input ", i, " is left out"));
    }
    if (row.takes == Takes::kValues || value.kind == Value::Kind::kNone) continue;
    if (!value.is_tensor()) {
      return Damaged(absl::StrCat("input ", i, " must be a tensor, not ", KindName(value.kind)));
    }
    if (row.takes == Takes::kNumbers && IsHalf(value.var.dtype())) {
      half = value.var.dtype();
      value = ops::Cast(value.var, DType::kF32);
    }
  }
  Values outputs = row.lower(context);
  ADJOINT_RETURN_IF_ERROR(context.status());
  ADJOINT_RETURN_IF_ERROR(graph_->status());
  for (const OpenBody& body : bodies_) {
    if (body.builder != nullptr) ADJOINT_RETURN_IF_ERROR(body.builder->status());
  }
  if (const pb::AttributeProto* attribute = context.UnreadAttribute()) {
    return absl::UnimplementedError(
        absl::StrCat("attribute '", attribute->name(), "' is not known to this version of it"));
  }
  for (Value& value : outputs) {
    if (value.is_tensor() && !value.var.valid()) {
      return absl::InternalError("it has a result that was never made");
    }
    if (half != DType::kF32 && value.is_tensor() && value.var.dtype() == DType::kF32) {
      value = ops::Cast(value.var, half);
    }
  }
  return outputs;
}

absl::StatusOr<Values> Importer::Inline(const pb::GraphProto& body, const Scope* outer,
                                        Values inputs) {
  if (depth_ >= kMaxDepth) {
    return Damaged(absl::StrCat("graphs lie inside each other more than ", kMaxDepth, " deep"));
  }
  if (static_cast<int>(inputs.size()) != body.input_size()) {
    return Damaged(absl::StrCat("graph '", body.name(), "' takes ", body.input_size(),
                                " inputs, but is given ", inputs.size()));
  }
  ++depth_;
  const auto run = [&]() -> absl::StatusOr<Values> {
    Scope scope(outer, &outer->sets());
    ADJOINT_RETURN_IF_ERROR(AddInitializers(body, &scope, /*top=*/false));
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!scope.Add(body.input(i).name(), inputs[i])) {
        return Damaged(absl::StrCat("two inputs have the name '", body.input(i).name(), "'"));
      }
    }
    ADJOINT_RETURN_IF_ERROR(RunNodes(body.node(), &scope));
    Values outputs;
    for (const pb::ValueInfoProto& info : body.output()) {
      const Value* const value = scope.Find(info.name());
      if (value == nullptr) {
        return Damaged(absl::StrCat("output '", info.name(), "' is made by no node"));
      }
      outputs.push_back(*value);
    }
    return outputs;
  };
  absl::StatusOr<Values> outputs = run();
  --depth_;
  if (!outputs.ok()) return InFront(absl::StrCat("in graph '", body.name(), "'"), outputs.status());
  return outputs;
}

absl::StatusOr<Values> Importer::CallFunction(const pb::FunctionProto& function,
                                              const pb::NodeProto& call, Values inputs) {
  if (depth_ >= kMaxDepth) {
    return Damaged(absl::StrCat("functions call each other more than ", kMaxDepth, " deep"));
  }
  if (static_cast<int>(inputs.size()) > function.input_size()) {
    return Damaged(absl::StrCat("function ", function.name(), " takes ", function.input_size(),
                                " inputs, but is given ", inputs.size()));
  }
  ++depth_;
  const auto run = [&]() -> absl::StatusOr<Values> {
    ADJOINT_ASSIGN_OR_RETURN(OperatorSets sets, ReadSets(function.opset_import()));
    // What a function does not import it has from the model.
    for (const auto& [domain, version] : sets_) sets.try_emplace(domain, version);
    Scope scope(nullptr, &sets);
    for (int i = 0; i < function.input_size(); ++i) {
      Value value = i < static_cast<int>(inputs.size()) ? inputs[i] : Value();
      if (!scope.Add(function.input(i), std::move(value))) {
        return Damaged(absl::StrCat("two inputs have the name '", function.input(i), "'"));
      }
    }
    auto nodes = function.node();
    for (pb::NodeProto& node : nodes) ResolveReferences(call, &node);
    ADJOINT_RETURN_IF_ERROR(RunNodes(nodes, &scope));
    Values outputs;
    for (const std::string& name : function.output()) {
      const Value* const value = scope.Find(name);
      if (value == nullptr) return Damaged(absl::StrCat("output '", name, "' is made by no node"));
      outputs.push_back(*value);
    }
    return outputs;
  };
  absl::StatusOr<Values> outputs = run();
  --depth_;
  if (!outputs.ok()) {
    return InFront(absl::StrCat("in function ", function.domain(), ".", function.name()),
                   outputs.status());
  }
  return outputs;
}

}  // namespace adjoint::onnx
