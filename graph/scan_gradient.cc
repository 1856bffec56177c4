#include "graph/scan_gradient.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/body.h"
#include "graph/gradients.h"
#include "graph/scan.h"
#include "ops/arithmetic.h"
#include "ops/barrier.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ops::Cotangent;

Var ZerosOf(Var like) { return ops::BroadcastTo(ops::ScalarLike(like, 0), like.shape()); }

// x as one tall matrix.
Var Flatten(Var x) { return ops::Reshape(x, Shape{Dim(-1), x.shape().dim(x.shape().rank() - 1)}); }

// The products x W of a step by an invariant matrix W, when W is read by nothing else. Then the
// gradient of W is one product over all steps.
std::vector<int> ProductsBy(const Body& body, int input) {
  const Graph& graph = *body.program().graph;
  const Var w = body.program().inputs[input].var;
  if (w.shape().rank() != 2) return {};
  for (const Port& p : body.program().outputs) {
    if (p.var == w) return {};
  }
  std::vector<int> products;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (std::find(node.inputs.begin(), node.inputs.end(), w) == node.inputs.end()) continue;
    const bool product = node.op == &ops::MatMulOp() && node.inputs[1] == w &&
                         node.inputs[0] != w && !node.attrs.At<bool>("transpose_a");
    if (!product) return {};
    products.push_back(id);
  }
  return products;
}

// Builds the scan that is the gradient of another.
//
//   carries:     cotangents of the carries, sums of the gradients of invariants
//   xs:          stacks, xs, cotangents of ys and of stacks, products saved
//   invariants:  invariants
//   ys:          cotangents of xs, and what the gradients of matrices are made of
class ScanGradient {
 public:
  ScanGradient(const ScanConfig& scan, const ops::VjpContext& c)
      : scan_(scan), body_(*scan.body), c_(c) {}

  absl::StatusOr<std::vector<Cotangent>> Build() {
    std::vector<Cotangent> result(c_.inputs.size(), Cotangent::Zero());
    FindWhatFlows();
    if (carries_.empty() && ys_.empty()) return result;
    ADJOINT_RETURN_IF_ERROR(MakeStep());
    const int xs = static_cast<int>(operands_.size()) - num_carries() - scan_.invariants();
    outputs_ = ApplyScan(c_.builder, step_, operands_, num_carries(), xs, scan_.length,
                         !scan_.reverse, residuals_, {});
    ADJOINT_RETURN_IF_ERROR(c_.builder.status());
    for (size_t k = 0; k < carries_.size(); ++k) result[carries_[k]] = outputs_[k];
    for (size_t j = 0; j < xs_.size(); ++j) {
      result[scan_.carries + xs_[j]] = StackedY(x_cotangents_[j]);
    }
    const int first = scan_.carries + scan_.xs;
    for (size_t j = 0; j < summed_.size(); ++j) {
      result[first + summed_[j]] = outputs_[carries_.size() + j];
    }
    for (const Product& p : products_) {
      const Cotangent& before = result[first + p.invariant];
      const Var gradient = MatrixGradient(p);
      result[first + p.invariant] = before.is_zero() ? gradient : ops::Add(before.var(), gradient);
    }
    return result;
  }

 private:
  // A product by an invariant matrix in the step.
  struct Product {
    int invariant;
    int node;        // in the body
    int lhs_y = -1;  // the ys that stack its left operand and its cotangent
    int cotangent_y = -1;
  };

  bool Wanted(int input) const { return c_.needs[input] && IsFloating(c_.inputs[input].dtype()); }
  bool Reached(int output) const {
    return c_.cotangents[output].valid() && IsFloating(c_.outputs[output].dtype());
  }
  int num_carries() const { return static_cast<int>(carries_.size() + summed_.size()); }
  int FirstStack() const { return body_.num_outputs(); }

  void FindWhatFlows() {
    const Graph& graph = *body_.program().graph;
    for (int k = 0; k < scan_.carries; ++k) {
      if (!IsFloating(body_.input(k).dtype)) continue;
      carries_.push_back(k);
      if (Reached(FirstStack() + k)) stacks_.push_back(k);
    }
    for (int i = scan_.carries; i < body_.num_outputs(); ++i) {
      if (Reached(i)) ys_.push_back(i);
      if (graph.node(body_.program().outputs[i].var).op == &ops::MatMulOp()) saved_.push_back(i);
    }
    for (int j = 0; j < scan_.xs; ++j) {
      if (Wanted(scan_.carries + j)) xs_.push_back(j);
    }
    for (int j = 0; j < scan_.invariants(); ++j) {
      const int input = scan_.carries + scan_.xs + j;
      if (!Wanted(input)) continue;
      const std::vector<int> products = ProductsBy(body_, input);
      if (products.empty()) summed_.push_back(j);
      for (int node : products) products_.push_back({.invariant = j, .node = node});
    }
  }

  // An input of the step, fed by `operand` from outside.
  void AddInput(absl::string_view name, int number, const TensorSpec& step, Var operand) {
    specs_.push_back({absl::StrCat(name, number), step});
    operands_.push_back(operand);
  }

  void AddInputs() {
    const auto outer_invariant = [&](int j) { return scan_.carries + scan_.xs + j; };
    for (int k : carries_) {
      const Var ct = c_.cotangents[k];
      AddInput("carry_ct", k, body_.input(k), ct.valid() ? ct : ZerosOf(c_.outputs[k]));
    }
    for (int j : summed_) {
      const Var like = c_.inputs[outer_invariant(j)];
      AddInput("sum", j, like.spec(), ZerosOf(like));
    }
    for (int k = 0; k < scan_.carries; ++k) {
      AddInput("carry", k, body_.input(k), c_.outputs[FirstStack() + k]);
    }
    for (int j = scan_.carries; j < scan_.carries + scan_.xs; ++j) {
      AddInput("x", j - scan_.carries, body_.input(j), c_.inputs[j]);
    }
    for (int i : ys_) AddInput("y_ct", i - scan_.carries, body_.output(i), c_.cotangents[i]);
    for (int k : stacks_) {
      AddInput("stack_ct", k, body_.input(k), c_.cotangents[FirstStack() + k]);
    }
    for (int i : saved_) AddInput("product", i - scan_.carries, body_.output(i), c_.outputs[i]);
    for (int j = 0; j < scan_.invariants(); ++j) {
      const Var v = c_.inputs[outer_invariant(j)];
      AddInput("invariant", j, v.spec(), v);
    }
  }

  absl::Status MakeStep() {
    AddInputs();
    BodyBuilder builder(nullptr, absl::StrCat(body_.program().name, "_vjp"), specs_);
    const Var* next = builder.inputs().data();
    const auto take = [&](size_t n) {
      const absl::Span<const Var> vars(next, n);
      next += n;
      return vars;
    };
    const absl::Span<const Var> carry_cts = take(carries_.size()), sums = take(summed_.size());
    absl::Span<const Var> forward_carries = take(scan_.carries), forward_xs = take(scan_.xs);
    const absl::Span<const Var> y_cts = take(ys_.size()), stack_cts = take(stacks_.size());
    const absl::Span<const Var> saved = take(saved_.size());
    const absl::Span<const Var> invariants = take(scan_.invariants());

    std::vector<Var> inputs(forward_carries.begin(), forward_carries.end());
    inputs.insert(inputs.end(), forward_xs.begin(), forward_xs.end());
    inputs.insert(inputs.end(), invariants.begin(), invariants.end());
    absl::flat_hash_map<Var, Var> made, read;  // by var of the body: as computed, and as used
    for (int i = 0; i < body_.num_inputs(); ++i) read[body_.program().inputs[i].var] = inputs[i];
    const std::vector<Var> outputs =
        Inline(body_, builder.graph(), inputs, [&](Var in_body, Var v) {
          made[in_body] = v;
          for (size_t s = 0; s < saved_.size(); ++s) {
            if (body_.program().outputs[saved_[s]].var != in_body) continue;
            return read[in_body] = ops::Saved(saved[s], v);
          }
          return read[in_body] = v;
        });
    ADJOINT_RETURN_IF_ERROR(builder.graph().status());

    std::vector<Var> ys, xs, seeds(carry_cts.begin(), carry_cts.end());
    for (int k : carries_) ys.push_back(outputs[k]);
    for (int i : ys_) ys.push_back(outputs[i]);
    seeds.insert(seeds.end(), y_cts.begin(), y_cts.end());
    for (int k : carries_) xs.push_back(forward_carries[k]);
    for (int j : xs_) xs.push_back(forward_xs[j]);
    for (int j : summed_) xs.push_back(invariants[j]);
    for (const Product& p : products_) xs.push_back(made[body_.program().graph->VarOf(p.node, 0)]);
    const std::vector<Var> gradients = Gradients(ys, xs, seeds);
    ADJOINT_RETURN_IF_ERROR(builder.graph().status());

    const Var* gradient = gradients.data();
    std::vector<Var> results;
    for (int k : carries_) {
      Var ct = *gradient++;
      for (size_t s = 0; s < stacks_.size(); ++s) {
        if (stacks_[s] == k) ct = ops::Add(ct, stack_cts[s]);
      }
      results.push_back(ct);
    }
    for (size_t j = 0; j < xs_.size(); ++j) x_cotangents_.push_back(AddY(*gradient++));
    for (size_t j = 0; j < summed_.size(); ++j) results.push_back(ops::Add(sums[j], *gradient++));
    for (Product& p : products_) {
      p.cotangent_y = AddY(*gradient++);
      const Var lhs = body_.program().graph->node(p.node).inputs[0];
      if (OuterStackOf(lhs).valid()) continue;
      p.lhs_y = AddY(read[lhs]);
    }
    results.insert(results.end(), step_ys_.begin(), step_ys_.end());
    for (Var v : results) builder.AddOutput(v);
    residuals_ =
        AddResiduals(&builder, results, static_cast<int>(specs_.size()) - scan_.invariants());
    ADJOINT_ASSIGN_OR_RETURN(step_, builder.Finish());
    return absl::OkStatus();
  }

  // The position of a value among the ys of the step, each of which is stacked once.
  int AddY(Var v) {
    const auto at = std::find(step_ys_.begin(), step_ys_.end(), v);
    if (at != step_ys_.end()) return static_cast<int>(at - step_ys_.begin());
    step_ys_.push_back(v);
    return static_cast<int>(step_ys_.size()) - 1;
  }
  Var StackedY(int y) const { return outputs_[num_carries() + y]; }

  int InputIndex(Var in_body) const {
    for (int i = 0; i < body_.num_inputs(); ++i) {
      if (body_.program().inputs[i].var == in_body) return i;
    }
    return -1;
  }

  // All steps of a carry or an x of the body, which exist already.
  Var OuterStackOf(Var in_body) const {
    const int input = InputIndex(in_body);
    if (input < 0 || input >= scan_.carries + scan_.xs) return Var{};
    return input < scan_.carries ? c_.outputs[FirstStack() + input] : c_.inputs[input];
  }

  Var MatrixGradient(const Product& p) const {
    const Node& node = body_.program().graph->node(p.node);
    const Var lhs = p.lhs_y >= 0 ? StackedY(p.lhs_y) : OuterStackOf(node.inputs[0]);
    const Var x = Flatten(lhs), ct = Flatten(StackedY(p.cotangent_y));
    return node.attrs.At<bool>("transpose_b") ? ops::MatMul(ct, x, true) : ops::MatMul(x, ct, true);
  }

  const ScanConfig& scan_;
  const Body& body_;
  const ops::VjpContext& c_;
  std::vector<int> carries_, stacks_;  // floating carries; those whose stack is reached
  std::vector<int> ys_, saved_;        // outputs of the body: reached, and products
  std::vector<int> xs_, summed_;       // wanted: xs, invariants whose gradients are summed up
  std::vector<Product> products_;
  std::vector<BodyBuilder::InputSpec> specs_;
  std::vector<Var> operands_;
  std::vector<Var> step_ys_;
  std::vector<int> x_cotangents_;  // by xs_: the y
  BodyPtr step_;
  int residuals_ = 0;
  std::vector<Var> outputs_;
};

}  // namespace

absl::StatusOr<std::vector<Cotangent>> ScanVjp(const ops::VjpContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(const ScanConfig scan, ScanConfig::From(c.attrs));
  if (static_cast<int>(scan.stacks.size()) != scan.carries) {
    return absl::InvalidArgumentError(
        "the carries of its steps are not stacked; differentiate before compiling");
  }
  return ScanGradient(scan, c).Build();
}

}  // namespace adjoint::graph
