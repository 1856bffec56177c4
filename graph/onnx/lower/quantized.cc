#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "graph/onnx/lower/spatial.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/rounding.h"
#include "ops/shape_ops.h"

// Numbers in 8 bits: x = scale (q - zero). Products of such numbers are exact: matrices in i32,
// convolutions in f64.

namespace adjoint::onnx {
namespace {

using ops::Var;

// A scale or zero point of one entry as a scalar; a vector with its entries along `axis` of x.
Var Along(NodeContext& c, Var parameter, Var x, int64_t axis) {
  if (parameter.shape().rank() == 0) return parameter;
  if (!c.RankIs(parameter, 0, 1)) return parameter;
  if (parameter.shape() == Shape{1}) return ops::Reshape(parameter, Shape{});
  const int at = c.Axis(axis, x.shape().rank());
  Shape shape;
  for (int i = 0; i < x.shape().rank(); ++i) {
    shape.push_back(i == at ? parameter.shape().dim(0) : Dim(1));
  }
  return ops::Reshape(parameter, shape);
}

// Rounded, halves to even, moved by `zero` and brought into the range of its type.
Var Saturated(NodeContext& c, Var x, Var zero, DType dtype) {
  const double low = dtype == DType::kI8 ? -128 : 0, high = dtype == DType::kI8 ? 127 : 255;
  if (dtype != DType::kI8 && dtype != DType::kU8) {
    return c.Unsupported(absl::StrCat("quantized numbers of type ", DTypeName(dtype)));
  }
  const Var moved = ops::Add(ops::Round(x), ops::Cast(zero, x.dtype()));
  return ops::Cast(ops::Minimum(ops::Maximum(moved, low), high), dtype);
}

Values QuantizeLinear(NodeContext& c) {
  const Var x = ops::Cast(c.In(0), DType::kF32);
  const int64_t axis = c.version() >= 13 ? c.Int("axis", 1) : 1;
  const Var zero = c.Has(2) ? c.In(2) : c.Scalar<uint8_t>(0);
  const Var scaled = ops::Div(x, Along(c, c.In(1), x, axis));
  return One(Saturated(c, scaled, Along(c, zero, x, axis), zero.dtype()));
}

Values DequantizeLinear(NodeContext& c) {
  const Var x = c.In(0);
  const int64_t axis = c.version() >= 13 ? c.Int("axis", 1) : 1;
  Var whole = ops::Cast(x, DType::kI32);
  if (c.Has(2)) whole = ops::Sub(whole, ops::Cast(Along(c, c.In(2), x, axis), DType::kI32));
  return One(ops::Mul(ops::Cast(whole, DType::kF32), Along(c, c.In(1), x, axis)));
}

// To bytes, with the range of x, widened to hold 0, in 255 steps.
Values DynamicQuantizeLinear(NodeContext& c) {
  const Var x = c.In(0);
  const Var low = ops::Minimum(ops::ReduceMin(x), 0), high = ops::Maximum(ops::ReduceMax(x), 0);
  const Var scale = ops::Div(ops::Sub(high, low), 255);
  const Var zero = ops::Minimum(ops::Maximum(ops::Round(ops::Div(ops::Neg(low), scale)), 0), 255);
  const Var zero_point = ops::Cast(zero, DType::kU8);
  return {Saturated(c, ops::Div(x, scale), zero_point, DType::kU8), scale, zero_point};
}

// q - zero as i32; a vector of zeros has an entry for each row (`axis` -2) or column (-1).
Var Centered(NodeContext& c, Var q, int zero_input, int64_t axis) {
  const Var whole = ops::Cast(q, DType::kI32);
  if (!c.Has(zero_input)) return whole;
  const Var zero = ops::Cast(c.In(zero_input), DType::kI32);
  if (zero.shape().rank() > 1) return ops::Sub(whole, zero);
  return ops::Sub(whole, Along(c, zero, q, axis));
}

Var Product(NodeContext& c, Var a, Var b) {
  if (!c.RankIs(a, 1) || !c.RankIs(b, 1)) return a;
  const bool row = a.shape().rank() == 1, column = b.shape().rank() == 1;
  Var y = ops::MatMul(row ? ops::ExpandDims(a, 0) : a, column ? ops::ExpandDims(b, -1) : b);
  if (row) y = ops::Squeeze(y, {-2});
  return column ? ops::Squeeze(y, {-1}) : y;
}

Values MatMulInteger(NodeContext& c) {
  const Var a = c.In(0), b = c.In(1);
  if (!c.RankIs(a, 1) || !c.RankIs(b, 1)) return {};
  const int64_t rows = a.shape().rank() == 1 ? -1 : -2;
  return One(Product(c, Centered(c, a, 2, rows), Centered(c, b, 3, -1)));
}

// Inputs a, scale, zero, b, scale, zero, and the result's scale and zero.
Values QLinearMatMul(NodeContext& c) {
  const Var a = c.In(0), b = c.In(3);
  if (!c.RankIs(a, 1) || !c.RankIs(b, 1)) return {};
  const int64_t rows = a.shape().rank() == 1 ? -1 : -2;
  const Var product =
      ops::Cast(Product(c, Centered(c, a, 2, rows), Centered(c, b, 5, -1)), DType::kF32);
  const auto scale = [&](int i, int64_t axis) {
    const Var v = c.In(i);
    return v.shape().rank() > 1 ? v : Along(c, v, product, axis);
  };
  const Var by = ops::Div(ops::Mul(scale(1, rows), scale(4, -1)), scale(6, rows));
  const Var zero = c.In(7);
  return One(Saturated(c, ops::Mul(product, by),
                       zero.shape().rank() > 1 ? zero : Along(c, zero, product, rows),
                       zero.dtype()));
}

Var ExactConv(Var x, Var weights, const ops::ConvOptions& options) {
  return ops::Conv(ops::Cast(x, DType::kF64), ops::Cast(weights, DType::kF64), options);
}

Values ConvInteger(NodeContext& c) {
  const Var x = c.In(0), weights = c.In(1);
  const ops::ConvOptions options = ConvOptionsOf(c, x, weights);
  if (!c.ok()) return {};
  return One(
      ops::Cast(ExactConv(Centered(c, x, 2, 1), Centered(c, weights, 3, 0), options), DType::kI32));
}

// Inputs x, scale, zero, w, scale, zero, the result's scale and zero, and a bias in i32 of scale
// x_scale w_scale. Weights may have a scale and zero for each output channel.
Values QLinearConv(NodeContext& c) {
  const Var x = c.In(0), weights = c.In(3);
  const ops::ConvOptions options = ConvOptionsOf(c, x, weights);
  if (!c.ok()) return {};
  Var sum = ExactConv(Centered(c, x, 2, 1), Centered(c, weights, 5, 0), options);
  if (c.Has(8)) sum = ops::Add(sum, Along(c, ops::Cast(c.In(8), DType::kF64), sum, 1));
  const auto scale = [&](int i) { return Along(c, ops::Cast(c.In(i), DType::kF64), sum, 1); };
  const Var by = ops::Div(ops::Mul(scale(1), scale(4)), scale(6));
  return One(Saturated(c, ops::Mul(sum, by), Along(c, c.In(7), sum, 1), c.In(7).dtype()));
}

constexpr Lowering kRows[] = {
    {"QuantizeLinear", 10, 2, 3, QuantizeLinear, Takes::kAny},
    {"DequantizeLinear", 10, 2, 3, DequantizeLinear, Takes::kAny},
    {"DynamicQuantizeLinear", 11, 1, 1, DynamicQuantizeLinear},
    {"MatMulInteger", 10, 2, 4, MatMulInteger},
    {"QLinearMatMul", 10, 8, 8, QLinearMatMul},
    {"ConvInteger", 10, 2, 4, ConvInteger},
    {"QLinearConv", 10, 8, 9, QLinearConv},
};

}  // namespace

absl::Span<const Lowering> QuantizedLowerings() { return kRows; }

}  // namespace adjoint::onnx
