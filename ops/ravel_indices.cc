#include "ops/ravel_indices.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "ops/elementwise.h"
#include "ops/fail.h"
#include "ops/index_check.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

struct Layout {
  std::vector<int64_t> positions;  // the extents of `indices`
  std::vector<int64_t> extents;    // along which the coordinates lie
  std::vector<int64_t> strides;    // of these
  int64_t rows = 1;                // tuples of coordinates
  int64_t per_batch = 1;           // of one batch
  int64_t batch_stride = 1;        // between batches
  int batch_dims = 0;
  bool from_end = true;
};

template <typename Index>
absl::Status OutOfRange(const Layout& l, int64_t row, size_t k, Index index) {
  std::vector<int64_t> position(l.positions.size());
  position.back() = static_cast<int64_t>(k);
  for (size_t axis = position.size() - 1; axis-- > 0;) {
    position[axis] = row % l.positions[axis];
    row /= l.positions[axis];
  }
  const int64_t extent = l.extents[k];
  return absl::InvalidArgumentError(
      absl::StrCat("ravel_indices: index ", index, " at position [", absl::StrJoin(position, ","),
                   "] is outside ",
                   extent == 0 ? std::string("the empty range")
                               : absl::StrCat(l.from_end ? -extent : 0, "..", extent - 1),
                   " of axis ", l.batch_dims + static_cast<int>(k), " of the operand"));
}

template <typename Index>
MaybeKernel MakeRavel(Layout l) {
  return MakeKernel([l = std::move(l)](const KernelArgs& args) {
    const Index* indices = In<Index>(args, 0);
    int64_t* y = Out<int64_t>(args);
    const size_t width = l.extents.size();
    for (int64_t row = 0; row < l.rows; ++row) {
      int64_t flat = l.per_batch > 0 ? row / l.per_batch * l.batch_stride : 0;
      for (size_t k = 0; k < width; ++k) {
        int64_t index = indices[row * static_cast<int64_t>(width) + static_cast<int64_t>(k)];
        const int64_t extent = l.extents[k];
        if (index < (l.from_end ? -extent : 0) || index >= extent) {
          return OutOfRange(l, row, k, index);
        }
        flat += (index < 0 ? index + extent : index) * l.strides[k];
      }
      y[row] = flat;
    }
    return absl::OkStatus();
  });
}

MaybeKernel PrepareRavel(const KernelRequest& r) {
  Layout l;
  l.positions = r.inputs[0].shape.Extents();
  const std::vector<int64_t> extents = r.attrs.At<Shape>("shape").Extents();
  const std::vector<int64_t> strides = RowMajorStrides(extents);
  const auto batch = static_cast<size_t>(r.attrs.At<int64_t>("batch_dims"));
  l.batch_dims = static_cast<int>(batch);
  l.from_end = r.attrs.At<bool>("from_end");
  l.extents.assign(extents.begin() + batch, extents.end());
  l.strides.assign(strides.begin() + batch, strides.end());
  for (int64_t e : l.extents) l.batch_stride *= e;
  for (size_t k = 0; k + 1 < l.positions.size(); ++k) {
    l.rows *= l.positions[k];
    if (k >= batch) l.per_batch *= l.positions[k];
  }
  if (r.inputs[0].dtype == DType::kI64) return MakeRavel<int64_t>(std::move(l));
  return MakeRavel<int32_t>(std::move(l));
}

absl::StatusOr<std::vector<TensorSpec>> InferRavel(const InferContext& c) {
  const TensorSpec& indices = c.inputs[0];
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("indices", indices));
  const Shape& shape = c.attrs.At<Shape>("shape");
  const int64_t batch = c.attrs.At<int64_t>("batch_dims");
  const int rank = indices.shape.rank();
  if (rank == 0) {
    return absl::InvalidArgumentError("indices are a scalar; their last axis is the coordinates");
  }
  ADJOINT_RETURN_IF_ERROR((TensorSpec{DType::kI64, shape}.CheckExtents()));
  if (batch < 0 || batch > shape.rank() || batch > rank - 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_dims is ", batch, "; the operand ", shape.ToString(), " and indices ",
                     indices.shape.ToString(), " allow 0..", std::min(shape.rank(), rank - 1)));
  }
  const Dim width = indices.shape.dim(rank - 1);
  if (width != Dim(shape.rank() - batch)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "indices hold ", width.ToString(), " coordinates, the axes of ", shape.ToString(),
        " after ", batch, " for batches are ", shape.rank() - batch));
  }
  for (int k = 0; k < batch; ++k) {
    if (indices.shape.dim(k) == shape.dim(k)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "axis ", k, " is one of batches, but indices have ", indices.shape.dim(k).ToString(),
        " along it and the operand ", shape.dim(k).ToString()));
  }
  return std::vector<TensorSpec>{
      {DType::kI64, Shape(indices.shape.dims().subspan(0, static_cast<size_t>(rank - 1)))}};
}

}  // namespace

const OpDef& RavelIndicesOp() {
  static const OpDef* const op = new OpDef{
      .name = "ravel_indices",
      .attrs = {{"batch_dims", AttrKind::kInt},
                {"from_end", AttrKind::kBool},
                {"shape", AttrKind::kShape}},
      .infer = InferRavel,
      .vjp = ZeroCotangents,
      .kernels = {{"reference", PrepareRavel}},
  };
  return *op;
}

Var RavelIndices(Operand indices, const Shape& shape, int64_t batch_dims, bool from_end) {
  return Apply1(RavelIndicesOp(), {indices},
                {{"batch_dims", batch_dims}, {"from_end", from_end}, {"shape", shape}});
}

Var PlainIndices(Operand indices, Operand x, int64_t axis) {
  if (!indices.var.valid() || !x.var.valid()) return Var{indices.var.builder, -1, 0};
  const auto normal = NormalizeAxis(axis, x.var.shape().rank());
  if (!normal.ok()) return FailAt(x, "plain_indices", normal.status().message());
  return RavelIndices(ExpandDims(indices, -1), Shape{x.var.shape().dim(*normal)});
}

}  // namespace adjoint::ops
