#include <algorithm>
#include <optional>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "graph/control_flow.h"
#include "graph/onnx/importer.h"
#include "graph/onnx/lower/helpers.h"
#include "graph/onnx/lower/unrolled.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/iota.h"
#include "ops/rearrange.h"
#include "ops/shape_ops.h"

// Control flow. It becomes ops of graph/control_flow.h where these can express it, which the
// importer finds out by trying; otherwise, and where a condition is known, it is followed while the
// model is imported (lower/unrolled.h).

namespace adjoint::onnx {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;

// Of a loop whose steps are numbered by a tensor.
constexpr int64_t kMaxSteps = int64_t{1} << 28;

// The values as tensors; nothing when one is none.
std::optional<std::vector<Var>> Tensors(const Values& values) {
  std::vector<Var> vars;
  for (const Value& value : values) {
    if (!value.is_tensor() || !value.var.valid()) return std::nullopt;
    vars.push_back(value.var);
  }
  return vars;
}

// The tensors that a body gives, which is built while this runs; empty after a mistake.
std::vector<Var> BuildBody(NodeContext& c, const pb::GraphProto& body, const Scope* scope,
                           Vars builders, bool is_loop, Values inputs) {
  if (!c.ok()) return {};
  const ops::Builder* const builder = builders.empty() ? nullptr : builders[0].builder;
  const Importer::Body open(c.importer(), builder, is_loop);
  const absl::StatusOr<Values> outputs = c.importer().Inline(body, scope, std::move(inputs));
  if (!outputs.ok()) {
    c.Fail(outputs.status());
    return {};
  }
  std::optional<std::vector<Var>> tensors = Tensors(*outputs);
  if (!tensors.has_value()) {
    c.Unsupported("a value that is no tensor");
    return {};
  }
  return *std::move(tensors);
}

// A node's lowering as an op, from begin to end.
template <class Build>
Values AsOp(NodeContext& c, Build build) {
  c.importer().BeginOp();
  Values outputs = build();
  bool ok = c.ok();
  for (const Value& v : outputs) ok = ok && v.var.valid();
  c.importer().EndOp(c.node(), ok);
  return outputs;
}

// The names of values around a graph that it, or a graph in it, reads.
void AddOuterNames(const pb::GraphProto& graph, absl::btree_set<std::string>* names) {
  absl::btree_set<std::string> own;
  const auto read = [&](const std::string& name) {
    if (!name.empty() && !own.contains(name)) names->insert(name);
  };
  for (const auto& info : graph.input()) own.insert(info.name());
  for (const auto& tensor : graph.initializer()) own.insert(tensor.name());
  for (const pb::NodeProto& node : graph.node()) {
    for (const std::string& name : node.input()) read(name);
    for (const pb::AttributeProto& a : node.attribute()) {
      absl::btree_set<std::string> inner;
      if (a.has_g()) AddOuterNames(a.g(), &inner);
      for (const pb::GraphProto& g : a.graphs()) AddOuterNames(g, &inner);
      for (const std::string& name : inner) read(name);
    }
    for (const std::string& name : node.output()) own.insert(name);
  }
  for (const auto& info : graph.output()) read(info.name());
}

// What the branches read is passed in, so that their work is done in them; but what is known stays
// known.
Values IfAsOp(NodeContext& c, const pb::GraphProto& then_branch,
              const pb::GraphProto& else_branch) {
  absl::btree_set<std::string> names;
  AddOuterNames(then_branch, &names);
  AddOuterNames(else_branch, &names);
  std::vector<std::string> passed;
  std::vector<Var> operands;
  for (const std::string& name : names) {
    const Value* const value = c.scope()->Find(name);
    if (value == nullptr || !value->is_tensor() || c.FindKnown(value->var).has_value()) continue;
    passed.push_back(name);
    operands.push_back(value->var);
  }
  const auto branch = [&](const pb::GraphProto& graph) -> graph::BranchFn {
    return [&](Vars inside) {
      Scope scope(c.scope(), &c.scope()->sets());
      for (size_t i = 0; i < inside.size(); ++i) {
        scope.Add(passed[i], inside[i]);
        if (const auto dims = c.FindDims(operands[i])) c.SetDims(inside[i], *dims);
      }
      return BuildBody(c, graph, &scope, inside, /*is_loop=*/false, {});
    };
  };
  Var condition = c.In(0);
  if (!c.ok()) return {};
  if (condition.shape().rank() > 0) condition = ops::Reshape(condition, Shape{});
  Values outputs;
  for (Var v : graph::If(condition, branch(then_branch), branch(else_branch), operands)) {
    outputs.push_back(v);
  }
  return outputs;
}

Values If(NodeContext& c) {
  const pb::GraphProto& then_branch = c.GraphAttr("then_branch");
  const pb::GraphProto& else_branch = c.GraphAttr("else_branch");
  const Var condition = c.In(0);
  if (!c.ok()) return {};
  if (!c.FindKnown(condition).has_value() && c.importer().MayBeAnOp(c.node())) {
    return AsOp(c, [&] { return IfAsOp(c, then_branch, else_branch); });
  }
  return c.Inline(KnownBool(c, condition) ? then_branch : else_branch, {});
}

// Whether a loop's body gives its own condition back, or a constant: if it holds, it stays so.
bool ConditionStays(const pb::GraphProto& body) {
  std::string name = body.output_size() > 0 ? body.output(0).name() : "";
  for (int i = body.node_size() - 1; i >= 0; --i) {
    const pb::NodeProto& node = body.node(i);
    if (node.output_size() != 1 || node.output(0) != name) continue;
    if (node.op_type() == "Constant") return true;
    if (node.op_type() != "Identity" && node.op_type() != "Cast") return false;
    if (node.input_size() != 1) return false;
    name = node.input(0);
  }
  return body.input_size() > 1 && name == body.input(1).name();
}

struct LoopParts {
  const pb::GraphProto& body;
  std::vector<Var> carried;
  int num_stacked;
};

// A number of steps that is known: a scan over their numbers.
Values CountedLoop(NodeContext& c, const LoopParts& loop, int64_t trips) {
  const Var steps = ops::Iota(c.graph(), Shape{trips}, 0, DType::kI64);
  const Var go_on = c.Scalar<bool>(true);
  const graph::LoopResult result = graph::Scan(
      [&](Vars carries, Vars xs, Vars) -> graph::StepResult {
        Values inputs = {xs[0], go_on};
        inputs.insert(inputs.end(), carries.begin(), carries.end());
        const std::vector<Var> made =
            BuildBody(c, loop.body, c.scope(), xs, /*is_loop=*/true, std::move(inputs));
        if (!c.ok() || made.empty()) return {};
        if (const auto value = c.FindKnown(made[0]); c.Has(1)) {
          // The body's own condition, which its text says is a constant.
          if (!value.has_value() || value->size() != 1 || IntAt(*value, 0) == 0) {
            c.Fail("its condition does not hold after the first step");
            return {};
          }
        }
        const auto ys = made.begin() + 1 + static_cast<int64_t>(carries.size());
        return {std::vector<Var>(made.begin() + 1, ys), std::vector<Var>(ys, made.end())};
      },
      loop.carried, {steps});
  Values outputs(result.carries.begin(), result.carries.end());
  outputs.insert(outputs.end(), result.ys.begin(), result.ys.end());
  return outputs;
}

// A condition that a step computes. `trips` is not valid for no limit.
Values ConditionalLoop(NodeContext& c, const LoopParts& loop, Var trips) {
  constexpr int64_t kMaxKeptSteps = 1 << 20;  // beyond, a gradient would keep too many states
  graph::WhileOptions options;
  const std::optional<Tensor> known = c.FindKnown(trips);
  if (known.has_value() && known->size() == 1 && IntAt(*known, 0) >= 0 &&
      IntAt(*known, 0) <= kMaxKeptSteps) {
    options.max_steps = Dim(IntAt(*known, 0));
    trips = Var{};
  }
  const auto scalar = [](Var v) {
    return v.valid() && v.shape().rank() > 0 ? ops::Reshape(v, Shape{}) : v;
  };
  trips = scalar(trips);
  const bool conditional = c.Has(1);
  Var condition = conditional ? scalar(c.In(1)) : c.Scalar<bool>(true);
  if (trips.valid()) condition = ops::LogicalAnd(condition, ops::Greater(trips, 0));
  if (!c.ok()) return {};
  const graph::WhileResult result = graph::Loop(
      condition,
      [&](Var iteration, Vars carries, Vars) -> graph::LoopStep {
        const Var on = c.Scalar<bool>(true);
        Values inputs = {iteration, on};
        inputs.insert(inputs.end(), carries.begin(), carries.end());
        const std::vector<Var> made =
            BuildBody(c, loop.body, c.scope(), {iteration}, /*is_loop=*/true, std::move(inputs));
        if (!c.ok() || made.empty()) return {};
        Var go_on = conditional ? scalar(made[0]) : on;
        if (trips.valid()) {
          go_on = ops::LogicalAnd(go_on, ops::Less(ops::Add(iteration, 1), trips));
        }
        return {go_on, std::vector<Var>(made.begin() + 1, made.end())};
      },
      loop.carried, {}, options);
  return Values(result.carries.begin(), result.carries.end());
}

// The body takes (iteration, condition, carried...) and gives (condition, carried..., stacked...).
Values Loop(NodeContext& c) {
  const pb::GraphProto& body = c.GraphAttr("body");
  Values carried;
  for (int i = 2; i < c.num_inputs(); ++i) carried.push_back(c.InValue(i));
  if (!c.ok()) return {};
  const std::optional<std::vector<Var>> tensors = Tensors(carried);
  const int num_stacked = body.output_size() - 1 - static_cast<int>(carried.size());
  if (!tensors.has_value() || num_stacked < 0 || !c.importer().MayBeAnOp(c.node())) {
    return UnrolledLoop(c, body, std::move(carried));
  }
  const Var trips = c.Has(0) ? c.In(0) : Var{};
  const std::optional<Tensor> count = c.FindKnown(trips);
  std::optional<Tensor> condition;
  if (c.Has(1)) condition = c.FindKnown(c.In(1));
  const bool holds = !c.Has(1) || (condition.has_value() && condition->size() == 1 &&
                                   IntAt(*condition, 0) != 0 && ConditionStays(body));
  const LoopParts loop{body, *tensors, num_stacked};
  if (holds && count.has_value() && count->size() == 1) {
    // A single step, or none, is no loop.
    if (IntAt(*count, 0) < 2) return UnrolledLoop(c, body, std::move(carried));
    if (IntAt(*count, 0) > kMaxSteps) {
      return One(c.Unsupported(absl::StrCat("it has more than ", kMaxSteps, " iterations")));
    }
    return AsOp(c, [&] { return CountedLoop(c, loop, IntAt(*count, 0)); });
  }
  // How many values are stacked must be known.
  if (num_stacked > 0 || tensors->empty()) return UnrolledLoop(c, body, std::move(carried));
  return AsOp(c, [&] { return ConditionalLoop(c, loop, trips); });
}

ScanPlan ReadPlan(NodeContext& c, absl::string_view axes, absl::string_view directions, int n) {
  ScanPlan plan{c.Ints(axes, std::vector<int64_t>(n, 0)),
                c.Ints(directions, std::vector<int64_t>(n, 0))};
  if (static_cast<int>(plan.axes.size()) != n || static_cast<int>(plan.backward.size()) != n) {
    c.Fail(absl::StrCat("'", axes, "' and '", directions, "' must have ", n, " entries"));
    plan = {std::vector<int64_t>(n, 0), std::vector<int64_t>(n, 0)};
  }
  return plan;
}

// One scan: states, then slices of the operands, through the body.
Values ScanAsOp(NodeContext& c, const pb::GraphProto& body, const std::vector<Var>& states,
                const std::vector<Var>& operands, const ScanPlan& in, const ScanPlan& out) {
  const bool reverse = in.backward[0] != 0;
  std::vector<Var> xs;
  for (size_t k = 0; k < operands.size(); ++k) {
    Var x = ops::MoveAxis(operands[k], in.axes[k], 0);
    if ((in.backward[k] != 0) != reverse) x = ops::Flip(x, {0});
    xs.push_back(x);
  }
  if (!c.ok()) return {};
  const graph::LoopResult result = graph::Scan(
      [&](Vars carries, Vars slices, Vars) -> graph::StepResult {
        Values inputs(carries.begin(), carries.end());
        inputs.insert(inputs.end(), slices.begin(), slices.end());
        const std::vector<Var> made =
            BuildBody(c, body, c.scope(), slices, /*is_loop=*/true, std::move(inputs));
        if (!c.ok() || made.size() < carries.size()) return {};
        const auto ys = made.begin() + static_cast<int64_t>(carries.size());
        return {std::vector<Var>(made.begin(), ys), std::vector<Var>(ys, made.end())};
      },
      states, xs, {}, {.reverse = reverse});
  Values outputs(result.carries.begin(), result.carries.end());
  for (size_t k = 0; k < result.ys.size(); ++k) {
    Var y = result.ys[k];
    if ((out.backward[k] != 0) != reverse) y = ops::Flip(y, {0});
    outputs.push_back(ops::MoveAxis(y, 0, out.axes[k]));
  }
  return outputs;
}

// From version 9 on operands have no batch; in version 8 axis 0 of all is a batch, each element of
// which is scanned by itself along axis 1, and input 0 may hold the lengths.
Values Scan(NodeContext& c) {
  const pb::GraphProto& body = c.GraphAttr("body");
  const int first = c.version() < 9 ? 1 : 0;
  const int64_t num_scanned = c.Int("num_scan_inputs");
  const int64_t num_states = c.num_inputs() - first - num_scanned;
  const int64_t num_stacked = body.output_size() - num_states;
  if (!c.ok()) return {};
  if (num_scanned < 1 || num_states < 0 || num_stacked < 0) {
    return One(
        c.Fail(absl::StrCat("it has ", c.num_inputs(), " inputs, ", num_scanned,
                            " of them scanned, and a body of ", body.output_size(), " outputs")));
  }
  Values states;
  std::vector<Var> operands;
  for (int64_t i = 0; i < num_states; ++i) states.push_back(c.InValue(static_cast<int>(first + i)));
  for (int64_t i = 0; i < num_scanned; ++i) {
    operands.push_back(c.In(static_cast<int>(first + num_states + i)));
  }
  const int n_in = static_cast<int>(num_scanned), n_out = static_cast<int>(num_stacked);
  if (c.version() >= 9) {
    const ScanPlan in = ReadPlan(c, "scan_input_axes", "scan_input_directions", n_in);
    const ScanPlan out = ReadPlan(c, "scan_output_axes", "scan_output_directions", n_out);
    if (!c.ok()) return {};
    const std::optional<std::vector<Var>> tensors = Tensors(states);
    if (tensors.has_value() && c.importer().MayBeAnOp(c.node())) {
      return AsOp(c, [&] { return ScanAsOp(c, body, *tensors, operands, in, out); });
    }
    return UnrolledScan(c, body, std::move(states), operands, in, out);
  }
  const ScanPlan in{std::vector<int64_t>(n_in, 0),
                    c.Ints("directions", std::vector<int64_t>(n_in, 0))};
  const ScanPlan out{std::vector<int64_t>(n_out, 0), std::vector<int64_t>(n_out, 0)};
  if (static_cast<int>(in.backward.size()) != n_in) {
    return One(c.Fail("'directions' must have an entry for each operand"));
  }
  const int64_t batch = c.Extent(operands[0], 0), length = c.Extent(operands[0], 1);
  if (c.Has(0)) {
    for (int64_t n : c.KnownInts(0)) {
      if (n != length) return One(c.Unsupported("sequences shorter than the operand"));
    }
  }
  if (!c.ok()) return {};
  if (batch == 0) return One(c.Unsupported("a batch of no sequences"));
  std::vector<std::vector<ops::Operand>> results(body.output_size());
  for (int64_t b = 0; b < batch; ++b) {
    Values own_states;
    std::vector<Var> own_operands;
    for (const Value& state : states) {
      if (!state.is_tensor()) return One(c.Fail("states must be tensors"));
      own_states.push_back(SliceAt(state.var, 0, b));
    }
    for (Var v : operands) own_operands.push_back(SliceAt(v, 0, b));
    if (!c.ok()) return {};
    const Values own = UnrolledScan(c, body, std::move(own_states), own_operands, in, out);
    if (!c.ok()) return {};
    for (size_t k = 0; k < results.size(); ++k) {
      if (!own[k].is_tensor()) return One(c.Fail("states must be tensors"));
      results[k].push_back(ops::ExpandDims(own[k].var, 0));
    }
  }
  Values stacked;
  for (const auto& parts : results) stacked.push_back(ops::Concat(parts, 0));
  return stacked;
}

constexpr Lowering kRows[] = {
    {"If", 1, 1, 1, If, Takes::kValues},
    {"Loop", 1, 0, 1000000, Loop, Takes::kValues},
    {"Scan", 8, 0, 1000000, Scan, Takes::kValues},
};

}  // namespace

absl::Span<const Lowering> ControlLowerings() { return kRows; }

}  // namespace adjoint::onnx
