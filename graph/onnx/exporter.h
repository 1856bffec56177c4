#ifndef ADJOINT_GRAPH_ONNX_EXPORTER_H_
#define ADJOINT_GRAPH_ONNX_EXPORTER_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "graph/body.h"
#include "graph/graph.h"
#include "graph/onnx/tensor_proto.h"
#include "graph/program.h"
#include "graph/variables.h"

namespace adjoint::onnx {

using ops::Var;
using Names = std::vector<std::string>;
using Attributes = std::vector<pb::AttributeProto>;

pb::AttributeProto Attr(absl::string_view name, int64_t value);
pb::AttributeProto Attr(absl::string_view name, absl::Span<const int64_t> values);
pb::AttributeProto Attr(absl::string_view name, absl::string_view value);
pb::AttributeProto Attr(absl::string_view name, pb::GraphProto value);
pb::AttributeProto FloatAttr(absl::string_view name, double value);

// Builds the graph of a model: values have names, nodes are appended in order.
class Exporter {
 public:
  explicit Exporter(const graph::VariableStore& variables) : variables_(variables) {}

  // Requires a program that Verify accepts.
  absl::StatusOr<pb::GraphProto> Export(const graph::Program& program);

  // For emitters (graph/onnx/emit/).
  const std::string& NameOf(Var v) { return names_[v]; }
  void SetName(Var v, std::string name) { names_[v] = std::move(name); }
  // A name that nothing has.
  std::string Fresh();

  // A node of one output, whose name it returns; a node of several.
  std::string Add(absl::string_view op, Names inputs, Attributes attributes = {});
  void AddTo(const Names& outputs, absl::string_view op, Names inputs, Attributes attributes = {});
  Names AddMany(int outputs, absl::string_view op, Names inputs, Attributes attributes = {});

  std::string Constant(const Tensor& value);
  std::string Ints(absl::Span<const int64_t> values);
  std::string Number(DType dtype, double number);  // a scalar

  // The shape as an i64 vector: a constant, or the sizes of values that have its symbols.
  absl::StatusOr<std::string> ShapeVector(const Shape& shape);
  // A tensor of this shape with one number everywhere.
  absl::StatusOr<std::string> Full(DType dtype, const Shape& shape, double number);
  std::string CastTo(const std::string& x, DType dtype);

  // A graph inside the present one: nodes that `fill` adds go there.
  absl::StatusOr<pb::GraphProto> Subgraph(absl::string_view name,
                                          const std::function<absl::Status()>& fill);
  // An input or output of the graph that nodes are added to. An output gets a name of its own.
  std::string AddInput(const TensorSpec& spec);
  void AddOutput(const std::string& value, const TensorSpec& spec);
  // The nodes of a body whose inputs have these names; the names of its outputs.
  absl::StatusOr<Names> Inline(const graph::Body& body, const Names& inputs);

  // What was made of a draw of random numbers before, by what it depends on: equal draws are one
  // node, for the reader of a model cannot tell that two are the same.
  std::string* Draw(const std::string& key) { return &draws_[key]; }

 private:
  absl::Status AddNodes(const graph::Graph& graph);
  absl::Status AddNode(const graph::Graph& graph, int id);
  void NotePlaces(Var v);

  const graph::VariableStore& variables_;
  pb::GraphProto* to_ = nullptr;
  std::vector<graph::Program> kept_;  // whose vars are keys
  absl::flat_hash_map<Var, std::string> names_;
  absl::flat_hash_map<std::string, std::pair<Var, int>> places_;  // of symbols
  absl::flat_hash_map<std::string, std::string> draws_;
  absl::flat_hash_map<std::string, int> taken_;  // by ports and variables
  int64_t next_ = 0;
};

// What an emitter sees: one node. It names the node's outputs.
struct Use {
  Exporter& to;
  const graph::Node& node;
  std::vector<Var> outputs;

  Var in(int i) const { return node.inputs[i]; }
  int num_inputs() const { return static_cast<int>(node.inputs.size()); }
  std::string name(int i) const { return to.NameOf(node.inputs[i]); }
  Names names() const;
  template <typename T>
  const T& attr(absl::string_view name) const {
    return node.attrs.At<T>(name);
  }
  const std::vector<int64_t>& ints(absl::string_view name) const {
    return attr<std::vector<int64_t>>(name);
  }
  int64_t integer(absl::string_view name) const { return attr<int64_t>(name); }
  bool flag(absl::string_view name) const { return attr<bool>(name); }
  // An axis among `rank` of them, which may count from the end, made to count from the first.
  int axis(absl::string_view name, int rank) const {
    const int64_t value = integer(name);
    return static_cast<int>(value < 0 ? value + rank : value);
  }

  const TensorSpec& spec(int output = 0) const { return node.outputs[output]; }
  DType dtype() const { return node.outputs[0].dtype; }
  // A scalar of the result's type.
  std::string Number(double number) const { return to.Number(dtype(), number); }
  std::string Op(absl::string_view op, Names inputs, Attributes attributes = {}) const {
    return to.Add(op, std::move(inputs), std::move(attributes));
  }

  // Ends: what the outputs are.
  absl::Status Is(std::string name) const { return AreNamed({std::move(name)}); }
  absl::Status Is(absl::string_view op, Names inputs, Attributes attributes = {}) const {
    return Is(Op(op, std::move(inputs), std::move(attributes)));
  }
  absl::Status AreNamed(const Names& names) const;
};

using EmitFn = absl::Status (*)(const Use&);

struct Emitter {
  const char* op;
  EmitFn emit;
};

// How ops become nodes, a table a family. Elementwise ops that are an operator by themselves
// (OpDef::onnx_name) need no row.
absl::Span<const Emitter> ElementwiseEmitters();
absl::Span<const Emitter> ShapeEmitters();
absl::Span<const Emitter> IndexingEmitters();
absl::Span<const Emitter> ReduceEmitters();
absl::Span<const Emitter> MatrixEmitters();
absl::Span<const Emitter> SpatialEmitters();
absl::Span<const Emitter> RandomEmitters();
absl::Span<const Emitter> ControlEmitters();

// The axes 0 .. rank-1 with `from` moved to `to`, and its inverse.
std::vector<int64_t> MovedAxis(int rank, int from, int to);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_EXPORTER_H_
