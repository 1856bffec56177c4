#ifndef ADJOINT_GRAPH_ONNX_IMPORTER_H_
#define ADJOINT_GRAPH_ONNX_IMPORTER_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/onnx/import.h"
#include "graph/onnx/knowledge.h"
#include "graph/onnx/lower/lowering.h"
#include "graph/onnx/node_context.h"
#include "graph/onnx/tensor_proto.h"
#include "graph/onnx/value.h"

namespace adjoint::onnx {

// Operator set versions by domain; "" is the default domain.
using OperatorSets = std::map<std::string, int64_t>;

// The names visible at some place: of a graph, and of those around it. A function's body sees its
// own alone.
class Scope {
 public:
  Scope(const Scope* outer, const OperatorSets* sets) : outer_(outer), sets_(sets) {}

  // Null when no value of this name has been made yet.
  const Value* Find(absl::string_view name) const;
  // False when the name is taken in this scope.
  bool Add(absl::string_view name, Value value);

  const OperatorSets& sets() const { return *sets_; }

 private:
  const Scope* const outer_;
  const OperatorSets* const sets_;
  absl::flat_hash_map<std::string, Value> values_;
};

// What earlier attempts at a model have shown: inputs and initializers that must be constants.
using MadeConstant = std::set<std::string>;

// What earlier attempts have shown of control flow: the nodes, by their first outputs, that cannot
// be ops.
struct Unrolled {
  std::set<std::string> nodes;
  bool all = false;

  bool Contains(const std::string& node) const { return all || nodes.contains(node); }
};

// One attempt to import a model.
class Importer {
 public:
  Importer(const pb::ModelProto& model, const ImportOptions& options, const std::string& folder,
           const MadeConstant& made_constant, const Unrolled& unrolled);

  absl::StatusOr<ImportedModel> Import();

  // After Import() failed: the inputs and weights whose value was asked for.
  std::vector<std::string> Missing() const;
  // After it failed: the node of control flow that could not become an op, the innermost; empty
  // when it was none.
  const std::string& NotAnOp() const { return not_an_op_; }
  // Whether any node of control flow has become an op.
  bool MadeOps() const { return made_ops_; }

  // For lowerings.
  graph::Graph& graph() { return *graph_; }
  const ImportOptions& options() const { return options_; }
  // The number of the run, i64[]: a variable that the program counts up.
  ops::Var RunCounter();

  // Control flow as ops. While a Body lives, nodes are added to the body of an op, whose vars have
  // the builder `body`; a null one is none.
  class Body {
   public:
    Body(Importer& importer, const ops::Builder* body, bool is_loop) : importer_(importer) {
      importer_.bodies_.push_back({body, is_loop});
    }
    ~Body() { importer_.bodies_.pop_back(); }
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

   private:
    Importer& importer_;
  };
  bool MayBeAnOp(const pb::NodeProto& node) const;
  // Says that the lowering of this node as an op is under way, and how it ended.
  void BeginOp() { made_ops_ = true; }
  void EndOp(const pb::NodeProto& node, bool ok);
  bool InLoopStep() const;
  // Whether the graph and all bodies under construction are free of errors.
  bool ok() const;
  Knowledge& knowledge() { return knowledge_; }
  absl::StatusOr<Tensor> ReadTensor(const pb::TensorProto& message) const {
    return FromProto(message, folder_);
  }
  // The nodes of `body` in a scope inside `outer`; the values of its outputs.
  absl::StatusOr<Values> Inline(const pb::GraphProto& body, const Scope* outer, Values inputs);
  // Applies a node to values; the values of its outputs.
  absl::StatusOr<Values> Lower(const pb::NodeProto& node, Scope* scope, Values inputs);

 private:
  absl::Status CheckModel();
  absl::Status AddInitializers(const pb::GraphProto& graph, Scope* scope, bool top);
  absl::Status AddInputs(const pb::GraphProto& graph, Scope* scope);
  absl::Status AddInput(const pb::ValueInfoProto& info, Scope* scope);
  absl::StatusOr<std::pair<Value, ImportedValue>> MakeInput(const std::string& name,
                                                            const pb::TypeProto& type,
                                                            const HostValue* example);
  absl::StatusOr<TensorSpec> InputSpec(const std::string& name, const pb::TypeProto& type,
                                       const HostValue* example) const;
  Value ConstantValue(const HostValue& value);
  absl::Status RunNodes(const google::protobuf::RepeatedPtrField<pb::NodeProto>& nodes,
                        Scope* scope);
  absl::Status RunNode(const pb::NodeProto& node, Scope* scope);
  absl::StatusOr<Values> CallFunction(const pb::FunctionProto& function, const pb::NodeProto& call,
                                      Values inputs);
  absl::StatusOr<Values> ApplyLowering(const Lowering& row, NodeContext& context);
  const pb::FunctionProto* FindFunction(const pb::NodeProto& node) const;
  absl::StatusOr<ImportedValue> AddOutput(const std::string& name, const Value& value,
                                          ImportedModel* model);

  const pb::ModelProto& model_;
  const ImportOptions& options_;
  const std::string folder_;
  const MadeConstant& made_constant_;
  const Unrolled& unrolled_;
  OperatorSets sets_;
  std::vector<std::unique_ptr<OperatorSets>> function_sets_;
  std::shared_ptr<graph::Graph> graph_;
  Knowledge knowledge_;
  ImportedModel result_;
  ops::Var run_counter_;
  struct OpenBody {
    const ops::Builder* builder;
    bool is_loop;
  };
  std::vector<OpenBody> bodies_;
  bool made_ops_ = false;
  std::string not_an_op_;
  int depth_ = 0;  // of graphs and functions inside each other
  int64_t num_lowered_ = 0;
};

// "ai.onnx.Conv-11"
std::string OperatorName(const pb::NodeProto& node, int64_t version);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_IMPORTER_H_
