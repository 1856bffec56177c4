#ifndef ADJOINT_GRAPH_ONNX_KNOWLEDGE_H_
#define ADJOINT_GRAPH_ONNX_KNOWLEDGE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace adjoint::onnx {

// What is known of a graph's values while it is built: those made of constants and of concrete
// shapes alone can be computed, and small vectors of sizes may hold named dims.
class Knowledge {
 public:
  explicit Knowledge(graph::Graph& graph) : graph_(graph) {}

  // The value, computed now; nothing when it depends on an input, or when computing it fails.
  std::optional<Tensor> Find(ops::Var v);

  // The value; an error of computing it. When it depends on inputs, FailedPrecondition: their names
  // are then in missing().
  absl::StatusOr<Tensor> Get(ops::Var v);

  // Elements of a scalar or vector of integers, as sizes: numbers, symbols, and, where an element
  // is known to exist alone, invalid dims. Nothing when not even that is known.
  std::optional<std::vector<Dim>> FindDims(ops::Var v);
  void SetDims(ops::Var v, std::vector<Dim> dims);

  const absl::flat_hash_set<std::string>& missing() const { return missing_; }

 private:
  // Whether node `id` depends on no input.
  bool IsKnown(int id);
  // The nodes that v is computed from and that are not computed yet, ascending, and the names of
  // the inputs among what it is made of.
  void Collect(ops::Var v, std::vector<int>* nodes, std::vector<std::string>* inputs) const;
  absl::Status Evaluate(int node);

  graph::Graph& graph_;
  std::vector<bool> known_;                                 // by node
  absl::flat_hash_map<int, std::vector<Tensor>> computed_;  // by node
  absl::flat_hash_map<ops::Var, std::vector<Dim>> dims_;
  absl::flat_hash_set<std::string> missing_;
};

// Element i of a tensor of integers or bools, whole; floating elements are truncated.
int64_t IntAt(const Tensor& tensor, int64_t i);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_KNOWLEDGE_H_
