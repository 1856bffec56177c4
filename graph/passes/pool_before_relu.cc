#include "graph/passes/pool_before_relu.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "graph/passes/dce.h"
#include "graph/passes/readers.h"
#include "ops/activations.h"
#include "ops/comparison.h"
#include "ops/leaf.h"
#include "ops/pool.h"

namespace adjoint::graph {
namespace {

// A constant of one element, 0.
bool IsZero(const Graph& graph, Var v) {
  const Node& node = graph.node(v);
  if (node.op != &ops::ConstantOp()) return false;
  const Tensor& value = node.attrs.At<Tensor>("value");
  return value.size() == 1 && value.ValueAt(0) == 0;
}

// The poolings of one value by equal windows, and, where the value is a relu's result that they can
// be exchanged with, what computes the relu's gradient.
struct Pooled {
  std::vector<int> pools;   // in order; those with indices give plane ones
  std::vector<int> masked;  // where(greater(relu, 0), max_unpool(ct, indices), 0)
  bool indices = false;
  bool after_relu = false;
};

class PoolFinder {
 public:
  explicit PoolFinder(const Program& program) : graph_(*program.graph), readers_(program) {}

  // What pools output 0 of node `id`.
  Pooled Find(int id) const {
    Pooled found;
    const Node& node = graph_.node(id);
    if (node.outputs.size() != 1) return found;
    bool others = false;
    std::vector<int> greaters;
    for (const int reader : readers_.Of(id)) {
      if (reader != Readers::kPort && IsPool(reader, found)) {
        found.pools.push_back(reader);
        found.indices = found.indices || graph_.node(reader).attrs.Has("indices");
      } else if (reader != Readers::kPort && IsGreaterThanZero(reader, id)) {
        greaters.push_back(reader);
      } else {
        others = true;
      }
    }
    found.after_relu =
        node.op == &ops::ReluOp() && !others && !found.pools.empty() && FindMasks(greaters, found);
    return found;
  }

 private:
  bool IsPool(int id, const Pooled& others) const {
    const Node& node = graph_.node(id);
    if (node.op != &ops::MaxPoolOp()) return false;
    if (node.attrs.Has("indices") && node.attrs.At<std::string>("indices") != "plane") return false;
    return others.pools.empty() ||
           ops::WindowOnly(node.attrs) == ops::WindowOnly(graph_.node(others.pools[0]).attrs);
  }

  bool IsGreaterThanZero(int id, int relu) const {
    const Node& node = graph_.node(id);
    return node.op == &ops::GreaterOp() && node.inputs[0].node == relu &&
           IsZero(graph_, node.inputs[1]);
  }

  // Whether all that comes of the comparisons and of the indices is gradients masked by relu.
  bool FindMasks(const std::vector<int>& greaters, Pooled& found) const {
    std::vector<int> unpooled;
    for (const int greater : greaters) {
      for (const int reader : readers_.Of(greater)) {
        if (reader == Readers::kPort) return false;
        const Node& where = graph_.node(reader);
        if (where.op != &ops::WhereOp() || where.inputs[0].node != greater ||
            !IsZero(graph_, where.inputs[2])) {
          return false;
        }
        const int unpool = where.inputs[1].node;
        const Node& node = graph_.node(unpool);
        if (node.op != &ops::MaxUnpoolOp() || readers_.Only(unpool) != reader ||
            node.outputs[0] != where.outputs[0] || !Contains(found.pools, node.inputs[1].node)) {
          return false;
        }
        unpooled.push_back(unpool);
        found.masked.push_back(reader);
      }
    }
    for (const int pool : found.pools) {
      if (!graph_.node(pool).attrs.Has("indices")) continue;
      for (const int reader : readers_.Of(pool, 1)) {
        if (!Contains(unpooled, reader)) return false;
      }
    }
    return true;
  }

  static bool Contains(const std::vector<int>& list, int id) {
    return std::find(list.begin(), list.end(), id) != list.end();
  }

  const Graph& graph_;
  const Readers readers_;
};

}  // namespace

absl::StatusOr<Program> PoolBeforeRelu(const Program& program) {
  const Graph& from = *program.graph;
  if (!UsesOp(from, ops::MaxPoolOp())) return program;
  // By the nodes to replace: the node whose result is pooled.
  std::vector<int> first_pool(from.num_nodes(), -1), mask(from.num_nodes(), -1);
  std::vector<Pooled> found(from.num_nodes());
  bool any = false;
  const PoolFinder finder(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    found[id] = finder.Find(id);
    if (!found[id].after_relu && found[id].pools.size() < 2) continue;
    any = true;
    first_pool[found[id].pools[0]] = id;
    for (const int where : found[id].masked) mask[where] = id;
  }
  if (!any) return program;
  Rewriter rewriter(program);
  for (int id = 0; id < from.num_nodes(); ++id) {
    if (const int source = first_pool[id]; source >= 0) {
      const Pooled& pooled = found[source];
      const Var x =
          rewriter.Map(pooled.after_relu ? from.node(source).inputs[0] : from.VarOf(source, 0));
      Attrs attrs = ops::WindowOnly(from.node(id).attrs);
      if (pooled.indices) attrs.Set("indices", std::string("plane"));
      ADJOINT_ASSIGN_OR_RETURN(std::vector<Var> outputs,
                               rewriter.Add(ops::MaxPoolOp(), {x}, std::move(attrs), id));
      if (pooled.after_relu) {
        ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> relu,
                                 rewriter.Add(ops::ReluOp(), {outputs[0]}, {}, source));
        outputs[0] = relu[0];
      }
      for (const int pool : pooled.pools) {
        for (size_t i = 0; i < from.node(pool).outputs.size(); ++i) {
          rewriter.Set(from.VarOf(pool, static_cast<int>(i)), outputs[i]);
        }
      }
    } else if (mask[id] >= 0) {
      const Node& where = from.node(id);
      const Node& greater = from.node(where.inputs[0]);
      const Node& unpool = from.node(where.inputs[1]);
      const Var relu = rewriter.Map(from.VarOf(found[mask[id]].pools[0], 0));
      ADJOINT_ASSIGN_OR_RETURN(
          std::vector<Var> vars,
          rewriter.Add(ops::GreaterOp(), {relu, rewriter.Map(greater.inputs[1])}, greater.attrs,
                       id));
      ADJOINT_ASSIGN_OR_RETURN(vars, rewriter.Add(ops::WhereOp(),
                                                  {vars[0], rewriter.Map(unpool.inputs[0]),
                                                   rewriter.Map(where.inputs[2])},
                                                  where.attrs, id));
      ADJOINT_ASSIGN_OR_RETURN(
          vars, rewriter.Add(ops::MaxUnpoolOp(), {vars[0], rewriter.Map(unpool.inputs[1])},
                             unpool.attrs, where.inputs[1].node));
      rewriter.Set(from.VarOf(id, 0), vars[0]);
    } else if (!rewriter.IsMapped(from.VarOf(id, 0))) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
    }
  }
  return EliminateDeadCode(rewriter.Finish());
}

}  // namespace adjoint::graph
