#include "graph/onnx/lower/unrolled.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/shape_ops.h"

namespace adjoint::onnx {
namespace {

using ops::Var;

// Of a loop that a small file may ask for.
constexpr int64_t kMaxIterations = 100000;

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

}  // namespace

bool KnownBool(NodeContext& c, Var v) {
  const Tensor value = c.Known(v);
  if (!c.ok()) return false;
  if (value.dtype() != DType::kBool || value.size() != 1) {
    c.Fail(absl::StrCat("a condition must be a single bool, not ", value.spec().ToString()));
    return false;
  }
  return value.data<bool>()[0];
}

Var SliceAt(Var x, int64_t axis, int64_t i) {
  return ops::Squeeze(ops::SliceAxis(x, axis, i, i + 1), {axis});
}

Values UnrolledLoop(NodeContext& c, const pb::GraphProto& body, Values carried) {
  int64_t trips = INT64_MAX;
  if (c.Has(0)) trips = c.KnownInt(0);
  const bool conditional = c.Has(1);
  bool go_on = !conditional || KnownBool(c, c.In(1));
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

Values UnrolledScan(NodeContext& c, const pb::GraphProto& body, Values states,
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
      inputs.push_back(SliceAt(operands[k], axis, in.backward[k] != 0 ? length - 1 - i : i));
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

}  // namespace adjoint::onnx
