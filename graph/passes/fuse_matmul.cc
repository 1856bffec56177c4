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
  Var bias;                // not valid: none
  std::string activation;  // empty: none
};

class Finder {
 public:
  explicit Finder(const Program& program) : graph_(*program.graph) {
    readers_.resize(graph_.num_nodes());
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      for (Var v : graph_.node(id).inputs) readers_[v.node].push_back(id);
    }
    // A port reads too; it is nobody's to fuse into.
    for (const Port& p : program.outputs) readers_[p.var.node].push_back(kPort);
    for (const StateBinding& s : program.states) readers_[s.write.node].push_back(kPort);
  }

  // The chain from matmul `id`, and the id of its last node; -1 when there is nothing to fuse.
  std::pair<Chain, int> ChainFrom(int id) const {
    Chain chain{.matmul = id, .bias = {}, .activation = ""};
    int last = id;
    if (const int reader = OnlyReader(last); reader >= 0) {
      chain.bias = BiasAddedTo(last, reader);
      if (chain.bias.valid()) last = reader;
    }
    if (const int reader = OnlyReader(last); reader >= 0) {
      const Node& node = graph_.node(reader);
      // By name is how the fused op finds it: an op outside the list cannot be.
      if (ops::CanFuseActivation(*node.op) && ops::FindOp(node.op->name) == node.op) {
        chain.activation = node.op->name;
        last = reader;
      }
    }
    return {chain, last == id ? -1 : last};
  }

 private:
  static constexpr int kPort = -1;

  int OnlyReader(int id) const { return readers_[id].size() == 1 ? readers_[id][0] : -1; }

  // The other operand when `reader` adds a row of the product's width to the product.
  Var BiasAddedTo(int product, int reader) const {
    const Node& node = graph_.node(reader);
    if (node.op != &ops::AddOp()) return Var{};
    const Var bias = node.inputs[0].node == product ? node.inputs[1] : node.inputs[0];
    const TensorSpec& spec = graph_.node(product).outputs[0];
    const bool row =
        bias.shape().rank() == 1 && bias.shape().dim(0) == spec.shape.dim(spec.shape.rank() - 1);
    return row && node.outputs[0] == spec ? bias : Var{};
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;
};

}  // namespace

absl::StatusOr<Program> FuseMatMul(const Program& program) {
  const Graph& from = *program.graph;
  const Finder finder(program);
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
    if (chain.bias.valid()) inputs.push_back(rewriter.Map(chain.bias));
    Attrs attrs = matmul.attrs;
    attrs.Set("activation", chain.activation);
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> fused,
        rewriter.Add(ops::FusedMatMulOp(), std::move(inputs), std::move(attrs), id));
    rewriter.Set(from.VarOf(id, 0), fused[0]);
  }
  return EliminateDeadCode(rewriter.Finish());
}

}  // namespace adjoint::graph
