#include "ops/gather_nd.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/tensor.h"
#include "ops/arg_reduce.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/fail.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

Var Invalid(const Operand& x) { return Var{x.var.builder, -1, 0}; }

// The first `count` axes of a shape, and the rest.
Shape First(const Shape& shape, int64_t count) {
  return Shape(shape.dims().subspan(0, static_cast<size_t>(count)));
}

// x with its first `count` axes as one.
Var Flattened(Operand x, int64_t count) {
  const Shape& from = x.var.shape();
  int64_t rows = 1;
  bool known = true;
  for (int k = 0; k < count; ++k) {
    known = known && from.dim(k).is_known();
    if (known) rows *= from[k];
  }
  Shape to{known ? Dim(rows) : Dim(-1)};
  for (Dim d : from.dims().subspan(static_cast<size_t>(count))) to.push_back(d);
  return Reshape(x, to);
}

// How many axes of x tuples of coordinates name, those of batches included; -1 and a failure of the
// builder where x has not so many or the number is not known.
int64_t AxesNamed(const Operand& x, const Operand& indices, int64_t batch_dims,
                  const char* function) {
  if (!x.var.valid() || !indices.var.valid()) return -1;
  const Shape& positions = indices.var.shape();
  const int rank = x.var.shape().rank();
  if (positions.rank() == 0 || !positions.dim(positions.rank() - 1).is_known()) {
    FailAt(x, function,
           absl::StrCat("indices have shape ", positions.ToString(),
                        "; their last axis is the coordinates, as many as a number says"));
    return -1;
  }
  const int64_t width = positions[positions.rank() - 1];
  if (batch_dims < 0 || batch_dims > rank || width > rank - batch_dims) {
    FailAt(x, function,
           absl::StrCat("indices hold ", width, " coordinates after ", batch_dims,
                        " axes for batches, the operand has rank ", rank));
    return -1;
  }
  return batch_dims + width;
}

}  // namespace

Var GatherNd(Operand x, Operand indices, int64_t batch_dims) {
  const int64_t named = AxesNamed(x, indices, batch_dims, "gather_nd");
  if (named < 0) return Invalid(x);
  const Var rows = RavelIndices(indices, First(x.var.shape(), named), batch_dims);
  return Gather(Flattened(x, named), rows, 0);
}

Var ScatterNd(Operand base, Operand indices, Operand updates, ScatterMode mode) {
  const int64_t named = AxesNamed(base, indices, 0, "scatter_nd");
  if (named < 0) return Invalid(base);
  const Var rows = RavelIndices(indices, First(base.var.shape(), named));
  const Var result =
      Scatter(Operand(Flattened(base, named), base.location), rows, updates, 0, mode);
  return result.valid() ? Reshape(result, base.var.shape()) : result;
}

Var OneHotAlong(Operand indices, int64_t depth, Operand on, Operand off, int64_t axis) {
  if (!indices.var.valid()) return Invalid(indices);
  const Shape& from = indices.var.shape();
  if (depth < 0) {
    return FailAt(indices, "one_hot",
                  absl::StrCat("the depth is ", depth, "; it must be at least 0"));
  }
  const auto normal = NormalizeAxis(axis, from.rank() + 1);
  if (!normal.ok()) return FailAt(indices, "one_hot", normal.status().message());
  // 0, 1, ... along the new axis.
  Shape shape{depth};
  for (int k = *normal; k < from.rank(); ++k) shape.push_back(1);
  auto classes = Tensor::Allocate({DType::kI64, shape});
  if (!classes.ok()) return FailAt(indices, "one_hot", classes.status().message());
  for (int64_t k = 0; k < depth; ++k) classes->mutable_data<int64_t>()[k] = k;
  const Var row = Constant(*indices.var.builder, *std::move(classes), indices.location);
  const Var index = ExpandDims(Operand(Cast(indices, DType::kI64), indices.location), *normal);
  const Var plain = Where(Less(index, 0), index + static_cast<double>(depth), index);
  return Where(Equal(row, plain), on, off);
}

Var MultiHot(Operand indices, int64_t depth, DType dtype) {
  if (!indices.var.valid()) return Invalid(indices);
  const Shape& from = indices.var.shape();
  if (from.rank() == 0 || depth < 0) {
    return FailAt(indices, "multi_hot",
                  from.rank() == 0
                      ? "indices are a scalar; their last axis is those of a row"
                      : absl::StrCat("the depth is ", depth, "; it must be at least 0"));
  }
  Shape shape = from;
  shape.set_dim(from.rank() - 1, depth);
  const auto filled = [&](double value, const Shape& to) {
    return BroadcastTo(Cast(ScalarLike(indices.var, value, indices.location), dtype), to);
  };
  return ScatterAlongAxis(Operand(filled(0, shape), indices.location), indices, filled(1, from),
                          -1);
}

Var Hardmax(Operand x, int64_t axis) {
  if (!x.var.valid()) return Invalid(x);
  const Shape& shape = x.var.shape();
  const auto normal = NormalizeAxis(axis, shape.rank());
  if (!normal.ok()) return FailAt(x, "hardmax", normal.status().message());
  if (!shape.dim(*normal).is_known()) {
    return FailAt(x, "hardmax",
                  absl::StrCat("the extent along axis ", *normal, " must be a number, but is ",
                               shape.dim(*normal).ToString()));
  }
  const Var greatest = ArgMax(x, *normal);
  if (!greatest.valid()) return greatest;
  return OneHotAlong(greatest, shape[*normal], ScalarLike(x.var, 1, x.location),
                     ScalarLike(x.var, 0, x.location), *normal);
}

Var MaskedFill(Operand x, Operand mask, Operand value) {
  const Var filled = Where(mask, value, x);
  if (!filled.valid() || filled.shape() == x.var.shape()) return filled;
  return FailAt(x, "masked_fill",
                absl::StrCat("mask and value must broadcast to the operand; with them the result "
                             "has shape ",
                             filled.shape().ToString()));
}

Var CompressBy(Operand x, absl::Span<const bool> mask, int64_t axis) {
  if (!x.var.valid()) return Invalid(x);
  std::vector<int64_t> chosen;
  for (size_t i = 0; i < mask.size(); ++i) {
    if (mask[i]) chosen.push_back(static_cast<int64_t>(i));
  }
  const Var indices = Constant(*x.var.builder, Tensor::Vector<int64_t>(chosen), x.location);
  return Gather(x, indices, axis);
}

}  // namespace adjoint::ops
