#include "graph/graph.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "ops/leaf.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

// "%7 f32[batch,16]", and for inputs with their name: "%7:kernel f32[10000,16]".
std::string OperandToString(const Graph& graph, Var v) {
  const Node& node = graph.node(v);
  std::string text = absl::StrCat("%", v.node);
  if (node.outputs.size() > 1) absl::StrAppend(&text, ".", v.output);
  if (node.op == &ops::InputOp()) {
    absl::StrAppend(&text, ":", node.attrs.At<std::string>("name"));
  }
  return absl::StrCat(text, " ", graph.SpecOf(v).ToString());
}

std::string CallToString(const Graph& graph, const OpDef& op, absl::Span<const Var> inputs,
                         const Attrs& attrs) {
  return absl::StrCat(op.name, "(",
                      absl::StrJoin(inputs, ", ",
                                    [&](std::string* out, Var v) {
                                      absl::StrAppend(out, OperandToString(graph, v));
                                    }),
                      ")", attrs.ToString());
}

}  // namespace

std::string FormatPlace(absl::string_view scope, const std::source_location& location) {
  const std::string file =
      location.line() == 0 ? "" : absl::StrCat(location.file_name(), ":", location.line());
  if (scope.empty()) return file;
  if (file.empty()) return std::string(scope);
  return absl::StrCat(scope, " (", file, ")");
}

bool UsesOp(const Graph& graph, const OpDef& op) {
  for (int id = 0; id < graph.num_nodes(); ++id) {
    if (graph.node(id).op == &op) return true;
  }
  return false;
}

Var Graph::Input(absl::string_view name, const TensorSpec& spec, std::source_location location) {
  return Apply(ops::InputOp(), {},
               Attrs{{"name", std::string(name)}, {"dtype", spec.dtype}, {"shape", spec.shape}},
               location)[0];
}

ops::CsrVar Graph::CsrInput(absl::string_view name, Dim rows, int64_t cols,
                            std::source_location location) {
  ops::CsrVar x = CsrPattern(name, rows, cols, location);
  x.values = Input(absl::StrCat(name, ".values"), {DType::kF32, x.columns.shape()}, location);
  return x;
}

ops::CsrVar Graph::CsrOnesInput(absl::string_view name, Dim rows, int64_t cols,
                                std::source_location location) {
  ops::CsrVar x = CsrPattern(name, rows, cols, location);
  const Var one = Constant(Tensor::Scalar<float>(1), location);
  x.values = ops::BroadcastTo(ops::Operand(one, location), x.columns.shape());
  return x;
}

ops::CsrVar Graph::CsrPattern(absl::string_view name, Dim rows, int64_t cols,
                              std::source_location location) {
  const Dim nnz = Dim::Symbol(absl::StrCat(name, "_nnz"));
  return {.ranges = Input(absl::StrCat(name, ".ranges"), {DType::kI64, Shape{rows, 2}}, location),
          .columns = Input(absl::StrCat(name, ".columns"), {DType::kI32, Shape{nnz}}, location),
          .values = {},
          .cols = cols};
}

Var Graph::Constant(Tensor value, std::source_location location) {
  return ops::Constant(*this, std::move(value), location);
}

std::string Graph::NodeToString(int id) const {
  const Node& n = nodes_[id];
  std::string text =
      absl::StrCat("%", id, ": ", CallToString(*this, *n.op, n.inputs, n.attrs), " -> ",
                   absl::StrJoin(n.outputs, ", ", [](std::string* out, const TensorSpec& s) {
                     absl::StrAppend(out, s.ToString());
                   }));
  const std::string place = PlaceOf(id);
  return place.empty() ? text : absl::StrCat(text, "   # ", place);
}

std::string Graph::ToString() const {
  std::string text;
  for (int id = 0; id < num_nodes(); ++id) absl::StrAppend(&text, NodeToString(id), "\n");
  return text;
}

std::string Graph::PlaceOf(int id) const {
  return FormatPlace(*nodes_[id].scope, nodes_[id].location);
}

std::vector<Var> Graph::Apply(const OpDef& op, absl::Span<const Var> inputs, Attrs attrs,
                              std::source_location location) {
  const auto nothing = [this] { return std::vector<Var>{Var{this, -1, 0}}; };
  if (!status_.ok()) return nothing();
  for (const Scope& scope : scopes_) {
    if (scope.has_location) {
      location = scope.location;
      break;
    }
  }
  const ScopeName scope = CurrentScope();
  std::vector<Var> operands(inputs.begin(), inputs.end());
  for (Var& v : operands) {
    if (v.builder != this && v.builder != nullptr) v = Capture(v);
    if (v.builder == this && v.valid()) continue;
    Fail(absl::InvalidArgumentError(
        absl::StrCat(FormatPlace(*scope, location), ": ", op.name,
                     ": an operand does not belong to this graph; every operand must come from "
                     "the graph that the op is applied in")));
    return nothing();
  }
  auto outputs = Append(op, std::move(operands), std::move(attrs), location, scope);
  if (!outputs.ok()) {
    Fail(outputs.status());
    return nothing();
  }
  if (absl::Status added = NodeAdded(num_nodes() - 1); !added.ok()) {
    nodes_.pop_back();
    Fail(std::move(added));
    return nothing();
  }
  return *std::move(outputs);
}

absl::StatusOr<std::vector<Var>> Graph::Append(const OpDef& op, std::vector<Var> inputs,
                                               Attrs attrs, std::source_location location,
                                               ScopeName scope) {
  std::vector<TensorSpec> specs;
  specs.reserve(inputs.size());
  for (Var v : inputs) specs.push_back(SpecOf(v));
  auto outputs = ops::InferOp(op, specs, attrs);
  if (!outputs.ok()) {
    return absl::Status(
        outputs.status().code(),
        absl::StrCat(FormatPlace(*scope, location), ": ", CallToString(*this, op, inputs, attrs),
                     ":\n  ", outputs.status().message()));
  }
  nodes_.push_back(Node{.op = &op,
                        .inputs = std::move(inputs),
                        .attrs = std::move(attrs),
                        .outputs = *std::move(outputs),
                        .location = location,
                        .scope = std::move(scope)});
  return OutputsOf(num_nodes() - 1);
}

absl::StatusOr<int> Graph::AppendCopy(const Graph& from, int id, std::vector<Var> inputs) {
  const Node& node = from.node(id);
  const bool alike =
      std::equal(inputs.begin(), inputs.end(), node.inputs.begin(), node.inputs.end(),
                 [&](Var a, Var b) { return SpecOf(a) == from.SpecOf(b); });
  if (!alike) {
    ADJOINT_RETURN_IF_ERROR(
        Append(*node.op, std::move(inputs), node.attrs, node.location, node.scope).status());
    return num_nodes() - 1;
  }
  nodes_.push_back(Node{.op = node.op,
                        .inputs = std::move(inputs),
                        .attrs = node.attrs,
                        .outputs = node.outputs,
                        .location = node.location,
                        .scope = node.scope});
  return num_nodes() - 1;
}

std::vector<Var> Graph::OutputsOf(int id) {
  std::vector<Var> vars;
  vars.reserve(nodes_[id].outputs.size());
  for (size_t i = 0; i < nodes_[id].outputs.size(); ++i)
    vars.push_back(VarOf(id, static_cast<int>(i)));
  return vars;
}

ops::Builder::Origin Graph::OriginOf(Var v) const {
  const Node& n = nodes_[v.node];
  return {n.op, n.inputs, &n.attrs};
}

void Graph::Fail(absl::Status error) {
  if (status_.ok()) status_ = std::move(error);
}

void Graph::PushScope(absl::string_view name, const std::source_location* location) {
  scopes_.push_back(Scope{.name = std::string(name),
                          .has_location = location != nullptr,
                          .location = location ? *location : std::source_location()});
  current_scope_ = nullptr;
}

void Graph::PopScope() {
  scopes_.pop_back();
  current_scope_ = nullptr;
}

const ScopeName& Graph::CurrentScope() const {
  if (current_scope_ == nullptr) {
    current_scope_ = std::make_shared<const std::string>(absl::StrJoin(
        scopes_, "/", [](std::string* out, const Scope& s) { absl::StrAppend(out, s.name); }));
  }
  return current_scope_;
}

std::string Graph::ScopePath() const { return *CurrentScope(); }

int64_t Graph::NextOrdinal(absl::string_view key) { return ordinals_[key]++; }

}  // namespace adjoint::graph
