#ifndef ADJOINT_NN_NETWORK_H_
#define ADJOINT_NN_NETWORK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nn/layer.h"
#include "nn/topology.h"

namespace adjoint::graph {
class Graph;
}

namespace adjoint::nn {

class StateBindings;

// Layers, how they are connected, and, once built, their variables.
class Network {
 public:
  // A layer as a part of this network.
  struct Part {
    std::shared_ptr<const Layer> layer;
    std::string name = {};
    bool built = false;
    std::vector<VariableDecl> variables = {};
  };
  // Output `output` of call `call`.
  struct ValueId {
    int call = 0;
    int output = 0;
  };
  struct Call {
    int part;
    std::vector<ValueId> inputs = {};     // of earlier calls
    std::vector<ValueSpec> outputs = {};  // once built
  };

  // A chain of layers; one that does not begin with an Input gets one without a shape. Errors: no
  // layer, an Input elsewhere, two layers of one name, an empty name or one with a '/'.
  static absl::StatusOr<Network> Chain(absl::Span<const LayerHandle> layers);

  // What lies between inputs, which come from Input, and outputs. Errors besides: an output that
  // depends on an Input that is not among the inputs.
  static absl::StatusOr<Network> Between(absl::Span<const LayerOutput> inputs,
                                         absl::Span<const LayerOutput> outputs);

  // From a file's lists. Errors: indices out of range, a call of a later one.
  static absl::StatusOr<Network> FromLists(std::vector<Part> parts, std::vector<Call> calls,
                                           std::vector<int> inputs, std::vector<ValueId> outputs);

  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<Call>& calls() const { return calls_; }
  // Calls of InputLayers, in the order of the model's inputs.
  const std::vector<int>& inputs() const { return inputs_; }
  const std::vector<ValueId>& outputs() const { return outputs_; }
  const InputLayer& InputAt(int i) const;
  // The name of the layer that gives output i.
  const std::string& OutputName(int i) const;

  bool built() const { return built_; }
  // The specs that the inputs' own shapes give, when all have one.
  bool KnowsInputs() const;
  std::vector<ValueSpec> KnownInputs() const;

  // Declares the variables of all layers for inputs like these.
  absl::Status Build(absl::Span<const ValueSpec> inputs);

  // The type that trained variables which layers declare as f32 are stored in: f32, bf16 or f16.
  // Layers see them as f32 all the same.
  void set_weight_dtype(DType dtype) { weight_dtype_ = dtype; }
  DType weight_dtype() const { return weight_dtype_; }

  // A declared variable with its name in the model, "dense/kernel".
  struct Variable {
    std::string path;
    const VariableDecl* decl;
    TensorSpec stored;  // as declared, or of weight_dtype()
  };
  // In the order of layers and declarations. Valid as long as the network is not built again.
  std::vector<Variable> Variables() const;

  struct TraceOptions {
    bool training = false;
    Var seed = {};  // i64 scalars, required when training
    Var step = {};
  };
  struct Traced {
    std::vector<Value> outputs;
    std::vector<Var> losses;  // that layers added, and regularizers
  };
  // Appends the whole network to a graph. Requires built(). Errors carry the layer's name and the
  // place where it was made.
  absl::StatusOr<Traced> Trace(graph::Graph& graph, absl::Span<const Value> inputs,
                               const TraceOptions& options, StateBindings& states) const;

 private:
  absl::Status NameParts();
  absl::Status CheckInputs(absl::Span<const ValueSpec> inputs) const;
  absl::StatusOr<Traced> Walk(graph::Graph& graph, absl::Span<const Value> inputs,
                              const TraceOptions& options, StateBindings& states,
                              Network* building) const;

  std::vector<Part> parts_;
  std::vector<Call> calls_;
  std::vector<int> inputs_;
  std::vector<ValueId> outputs_;
  DType weight_dtype_ = DType::kF32;
  bool built_ = false;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_NETWORK_H_
