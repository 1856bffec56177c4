#include "graph/passes/fuse_matmul.h"

#include <string>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "ops/arithmetic.h"
#include "ops/matmul.h"
#include "ops/op_list.h"

namespace adjoint::graph {
namespace {

// A matmul and what follows it.
struct Chain {
  int matmul = -1;
  Var scale, bias, residual;  // not valid: none
  std::string activation;     // empty: none
};

class Finder {
 public:
  explicit Finder(const Program& program) : graph_(*program.graph) {
    readers_.resize(graph_.num_nodes());
    taken_.resize(graph_.num_nodes());
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      for (Var v : graph_.node(id).inputs) readers_[v.node].push_back(id);
    }
    // A port reads too; it is nobody's to fuse into.
    for (const Port& p : program.outputs) readers_[p.var.node].push_back(kPort);
    for (const StateBinding& s : program.states) readers_[s.write.node].push_back(kPort);
  }

  // The chain from matmul `id`, and the id of its last node; -1 when there is nothing to fuse. A
  // sum of two products goes to the one asked for first.
  std::pair<Chain, int> ChainFrom(int id) {
    Chain chain{.matmul = id, .scale = {}, .bias = {}, .residual = {}, .activation = ""};
    int last = id;
    if (const int reader = OnlyReader(last); reader >= 0) {
      chain.scale = ScaleOf(last, reader);
      if (chain.scale.valid()) last = reader;
    }
    const int scaled = last;
    if (const int reader = OnlyReader(last); reader >= 0) {
      chain.bias = BiasAddedTo(last, reader);
      if (chain.bias.valid()) last = reader;
    }
    const int with_bias = last;
    if (const int reader = OnlyReader(last); reader >= 0) {
      chain.residual = ResidualAddedTo(last, reader);
      if (chain.residual.valid()) last = reader;
    }
    const int residual_sum = last;
    if (const int reader = OnlyReader(last); reader >= 0) {
      const Node& node = graph_.node(reader);
      // By name is how the fused op finds it: an op outside the list cannot be.
      if (ops::CanFuseActivation(*node.op) && ops::FindOp(node.op->name) == node.op) {
        chain.activation = node.op->name;
        last = reader;
      }
    }
    // What elementwise nodes follow takes no memory traffic among them, and here it might.
    if (chain.residual.valid() && chain.activation.empty() && IsReadByElementwise(last)) {
      chain.residual = {};
      last = with_bias;
    }
    if (chain.scale.valid() && last == scaled && IsReadByElementwise(last)) {
      chain.scale = {};
      last = id;
    }
    if (chain.residual.valid()) taken_[residual_sum] = true;
    return {chain, last == id ? -1 : last};
  }

 private:
  static constexpr int kPort = -1;

  int OnlyReader(int id) const { return readers_[id].size() == 1 ? readers_[id][0] : -1; }

  // Whether one elementwise node, which fuse_elementwise can give to others, reads the value.
  bool IsReadByElementwise(int id) const {
    const int reader = OnlyReader(id);
    if (reader < 0) return false;
    const Node& node = graph_.node(reader);
    return node.op->traits.elementwise && node.op->tile &&
           node.outputs[0].shape == graph_.node(id).outputs[0].shape;
  }

  static Var Other(const Node& node, int operand) {
    return node.inputs[0].node == operand ? node.inputs[1] : node.inputs[0];
  }

  // The other operand when `reader` multiplies the product by one number.
  Var ScaleOf(int product, int reader) const {
    const Node& node = graph_.node(reader);
    if (node.op != &ops::MulOp()) return Var{};
    const Var scale = Other(node, product);
    const bool number =
        scale.node != product && scale.shape().IsConcrete() && scale.shape().NumElements() == 1;
    return number && node.outputs[0] == graph_.node(product).outputs[0] ? scale : Var{};
  }

  // The other operand when `reader` adds a value of the product's spec to the product.
  Var ResidualAddedTo(int product, int reader) const {
    const Node& node = graph_.node(reader);
    if (node.op != &ops::AddOp() || taken_[reader]) return Var{};
    const Var residual = Other(node, product);
    const TensorSpec& spec = graph_.node(product).outputs[0];
    return residual.node != product && residual.spec() == spec ? residual : Var{};
  }

  // The other operand when `reader` adds a row of the product's width to the product.
  Var BiasAddedTo(int product, int reader) const {
    const Node& node = graph_.node(reader);
    if (node.op != &ops::AddOp()) return Var{};
    const Var bias = Other(node, product);
    const TensorSpec& spec = graph_.node(product).outputs[0];
    const bool row =
        bias.shape().rank() == 1 && bias.shape().dim(0) == spec.shape.dim(spec.shape.rank() - 1);
    return row && node.outputs[0] == spec ? bias : Var{};
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;
  std::vector<bool> taken_;  // sums that a chain has as its residual
};

}  // namespace

absl::StatusOr<Program> FuseMatMul(const Program& program) {
  const Graph& from = *program.graph;
  if (!UsesOp(from, ops::MatMulOp())) return program;
  Finder finder(program);
  std::vector<Chain> ends(from.num_nodes());  // by the id of a chain's last node
  bool some = false;
  for (int id = 0; id < from.num_nodes(); ++id) {
    if (from.node(id).op != &ops::MatMulOp()) continue;
    const auto [chain, last] = finder.ChainFrom(id);
    if (last < 0) continue;
    ends[last] = chain;
    some = true;
  }
  if (!some) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    const Chain& chain = ends[id];
    if (chain.matmul < 0) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    const Node& matmul = from.node(chain.matmul);
    std::vector<Var> inputs = rewriter.Map(matmul.inputs);
    for (const Var v : {chain.bias, chain.scale, chain.residual}) {
      if (v.valid()) inputs.push_back(rewriter.Map(v));
    }
    Attrs attrs = matmul.attrs;
    attrs.Set("activation", chain.activation);
    if (chain.scale.valid()) attrs.Set("scale", true);
    if (chain.residual.valid()) attrs.Set("residual", true);
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> fused,
        rewriter.Add(ops::FusedMatMulOp(), std::move(inputs), std::move(attrs), id));
    rewriter.Set(from.VarOf(id, 0), fused[0]);
  }
  return EliminateDeadCode(rewriter.Finish());
}

}  // namespace adjoint::graph
