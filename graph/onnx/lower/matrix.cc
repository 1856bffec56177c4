#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/einsum.h"
#include "ops/factorizations.h"
#include "ops/linalg.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"

// Products of matrices.

namespace adjoint::onnx {
namespace {

using ops::Var;

// As NumPy's: an operand of rank 1 is a row on the left and a column on the right.
Var MatMulOf(NodeContext& c, Var a, Var b) {
  if (!c.RankIs(a, 1) || !c.RankIs(b, 1)) return a;
  const bool row = a.shape().rank() == 1, column = b.shape().rank() == 1;
  if (row) a = ops::ExpandDims(a, 0);
  if (column) b = ops::ExpandDims(b, -1);
  Var y = ops::MatMul(a, b);
  if (row) y = ops::Squeeze(y, {column ? -2 : y.shape().rank() - 2});
  if (column) y = ops::Squeeze(y, {-1});
  return y;
}

Values MatMul(NodeContext& c) { return One(MatMulOf(c, c.In(0), c.In(1))); }

// alpha a' b' + beta c
Values Gemm(NodeContext& c) {
  const Var a = c.In(0), b = c.In(1);
  if (!c.RankIs(a, 2) || !c.RankIs(b, 2)) return {};
  const float alpha = c.Float("alpha", 1), beta = c.Float("beta", 1);
  const auto scaled = [&](Var v, float by) {
    if (by == 1) return v;
    if (IsFloating(v.dtype())) return ops::Mul(v, static_cast<double>(by));
    return Via(v, DType::kF64, {}, [&](Var w) { return ops::Mul(w, static_cast<double>(by)); });
  };
  const Var product = ops::MatMul(a, b, c.Flag("transA", false), c.Flag("transB", false));
  Var y = scaled(product, alpha);
  if (!c.Has(2)) return One(y);
  return One(ops::Add(y, scaled(c.In(2), beta)));
}

Values Einsum(NodeContext& c) {
  std::vector<ops::Operand> operands;
  for (Var v : c.Ins()) operands.push_back(v);
  if (!c.HasAttr("equation")) return One(c.Fail("attribute 'equation' is missing"));
  return One(ops::Einsum(c.String("equation", ""), operands));
}

Values Det(NodeContext& c) { return One(ops::Det(c.In(0))); }

// The triangle of the last two axes from diagonal k on (upper) or up to it.
Values Trilu(NodeContext& c) {
  const int64_t k = c.Has(1) ? c.KnownInt(1) : 0;
  const bool upper = c.Flag("upper", true);
  if (!c.RankIs(c.In(0), 2)) return {};
  return One(upper ? ops::Triu(c.In(0), k) : ops::Tril(c.In(0), k));
}

constexpr Lowering kRows[] = {
    {"MatMul", 1, 2, 2, MatMul}, {"Einsum", 12, 1, kVariadic, Einsum},
    {"Det", 11, 1, 1, Det},      {"Trilu", 14, 1, 2, Trilu, Takes::kAny},
    {"Gemm", 7, 2, 3, Gemm},
};

}  // namespace

absl::Span<const Lowering> MatrixLowerings() { return kRows; }

}  // namespace adjoint::onnx
