#include "graph/gradients.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/graph.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

Var Filled(Var like, double value) {
  return ops::BroadcastTo(ops::ScalarLike(like, value), like.shape());
}

// Storage types are added in f32.
Var Plus(Var a, Var b) {
  if (!IsHalf(a.dtype())) return ops::Add(a, b);
  return ops::Cast(ops::Add(ops::Cast(a, DType::kF32), ops::Cast(b, DType::kF32)), a.dtype());
}

// The reverse sweep over one graph.
class Sweep {
 public:
  explicit Sweep(Graph& graph) : graph_(graph), last_(graph.num_nodes()) {
    cotangents_.resize(last_);
    for (int id = 0; id < last_; ++id) cotangents_[id].resize(graph.node(id).outputs.size());
    wanted_.assign(last_, false);
  }

  absl::Status Run(absl::Span<const Var> ys, absl::Span<const Var> xs,
                   absl::Span<const Var> seeds) {
    for (Var x : xs) wanted_[x.node] = true;
    for (int id = 0; id < last_; ++id) {
      for (Var input : graph_.node(id).inputs) {
        if (wanted_[input.node]) wanted_[id] = true;
      }
    }
    for (size_t i = 0; i < ys.size(); ++i) {
      Accumulate(ys[i], seeds.empty() ? Filled(ys[i], 1) : seeds[i]);
    }
    for (int id = last_ - 1; id >= 0; --id) {
      if (wanted_[id] && Reached(id)) ADJOINT_RETURN_IF_ERROR(PullBack(id));
    }
    return graph_.status();
  }

  Var CotangentOf(Var x) {
    const Var ct = cotangents_[x.node][x.output];
    return ct.valid() ? ct : Filled(x, 0);
  }

 private:
  bool Reached(int id) const {
    return std::any_of(cotangents_[id].begin(), cotangents_[id].end(),
                       [](Var ct) { return ct.valid(); });
  }

  void Accumulate(Var v, Var ct) {
    Var& sum = cotangents_[v.node][v.output];
    sum = sum.valid() ? Plus(sum, ct) : ct;
  }

  absl::Status PullBack(int id) {
    const Node node = graph_.node(id);  // a copy: the rule appends to the graph
    std::vector<bool> needs;
    for (Var input : node.inputs) needs.push_back(wanted_[input.node]);
    if (std::find(needs.begin(), needs.end(), true) == needs.end()) return absl::OkStatus();
    const ops::ScopedName scope(graph_, *node.scope, &node.location);
    const Graph::Differentiating differentiating(graph_, id);
    std::vector<Var> outputs, cotangents;
    for (int i = 0; i < static_cast<int>(node.outputs.size()); ++i) {
      outputs.push_back(Var{&graph_, id, i});
      const Var ct = cotangents_[id][i];
      const bool fill = !ct.valid() && !node.op->traits.sparse_cotangents;
      cotangents.push_back(fill ? Filled(outputs.back(), 0) : ct);
    }
    if (!node.op->vjp) return Error(id, "has no gradient rule");
    auto rule = node.op->vjp({graph_, node.inputs, outputs, cotangents, node.attrs, needs});
    if (!rule.ok()) return Error(id, rule.status().message(), rule.status().code());
    ADJOINT_RETURN_IF_ERROR(graph_.status());
    if (rule->size() != node.inputs.size()) {
      return Error(id, absl::StrCat("its gradient rule answers for ", rule->size(), " inputs of ",
                                    node.inputs.size()));
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ops::Cotangent& ct = (*rule)[i];
      if (!needs[i] || ct.is_zero()) continue;
      if (ct.var().spec() != node.inputs[i].spec()) {
        return Error(
            id, absl::StrCat("its gradient rule gives ", ct.var().spec().ToString(), " for input ",
                             i, ", which is ", node.inputs[i].spec().ToString()));
      }
      Accumulate(node.inputs[i], ct.var());
    }
    return absl::OkStatus();
  }

  absl::Status Error(int id, absl::string_view what,
                     absl::StatusCode code = absl::StatusCode::kInvalidArgument) const {
    return absl::Status(code,
                        absl::StrCat("the gradient of ", graph_.NodeToString(id), ": ", what));
  }

  Graph& graph_;
  const int last_;
  std::vector<std::vector<Var>> cotangents_;  // by node and output; not valid where none has come
  std::vector<bool> wanted_;                  // by node: is an x, or depends on one
};

absl::Status CheckArguments(const Graph& graph, absl::Span<const Var> ys, absl::Span<const Var> xs,
                            absl::Span<const Var> seeds) {
  if (ys.empty()) return absl::InvalidArgumentError("Gradients: there is no y to differentiate");
  if (!seeds.empty() && seeds.size() != ys.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Gradients: ", ys.size(), " ys, but ", seeds.size(), " seeds"));
  }
  for (absl::Span<const Var> vars : {ys, xs, seeds}) {
    for (Var v : vars) {
      if (v.builder != &graph || !v.valid()) {
        return absl::InvalidArgumentError(
            "Gradients: every y, x and seed must come from one graph without errors");
      }
      if (!IsFloating(v.dtype())) {
        return absl::InvalidArgumentError(
            absl::StrCat("Gradients: only floating values have gradients, but ",
                         graph.NodeToString(v.node), " is asked for; Cast it first"));
      }
    }
  }
  for (size_t i = 0; i < seeds.size(); ++i) {
    if (seeds[i].spec() != ys[i].spec()) {
      return absl::InvalidArgumentError(absl::StrCat("Gradients: seed ", i, " is ",
                                                     seeds[i].spec().ToString(), ", but y ", i,
                                                     " is ", ys[i].spec().ToString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<Var> Gradients(absl::Span<const Var> ys, absl::Span<const Var> xs,
                           absl::Span<const Var> seeds) {
  std::vector<Var> result;
  Graph* graph = nullptr;
  for (absl::Span<const Var> vars : {ys, xs, seeds}) {
    for (Var v : vars) {
      if (graph == nullptr) graph = dynamic_cast<Graph*>(v.builder);
    }
  }
  if (graph == nullptr || !graph->status().ok()) {
    return std::vector<Var>(xs.size(), Var{graph, -1, 0});
  }
  absl::Status status = CheckArguments(*graph, ys, xs, seeds);
  if (status.ok()) {
    Sweep sweep(*graph);
    status = sweep.Run(ys, xs, seeds);
    for (Var x : xs) {
      if (status.ok()) result.push_back(sweep.CotangentOf(x));
    }
  }
  if (!status.ok()) {
    graph->Fail(status);
    result.assign(xs.size(), Var{graph, -1, 0});
  }
  return result;
}

std::vector<Var> Gradients(Var y, absl::Span<const Var> xs) {
  return Gradients(absl::MakeConstSpan(&y, 1), xs);
}

}  // namespace adjoint::graph
