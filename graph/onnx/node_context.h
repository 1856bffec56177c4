#ifndef ADJOINT_GRAPH_ONNX_NODE_CONTEXT_H_
#define ADJOINT_GRAPH_ONNX_NODE_CONTEXT_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/dtype.h"
#include "core/tensor.h"
#include "graph/graph.h"
#include "graph/onnx/knowledge.h"
#include "graph/onnx/tensor_proto.h"
#include "graph/onnx/value.h"

namespace adjoint::onnx {

class Importer;
class Scope;

// What a lowering sees of its node. Mistakes are kept, the first one, and surface when the lowering
// has returned: readers then give something harmless (0, an empty list, a var that is not valid).
class NodeContext {
 public:
  NodeContext(Importer& importer, const pb::NodeProto& node, int64_t version, Scope* scope,
              Values inputs);

  graph::Graph& graph() { return graph_; }
  Importer& importer() { return importer_; }
  Scope* scope() { return scope_; }
  const pb::NodeProto& node() const { return node_; }
  // The version of the operator set that the node's operator is taken from.
  int64_t version() const { return version_; }

  // Inputs. Those that the table calls required are there, and tensors unless it says otherwise.
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  bool Has(int i) const { return i < num_inputs() && inputs_[i].kind != Value::Kind::kNone; }
  Var In(int i);                // a tensor
  const Value& InValue(int i);  // of any kind
  std::vector<Var> Ins();       // all, as tensors
  // Whether somebody may read output i.
  bool Wants(int i) const { return i < node_.output_size() && !node_.output(i).empty(); }
  int num_outputs() const { return node_.output_size(); }

  // Attributes. Without a fallback they are required.
  bool HasAttr(absl::string_view name);
  int64_t Int(absl::string_view name);
  int64_t Int(absl::string_view name, int64_t fallback);
  bool Flag(absl::string_view name, bool fallback) { return Int(name, fallback) != 0; }
  float Float(absl::string_view name, float fallback);
  std::string String(absl::string_view name, absl::string_view fallback);
  std::vector<int64_t> Ints(absl::string_view name, std::vector<int64_t> fallback = {});
  std::vector<float> Floats(absl::string_view name, std::vector<float> fallback = {});
  std::vector<std::string> Strings(absl::string_view name, std::vector<std::string> fallback = {});
  Tensor TensorAttr(absl::string_view name);
  const pb::GraphProto& GraphAttr(absl::string_view name);
  const pb::TypeProto& TypeAttr(absl::string_view name);
  DType DTypeAttr(absl::string_view name, DType fallback);
  // One of `choices`.
  std::string Choice(absl::string_view name, absl::string_view fallback,
                     absl::Span<const absl::string_view> choices);

  // Values that must be known now.
  Tensor Known(int i);
  Tensor Known(Var v);
  std::optional<Tensor> FindKnown(Var v);
  std::vector<int64_t> KnownInts(int i);  // a scalar or vector of integers
  int64_t KnownInt(int i);                // a single integer
  double KnownNumber(int i);              // a single number of any type
  std::vector<double> KnownNumbers(int i);
  // Sizes: what is not known may be a symbol or, where `allow_unknown`, an invalid dim.
  std::vector<Dim> KnownDims(int i, bool allow_unknown = false);
  // The attribute of this name in versions before `since`, input i from then on; nothing when it is
  // not given.
  std::optional<std::vector<int64_t>> IntsAttrOrInput(absl::string_view name, int i, int64_t since);
  void SetDims(Var v, std::vector<Dim> dims);
  std::optional<std::vector<Dim>> FindDims(Var v);

  // Extents that must be numbers.
  int64_t Extent(Var v, int64_t axis);
  std::vector<int64_t> Extents(Var v);
  // `axis` of a value of this rank made non-negative; 0 after a mistake.
  int Axis(int64_t axis, int rank);
  // A mistake unless lo <= v's rank <= hi; then false.
  bool RankIs(Var v, int lo, int hi = 1000000);

  // Constants.
  Var Constant(Tensor value);
  template <typename T>
  Var Scalar(T value) {
    return Constant(Tensor::Scalar<T>(value));
  }
  Var ConstantInts(absl::Span<const int64_t> values);
  // A scalar of a type that can hold the number.
  Var ScalarOf(DType dtype, double number);

  // Runs a graph of the node in its place, with names of outside visible in it. Its inputs take the
  // given values. Empty after a mistake.
  Values Inline(const pb::GraphProto& graph, Values inputs);

  // Keeps the first mistake; returns an invalid var, so that `return c.Fail(...)` works.
  Var Fail(absl::string_view what);
  Var Fail(absl::Status status);
  Var Unsupported(absl::string_view what);
  const absl::Status& status() const { return status_; }
  bool ok() const;

  // An attribute that no reader has asked for, if any.
  const pb::AttributeProto* UnreadAttribute() const;

 private:
  friend class Importer;

  const pb::AttributeProto* FindAttr(absl::string_view name, pb::AttributeProto::AttributeType type,
                                     bool required);

  Importer& importer_;
  graph::Graph& graph_;
  const pb::NodeProto& node_;
  const int64_t version_;
  Scope* const scope_;
  Values inputs_;
  absl::Status status_;
  absl::flat_hash_set<std::string> read_;
};

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_NODE_CONTEXT_H_
