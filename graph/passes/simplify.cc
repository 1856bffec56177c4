#include "graph/passes/simplify.h"

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/dtype.h"
#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "graph/passes/pass.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/barrier.h"
#include "ops/cast.h"
#include "ops/csr.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

constexpr absl::string_view kFlags[] = {"transpose_a", "transpose_b"};  // a matmul's

// True when v is a constant of one element, `number`, and not its negative zero.
bool IsNumber(const Graph& graph, Var v, double number) {
  const Node& node = graph.node(v);
  if (node.op != &ops::ConstantOp()) return false;
  const Tensor& value = node.attrs.At<Tensor>("value");
  if (value.size() != 1) return false;
  return value.ValueAt(0) == number && !std::signbit(value.ValueAt(0));
}

// The operand of `v` when v is `op` of it alone, else an invalid var.
Var OperandOf(const Graph& graph, Var v, const OpDef& op) {
  const Node& node = graph.node(v);
  return node.op == &op ? node.inputs[0] : Var{};
}

// True when x + y is x: where y is zero and x an integer, or cannot be -0, which +0 would change.
bool AddsNothing(const Graph& graph, Var x, Var y) {
  if (IsInteger(x.dtype())) return IsNumber(graph, y, 0);
  const OpDef* const op = graph.node(x).op;
  const bool never_negative = op == &ops::ExpOp() || op == &ops::SquareOp() ||
                              op == &ops::AbsOp() || op == &ops::ReluOp() ||
                              op == &ops::SigmoidOp();
  return never_negative && IsNumber(graph, y, 0);
}

// The operand that the last node of `graph` merely passes on, or an invalid var.
Var PassedOn(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.outputs.size() != 1) return Var{};
  const Var x = node.inputs[0];
  const bool same_spec = x.spec() == node.outputs[0];
  if (!same_spec) {
    // The only rule for a second operand: 1 * x.
    const bool passes_second = node.op == &ops::MulOp() &&
                               node.inputs[1].spec() == node.outputs[0] && IsNumber(graph, x, 1);
    return passes_second ? node.inputs[1] : Var{};
  }
  if (node.op == &ops::ReshapeOp() || node.op == &ops::BroadcastToOp() ||
      node.op == &ops::CastOp() || node.op == &ops::SavedOp() ||
      node.op == &ops::StopGradientOp()) {
    return x;
  }
  if (node.op == &ops::NegOp()) return OperandOf(graph, x, ops::NegOp());
  if (node.op == &ops::AddOp() && AddsNothing(graph, x, node.inputs[1])) return x;
  if (node.op == &ops::PowOp()) return IsNumber(graph, node.inputs[1], 1) ? x : Var{};
  if (node.op == &ops::TransposeOp()) {
    const auto& permutation = node.attrs.At<std::vector<int64_t>>("permutation");
    std::vector<int64_t> identity(permutation.size());
    std::iota(identity.begin(), identity.end(), 0);
    return permutation == identity ? x : Var{};
  }
  if (node.op == &ops::MulOp() || node.op == &ops::DivOp()) {
    return IsNumber(graph, node.inputs[1], 1) ? x : Var{};
  }
  if (node.op == &ops::SubOp()) return IsNumber(graph, node.inputs[1], 0) ? x : Var{};
  return Var{};
}

// True when a transpose moves axes of one element past others and nothing else: the elements stay
// where they are.
bool MovesNothing(const Graph& graph, const Node& transpose) {
  const Shape& from = graph.SpecOf(transpose.inputs[0]).shape;
  if (!from.IsConcrete()) return false;
  int64_t last = -1;
  for (const int64_t axis : transpose.attrs.At<std::vector<int64_t>>("permutation")) {
    if (from[static_cast<int>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

// True when v only swaps the last two axes of its operand.
bool SwapsLastTwoAxes(const Graph& graph, Var v) {
  const Node& node = graph.node(v);
  if (node.op != &ops::TransposeOp() || v.shape().rank() < 2) return false;
  std::vector<int64_t> swap(v.shape().rank());
  std::iota(swap.begin(), swap.end(), 0);
  std::swap(swap[swap.size() - 1], swap[swap.size() - 2]);
  return node.attrs.At<std::vector<int64_t>>("permutation") == swap;
}

// What to have in place of a node: another op on other inputs. Inputs are vars of the new graph.
struct Rewrite {
  const OpDef* op;
  std::vector<Var> inputs;
  Attrs attrs;
};

// The axes of a transposed operand, rotated: [b.., a..] of [a.., b..], merged by a reshape into a
// matrix of the two groups. Its source with the groups merged is that matrix transposed.
struct RotatedMatrix {
  Var source;   // not valid: `v` is none
  Shape shape;  // of the source with merged groups
};

RotatedMatrix FindRotatedMatrix(const Graph& graph, Var v) {
  if (v.shape().rank() != 2 || !v.shape().IsConcrete()) return {};
  const Var transposed = OperandOf(graph, v, ops::ReshapeOp());
  if (!transposed.valid()) return {};
  const Var source = OperandOf(graph, transposed, ops::TransposeOp());
  if (!source.valid() || !source.shape().IsConcrete()) return {};
  const auto& permutation = graph.node(transposed).attrs.At<std::vector<int64_t>>("permutation");
  const int64_t rank = static_cast<int64_t>(permutation.size());
  if (rank == 0) return {};
  for (int64_t i = 0; i < rank; ++i) {
    if (permutation[i] != (permutation[0] + i) % rank) return {};
  }
  int64_t rows = 1;
  for (int64_t i = 0; i < permutation[0]; ++i) rows *= source.shape()[static_cast<int>(i)];
  if (rows != v.shape()[1]) return {};
  return {source, Shape{v.shape().dim(1), v.shape().dim(0)}};
}

// A number whose reciprocal is exact: multiplying by that gives the bits of a division.
bool IsPowerOfTwo(const Graph& graph, Var v, double* reciprocal) {
  const Node& node = graph.node(v);
  if (node.op != &ops::ConstantOp() || v.dtype() != DType::kF32) return false;
  const Tensor& value = node.attrs.At<Tensor>("value");
  if (value.size() != 1) return false;
  int exponent = 0;
  const double number = value.ValueAt(0);
  // In the middle of f32's range, where the reciprocal is a normal number too.
  if (std::frexp(std::abs(number), &exponent) != 0.5 || std::abs(exponent) > 100) return false;
  *reciprocal = 1 / number;
  return true;
}

// x^2 as x*x; sums with what is negated as differences, which have the same bits.
Rewrite SimplifyArithmetic(const Graph& graph, const Node& node) {
  Rewrite now{node.op, node.inputs, node.attrs};
  const auto alike = [&](Var v) { return v.spec() == node.outputs[0]; };
  if (node.op == &ops::PowOp() && alike(node.inputs[0]) && IsNumber(graph, node.inputs[1], 2)) {
    return {&ops::SquareOp(), {node.inputs[0]}, Attrs()};
  }
  if (node.op == &ops::AddOp() || node.op == &ops::SubOp()) {
    const OpDef& other = node.op == &ops::AddOp() ? ops::SubOp() : ops::AddOp();
    if (const Var x = OperandOf(graph, node.inputs[1], ops::NegOp()); x.valid()) {
      return {&other, {node.inputs[0], x}, Attrs()};
    }
    if (const Var x = OperandOf(graph, node.inputs[0], ops::NegOp());
        x.valid() && node.op == &ops::AddOp()) {
      return {&other, {node.inputs[1], x}, Attrs()};
    }
  }
  if (node.op == &ops::MulOp() || node.op == &ops::DivOp()) {
    const Var x = OperandOf(graph, node.inputs[0], ops::NegOp());
    const Var y = OperandOf(graph, node.inputs[1], ops::NegOp());
    if (x.valid() && y.valid()) return {node.op, {x, y}, Attrs()};
  }
  return now;
}

// True when every element of v is one.
bool IsAllOnes(const Graph& graph, Var v) {
  const Var source = OperandOf(graph, v, ops::BroadcastToOp());
  return IsNumber(graph, source.valid() ? source : v, 1);
}

Rewrite AbsorbOperands(const Graph& graph, const Node& node) {
  Rewrite now = SimplifyArithmetic(graph, node);
  const bool sparse_product =
      node.op == &ops::CsrMatMulOp() || node.op == &ops::CsrTransposedMatMulOp();
  if (sparse_product && node.inputs.size() == 4 && IsAllOnes(graph, node.inputs[2])) {
    now.inputs.erase(now.inputs.begin() + 2);
  }
  if (node.op == &ops::ReshapeOp() || node.op == &ops::BroadcastToOp()) {
    const Var before = OperandOf(graph, node.inputs[0], *node.op);
    if (before.valid()) now.inputs = {before};
  }
  if (node.op == &ops::TransposeOp()) {
    if (const Var before = OperandOf(graph, node.inputs[0], ops::TransposeOp()); before.valid()) {
      std::vector<int64_t> both = node.attrs.At<std::vector<int64_t>>("permutation");
      const auto& first = graph.node(node.inputs[0]).attrs.At<std::vector<int64_t>>("permutation");
      for (int64_t& axis : both) axis = first[axis];
      now.inputs = {before};
      now.attrs.Set("permutation", std::move(both));
    } else if (MovesNothing(graph, node)) {
      now = {&ops::ReshapeOp(), node.inputs, Attrs{{"shape", node.outputs[0].shape}}};
    }
  }
  if (node.op == &ops::MatMulOp()) {
    for (int i = 0; i < 2; ++i) {
      if (!SwapsLastTwoAxes(graph, node.inputs[i])) continue;
      now.inputs[i] = graph.node(node.inputs[i]).inputs[0];
      now.attrs.Set(kFlags[i], !node.attrs.GetOr<bool>(kFlags[i], false));
    }
  }
  return now;
}

// Simplify at work: the new graph has no node that a rule applies to.
class Simplifier {
 public:
  explicit Simplifier(const Program& program) : from_(*program.graph), rewriter_(program) {}

  absl::StatusOr<Program> Run() {
    for (int id = 0; id < from_.num_nodes(); ++id) {
      const Node& old = from_.node(id);
      if (old.op->traits.leaf) {
        ADJOINT_RETURN_IF_ERROR(rewriter_.Copy(id));
        continue;
      }
      ADJOINT_RETURN_IF_ERROR(AddSimplified(id));
    }
    Program result = rewriter_.Finish();
    if (result.graph == rewriter_.from().graph) return result;
    return EliminateDeadCode(result);
  }

 private:
  absl::Status AddSimplified(int id) {
    const Node& old = from_.node(id);
    Node node{.op = old.op,
              .inputs = rewriter_.Peek(old.inputs),
              .attrs = old.attrs,
              .outputs = old.outputs,
              .location = {},
              .scope = old.scope};
    bool mine = TransposeTheProduct(id, &node);
    ADJOINT_RETURN_IF_ERROR(AddConstants(id, &node, &mine));
    // Each round takes a node away, so they end.
    while (true) {
      if (const Var passed = PassedOn(rewriter_.made(), node); passed.valid()) {
        rewriter_.Set(from_.VarOf(id, 0), passed);
        return absl::OkStatus();
      }
      Rewrite now = AbsorbOperands(rewriter_.made(), node);
      if (now.op == node.op && now.inputs == node.inputs) break;
      node.op = now.op;
      node.inputs = std::move(now.inputs);
      node.attrs = std::move(now.attrs);
      mine = true;
    }
    if (!mine) return rewriter_.Copy(id);
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> outputs,
        rewriter_.Add(*node.op, std::move(node.inputs), std::move(node.attrs), id));
    for (size_t i = 0; i < outputs.size(); ++i) {
      rewriter_.Set(from_.VarOf(id, static_cast<int>(i)), outputs[i]);
    }
    return absl::OkStatus();
  }

  // (a b)^T as b^T a^T, where nothing else reads the product. To another product the transpose is a
  // flag already, and costs nothing.
  bool TransposeTheProduct(int id, Node* node) {
    if (!SwapsLastTwoAxes(from_, from_.VarOf(id, 0))) return false;
    const Var old_product = from_.node(id).inputs[0];
    const Node& product = rewriter_.made().node(node->inputs[0]);
    if (from_.node(old_product).op != &ops::MatMulOp() || product.op != &ops::MatMulOp()) {
      return false;
    }
    if (reads_.empty()) {
      reads_ = CountReads(rewriter_.from());
      reads_by_products_ = CountReadsByProducts();
    }
    if (reads_[old_product.node] != 1 || reads_[id] == reads_by_products_[id]) return false;
    const bool transpose_a = product.attrs.At<bool>(kFlags[0]);
    const bool transpose_b = product.attrs.At<bool>(kFlags[1]);
    node->op = &ops::MatMulOp();
    node->inputs = {product.inputs[1], product.inputs[0]};
    node->attrs = Attrs{{"transpose_a", !transpose_b}, {"transpose_b", !transpose_a}};
    return true;
  }

  std::vector<int> CountReadsByProducts() const {
    std::vector<int> reads(from_.num_nodes(), 0);
    for (int id = 0; id < from_.num_nodes(); ++id) {
      const Node& node = from_.node(id);
      if (node.op != &ops::MatMulOp()) continue;
      for (const Var v : node.inputs) ++reads[v.node];
    }
    return reads;
  }

  // Rules that need a node beside the one they rewrite.
  absl::Status AddConstants(int id, Node* node, bool* mine) {
    double reciprocal = 0;
    if (node->op == &ops::DivOp() && IsPowerOfTwo(rewriter_.made(), node->inputs[1], &reciprocal)) {
      const Tensor value =
          Tensor::Of<float>(node->inputs[1].shape(), {static_cast<float>(reciprocal)});
      ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> constant,
                               rewriter_.Add(ops::ConstantOp(), {}, Attrs{{"value", value}}, id));
      node->op = &ops::MulOp();
      node->inputs[1] = constant[0];
      *mine = true;
    }
    if (node->op != &ops::MatMulOp()) return absl::OkStatus();
    for (int i = 0; i < 2; ++i) {
      const RotatedMatrix rotated = FindRotatedMatrix(rewriter_.made(), node->inputs[i]);
      if (!rotated.source.valid()) continue;
      ADJOINT_ASSIGN_OR_RETURN(
          const std::vector<Var> merged,
          rewriter_.Add(ops::ReshapeOp(), {rotated.source}, Attrs{{"shape", rotated.shape}}, id));
      node->inputs[i] = merged[0];
      node->attrs.Set(kFlags[i], !node->attrs.GetOr<bool>(kFlags[i], false));
      *mine = true;
    }
    return absl::OkStatus();
  }

  const Graph& from_;
  Rewriter rewriter_;
  // By old node; empty: not counted yet.
  std::vector<int> reads_, reads_by_products_;
};

}  // namespace

absl::StatusOr<Program> Simplify(const Program& program) { return Simplifier(program).Run(); }

}  // namespace adjoint::graph
