#include <algorithm>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/shape_ops.h"

// Control flow. Conditions and trip counts that are known are followed while the model is imported:
// the branch taken stands in the place of the If, the iterations of a loop one after the other. So
// values carried may be sequences, and may change their shapes.

namespace adjoint::onnx {
namespace {

using ops::Var;

// Of a loop that a small file may ask for.
constexpr int64_t kMaxIterations = 100000;

bool KnownBool(NodeContext& c, Var v) {
  const Tensor value = c.Known(v);
  if (!c.ok()) return false;
  if (value.dtype() != DType::kBool || value.size() != 1) {
    c.Fail(absl::StrCat("a condition must be a single bool, not ", value.spec().ToString()));
    return false;
  }
  return value.data<bool>()[0];
}

Values If(NodeContext& c) {
  const pb::GraphProto& then_branch = c.GraphAttr("then_branch");
  const pb::GraphProto& else_branch = c.GraphAttr("else_branch");
  return c.Inline(KnownBool(c, c.In(0)) ? then_branch : else_branch, {});
}

// Slice i of an axis, without it.
Var Slice(Var x, int64_t axis, int64_t i) {
  return ops::Squeeze(ops::SliceAxis(x, axis, i, i + 1), {axis});
}

// Values of one spec along a new axis. Without any, its other extents are those declared.
Var Stacked(NodeContext& c, const std::vector<Var>& slices, int64_t axis,
            const pb::ValueInfoProto& declared) {
  if (!slices.empty()) {
    std::vector<ops::Operand> parts;
    for (Var v : slices) parts.push_back(ops::ExpandDims(v, axis));
    return ops::Concat(parts, axis);
  }
  const pb::TypeProto::Tensor& type = declared.type().tensor_type();
  const absl::StatusOr<DType> dtype = DTypeFromOnnx(type.elem_type());
  if (!dtype.ok()) return c.Fail(dtype.status());
  std::vector<Dim> dims;
  for (const auto& dim : type.shape().dim()) {
    if (!dim.has_dim_value() || dim.dim_value() < 0) {
      return c.Unsupported(absl::StrCat("output '", declared.name(),
                                        "' stacks no values and does not declare their shape"));
    }
    dims.push_back(dim.dim_value());
  }
  if (!type.has_shape()) {
    return c.Unsupported(absl::StrCat("output '", declared.name(),
                                      "' stacks no values and does not declare their shape"));
  }
  const int at = c.Axis(axis, static_cast<int>(dims.size()) + 1);
  dims.insert(dims.begin() + at, Dim(0));
  TensorSpec spec{*dtype, Shape(dims)};
  absl::StatusOr<Tensor> empty = Tensor::Allocate(spec);
  if (!empty.ok()) return c.Fail(empty.status());
  return c.Constant(*std::move(empty));
}

// The body takes (iteration, condition, carried...) and gives (condition, carried..., stacked...).
Values Loop(NodeContext& c) {
  const pb::GraphProto& body = c.GraphAttr("body");
  int64_t trips = INT64_MAX;
  if (c.Has(0)) trips = c.KnownInt(0);
  const bool conditional = c.Has(1);
  bool go_on = !conditional || KnownBool(c, c.In(1));
  Values carried;
  for (int i = 2; i < c.num_inputs(); ++i) carried.push_back(c.InValue(i));
  const int num_carried = static_cast<int>(carried.size());
  const int num_stacked = body.output_size() - 1 - num_carried;
  if (!c.ok()) return {};
  if (num_stacked < 0) {
    return One(c.Fail(absl::StrCat("the body gives ", body.output_size(),
                                   " values, but the loop carries ", num_carried)));
  }
  std::vector<std::vector<Var>> stacked(num_stacked);
  for (int64_t i = 0; i < trips && go_on; ++i) {
    if (i >= kMaxIterations) {
      return One(c.Unsupported(absl::StrCat("it has more than ", kMaxIterations, " iterations")));
    }
    Values inputs = {Value(c.Scalar<int64_t>(i)), Value(c.Scalar<bool>(true))};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    Values outputs = c.Inline(body, std::move(inputs));
    if (!c.ok()) return {};
    if (conditional) {
      if (!outputs[0].is_tensor()) return One(c.Fail("the condition is no tensor"));
      go_on = KnownBool(c, outputs[0].var);
    }
    for (int k = 0; k < num_carried; ++k) carried[k] = outputs[1 + k];
    for (int k = 0; k < num_stacked; ++k) {
      const Value& value = outputs[1 + num_carried + k];
      if (!value.is_tensor()) return One(c.Fail("only tensors can be stacked"));
      stacked[k].push_back(value.var);
    }
    if (!c.ok()) return {};
  }
  Values results = std::move(carried);
  for (int k = 0; k < num_stacked; ++k) {
    results.push_back(Stacked(c, stacked[k], 0, body.output(1 + num_carried + k)));
  }
  return results;
}

// Axes and directions of a Scan's operands or results.
struct ScanPlan {
  std::vector<int64_t> axes;
  std::vector<int64_t> backward;
};

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
Values ScanOnce(NodeContext& c, const pb::GraphProto& body, Values states,
                const std::vector<Var>& operands, const ScanPlan& in, const ScanPlan& out) {
  const int num_states = static_cast<int>(states.size());
  const int num_stacked = static_cast<int>(out.axes.size());
  int64_t length = -1;
  for (size_t k = 0; k < operands.size(); ++k) {
    const int64_t extent = c.Extent(operands[k], in.axes[k]);
    if (!c.ok()) return {};
    if (length >= 0 && extent != length) {
      return One(c.Fail(
          absl::StrCat("the operands are scanned along ", length, " and ", extent, " elements")));
    }
    length = extent;
  }
  if (length > kMaxIterations) {
    return One(c.Unsupported(absl::StrCat("it has more than ", kMaxIterations, " iterations")));
  }
  std::vector<std::vector<Var>> stacked(num_stacked);
  for (int64_t i = 0; i < length; ++i) {
    Values inputs = states;
    for (size_t k = 0; k < operands.size(); ++k) {
      const int axis = c.Axis(in.axes[k], operands[k].shape().rank());
      inputs.push_back(Slice(operands[k], axis, in.backward[k] != 0 ? length - 1 - i : i));
    }
    Values outputs = c.Inline(body, std::move(inputs));
    if (!c.ok()) return {};
    for (int k = 0; k < num_states; ++k) states[k] = outputs[k];
    for (int k = 0; k < num_stacked; ++k) {
      if (!outputs[num_states + k].is_tensor()) return One(c.Fail("only tensors can be stacked"));
      stacked[k].push_back(outputs[num_states + k].var);
    }
  }
  Values results = std::move(states);
  for (int k = 0; k < num_stacked; ++k) {
    if (out.backward[k] != 0) std::reverse(stacked[k].begin(), stacked[k].end());
    results.push_back(Stacked(c, stacked[k], out.axes[k], body.output(num_states + k)));
  }
  return results;
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
    return ScanOnce(c, body, std::move(states), operands, in, out);
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
      own_states.push_back(Slice(state.var, 0, b));
    }
    for (Var v : operands) own_operands.push_back(Slice(v, 0, b));
    if (!c.ok()) return {};
    const Values own = ScanOnce(c, body, std::move(own_states), own_operands, in, out);
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
