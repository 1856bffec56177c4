#ifndef ADJOINT_NN_STATE_BINDINGS_H_
#define ADJOINT_NN_STATE_BINDINGS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/tensor_spec.h"
#include "graph/graph.h"
#include "graph/program.h"
#include "nn/value.h"
#include "ops/var.h"

namespace adjoint::nn {

// The variables of one program under construction: each becomes an input of the graph when it is
// first read.
class StateBindings {
 public:
  explicit StateBindings(graph::Graph& graph) : graph_(graph) {}

  Var Read(const std::string& variable, const TensorSpec& spec);
  // The variable's value in another element type: one var, however often it is asked for.
  Var ReadAs(const std::string& variable, const TensorSpec& spec, DType dtype);
  // Requires that the variable has been read.
  void Write(const std::string& variable, Var value);

  const std::vector<graph::StateBinding>& bindings() const { return bindings_; }

 private:
  graph::StateBinding* Find(const std::string& variable);

  graph::Graph& graph_;
  std::vector<graph::StateBinding> bindings_;
  std::map<std::string, Var> converted_;
};

// Adds the inputs that a value of this spec is fed by.
Value AddInput(graph::Program& program, graph::Graph& graph, absl::string_view name,
               const ValueSpec& spec);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_STATE_BINDINGS_H_
