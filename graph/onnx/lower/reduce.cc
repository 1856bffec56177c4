#include "ops/reduce.h"

#include "graph/onnx/lower/helpers.h"
#include "ops/arg_reduce.h"
#include "ops/arithmetic.h"
#include "ops/cumulative.h"
#include "ops/gather_nd.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "ops/statistics.h"

// Reductions, and what is computed along one axis.

namespace adjoint::onnx {
namespace {

using Axes = absl::Span<const int64_t>;
using ops::Var;

// Axes are an attribute, for ReduceSum an input from version 13 on. None: all of them, or, with
// noop_with_empty_axes, x itself.
template <Var (*kReduce)(NodeContext&, Var, Axes, bool)>
Values Reduce(NodeContext& c) {
  const Var x = c.In(0);
  const bool keepdims = c.Flag("keepdims", true);
  const bool sum = c.node().op_type() == "ReduceSum";
  auto axes = c.IntsAttrOrInput("axes", 1, sum ? 13 : INT64_MAX);
  const bool noop = sum && c.version() >= 13 && c.Flag("noop_with_empty_axes", false);
  if (!c.ok()) return {};
  if (!axes.has_value() || axes->empty()) {
    if (noop) return One(x);
    axes = AllAxes(x.shape().rank());
  }
  return One(kReduce(c, x, *axes, keepdims));
}

// Sums run in f32, f64, i32 and i64; other integers wrap around to the same result in i64.
Var SumOf(NodeContext&, Var x, Axes axes, bool keepdims) {
  return Via(x, DType::kI64, {DType::kF32, DType::kF64, DType::kI32, DType::kI64},
             [&](Var v) { return ops::Sum(v, axes, keepdims); });
}

Var MeanOf(NodeContext& c, Var x, Axes axes, bool keepdims) {
  if (IsFloating(x.dtype())) return ops::Mean(x, axes, keepdims);
  return ops::Div(SumOf(c, x, axes, keepdims), ops::SizeOf(x, axes, x.dtype()));
}

Var MaxOf(NodeContext&, Var x, Axes axes, bool keepdims) {
  return ops::ReduceMax(x, axes, keepdims);
}

Var MinOf(NodeContext&, Var x, Axes axes, bool keepdims) {
  return ops::ReduceMin(x, axes, keepdims);
}

Var ProdOf(NodeContext&, Var x, Axes axes, bool keepdims) {
  return Via(x, DType::kI64, {DType::kF32, DType::kF64, DType::kI32, DType::kI64},
             [&](Var v) { return ops::ReduceProd(v, axes, keepdims); });
}

Var LogSumExpOf(NodeContext&, Var x, Axes axes, bool keepdims) {
  return Via(x, DType::kF64, kFloatTypes, [&](Var v) { return ops::LogSumExp(v, axes, keepdims); });
}

template <Var (*kFn)(ops::Operand, int64_t, bool, bool)>
Values ArgReduce(NodeContext& c) {
  const int64_t axis = c.Int("axis", 0);
  const bool keepdims = c.Flag("keepdims", true);
  return One(kFn(c.In(0), axis, keepdims, c.Flag("select_last_index", false)));
}

Values CumSum(NodeContext& c) {
  const int64_t axis = c.KnownInt(1);
  const bool exclusive = c.Flag("exclusive", false), reverse = c.Flag("reverse", false);
  if (!c.ok()) return {};
  return One(Via(c.In(0), DType::kI64, {DType::kF32, DType::kF64, DType::kI32, DType::kI64},
                 [&](Var v) { return ops::CumSum(v, axis, exclusive, reverse); }));
}

Var L1Of(NodeContext& c, Var x, Axes axes, bool keepdims) {
  return SumOf(c, ops::Abs(x), axes, keepdims);
}

Var SumSquareOf(NodeContext& c, Var x, Axes axes, bool keepdims) {
  return SumOf(c, ops::Square(x), axes, keepdims);
}

Var L2Of(NodeContext&, Var x, Axes axes, bool keepdims) {
  return Via(x, DType::kF64, kFloatTypes,
             [&](Var v) { return ops::Sqrt(ops::Sum(ops::Square(v), axes, keepdims)); });
}

Var LogSumOf(NodeContext&, Var x, Axes axes, bool keepdims) {
  return Via(x, DType::kF64, kFloatTypes,
             [&](Var v) { return ops::Log(ops::Sum(v, axes, keepdims)); });
}

// Before version 13 all axes from `axis` on count as one, and it is 1 when not given.
template <Var (*kFn)(NodeContext&, Var, int64_t)>
Values AlongAxis(NodeContext& c) {
  const Var x = c.In(0);
  if (c.version() >= 13) return One(kFn(c, x, c.Int("axis", -1)));
  const int rank = x.shape().rank();
  const int64_t axis = c.Int("axis", 1);
  if (axis == rank) {  // no axes from there on: rows of one element
    Shape shape = x.shape();
    shape.push_back(1);
    return One(ops::Reshape(kFn(c, ops::Reshape(x, shape), -1), x.shape()));
  }
  const int at = c.Axis(axis, rank);
  if (!c.ok()) return {};
  if (at == rank - 1) return One(kFn(c, x, -1));
  Shape rows;
  for (int i = 0; i < at; ++i) rows.push_back(x.shape().dim(i));
  int64_t row = 1;
  for (int i = at; i < rank; ++i) row *= c.Extent(x, i);
  rows.push_back(row);
  return One(ops::Reshape(kFn(c, ops::Reshape(x, rows), -1), x.shape()));
}

Var SoftmaxOf(NodeContext&, Var x, int64_t axis) { return ops::Softmax(x, axis); }
Var HardmaxOf(NodeContext&, Var x, int64_t axis) { return ops::Hardmax(x, axis); }
Var LogSoftmaxOf(NodeContext&, Var x, int64_t axis) { return ops::LogSoftmax(x, axis); }

constexpr Lowering kRows[] = {
    {"ReduceSum", 1, 1, 2, Reduce<SumOf>},
    {"ReduceMean", 1, 1, 1, Reduce<MeanOf>},
    {"ReduceMax", 1, 1, 1, Reduce<MaxOf>},
    {"ReduceMin", 1, 1, 1, Reduce<MinOf>},
    {"ReduceProd", 1, 1, 1, Reduce<ProdOf>},
    {"ReduceLogSumExp", 1, 1, 1, Reduce<LogSumExpOf>},
    {"ArgMax", 1, 1, 1, ArgReduce<ops::ArgMax>},
    {"ArgMin", 1, 1, 1, ArgReduce<ops::ArgMin>},
    {"CumSum", 11, 2, 2, CumSum},
    {"Hardmax", 1, 1, 1, AlongAxis<HardmaxOf>},
    {"ReduceL1", 1, 1, 1, Reduce<L1Of>},
    {"ReduceL2", 1, 1, 1, Reduce<L2Of>},
    {"ReduceSumSquare", 1, 1, 1, Reduce<SumSquareOf>},
    {"ReduceLogSum", 1, 1, 1, Reduce<LogSumOf>},
    {"Softmax", 1, 1, 1, AlongAxis<SoftmaxOf>},
    {"LogSoftmax", 1, 1, 1, AlongAxis<LogSoftmaxOf>},
};

}  // namespace

absl::Span<const Lowering> ReduceLowerings() { return kRows; }

}  // namespace adjoint::onnx
