#include "ops/linalg.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/fail.h"
#include "ops/iota.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

Operand At(const Operand& x, Var v) { return Operand(v, x.location); }

Var Scaled(const Operand& x, double factor) {
  return factor == 1 ? x.var : Mul(x, Operand(factor, x.location));
}

// Both vars, or the first mistake.
bool AreVars(const Operand& a, const Operand& b) {
  return !a.is_number && !b.is_number && a.var.valid() && b.var.valid();
}

// x where j - i >= k (upper) or j - i <= k, else zero.
Var Triangle(const Operand& x, absl::string_view function, int64_t k, bool upper) {
  if (!x.var.valid()) return x.var;
  const Shape& shape = x.var.shape();
  const int rank = shape.rank();
  if (rank < 2) {
    return FailAt(x, function,
                  absl::StrCat("the operand has rank ", rank, "; a matrix has 2 or more"));
  }
  k = std::clamp<int64_t>(k, -(int64_t{1} << 62), int64_t{1} << 62);
  const Var mask = TriangleMask(*x.var.builder, shape.dim(rank - 2), shape.dim(rank - 1),
                                upper ? k - 1 : k, x.location);
  return upper ? Where(At(x, mask), Operand(0, x.location), x)
               : Where(At(x, mask), x, Operand(0, x.location));
}

// Where the k-th diagonal of a matrix lies in its elements, and how many it has.
struct DiagonalRange {
  int64_t begin, end, step;
};
DiagonalRange DiagonalOf(int64_t rows, int64_t columns, int64_t k) {
  const int64_t n = k >= 0 ? std::max<int64_t>(0, std::min(rows, columns - k))
                           : std::max<int64_t>(0, std::min(rows + k, columns));
  if (n == 0) return {0, 0, 1};
  const int64_t begin = k >= 0 ? k : -k * columns;
  return {begin, begin + (n - 1) * (columns + 1) + 1, columns + 1};
}

}  // namespace

Var Dot(Operand a, Operand b) {
  if (!AreVars(a, b)) return Mul(a, b);
  const int rank_a = a.var.shape().rank(), rank_b = b.var.shape().rank();
  if (rank_a == 0 || rank_b == 0) return Mul(a, b);
  return Tensordot(a, b, {-1}, {rank_b == 1 ? 0 : rank_b - 2});
}

Var VDot(Operand a, Operand b) {
  if (!AreVars(a, b)) return Mul(a, b);
  return Tensordot(At(a, Reshape(a, {-1})), At(b, Reshape(b, {-1})), {0}, {0});
}

Var Inner(Operand a, Operand b) {
  if (!AreVars(a, b) || a.var.shape().rank() == 0 || b.var.shape().rank() == 0) return Mul(a, b);
  return Tensordot(a, b, {-1}, {-1});
}

Var Outer(Operand a, Operand b) {
  if (!AreVars(a, b)) return Mul(a, b);
  return Mul(At(a, Reshape(a, {-1, 1})), At(b, Reshape(b, {1, -1})));
}

Var Gemm(Operand a, Operand b, const GemmOptions& options) {
  if (AreVars(a, b) && (a.var.shape().rank() != 2 || b.var.shape().rank() != 2)) {
    return FailAt(a, "gemm",
                  absl::StrCat("takes two matrices, but was given ", a.var.spec().ToString(),
                               " and ", b.var.spec().ToString()));
  }
  const Var product = MatMul(a, b, options.transpose_a, options.transpose_b);
  return Scaled(At(a, product), options.alpha);
}

Var Gemm(Operand a, Operand b, Operand c, const GemmOptions& options) {
  const Var product = Gemm(a, b, options);
  if (options.beta == 0 || !product.valid()) return product;
  if (!c.is_number && c.var.valid()) {
    const auto to = BroadcastShapes(product.shape(), c.var.shape());
    if (!to.ok() || *to != product.shape()) {
      return FailAt(c, "gemm",
                    absl::StrCat("c has shape ", c.var.shape().ToString(),
                                 ", which does not broadcast to ", product.shape().ToString()));
    }
  }
  if (c.is_number) return Add(At(a, product), Operand(options.beta * c.number, c.location));
  return Add(At(a, product), At(c, Scaled(c, options.beta)));
}

Var Triu(Operand x, int64_t k) { return Triangle(x, "triu", k, /*upper=*/true); }
Var Tril(Operand x, int64_t k) { return Triangle(x, "tril", k, /*upper=*/false); }

Var Diagonal(Operand x, int64_t k, int64_t axis_a, int64_t axis_b) {
  if (!x.var.valid()) return x.var;
  const int rank = x.var.shape().rank();
  const auto axes = NormalizeAxes({axis_a, axis_b}, rank);
  if (!axes.ok()) return FailAt(x, "diagonal", axes.status().message());
  const int a = *NormalizeAxis(axis_a, rank), b = *NormalizeAxis(axis_b, rank);
  const Dim rows = x.var.shape().dim(a), columns = x.var.shape().dim(b);
  if (!rows.is_known() || !columns.is_known()) {
    return FailAt(x, "diagonal",
                  absl::StrCat("axes ", a, " and ", b, " have extents ", rows.ToString(), " and ",
                               columns.ToString(), "; they must be numbers"));
  }
  const int64_t limit = rows.value() + columns.value();
  const DiagonalRange range =
      DiagonalOf(rows.value(), columns.value(), std::clamp(k, -limit, limit));
  const Var last = MoveAxes(x, {a, b}, {-2, -1});
  if (!last.valid()) return last;
  Shape flat(last.shape().dims().subspan(0, rank - 2));
  flat.push_back(rows.value() * columns.value());
  const Var elements = Reshape(At(x, last), flat);
  std::vector<int64_t> begin(rank - 1, 0), end(rank - 1, kSliceToEnd), step(rank - 1, 1);
  begin.back() = range.begin;
  end.back() = range.end;
  step.back() = range.step;
  return Slice(At(x, elements), begin, end, step);
}

Var Trace(Operand x, int64_t k, int64_t axis_a, int64_t axis_b) {
  const Var diagonal = Diagonal(x, k, axis_a, axis_b);
  return diagonal.valid() ? Sum(At(x, diagonal), {-1}) : diagonal;
}

Var Diag(Operand x, int64_t k) {
  if (!x.var.valid()) return x.var;
  const Shape& from = x.var.shape();
  const int rank = from.rank();
  if (rank == 0 || !from.dim(rank - 1).is_known()) {
    return FailAt(x, "diag", "the operand needs a last axis whose extent is a number");
  }
  const int64_t limit = int64_t{1} << 30;
  const int64_t n = from[rank - 1] + (std::clamp(k, -limit, limit) < 0 ? -k : k);
  if (k < -limit || k > limit || n > limit) {
    return FailAt(x, "diag",
                  absl::StrCat("diagonal ", k, " of ", from[rank - 1],
                               " elements makes a matrix of more than 2^30 rows"));
  }
  Shape flat = from, to = from;
  flat.set_dim(rank - 1, n * n);
  to.set_dim(rank - 1, n);
  to.push_back(n);
  const DiagonalRange range = DiagonalOf(n, n, k);
  std::vector<int64_t> begin(rank, 0), end(rank, kSliceToEnd), step(rank, 1);
  begin.back() = range.begin;
  end.back() = range.end;
  step.back() = range.step;
  return Reshape(At(x, SliceScatter(x, flat, begin, end, step)), to);
}

}  // namespace adjoint::ops
