#include "graph/transforms.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "graph/control_flow.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "ops/arithmetic.h"
#include "ops/barrier.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

Var ZerosOf(Var like) { return ops::BroadcastTo(ops::ScalarLike(like, 0), like.shape()); }

bool AllValid(absl::Span<const Var> vars) {
  return std::all_of(vars.begin(), vars.end(), [](Var v) { return v.valid(); });
}

std::vector<Var> Failed(absl::Span<const Var> like, ops::Builder* builder) {
  return std::vector<Var>(like.size(), Var{builder, -1, 0});
}

// Checks that there is a var of each x's spec; the builder keeps the error.
bool Fit(absl::string_view what, absl::Span<const Var> given, absl::Span<const Var> xs,
         ops::Builder* builder) {
  if (builder == nullptr || !builder->status().ok()) return false;
  if (given.size() != xs.size()) {
    builder->Fail(absl::InvalidArgumentError(
        absl::StrCat(what, ": ", xs.size(), " vars, but ", given.size(), " directions")));
    return false;
  }
  for (size_t i = 0; i < xs.size(); ++i) {
    if (given[i].spec() == xs[i].spec()) continue;
    builder->Fail(absl::InvalidArgumentError(absl::StrCat(what, ": direction ", i, " is ",
                                                          given[i].spec().ToString(), ", var ", i,
                                                          " is ", xs[i].spec().ToString())));
    return false;
  }
  return true;
}

// The same values as vars of their own: what is computed from these, and not what they are computed
// from or what else is computed from the originals.
std::vector<Var> Fresh(absl::Span<const Var> vars) {
  std::vector<Var> fresh;
  for (Var v : vars) fresh.push_back(ops::Barrier(v));
  return fresh;
}

// For a value that depends on `seed` linearly: its values for all unit seeds, stacked. The nodes
// between the two become the body of a loop.
Var ForUnitSeeds(Graph& graph, Var seed, Var value) {
  const int64_t n = seed.shape().NumElements();
  Tensor numbers = Tensor::Empty({DType::kI64, Shape{n}});
  for (int64_t i = 0; i < n; ++i) numbers.mutable_data<int64_t>()[i] = i;
  const LoopResult loop = Scan(
      [&](absl::Span<const Var>, absl::Span<const Var> xs, absl::Span<const Var>) -> StepResult {
        absl::flat_hash_map<Var, Var> inside;
        const Var unit = ops::OneHot(xs[0], n, seed.dtype());
        if (!unit.valid()) return {{}, {unit}};
        inside[seed] = ops::Reshape(unit, seed.shape());
        ops::Builder& body = *unit.builder;
        const auto read = [&](Var v) {
          const auto at = inside.find(v);
          return at == inside.end() ? v : at->second;
        };
        for (int id = seed.node + 1; id <= value.node; ++id) {
          const Node node = graph.node(id);
          if (std::none_of(node.inputs.begin(), node.inputs.end(),
                           [&](Var v) { return inside.contains(v); })) {
            continue;
          }
          std::vector<Var> operands;
          for (Var v : node.inputs) operands.push_back(read(v));
          const std::vector<Var> made = body.Apply(*node.op, operands, node.attrs, node.location);
          if (!body.status().ok()) return {{}, {made[0]}};
          for (size_t i = 0; i < made.size(); ++i) {
            inside[graph.VarOf(id, static_cast<int>(i))] = made[i];
          }
        }
        return {{}, {read(value)}};
      },
      {}, {graph.Constant(std::move(numbers))});
  return loop.ys.empty() ? Var{&graph, -1, 0} : loop.ys[0];
}

Shape Join(const Shape& a, const Shape& b) {
  Shape joined = a;
  for (Dim d : b.dims()) joined.push_back(d);
  return joined;
}

}  // namespace

FunctionAndDerivative Vjp(const VarFn& fn, absl::Span<const Var> inputs,
                          absl::Span<const Var> cotangents) {
  const std::vector<Var> xs = Fresh(inputs);
  FunctionAndDerivative result;
  result.outputs = fn(xs);
  result.derivative = Gradients(result.outputs, xs, cotangents);
  return result;
}

std::vector<Var> Jvp(absl::Span<const Var> ys, absl::Span<const Var> xs,
                     absl::Span<const Var> tangents) {
  ops::Builder* const builder = ops::BuilderFor(xs);
  if (!Fit("Jvp", tangents, xs, builder) || !AllValid(ys)) return Failed(ys, builder);
  std::vector<Var> seeds;
  for (Var y : ys) seeds.push_back(ZerosOf(y));
  return Gradients(Gradients(ys, xs, seeds), seeds, tangents);
}

FunctionAndDerivative Jvp(const VarFn& fn, absl::Span<const Var> inputs,
                          absl::Span<const Var> tangents) {
  const std::vector<Var> xs = Fresh(inputs);
  FunctionAndDerivative result;
  result.outputs = fn(xs);
  result.derivative = Jvp(result.outputs, xs, tangents);
  return result;
}

std::vector<Var> HessianVectorProduct(Var y, absl::Span<const Var> xs, absl::Span<const Var> vs) {
  if (!Fit("HessianVectorProduct", vs, xs, y.builder)) return Failed(xs, y.builder);
  return Gradients(Gradients(y, xs), xs, vs);
}

Var Jacobian(Var y, Var x) {
  const Var failed{y.builder, -1, 0};
  auto* const graph = dynamic_cast<Graph*>(y.builder);
  if (graph == nullptr || !graph->status().ok() || !y.valid() || !x.valid()) return failed;
  if (!y.shape().IsConcrete() || !x.shape().IsConcrete()) {
    graph->Fail(absl::InvalidArgumentError(absl::StrCat("Jacobian: shapes must be known, but y is ",
                                                        y.spec().ToString(), " and x ",
                                                        x.spec().ToString())));
    return failed;
  }
  const Shape shape = Join(y.shape(), x.shape());
  const int64_t rows = y.shape().NumElements(), columns = x.shape().NumElements();
  if (rows == 0 || columns == 0) return ops::BroadcastTo(ops::ScalarLike(y, 0), shape);
  if (rows <= columns) {
    const Var seed = ZerosOf(y);
    const Var gradient = Gradients({&y, 1}, {&x, 1}, {&seed, 1})[0];
    if (!gradient.valid()) return failed;
    return ops::Reshape(ForUnitSeeds(*graph, seed, gradient), shape);
  }
  const Var seed = ZerosOf(x);
  const Var change = Jvp({&y, 1}, {&x, 1}, {&seed, 1})[0];
  if (!change.valid()) return failed;
  const Var by_column = ops::Reshape(ForUnitSeeds(*graph, seed, change), Shape{columns, rows});
  return ops::Reshape(ops::Transpose(by_column), shape);
}

}  // namespace adjoint::graph
