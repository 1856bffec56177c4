#include "graph/onnx/exporter.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/onnx/decompose.h"
#include "ops/leaf.h"
#include "ops/op_def.h"

namespace adjoint::onnx {
namespace {

pb::AttributeProto Named(absl::string_view name, pb::AttributeProto::AttributeType type) {
  pb::AttributeProto a;
  a.set_name(std::string(name));
  a.set_type(type);
  return a;
}

void SetPort(const std::string& name, const TensorSpec& spec, pb::ValueInfoProto* info) {
  info->set_name(name);
  pb::TypeProto::Tensor* const type = info->mutable_type()->mutable_tensor_type();
  type->set_elem_type(OnnxFromDType(spec.dtype));
  type->mutable_shape();
  for (Dim d : spec.shape.dims()) {
    auto* const dim = type->mutable_shape()->add_dim();
    if (d.is_known()) {
      dim->set_dim_value(d.value());
    } else {
      dim->set_dim_param(d.ToString());
    }
  }
}

EmitFn FindEmitter(absl::string_view op) {
  using Table = absl::flat_hash_map<std::string, EmitFn>;
  static const Table* const table = [] {
    auto* const made = new Table;
    for (absl::Span<const Emitter> rows :
         {ElementwiseEmitters(), ShapeEmitters(), IndexingEmitters(), ReduceEmitters(),
          MatrixEmitters(), SpatialEmitters(), RandomEmitters(), ControlEmitters()}) {
      for (const Emitter& row : rows) made->emplace(row.op, row.emit);
    }
    return made;
  }();
  const auto it = table->find(op);
  return it == table->end() ? nullptr : it->second;
}

}  // namespace

pb::AttributeProto Attr(absl::string_view name, int64_t value) {
  pb::AttributeProto a = Named(name, pb::AttributeProto::INT);
  a.set_i(value);
  return a;
}

pb::AttributeProto Attr(absl::string_view name, absl::Span<const int64_t> values) {
  pb::AttributeProto a = Named(name, pb::AttributeProto::INTS);
  for (int64_t v : values) a.add_ints(v);
  return a;
}

pb::AttributeProto Attr(absl::string_view name, absl::string_view value) {
  pb::AttributeProto a = Named(name, pb::AttributeProto::STRING);
  a.set_s(std::string(value));
  return a;
}

pb::AttributeProto Attr(absl::string_view name, pb::GraphProto value) {
  pb::AttributeProto a = Named(name, pb::AttributeProto::GRAPH);
  *a.mutable_g() = std::move(value);
  return a;
}

pb::AttributeProto FloatAttr(absl::string_view name, double value) {
  pb::AttributeProto a = Named(name, pb::AttributeProto::FLOAT);
  a.set_f(static_cast<float>(value));
  return a;
}

std::vector<int64_t> MovedAxis(int rank, int from, int to) {
  std::vector<int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  axes.erase(axes.begin() + from);
  axes.insert(axes.begin() + to, from);
  return axes;
}

Names Use::names() const {
  Names names;
  for (Var v : node.inputs) names.push_back(to.NameOf(v));
  return names;
}

absl::Status Use::AreNamed(const Names& names) const {
  for (size_t i = 0; i < names.size(); ++i) to.SetName(outputs[i], names[i]);
  return absl::OkStatus();
}

std::string Exporter::Fresh() {
  std::string name;
  do {
    name = absl::StrCat("_", next_++);
  } while (taken_.contains(name));
  return name;
}

std::string Exporter::Add(absl::string_view op, Names inputs, Attributes attributes) {
  return AddMany(1, op, std::move(inputs), std::move(attributes))[0];
}

Names Exporter::AddMany(int outputs, absl::string_view op, Names inputs, Attributes attributes) {
  Names names;
  for (int i = 0; i < outputs; ++i) names.push_back(Fresh());
  AddTo(names, op, std::move(inputs), std::move(attributes));
  return names;
}

void Exporter::AddTo(const Names& outputs, absl::string_view op, Names inputs,
                     Attributes attributes) {
  pb::NodeProto* const node = to_->add_node();
  node->set_op_type(std::string(op));
  for (const std::string& in : inputs) node->add_input(in);
  for (const std::string& out : outputs) node->add_output(out);
  for (pb::AttributeProto& a : attributes) *node->add_attribute() = std::move(a);
}

std::string Exporter::Constant(const Tensor& value) {
  const std::string name = Fresh();
  *to_->add_initializer() = ToProto(value, name);
  return name;
}

std::string Exporter::Ints(absl::Span<const int64_t> values) {
  return Constant(Tensor::Vector<int64_t>(values));
}

std::string Exporter::Number(DType dtype, double number) {
  return VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Constant(Tensor::Scalar<T>(static_cast<T>(number)));
  });
}

std::string Exporter::CastTo(const std::string& x, DType dtype) {
  return Add("Cast", {x}, {Attr("to", int64_t{OnnxFromDType(dtype)})});
}

absl::StatusOr<std::string> Exporter::ShapeVector(const Shape& shape) {
  if (shape.IsConcrete()) return Ints(shape.Extents());
  Names parts;
  for (Dim d : shape.dims()) {
    if (d.is_known()) {
      parts.push_back(Ints({d.value()}));
      continue;
    }
    const auto place = places_.find(d.ToString());
    if (place == places_.end()) {
      return absl::UnimplementedError(
          absl::StrCat("no value before it has the extent '", d.ToString(), "'"));
    }
    const auto& [v, axis] = place->second;
    parts.push_back(
        Add("Shape", {NameOf(v)}, {Attr("start", int64_t{axis}), Attr("end", int64_t{axis} + 1)}));
  }
  return Add("Concat", parts, {Attr("axis", int64_t{0})});
}

absl::StatusOr<std::string> Exporter::Full(DType dtype, const Shape& shape, double number) {
  const std::string scalar = Number(dtype, number);
  if (shape.rank() == 0) return scalar;
  ADJOINT_ASSIGN_OR_RETURN(const std::string extents, ShapeVector(shape));
  return Add("Expand", {scalar, extents});
}

absl::StatusOr<pb::GraphProto> Exporter::Subgraph(absl::string_view name,
                                                  const std::function<absl::Status()>& fill) {
  pb::GraphProto graph;
  graph.set_name(std::string(name));
  pb::GraphProto* const outer = std::exchange(to_, &graph);
  // What is made inside cannot be read outside.
  const auto places = places_;
  const auto draws = draws_;
  const absl::Status status = fill();
  places_ = places;
  draws_ = draws;
  to_ = outer;
  if (!status.ok()) return status;
  return graph;
}

std::string Exporter::AddInput(const TensorSpec& spec) {
  std::string name = Fresh();
  SetPort(name, spec, to_->add_input());
  return name;
}

void Exporter::AddOutput(const std::string& value, const TensorSpec& spec) {
  SetPort(Add("Identity", {value}), spec, to_->add_output());
}

absl::StatusOr<Names> Exporter::Inline(const graph::Body& body, const Names& inputs) {
  ADJOINT_ASSIGN_OR_RETURN(graph::Program program, Decompose(body.program()));
  for (size_t i = 0; i < inputs.size(); ++i) {
    names_[program.inputs[i].var] = inputs[i];
    NotePlaces(program.inputs[i].var);
  }
  ADJOINT_RETURN_IF_ERROR(AddNodes(*program.graph));
  Names outputs;
  for (const graph::Port& port : program.outputs) outputs.push_back(NameOf(port.var));
  kept_.push_back(std::move(program));
  return outputs;
}

void Exporter::NotePlaces(Var v) {
  for (int axis = 0; axis < v.shape().rank(); ++axis) {
    const Dim d = v.shape().dim(axis);
    if (d.is_symbol()) places_.try_emplace(d.name(), std::make_pair(v, axis));
  }
}

absl::Status Exporter::AddNodes(const graph::Graph& graph) {
  for (int id = 0; id < graph.num_nodes(); ++id) ADJOINT_RETURN_IF_ERROR(AddNode(graph, id));
  return absl::OkStatus();
}

absl::Status Exporter::AddNode(const graph::Graph& graph, int id) {
  const graph::Node& node = graph.node(id);
  std::vector<Var> outputs;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    outputs.push_back(graph.VarOf(id, static_cast<int>(i)));
  }
  if (node.op == &ops::ConstantOp()) {
    names_[outputs[0]] = Constant(node.attrs.At<Tensor>("value"));
  } else if (node.op != &ops::InputOp()) {
    const Use use{*this, node, outputs};
    absl::Status status;
    if (const EmitFn emit = FindEmitter(node.op->name)) {
      status = emit(use);
    } else if (node.op->traits.elementwise && !node.op->onnx_name.empty() && node.attrs.empty()) {
      status = use.Is(node.op->onnx_name, use.names());
    } else {
      status = absl::UnimplementedError("this op has no form in ONNX");
    }
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("exporting ", graph.NodeToString(id), ": ",
                                                      status.message()));
    }
  }
  for (Var v : outputs) {
    if (names_.contains(v)) NotePlaces(v);
  }
  return absl::OkStatus();
}

absl::StatusOr<pb::GraphProto> Exporter::Export(const graph::Program& program) {
  pb::GraphProto result;
  to_ = &result;
  result.set_name(program.name.empty() ? "program" : program.name);
  // Names of ports and variables are the user's; those of other values are made up.
  const auto unique = [&](const std::string& name) {
    std::string unused = name.empty() ? "value" : name;
    while (taken_[unused]++ > 0) absl::StrAppend(&unused, "_");
    return unused;
  };
  for (const graph::Port& port : program.inputs) {
    const std::string name = unique(port.name);
    names_[port.var] = name;
    SetPort(name, port.var.spec(), result.add_input());
  }
  for (const graph::StateBinding& state : program.states) {
    const Tensor* const value = variables_.Find(state.variable);
    if (value == nullptr || value->spec() != state.read.spec()) {
      return absl::InvalidArgumentError(absl::StrCat("variable '", state.variable,
                                                     "' has no value of its spec, ",
                                                     state.read.spec().ToString()));
    }
    const std::string name = unique(state.variable);
    names_[state.read] = name;
    *result.add_initializer() = ToProto(*value, name);
  }
  Names output_names;
  for (const graph::Port& port : program.outputs) output_names.push_back(unique(port.name));
  ADJOINT_RETURN_IF_ERROR(AddNodes(*program.graph));
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    AddTo({output_names[i]}, "Identity", {NameOf(program.outputs[i].var)});
    SetPort(output_names[i], program.outputs[i].var.spec(), result.add_output());
  }
  to_ = nullptr;
  return result;
}

}  // namespace adjoint::onnx
