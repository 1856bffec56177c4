#include "graph/onnx/export.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "graph/onnx/tensor_proto.h"
#include "graph/passes/dce.h"
#include "ops/leaf.h"
#include "ops/op_def.h"

namespace adjoint::onnx {
namespace {

using graph::Graph;
using graph::Node;
using graph::Program;
using ops::Var;

constexpr int64_t kOperatorSet = 17;
constexpr int64_t kFormatVersion = 8;

// Builds the graph of a model: values have names, nodes are appended in order.
class Exporter {
 public:
  Exporter(const Program& program, const graph::VariableStore& variables)
      : program_(program), graph_(*program.graph), variables_(variables) {}

  absl::StatusOr<pb::GraphProto> Export();

  // For the functions of the table.
  const Graph& graph() const { return graph_; }
  const std::string& NameOf(Var v) { return names_[v]; }
  std::vector<std::string> NamesOf(absl::Span<const Var> vars) {
    std::vector<std::string> names;
    for (Var v : vars) names.push_back(NameOf(v));
    return names;
  }
  void SetName(Var v, std::string name) { names_[v] = std::move(name); }

  // A name that nothing has.
  std::string Fresh() {
    std::string name;
    do {
      name = absl::StrCat("_", next_++);
    } while (taken_.contains(name));
    return name;
  }

  // A node of one output, whose name it returns.
  std::string Add(absl::string_view op, std::vector<std::string> inputs,
                  std::vector<pb::AttributeProto> attributes = {}) {
    const std::string name = Fresh();
    AddTo({name}, op, std::move(inputs), std::move(attributes));
    return name;
  }
  void AddTo(const std::vector<std::string>& outputs, absl::string_view op,
             std::vector<std::string> inputs, std::vector<pb::AttributeProto> attributes = {}) {
    pb::NodeProto* const node = to_.add_node();
    node->set_op_type(std::string(op));
    for (const std::string& in : inputs) node->add_input(in);
    for (const std::string& out : outputs) node->add_output(out);
    for (pb::AttributeProto& a : attributes) *node->add_attribute() = std::move(a);
  }
  std::string Constant(const Tensor& value) {
    const std::string name = Fresh();
    *to_.add_initializer() = ToProto(value, name);
    return name;
  }
  std::string Ints(absl::Span<const int64_t> values) {
    return Constant(Tensor::Vector<int64_t>(values));
  }
  // A scalar of `like`'s type.
  std::string Number(DType dtype, double number) {
    return VisitDType(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return Constant(Tensor::Scalar<T>(static_cast<T>(number)));
    });
  }
  // The shape as a vector: a constant, or the sizes of values that have these symbols.
  absl::StatusOr<std::string> ShapeVector(const Shape& shape);

 private:
  absl::Status AddNode(int id);
  void AddPort(const std::string& name, const TensorSpec& spec, pb::ValueInfoProto* info) const;

  const Program& program_;
  const Graph& graph_;
  const graph::VariableStore& variables_;
  pb::GraphProto to_;
  absl::flat_hash_map<Var, std::string> names_;
  absl::flat_hash_map<std::string, std::pair<Var, int>> places_;  // of symbols
  absl::flat_hash_map<std::string, int> taken_;                   // by ports and variables
  std::vector<std::string> output_names_;
  int64_t next_ = 0;
};

pb::AttributeProto IntAttr(absl::string_view name, int64_t value) {
  pb::AttributeProto a;
  a.set_name(std::string(name));
  a.set_type(pb::AttributeProto::INT);
  a.set_i(value);
  return a;
}

pb::AttributeProto FloatAttr(absl::string_view name, double value) {
  pb::AttributeProto a;
  a.set_name(std::string(name));
  a.set_type(pb::AttributeProto::FLOAT);
  a.set_f(static_cast<float>(value));
  return a;
}

pb::AttributeProto IntsAttr(absl::string_view name, absl::Span<const int64_t> values) {
  pb::AttributeProto a;
  a.set_name(std::string(name));
  a.set_type(pb::AttributeProto::INTS);
  for (int64_t v : values) a.add_ints(v);
  return a;
}

// What a function of the table sees: one node. It names the node's outputs.
struct Use {
  Exporter& to;
  const Node& node;
  std::vector<Var> outputs;

  Var in(int i) const { return node.inputs[i]; }
  std::string name(int i) const { return to.NameOf(node.inputs[i]); }
  std::vector<std::string> names() const { return to.NamesOf(node.inputs); }
  template <typename T>
  const T& attr(absl::string_view name) const {
    return node.attrs.At<T>(name);
  }
  DType dtype() const { return node.outputs[0].dtype; }
  absl::Status Is(std::string name) const {
    to.SetName(outputs[0], std::move(name));
    return absl::OkStatus();
  }
  absl::Status Is(absl::string_view op, std::vector<std::string> inputs,
                  std::vector<pb::AttributeProto> attributes = {}) const {
    return Is(to.Add(op, std::move(inputs), std::move(attributes)));
  }
};

using ExportFn = absl::Status (*)(const Use&);

absl::Status ExportReshape(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string shape, u.to.ShapeVector(u.node.outputs[0].shape));
  return u.Is("Reshape", {u.name(0), shape}, {IntAttr("allowzero", 1)});
}

absl::Status ExportBroadcastTo(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string shape, u.to.ShapeVector(u.node.outputs[0].shape));
  return u.Is("Expand", {u.name(0), shape});
}

absl::Status ExportCast(const Use& u) {
  return u.Is("Cast", {u.name(0)}, {IntAttr("to", OnnxFromDType(u.dtype()))});
}

absl::Status ExportMatMul(const Use& u) {
  const auto operand = [&](int i, absl::string_view flag) {
    if (!u.attr<bool>(flag)) return u.name(i);
    std::vector<int64_t> perm(u.in(i).shape().rank());
    std::iota(perm.begin(), perm.end(), 0);
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return u.to.Add("Transpose", {u.name(i)}, {IntsAttr("perm", perm)});
  };
  const std::string a = operand(0, "transpose_a");
  return u.Is("MatMul", {a, operand(1, "transpose_b")});
}

absl::Status ExportSlice(const Use& u) {
  const auto& begin = u.attr<std::vector<int64_t>>("begin");
  std::vector<int64_t> axes(begin.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (axes.empty()) return u.Is("Identity", {u.name(0)});
  const std::string starts = u.to.Ints(begin);
  const std::string ends = u.to.Ints(u.attr<std::vector<int64_t>>("end"));
  const std::string at = u.to.Ints(axes);
  return u.Is("Slice",
              {u.name(0), starts, ends, at, u.to.Ints(u.attr<std::vector<int64_t>>("step"))});
}

absl::Status ExportSizeOf(const Use& u) {
  const std::string shape = u.to.Add("Shape", {u.name(0)});
  const auto& axes = u.attr<std::vector<int64_t>>("axes");
  const std::string sizes = u.to.Add("Gather", {shape, u.to.Ints(axes)});
  const std::string product = u.to.Add("ReduceProd", {sizes}, {IntAttr("keepdims", 0)});
  return u.Is("Cast", {product}, {IntAttr("to", OnnxFromDType(u.dtype()))});
}

absl::Status ExportSum(const Use& u) {
  const auto& axes = u.attr<std::vector<int64_t>>("axes");
  if (axes.empty()) return u.Is("Identity", {u.name(0)});
  return u.Is("ReduceSum", {u.name(0), u.to.Ints(axes)},
              {IntAttr("keepdims", u.attr<bool>("keepdims"))});
}

// The other reductions have their axes as an attribute.
absl::Status ExportReduction(const Use& u) {
  const auto& axes = u.attr<std::vector<int64_t>>("axes");
  if (axes.empty()) return u.Is("Identity", {u.name(0)});
  return u.Is(u.node.op->onnx_name, {u.name(0)},
              {IntsAttr("axes", axes), IntAttr("keepdims", u.attr<bool>("keepdims"))});
}

absl::Status ExportArgReduction(const Use& u) {
  return u.Is(
      u.node.op->onnx_name, {u.name(0)},
      {IntAttr("axis", u.attr<int64_t>("axis")), IntAttr("keepdims", u.attr<bool>("keepdims")),
       IntAttr("select_last_index", u.attr<bool>("select_last_index"))});
}

// Operands as they are and an attribute `axis`.
absl::Status ExportAlongAxis(const Use& u) {
  return u.Is(u.node.op->onnx_name, u.names(), {IntAttr("axis", u.attr<int64_t>("axis"))});
}

absl::Status ExportTranspose(const Use& u) {
  return u.Is("Transpose", {u.name(0)},
              {IntsAttr("perm", u.attr<std::vector<int64_t>>("permutation"))});
}

absl::Status ExportSquare(const Use& u) { return u.Is("Mul", {u.name(0), u.name(0)}); }

absl::Status ExportNotEqual(const Use& u) { return u.Is("Not", {u.to.Add("Equal", u.names())}); }

absl::Status ExportIdentity(const Use& u) { return u.Is("Identity", {u.name(0)}); }

// 0.5 x (1 + erf(x / sqrt(2)))
absl::Status ExportGelu(const Use& u) {
  const std::string scaled = u.to.Add("Mul", {u.name(0), u.to.Number(u.dtype(), std::sqrt(0.5))});
  const std::string erf = u.to.Add("Erf", {scaled});
  const std::string sum = u.to.Add("Add", {erf, u.to.Number(u.dtype(), 1)});
  const std::string half = u.to.Add("Mul", {u.name(0), u.to.Number(u.dtype(), 0.5)});
  return u.Is("Mul", {half, sum});
}

absl::Status ExportOneHot(const Use& u) {
  const std::string values = VisitDType(u.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return u.to.Constant(Tensor::Of<T>({2}, {static_cast<T>(0), static_cast<T>(1)}));
  });
  const std::string depth = u.to.Constant(Tensor::Scalar<int64_t>(u.attr<int64_t>("depth")));
  return u.Is("OneHot", {u.name(0), depth, values});
}

// -log_softmax(logits)[label]
absl::Status ExportSparseCrossEntropy(const Use& u) {
  const std::string logs = u.to.Add("LogSoftmax", {u.name(0)}, {IntAttr("axis", -1)});
  const std::string labels = u.to.Add("Unsqueeze", {u.name(1), u.to.Ints({-1})});
  const std::string picked = u.to.Add("GatherElements", {logs, labels}, {IntAttr("axis", -1)});
  return u.Is("Neg", {u.to.Add("Squeeze", {picked, u.to.Ints({-1})})});
}

// The attributes of a window, which convolutions and pools share.
std::vector<pb::AttributeProto> WindowAttributes(const Use& u) {
  std::vector<int64_t> pads = u.attr<std::vector<int64_t>>("pads_begin");
  const auto& after = u.attr<std::vector<int64_t>>("pads_end");
  pads.insert(pads.end(), after.begin(), after.end());
  return {IntsAttr("strides", u.attr<std::vector<int64_t>>("strides")), IntsAttr("pads", pads),
          IntsAttr("dilations", u.attr<std::vector<int64_t>>("dilations"))};
}

absl::Status ChannelsFirstAlone(const Use& u) {
  if (!u.attr<bool>("channels_last")) return absl::OkStatus();
  return absl::UnimplementedError("ONNX has channels before positions: transpose around it");
}

absl::Status ExportConv(const Use& u) {
  ADJOINT_RETURN_IF_ERROR(ChannelsFirstAlone(u));
  std::vector<pb::AttributeProto> attributes = WindowAttributes(u);
  attributes.push_back(IntAttr("group", u.attr<int64_t>("groups")));
  return u.Is("Conv", u.names(), std::move(attributes));
}

absl::Status ExportMaxPool(const Use& u) {
  ADJOINT_RETURN_IF_ERROR(ChannelsFirstAlone(u));
  if (u.node.outputs.size() > 1) {
    return absl::UnimplementedError("indices of a pool are not exported");
  }
  std::vector<pb::AttributeProto> attributes = WindowAttributes(u);
  attributes.push_back(IntsAttr("kernel_shape", u.attr<std::vector<int64_t>>("kernel")));
  attributes.push_back(IntAttr("ceil_mode", u.attr<bool>("ceil_mode")));
  return u.Is("MaxPool", u.names(), std::move(attributes));
}

absl::Status ExportLayerNorm(const Use& u) {
  if (!u.attr<bool>("centered") || u.node.inputs.size() < 2) {
    return absl::UnimplementedError("only with the mean taken out and a scale is it ONNX's");
  }
  std::vector<std::string> outputs;
  for (size_t i = 0; i < u.outputs.size(); ++i) {
    outputs.push_back(u.to.Fresh());
    u.to.SetName(u.outputs[i], outputs.back());
  }
  u.to.AddTo(
      outputs, "LayerNormalization", u.names(),
      {IntAttr("axis", u.attr<int64_t>("axis")), FloatAttr("epsilon", u.attr<double>("epsilon"))});
  return absl::OkStatus();
}

struct Row {
  const char* op;
  ExportFn fn;
};

// Ops that are more than an operator of the same operands (OpDef::onnx_name of elementwise ops).
constexpr Row kRows[] = {
    {"reshape", ExportReshape},
    {"broadcast_to", ExportBroadcastTo},
    {"cast", ExportCast},
    {"matmul", ExportMatMul},
    {"slice", ExportSlice},
    {"size_of", ExportSizeOf},
    {"transpose", ExportTranspose},
    {"concat", ExportAlongAxis},
    {"gather", ExportAlongAxis},
    {"take_along_axis", ExportAlongAxis},
    {"softmax", ExportAlongAxis},
    {"log_softmax", ExportAlongAxis},
    {"sum", ExportSum},
    {"mean", ExportReduction},
    {"reduce_max", ExportReduction},
    {"reduce_min", ExportReduction},
    {"reduce_prod", ExportReduction},
    {"argmax", ExportArgReduction},
    {"argmin", ExportArgReduction},
    {"square", ExportSquare},
    {"not_equal", ExportNotEqual},
    {"stop_gradient", ExportIdentity},
    {"gelu", ExportGelu},
    {"one_hot", ExportOneHot},
    {"sparse_softmax_cross_entropy", ExportSparseCrossEntropy},
    {"conv", ExportConv},
    {"max_pool", ExportMaxPool},
    {"layer_norm", ExportLayerNorm},
};

ExportFn FindRow(absl::string_view op) {
  for (const Row& row : kRows) {
    if (op == row.op) return row.fn;
  }
  return nullptr;
}

absl::StatusOr<std::string> Exporter::ShapeVector(const Shape& shape) {
  if (shape.IsConcrete()) return Ints(shape.Extents());
  std::vector<std::string> parts;
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
    parts.push_back(
        Add("Shape", {NameOf(place->second.first)},
            {IntAttr("start", place->second.second), IntAttr("end", place->second.second + 1)}));
  }
  return Add("Concat", parts, {IntAttr("axis", 0)});
}

void Exporter::AddPort(const std::string& name, const TensorSpec& spec,
                       pb::ValueInfoProto* info) const {
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

absl::Status Exporter::AddNode(int id) {
  const Node& node = graph_.node(id);
  std::vector<Var> outputs;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    outputs.push_back(graph_.VarOf(id, static_cast<int>(i)));
  }
  if (node.op == &ops::ConstantOp()) {
    names_[outputs[0]] = Constant(node.attrs.At<Tensor>("value"));
  } else if (node.op != &ops::InputOp()) {
    const Use use{*this, node, outputs};
    absl::Status status;
    if (const ExportFn fn = FindRow(node.op->name)) {
      status = fn(use);
    } else if (node.op->traits.elementwise && !node.op->onnx_name.empty() && node.attrs.empty()) {
      status = use.Is(node.op->onnx_name, use.names());
    } else {
      status = absl::UnimplementedError("this op has no form in ONNX");
    }
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("exporting ", graph_.NodeToString(id), ": ",
                                                      status.message()));
    }
  }
  for (Var v : outputs) {
    for (int axis = 0; axis < v.shape().rank(); ++axis) {
      const Dim d = v.shape().dim(axis);
      if (d.is_symbol() && names_.contains(v)) {
        places_.try_emplace(d.name(), std::make_pair(v, axis));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<pb::GraphProto> Exporter::Export() {
  to_.set_name(program_.name.empty() ? "program" : program_.name);
  // Names of ports and variables are the user's; those of other values are made up.
  const auto unique = [&](const std::string& name) {
    std::string result = name;
    while (taken_[result]++ > 0) absl::StrAppend(&result, "_");
    return result;
  };
  for (const graph::Port& port : program_.inputs) {
    const std::string name = unique(port.name);
    names_[port.var] = name;
    AddPort(name, port.var.spec(), to_.add_input());
  }
  for (const graph::StateBinding& state : program_.states) {
    if (state.write != state.read) {
      return absl::UnimplementedError(
          absl::StrCat("variable '", state.variable,
                       "' is written, but an ONNX model has no state: export a "
                       "program that only reads its variables"));
    }
    const Tensor* const value = variables_.Find(state.variable);
    if (value == nullptr || value->spec() != state.read.spec()) {
      return absl::InvalidArgumentError(absl::StrCat("variable '", state.variable,
                                                     "' has no value of its spec, ",
                                                     state.read.spec().ToString()));
    }
    const std::string name = unique(state.variable);
    names_[state.read] = name;
    *to_.add_initializer() = ToProto(*value, name);
  }
  for (const graph::Port& port : program_.outputs) output_names_.push_back(unique(port.name));
  for (int id = 0; id < graph_.num_nodes(); ++id) ADJOINT_RETURN_IF_ERROR(AddNode(id));
  for (size_t i = 0; i < program_.outputs.size(); ++i) {
    const graph::Port& port = program_.outputs[i];
    const std::string& name = output_names_[i];
    AddTo({name}, "Identity", {NameOf(port.var)});
    AddPort(name, port.var.spec(), to_.add_output());
  }
  return std::move(to_);
}

}  // namespace

absl::StatusOr<::onnx::ModelProto> ExportModel(const graph::Program& program,
                                               const graph::VariableStore& variables,
                                               const ExportOptions& options) {
  ADJOINT_RETURN_IF_ERROR(graph::Verify(program));
  ADJOINT_ASSIGN_OR_RETURN(const Program live, graph::EliminateDeadCode(program));
  Exporter exporter(live, variables);
  ADJOINT_ASSIGN_OR_RETURN(pb::GraphProto graph, exporter.Export());
  pb::ModelProto model;
  model.set_ir_version(kFormatVersion);
  model.set_producer_name(options.producer);
  model.add_opset_import()->set_version(kOperatorSet);
  *model.mutable_graph() = std::move(graph);
  return model;
}

absl::Status ExportModelFile(const std::string& path, const graph::Program& program,
                             const graph::VariableStore& variables, const ExportOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(const pb::ModelProto model, ExportModel(program, variables, options));
  std::string bytes;
  if (!model.SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError("the model is beyond protobuf's two gigabytes");
  }
  return io::WriteFileAtomically(path, bytes);
}

}  // namespace adjoint::onnx
