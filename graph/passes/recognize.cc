#include "graph/passes/recognize.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "graph/passes/pass.h"
#include "ops/arithmetic.h"
#include "ops/layer_norm.h"
#include "ops/leaf.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "ops/softmax_gradient.h"

namespace adjoint::graph {
namespace {

using Axes = std::vector<int64_t>;

// A normalisation written as means and a root.
struct Normalization {
  Var x;
  Var mean;  // of x
  Var root;  // sqrt(variance + epsilon)
  int64_t axis = 0;
  double epsilon = 0;
};

// What the nodes of a program are.
class Matcher {
 public:
  explicit Matcher(const Program& program) : graph_(*program.graph), reads_(CountReads(program)) {}

  // The operands of v when it is the result of `op`, else none.
  absl::Span<const Var> Operands(Var v, const OpDef& op) const {
    const Node& node = graph_.node(v);
    return node.op == &op ? absl::MakeConstSpan(node.inputs) : absl::Span<const Var>();
  }

  bool IsSoftmax(Var v) const { return graph_.node(v).op == &ops::SoftmaxOp(); }

  // u when v is u / p.
  Var QuotientBy(Var v, Var p) const {
    const auto quotient = Operands(v, ops::DivOp());
    return !quotient.empty() && quotient[1] == p && quotient[0].spec() == v.spec() ? quotient[0]
                                                                                   : Var{};
  }

  // g when v is g - sum(g p) along the last axis, and nothing else reads it or what it is made of.
  Var CenteredBy(Var v, Var p) const {
    const auto difference = Operands(v, ops::SubOp());
    if (difference.empty() || difference[0].spec() != p.spec() || reads_[v.node] != 1) return {};
    const Var g = difference[0], sum = difference[1];
    if (graph_.node(sum).op != &ops::SumOp() || reads_[sum.node] != 1) return {};
    const Var product = graph_.node(sum).inputs[0];
    const auto factors = Operands(product, ops::MulOp());
    if (factors.empty() || reads_[product.node] != 1) return {};
    if (!(factors[0] == g && factors[1] == p) && !(factors[0] == p && factors[1] == g)) return {};
    return Reduced(sum, ops::SumOp(), product) == Axes{p.shape().rank() - 1} ? g : Var{};
  }

  // Whether the softmax is along the last axis, and nothing reads it but a gradient of which it is
  // a factor twice.
  bool IsForGradientAlone(Var softmax) const {
    const auto axis =
        NormalizeAxis(graph_.node(softmax).attrs.At<int64_t>("axis"), softmax.shape().rank());
    return axis.ok() && *axis == softmax.shape().rank() - 1 && reads_[softmax.node] == 2;
  }

  // x and the axis when v is exp(x) / sum(exp(x)), perhaps with a maximum subtracted.
  std::optional<std::pair<Var, int64_t>> MatchSoftmax(Var v) const {
    const auto quotient = Operands(v, ops::DivOp());
    if (quotient.empty()) return std::nullopt;
    const Var e = quotient[0], sum = quotient[1];
    const auto exponent = Operands(e, ops::ExpOp());
    const std::optional<Axes> axes = Reduced(sum, ops::SumOp(), e);
    if (exponent.empty() || !axes.has_value() || axes->size() != 1) return std::nullopt;
    if (reads_[e.node] != 2 || reads_[sum.node] != 1 || e.spec() != v.spec()) return std::nullopt;
    const auto difference = Operands(exponent[0], ops::SubOp());
    if (!difference.empty() && reads_[exponent[0].node] == 1 &&
        Reduced(difference[1], ops::ReduceMaxOp(), difference[0]) == axes) {
      return std::make_pair(difference[0], (*axes)[0]);
    }
    return std::make_pair(exponent[0], (*axes)[0]);
  }

  std::optional<Normalization> MatchNormalization(Var v) const {
    for (const auto& [centered, root] : CandidatesForRoot(v)) {
      std::optional<Normalization> found = MatchNormalization(centered, root);
      if (found.has_value()) return found;
    }
    return std::nullopt;
  }

 private:
  // The axes when v is `op` over the last axes of x, which it keeps.
  std::optional<Axes> Reduced(Var v, const OpDef& op, Var x) const {
    const Node& node = graph_.node(v);
    if (node.op != &op || node.inputs[0] != x || !node.attrs.At<bool>("keepdims")) {
      return std::nullopt;
    }
    const auto axes = NormalizeAxes(node.attrs.At<Axes>("axes"), x.shape().rank());
    if (!axes.ok()) return std::nullopt;
    return Axes(axes->begin(), axes->end());
  }

  // Pairs (c, r) such that v is c / r.
  std::vector<std::pair<Var, Var>> CandidatesForRoot(Var v) const {
    std::vector<std::pair<Var, Var>> pairs;
    if (const auto quotient = Operands(v, ops::DivOp()); !quotient.empty()) {
      pairs.push_back({quotient[0], quotient[1]});
    }
    const auto product = Operands(v, ops::MulOp());
    for (size_t i = 0; i < product.size(); ++i) {
      const auto reciprocal = Operands(product[i], ops::DivOp());
      if (!reciprocal.empty() && IsConstant(reciprocal[0]) == 1.0) {
        pairs.push_back({product[1 - i], reciprocal[1]});
      }
    }
    return pairs;
  }

  // The axes when v is the mean of the squares of x, or their sum over their number.
  std::optional<Axes> MeanOfSquares(Var v, Var x) const {
    const auto scaled = [&](const OpDef& op, double factor) -> std::optional<Axes> {
      const auto operands = Operands(v, op);
      if (operands.empty()) return std::nullopt;
      const auto axes = SumOfSquares(operands[0], ops::SumOp(), x);
      const std::optional<double> number = IsConstant(operands[1]);
      if (!axes.has_value() || !number.has_value()) return std::nullopt;
      double n = 1;
      for (const int64_t axis : *axes) n *= static_cast<double>(x.shape()[static_cast<int>(axis)]);
      // The number is of the element type.
      const double wanted = std::pow(n, factor);
      return std::abs(*number - wanted) <= 1e-7 * wanted ? axes : std::nullopt;
    };
    if (!x.shape().IsConcrete()) return std::nullopt;
    if (const auto axes = SumOfSquares(v, ops::MeanOp(), x); axes.has_value()) return axes;
    if (const auto axes = scaled(ops::DivOp(), 1); axes.has_value()) return axes;
    return scaled(ops::MulOp(), -1);
  }

  std::optional<Axes> SumOfSquares(Var v, const OpDef& reduction, Var x) const {
    const auto reduced = Operands(v, reduction);
    if (reduced.empty()) return std::nullopt;
    const auto square = Operands(reduced[0], ops::SquareOp());
    if (square.empty() || square[0] != x) return std::nullopt;
    return Reduced(v, reduction, reduced[0]);
  }

  std::optional<double> IsConstant(Var v) const {
    const Node& node = graph_.node(v);
    if (node.op != &ops::ConstantOp()) return std::nullopt;
    const Tensor& value = node.attrs.At<Tensor>("value");
    if (value.size() != 1) return std::nullopt;
    return value.ValueAt(0);
  }

  std::optional<Normalization> MatchNormalization(Var centered, Var root) const {
    const auto difference = Operands(centered, ops::SubOp());
    const auto radicand = Operands(root, ops::SqrtOp());
    if (difference.empty() || radicand.empty()) return std::nullopt;
    Normalization found{.x = difference[0], .mean = difference[1], .root = root};
    const std::optional<Axes> axes = Reduced(found.mean, ops::MeanOp(), found.x);
    if (!axes.has_value() || axes->empty() || centered.spec() != found.x.spec()) {
      return std::nullopt;
    }
    const int64_t rank = found.x.shape().rank();
    found.axis = rank - static_cast<int64_t>(axes->size());
    for (size_t i = 0; i < axes->size(); ++i) {
      if ((*axes)[i] != found.axis + static_cast<int64_t>(i)) return std::nullopt;
    }
    const auto sum = Operands(radicand[0], ops::AddOp());
    for (size_t i = 0; i < sum.size(); ++i) {
      const std::optional<double> epsilon = IsConstant(sum[1 - i]);
      if (!epsilon.has_value() || MeanOfSquares(sum[i], centered) != axes) continue;
      found.epsilon = *epsilon;
      return found;
    }
    return std::nullopt;
  }

  const Graph& graph_;
  const std::vector<int> reads_;
};

class Recognizer {
 public:
  explicit Recognizer(const Program& program)
      : from_(*program.graph), matcher_(program), rewriter_(program) {}

  absl::StatusOr<Program> Run() {
    FindNormalizations();
    for (int id = 0; id < from_.num_nodes(); ++id) {
      ADJOINT_ASSIGN_OR_RETURN(const bool rewritten, Rewrite(id));
      if (!rewritten) ADJOINT_RETURN_IF_ERROR(rewriter_.Copy(id));
    }
    Program result = rewriter_.Finish();
    if (result.graph == rewriter_.from().graph) return result;
    return EliminateDeadCode(result);
  }

 private:
  // A role of a node in the normalisation at an index.
  enum class Role { kNone, kMean, kRoot, kResult };

  void FindNormalizations() {
    role_.assign(from_.num_nodes(), {Role::kNone, 0});
    for (int id = 0; id < from_.num_nodes(); ++id) {
      if (from_.node(id).outputs.size() != 1) continue;
      const std::optional<Normalization> found = matcher_.MatchNormalization(from_.VarOf(id, 0));
      if (!found.has_value() || role_[found->mean.node].first != Role::kNone ||
          role_[found->root.node].first != Role::kNone) {
        continue;
      }
      const size_t index = normalizations_.size();
      normalizations_.push_back({*found, {}});
      role_[found->mean.node] = {Role::kMean, index};
      role_[found->root.node] = {Role::kRoot, index};
      role_[id] = {Role::kResult, index};
    }
  }

  absl::StatusOr<bool> Rewrite(int id) {
    if (role_[id].first != Role::kNone) return RewriteNormalization(id);
    const Node& node = from_.node(id);
    const Var v = from_.VarOf(id, 0);
    if (node.op == &ops::LogOp() && matcher_.IsSoftmax(node.inputs[0])) {
      const Node& softmax = from_.node(node.inputs[0]);
      return Put(id, ops::LogSoftmaxOp(), {rewriter_.Map(softmax.inputs[0])}, softmax.attrs);
    }
    if (node.op == &ops::MulOp()) {
      for (int i = 0; i < 2; ++i) {
        const Var p = node.inputs[i], other = node.inputs[1 - i];
        if (!matcher_.IsSoftmax(p) || p.spec() != other.spec()) continue;
        if (const Var u = matcher_.QuotientBy(other, p); u.valid()) {
          rewriter_.Set(v, rewriter_.Map(u));
          return true;
        }
        const auto difference = matcher_.Operands(other, ops::SubOp());
        if (difference.empty() || difference[0].spec() != p.spec()) continue;
        if (const Var u = matcher_.QuotientBy(difference[0], p); u.valid()) {
          ADJOINT_ASSIGN_OR_RETURN(
              const std::vector<Var> product,
              rewriter_.Add(ops::MulOp(), {rewriter_.Map(p), rewriter_.Map(difference[1])}, Attrs(),
                            id));
          return Put(id, ops::SubOp(), {rewriter_.Map(u), product[0]}, Attrs());
        }
        if (const Var g = matcher_.CenteredBy(other, p); g.valid()) return PutGradient(id, p, g);
      }
    }
    if (node.op == &ops::DivOp()) {
      if (const auto softmax = matcher_.MatchSoftmax(v); softmax.has_value()) {
        return Put(id, ops::SoftmaxOp(), {rewriter_.Map(softmax->first)},
                   Attrs{{"axis", softmax->second}});
      }
    }
    return false;
  }

  absl::StatusOr<bool> PutGradient(int id, Var softmax, Var g) {
    const bool of_logits = matcher_.IsForGradientAlone(softmax);
    const Var p = of_logits ? from_.node(softmax).inputs[0] : softmax;
    return Put(id, ops::SoftmaxGradientOp(), {rewriter_.Map(p), rewriter_.Map(g)},
               Attrs{{"of_logits", of_logits}});
  }

  // The first of a normalisation's nodes gets the layer_norm, the others what they are of it.
  absl::StatusOr<bool> RewriteNormalization(int id) {
    const auto [role, index] = role_[id];
    auto& [found, made] = normalizations_[index];
    if (made.empty()) {
      ADJOINT_ASSIGN_OR_RETURN(
          made,
          rewriter_.Add(ops::LayerNormOp(), {rewriter_.Map(found.x)},
                        Attrs{{"axis", found.axis}, {"centered", true}, {"epsilon", found.epsilon}},
                        id));
    }
    if (role == Role::kRoot) {
      const Tensor one =
          made[2].dtype() == DType::kF64 ? Tensor::Scalar<double>(1) : Tensor::Scalar<float>(1);
      ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> constant,
                               rewriter_.Add(ops::ConstantOp(), {}, Attrs{{"value", one}}, id));
      return Put(id, ops::DivOp(), {constant[0], made[2]}, Attrs());
    }
    rewriter_.Set(from_.VarOf(id, 0), role == Role::kMean ? made[1] : made[0]);
    return true;
  }

  absl::StatusOr<bool> Put(int id, const OpDef& op, std::vector<Var> inputs, Attrs attrs) {
    ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> made,
                             rewriter_.Add(op, std::move(inputs), std::move(attrs), id));
    rewriter_.Set(from_.VarOf(id, 0), made[0]);
    return true;
  }

  struct Found {
    Normalization normalization;
    std::vector<Var> made;  // the layer_norm's outputs, once it is there
  };

  const Graph& from_;
  const Matcher matcher_;
  Rewriter rewriter_;
  std::vector<std::pair<Role, size_t>> role_;  // by node
  std::vector<Found> normalizations_;
};

}  // namespace

absl::StatusOr<Program> Recognize(const Program& program) { return Recognizer(program).Run(); }

}  // namespace adjoint::graph
