#ifndef ADJOINT_GRAPH_GRAPH_H_
#define ADJOINT_GRAPH_GRAPH_H_

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/tensor_spec.h"
#include "ops/builder.h"
#include "ops/csr.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::graph {

using ops::OpDef;
using ops::Var;

// The specs of a node's outputs: immutable, and shared by the copies of the node that passes make.
class SpecList {
 public:
  SpecList(std::vector<TensorSpec> specs)  // NOLINT: implicit
      : specs_(std::make_shared<const std::vector<TensorSpec>>(std::move(specs))) {}

  size_t size() const { return specs_->size(); }
  bool empty() const { return specs_->empty(); }
  const TensorSpec* data() const { return specs_->data(); }
  const TensorSpec* begin() const { return specs_->data(); }
  const TensorSpec* end() const { return specs_->data() + specs_->size(); }
  const TensorSpec& operator[](size_t i) const { return (*specs_)[i]; }

  friend bool operator==(const SpecList& a, const SpecList& b) {
    return a.specs_ == b.specs_ || *a.specs_ == *b.specs_;
  }

 private:
  std::shared_ptr<const std::vector<TensorSpec>> specs_;
};

// A layer's path, shared by the nodes that are made in it. Never null.
using ScopeName = std::shared_ptr<const std::string>;

// One use of an op. Its inputs come from nodes of smaller ids.
struct Node {
  const OpDef* op;
  std::vector<Var> inputs;
  Attrs attrs;
  SpecList outputs;
  std::source_location location;  // in the user's code
  ScopeName scope;                // layer path, "dense_2"
};

// An append-only list of nodes in static single assignment: ids are the topological order, so
// nothing recurses. Op functions append to it; the first mistake makes status() an error that
// stays, and everything after it is ignored. Not thread-safe; vars point to it, so it does not
// move. Specs are inferred by the graph itself, when it gets a node: no node has others than its
// op's rule gives. Builders that also keep a list of nodes derive from it: one that runs them at
// once (graph/eager.h), one that builds the body of a loop (graph/body.h).
class Graph : public ops::Builder {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // A value from outside. Dims may be symbols. Names are the caller's; a program wants them unique.
  Var Input(absl::string_view name, const TensorSpec& spec,
            std::source_location location = std::source_location::current());

  // A sparse f32[rows, cols] from outside, as three inputs: "<name>.ranges" i64[rows, 2],
  // "<name>.columns" i32[<name>_nnz] and "<name>.values" f32[<name>_nnz].
  ops::CsrVar CsrInput(absl::string_view name, Dim rows, int64_t cols,
                       std::source_location location = std::source_location::current());
  // One whose values are all one, as two inputs: the values are a constant in the graph.
  ops::CsrVar CsrOnesInput(absl::string_view name, Dim rows, int64_t cols,
                           std::source_location location = std::source_location::current());

  Var Constant(Tensor value, std::source_location location = std::source_location::current());

  int num_nodes() const { return static_cast<int>(nodes_.size()); }
  const Node& node(int id) const { return nodes_[id]; }
  const Node& node(Var v) const { return nodes_[v.node]; }

  // The handle to output `output` of node `id`. A pass reads a finished graph through such handles.
  Var VarOf(int id, int output) const {
    return Var{const_cast<Graph*>(this), id, static_cast<int32_t>(output)};
  }

  // "%12: relu(%11 f32[batch,16]) -> f32[batch,16]   # dense_1 (my_net.cc:41)"
  std::string NodeToString(int id) const;
  // A line a node.
  std::string ToString() const;
  // Where a node came from: "dense_1 (my_net.cc:41)".
  std::string PlaceOf(int id) const;

  // ops::Builder
  std::vector<Var> Apply(const OpDef& op, absl::Span<const Var> inputs, Attrs attrs,
                         std::source_location location) override;
  const TensorSpec& SpecOf(Var v) const override { return nodes_[v.node].outputs[v.output]; }
  Origin OriginOf(Var v) const override;
  const absl::Status& status() const override { return status_; }
  void Fail(absl::Status error) override;
  void PushScope(absl::string_view name, const std::source_location* location) override;
  void PopScope() override;
  std::string ScopePath() const override;
  int64_t NextOrdinal(absl::string_view key) override;

  // While it lives, nodes are added by the gradient rule of node `id`; errors say so.
  class Differentiating {
   public:
    Differentiating(Graph& graph, int id) : graph_(graph), outer_(graph.differentiating_) {
      graph_.differentiating_ = id;
    }
    ~Differentiating() { graph_.differentiating_ = outer_; }
    Differentiating(const Differentiating&) = delete;
    Differentiating& operator=(const Differentiating&) = delete;

   private:
    Graph& graph_;
    const int outer_;
  };

  // For passes: appends a node with the location and scope of another graph's node.
  absl::StatusOr<std::vector<Var>> Append(const OpDef& op, std::vector<Var> inputs, Attrs attrs,
                                          std::source_location location, ScopeName scope);
  // For passes: appends a node like node `id` of another graph, and returns its id. Where the
  // inputs have the specs that the other's have, so do the outputs, which are not inferred again.
  absl::StatusOr<int> AppendCopy(const Graph& from, int id, std::vector<Var> inputs);
  // Makes room for as many nodes.
  void Reserve(int nodes) { nodes_.reserve(nodes); }

 protected:
  // Called with each node that Apply has added, before its outputs are handed out. An error takes
  // the node back and becomes the graph's.
  virtual absl::Status NodeAdded(int /*id*/) { return absl::OkStatus(); }
  // Forgets all nodes from id `num_nodes` on; their vars must not be used any more.
  void Truncate(int num_nodes) { nodes_.erase(nodes_.begin() + num_nodes, nodes_.end()); }
  void ClearStatus() { status_ = absl::OkStatus(); }
  // ScopePath(), shared.
  const ScopeName& CurrentScope() const;
  // The node whose gradient rule is adding nodes, -1 for none.
  int differentiating() const { return differentiating_; }

 private:
  std::vector<Var> OutputsOf(int id);
  // The inputs that say where entries are; no values.
  ops::CsrVar CsrPattern(absl::string_view name, Dim rows, int64_t cols,
                         std::source_location location);

  struct Scope {
    std::string name;
    bool has_location;
    std::source_location location;
  };

  std::vector<Node> nodes_;
  std::vector<Scope> scopes_;
  mutable ScopeName current_scope_;  // null when it has to be made of scopes_
  absl::flat_hash_map<std::string, int64_t> ordinals_;
  absl::Status status_;
  int differentiating_ = -1;
};

// Whether a node of the graph applies `op`.
bool UsesOp(const Graph& graph, const OpDef& op);

// "layer/path (file.cc:41)" with the file's path as the compiler saw it; either part may be absent.
std::string FormatPlace(absl::string_view scope, const std::source_location& location);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_GRAPH_H_
