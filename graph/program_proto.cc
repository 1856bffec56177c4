#include "graph/program_proto.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/body.h"
#include "graph/op_lookup.h"

namespace adjoint::graph {
namespace {

absl::Status Damaged(absl::string_view what) { return absl::DataLossError(what); }

void ToProto(const Shape& shape, proto::ShapeProto* message) {
  for (Dim d : shape.dims()) {
    proto::DimProto* const dim = message->add_dims();
    if (d.is_symbol()) {
      dim->set_symbol(d.name());
    } else {
      dim->set_extent(d.is_known() ? d.value() : -1);
    }
  }
}

// A dim of -1 is what a reshape's target may hold; elsewhere shape rules refuse it.
absl::StatusOr<Shape> FromProto(const proto::ShapeProto& message) {
  Shape shape;
  for (const proto::DimProto& dim : message.dims()) {
    if (dim.kind_case() == proto::DimProto::kSymbol) {
      if (dim.symbol().empty()) return Damaged("a shape has a symbol without a name");
      shape.push_back(Dim::Symbol(dim.symbol()));
    } else {
      shape.push_back(dim.extent());
    }
  }
  return shape;
}

absl::StatusOr<DType> DTypeFromProto(uint32_t number) {
  for (DType dtype : kAllDTypes) {
    if (static_cast<uint32_t>(dtype) == number) return dtype;
  }
  return Damaged(absl::StrCat("element type ", number, " is unknown to this version"));
}

}  // namespace

void ToProto(const TensorSpec& spec, proto::SpecProto* message) {
  message->set_dtype(static_cast<uint32_t>(spec.dtype));
  ToProto(spec.shape, message->mutable_shape());
}

absl::StatusOr<TensorSpec> FromProto(const proto::SpecProto& message) {
  TensorSpec spec;
  ADJOINT_ASSIGN_OR_RETURN(spec.dtype, DTypeFromProto(message.dtype()));
  ADJOINT_ASSIGN_OR_RETURN(spec.shape, FromProto(message.shape()));
  return spec;
}

bool ToProto(const Attrs::Entry& entry, proto::AttrProto* message) {
  message->set_name(entry.first);
  const AttrValue& value = entry.second;
  switch (KindOf(value)) {
    case AttrKind::kInt:
      message->set_i(std::get<int64_t>(value));
      return true;
    case AttrKind::kFloat:
      message->set_f(std::get<double>(value));
      return true;
    case AttrKind::kBool:
      message->set_b(std::get<bool>(value));
      return true;
    case AttrKind::kString:
      message->set_s(std::get<std::string>(value));
      return true;
    case AttrKind::kDType:
      message->set_dtype(static_cast<uint32_t>(std::get<DType>(value)));
      return true;
    case AttrKind::kInts:
      message->mutable_ints();
      for (int64_t v : std::get<std::vector<int64_t>>(value)) {
        message->mutable_ints()->add_values(v);
      }
      return true;
    case AttrKind::kShape:
      ToProto(std::get<Shape>(value), message->mutable_shape());
      return true;
    case AttrKind::kTensor:
      graph::ToProto(std::get<Tensor>(value), message->mutable_tensor());
      return true;
    case AttrKind::kObject: {
      const auto body =
          std::dynamic_pointer_cast<const Body>(std::get<std::shared_ptr<const AttrObject>>(value));
      return body != nullptr && graph::ToProto(body->program(), message->mutable_body()).ok();
    }
  }
  return false;
}

absl::StatusOr<AttrValue> FromProto(const proto::AttrProto& message) {
  switch (message.value_case()) {
    case proto::AttrProto::kI:
      return AttrValue(static_cast<int64_t>(message.i()));
    case proto::AttrProto::kF:
      return AttrValue(message.f());
    case proto::AttrProto::kB:
      return AttrValue(message.b());
    case proto::AttrProto::kS:
      return AttrValue(message.s());
    case proto::AttrProto::kDtype: {
      ADJOINT_ASSIGN_OR_RETURN(const DType dtype, DTypeFromProto(message.dtype()));
      return AttrValue(dtype);
    }
    case proto::AttrProto::kInts:
      return AttrValue(
          std::vector<int64_t>(message.ints().values().begin(), message.ints().values().end()));
    case proto::AttrProto::kShape: {
      ADJOINT_ASSIGN_OR_RETURN(Shape shape, FromProto(message.shape()));
      return AttrValue(std::move(shape));
    }
    case proto::AttrProto::kTensor: {
      ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, graph::FromProto(message.tensor()));
      return AttrValue(std::move(tensor));
    }
    case proto::AttrProto::kBody: {
      ADJOINT_ASSIGN_OR_RETURN(Program program, graph::FromProto(message.body()));
      ADJOINT_ASSIGN_OR_RETURN(BodyPtr body, Body::Create(std::move(program)));
      return AttrValue(BodyAttr(std::move(body)));
    }
    case proto::AttrProto::VALUE_NOT_SET:
      break;
  }
  return Damaged(absl::StrCat("attribute '", message.name(), "' has no value of a known kind"));
}

namespace {

void ToProto(Var v, proto::ValueProto* message) {
  message->set_node(v.node);
  message->set_output(v.output);
}

absl::StatusOr<Var> ValueFromProto(const proto::ValueProto& message, const Graph& graph) {
  const bool exists =
      message.node() >= 0 && message.node() < graph.num_nodes() && message.output() >= 0 &&
      message.output() < static_cast<int>(graph.node(message.node()).outputs.size());
  if (!exists) {
    return Damaged(absl::StrCat("value %", message.node(), ".", message.output(),
                                " does not exist where it is used"));
  }
  return graph.VarOf(message.node(), message.output());
}

absl::Status AddNode(const proto::NodeProto& message, Graph* graph) {
  const OpDef* const op = FindOp(message.op());
  if (op == nullptr || op->traits.internal) {
    return absl::UnimplementedError(
        absl::StrCat("op '", message.op(), "' is unknown to this version"));
  }
  if (message.version() != op->version) {
    return absl::UnimplementedError(absl::StrCat("op '", message.op(), "' has version ",
                                                 message.version(), ", this build knows version ",
                                                 op->version));
  }
  std::vector<Var> inputs;
  for (const proto::ValueProto& value : message.inputs()) {
    ADJOINT_ASSIGN_OR_RETURN(const Var v, ValueFromProto(value, *graph));
    inputs.push_back(v);
  }
  Attrs attrs;
  for (const proto::AttrProto& attr : message.attrs()) {
    ADJOINT_ASSIGN_OR_RETURN(AttrValue value, graph::FromProto(attr));
    attrs.Set(attr.name(), std::move(value));
  }
  ADJOINT_ASSIGN_OR_RETURN(
      const std::vector<Var> outputs,
      graph->Append(*op, std::move(inputs), std::move(attrs), std::source_location(),
                    std::make_shared<const std::string>(message.scope())));
  bool same = static_cast<int>(outputs.size()) == message.outputs_size();
  for (size_t i = 0; same && i < outputs.size(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec stored,
                             graph::FromProto(message.outputs(static_cast<int>(i))));
    same = stored == outputs[i].spec();
  }
  if (!same) {
    return Damaged(absl::StrCat(graph->NodeToString(graph->num_nodes() - 1),
                                ": the file gives its outputs other specs"));
  }
  return absl::OkStatus();
}

}  // namespace

void ToProto(const Tensor& tensor, proto::TensorProto* message) {
  ToProto(tensor.spec(), message->mutable_spec());
  message->set_data(tensor.raw(), static_cast<size_t>(tensor.bytes()));
}

absl::StatusOr<Tensor> FromProto(const proto::TensorProto& message) {
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec spec, FromProto(message.spec()));
  ADJOINT_ASSIGN_OR_RETURN(const int64_t bytes, spec.ByteSize());
  if (bytes != static_cast<int64_t>(message.data().size())) {
    return Damaged(absl::StrCat("a tensor ", spec.ToString(), " needs ", bytes,
                                " bytes, but the file holds ", message.data().size()));
  }
  if (spec.dtype == DType::kBool && std::any_of(message.data().begin(), message.data().end(),
                                                [](char c) { return c != 0 && c != 1; })) {
    return Damaged(absl::StrCat("a tensor ", spec.ToString(), " holds bytes besides 0 and 1"));
  }
  ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(spec));
  if (bytes > 0) std::memcpy(tensor.mutable_raw(), message.data().data(), bytes);
  return tensor;
}

absl::Status ToProto(const Program& program, proto::ProgramProto* message) {
  ADJOINT_RETURN_IF_ERROR(Verify(program));
  message->set_name(program.name);
  const Graph& graph = *program.graph;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    proto::NodeProto* const to = message->add_nodes();
    to->set_op(node.op->name);
    to->set_version(node.op->version);
    to->set_scope(*node.scope);
    for (Var v : node.inputs) ToProto(v, to->add_inputs());
    for (const TensorSpec& spec : node.outputs) ToProto(spec, to->add_outputs());
    bool storable = !node.op->traits.internal;
    for (const Attrs::Entry& entry : node.attrs.entries()) {
      storable = storable && ToProto(entry, to->add_attrs());
    }
    if (!storable) {
      return absl::InvalidArgumentError(
          absl::StrCat("program ", program.name, " cannot be stored: ", graph.NodeToString(id),
                       " is the compiler's own; store the program as it was before compiling"));
    }
  }
  const auto add_port = [](const Port& port, proto::PortProto* to) {
    to->set_name(port.name);
    to->set_capacity(port.capacity);
    ToProto(port.var, to->mutable_value());
  };
  for (const Port& port : program.inputs) add_port(port, message->add_inputs());
  for (const Port& port : program.outputs) add_port(port, message->add_outputs());
  for (const StateBinding& state : program.states) {
    proto::StateProto* const to = message->add_states();
    to->set_variable(state.variable);
    ToProto(state.read, to->mutable_read());
    ToProto(state.write, to->mutable_write());
  }
  return absl::OkStatus();
}

absl::StatusOr<Program> FromProto(const proto::ProgramProto& message) {
  auto graph = std::make_shared<Graph>();
  const auto in_program = [&](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat("program '", message.name(), "': ", status.message()));
  };
  for (const proto::NodeProto& node : message.nodes()) {
    if (absl::Status status = AddNode(node, graph.get()); !status.ok()) return in_program(status);
  }
  Program program{
      .name = message.name(), .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const auto read_ports = [&](const auto& from, std::vector<Port>* to) -> absl::Status {
    for (const proto::PortProto& port : from) {
      ADJOINT_ASSIGN_OR_RETURN(const Var v, ValueFromProto(port.value(), *graph));
      to->push_back({port.name(), v, port.capacity()});
    }
    return absl::OkStatus();
  };
  ADJOINT_RETURN_IF_ERROR(read_ports(message.inputs(), &program.inputs));
  ADJOINT_RETURN_IF_ERROR(read_ports(message.outputs(), &program.outputs));
  for (const proto::StateProto& state : message.states()) {
    ADJOINT_ASSIGN_OR_RETURN(const Var read, ValueFromProto(state.read(), *graph));
    ADJOINT_ASSIGN_OR_RETURN(const Var write, ValueFromProto(state.write(), *graph));
    program.states.push_back({state.variable(), read, write});
  }
  if (absl::Status status = Verify(program); !status.ok()) return in_program(status);
  return program;
}

}  // namespace adjoint::graph
