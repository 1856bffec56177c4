#include "graph/passes/fuse_cross_entropy.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "graph/passes/group_order.h"
#include "ops/arithmetic.h"
#include "ops/fused_cross_entropy.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace adjoint::graph {
namespace {

// A loss and its gradient, by their nodes.
struct CrossEntropy {
  Var logits, target, factor;
  int loss = -1;           // sparse_softmax_cross_entropy, or the sum of target log_softmax
  int gradient = -1;       // in the logits
  int residual = -1;       // softmax - one_hot, of class numbers
  int probabilities = -1;  // a softmax that is read elsewhere; -1: none
};

class Finder {
 public:
  explicit Finder(const Program& program) : graph_(*program.graph) {
    readers_.resize(graph_.num_nodes());
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      for (const Var v : graph_.node(id).inputs) readers_[v.node].push_back(id);
    }
    for (const Port& p : program.outputs) readers_[p.var.node].push_back(kPort);
    for (const StateBinding& s : program.states) readers_[s.write.node].push_back(kPort);
  }

  // The one whose loss is node `id`.
  std::optional<CrossEntropy> Find(int id) const {
    const Node& node = graph_.node(id);
    std::optional<CrossEntropy> found;
    if (node.op == &ops::SparseSoftmaxCrossEntropyOp()) {
      found = FindOfLabels(id);
    } else if (node.op == &ops::SumOp()) {
      found = FindOfTarget(id);
    }
    if (!found.has_value() || !found->logits.shape().IsConcrete()) return std::nullopt;
    // What the fused node reads may not need what it makes.
    for (const Var v : {found->target, found->factor}) {
      if (DependsOn(v, found->loss)) return std::nullopt;
      if (found->probabilities >= 0 && DependsOn(v, found->probabilities)) return std::nullopt;
    }
    return found;
  }

 private:
  static constexpr int kPort = -1;

  absl::Span<const Var> Operands(Var v, const OpDef& op) const {
    const Node& node = graph_.node(v);
    return node.op == &op ? absl::MakeConstSpan(node.inputs) : absl::Span<const Var>();
  }

  bool IsReadOnce(Var v) const { return readers_[v.node].size() == 1; }

  // Whether node `id` sums over the last axis alone.
  bool SumsRows(int id, bool keepdims) const {
    const Node& node = graph_.node(id);
    if (node.op != &ops::SumOp() || node.attrs.At<bool>("keepdims") != keepdims) return false;
    const int rank = node.inputs[0].shape().rank();
    const auto axes = NormalizeAxes(node.attrs.At<std::vector<int64_t>>("axes"), rank);
    return axes.ok() && axes->size() == 1 && (*axes)[0] == rank - 1;
  }

  bool IsAlongRows(int id) const {
    const Node& node = graph_.node(id);
    return node.attrs.At<int64_t>("axis") == node.outputs[0].shape.rank() - 1;
  }

  // What has one number, or one a row of x, when v is that for each element.
  static bool IsFactor(Var v, const TensorSpec& x) {
    if (!v.shape().IsConcrete() || !x.shape.IsConcrete() || v.dtype() != x.dtype) return false;
    if (v.shape().NumElements() == 1) return v.shape().rank() <= x.shape.rank();
    if (v.shape().rank() != x.shape.rank()) return false;
    Shape rows = x.shape;
    rows.set_dim(rows.rank() - 1, 1);
    return v.shape() == rows;
  }
  Var FactorOf(Var v, const TensorSpec& x) const {
    if (IsFactor(v, x)) return v;
    const auto broadcast = Operands(v, ops::BroadcastToOp());
    return !broadcast.empty() && IsFactor(broadcast[0], x) ? broadcast[0] : Var{};
  }

  std::optional<CrossEntropy> FindOfLabels(int id) const {
    CrossEntropy found;
    found.loss = id;
    found.logits = graph_.node(id).inputs[0];
    found.target = graph_.node(id).inputs[1];
    for (const int softmax : readers_[found.logits.node]) {
      if (softmax == kPort || graph_.node(softmax).op != &ops::SoftmaxOp()) continue;
      if (graph_.node(softmax).inputs[0] != found.logits || !IsAlongRows(softmax)) continue;
      for (const int residual : readers_[softmax]) {
        if (!FinishOfLabels(softmax, residual, &found)) continue;
        found.residual = residual;
        if (readers_[softmax].size() > 1) found.probabilities = softmax;
        return found;
      }
    }
    return std::nullopt;
  }

  // Whether `residual` is softmax - one_hot(labels), multiplied by a factor.
  bool FinishOfLabels(int softmax, int residual, CrossEntropy* found) const {
    if (residual == kPort || graph_.node(residual).op != &ops::SubOp()) return false;
    const Node& difference = graph_.node(residual);
    const auto one_hot = Operands(difference.inputs[1], ops::OneHotOp());
    const TensorSpec& x = found->logits.spec();
    if (difference.inputs[0].node != softmax || one_hot.empty() || one_hot[0] != found->target ||
        difference.inputs[1].spec() != x || readers_[residual].size() != 1 ||
        readers_[residual][0] == kPort) {
      return false;
    }
    found->gradient = readers_[residual][0];
    const Node& product = graph_.node(found->gradient);
    if (product.op != &ops::MulOp() || product.outputs[0] != x) return false;
    const int factor = product.inputs[0].node == residual ? 1 : 0;
    found->factor = FactorOf(product.inputs[factor], x);
    return found->factor.valid();
  }

  std::optional<CrossEntropy> FindOfTarget(int id) const {
    if (!SumsRows(id, /*keepdims=*/false)) return std::nullopt;
    const auto product = Operands(graph_.node(id).inputs[0], ops::MulOp());
    if (product.empty() || !IsReadOnce(graph_.node(id).inputs[0])) return std::nullopt;
    for (int i = 0; i < 2; ++i) {
      const Var log_softmax = product[i];
      const auto logits = Operands(log_softmax, ops::LogSoftmaxOp());
      if (logits.empty() || !IsAlongRows(log_softmax.node)) continue;
      CrossEntropy found;
      found.loss = id;
      found.logits = logits[0];
      found.target = product[1 - i];
      if (found.target.spec() != logits[0].spec()) continue;
      if (FinishOfTarget(log_softmax, &found)) return found;
    }
    return std::nullopt;
  }

  // Looks for z - exp(log_softmax) sum(z) among what reads the logarithm.
  bool FinishOfTarget(Var log_softmax, CrossEntropy* found) const {
    // The loss, and the gradient.
    if (readers_[log_softmax.node].size() != 2) return false;
    for (const int exp : readers_[log_softmax.node]) {
      if (exp == kPort || graph_.node(exp).op != &ops::ExpOp()) continue;
      if (readers_[exp].size() != 1 || readers_[exp][0] == kPort) continue;
      const Node& product = graph_.node(readers_[exp][0]);
      if (product.op != &ops::MulOp() || readers_[readers_[exp][0]].size() != 1) continue;
      const Var mass = product.inputs[product.inputs[0].node == exp ? 1 : 0];
      if (!SumsRows(mass.node, /*keepdims=*/true) || !IsReadOnce(mass)) continue;
      const Var z = graph_.node(mass).inputs[0];
      found->gradient = readers_[readers_[exp][0]][0];
      if (found->gradient == kPort) continue;
      const Node& difference = graph_.node(found->gradient);
      if (difference.op != &ops::SubOp() || difference.inputs[0] != z ||
          difference.inputs[1].node != readers_[exp][0] || readers_[z.node].size() != 2 ||
          difference.outputs[0] != found->logits.spec()) {
        continue;
      }
      const auto weighted = Operands(z, ops::MulOp());
      for (size_t i = 0; i < weighted.size(); ++i) {
        if (weighted[i] != found->target) continue;
        found->factor = FactorOf(weighted[1 - i], found->logits.spec());
        if (found->factor.valid()) return true;
      }
    }
    return false;
  }

  bool DependsOn(Var v, int id) const {
    std::vector<int> pending = {v.node};
    std::vector<int> seen;
    while (!pending.empty()) {
      const int at = pending.back();
      pending.pop_back();
      if (at == id) return true;
      if (at < id || std::find(seen.begin(), seen.end(), at) != seen.end()) continue;
      seen.push_back(at);
      for (const Var input : graph_.node(at).inputs) pending.push_back(input.node);
    }
    return false;
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;
};

}  // namespace

absl::StatusOr<Program> FuseCrossEntropy(const Program& program) {
  const Graph& from = *program.graph;
  std::vector<int> group_of(from.num_nodes());
  std::iota(group_of.begin(), group_of.end(), 0);
  std::vector<CrossEntropy> found(from.num_nodes());  // by the group
  bool any = false;
  for (int id = 0; id < from.num_nodes(); ++id) {
    const OpDef* const op = from.node(id).op;
    any |= op == &ops::SparseSoftmaxCrossEntropyOp() || op == &ops::LogSoftmaxOp();
  }
  if (!any) return program;
  any = false;
  const Finder finder(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    const std::optional<CrossEntropy> one = finder.Find(id);
    // A gradient belongs to one loss.
    if (!one.has_value() || group_of[one->gradient] != one->gradient) continue;
    found[id] = *one;
    group_of[one->gradient] = id;
    if (one->residual >= 0) group_of[one->residual] = id;
    if (one->probabilities >= 0) group_of[one->probabilities] = id;
    any = true;
  }
  if (!any) return program;
  std::vector<std::vector<int>> members(from.num_nodes());
  for (int id = 0; id < from.num_nodes(); ++id) members[group_of[id]].push_back(id);
  Rewriter rewriter(program);
  for (const int group : OrderGroups(from, group_of, members)) {
    const CrossEntropy& one = found[group];
    if (one.loss < 0) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(group));
      continue;
    }
    Attrs attrs;
    if (one.probabilities >= 0) attrs.Set("probabilities", true);
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> fused,
        rewriter.Add(ops::FusedCrossEntropyOp(),
                     {rewriter.Map(one.logits), rewriter.Map(one.target), rewriter.Map(one.factor)},
                     std::move(attrs), one.loss));
    rewriter.Set(from.VarOf(one.loss, 0), fused[0]);
    rewriter.Set(from.VarOf(one.gradient, 0), fused[1]);
    if (one.probabilities >= 0) rewriter.Set(from.VarOf(one.probabilities, 0), fused[2]);
  }
  return EliminateDeadCode(rewriter.Finish());
}

}  // namespace adjoint::graph
