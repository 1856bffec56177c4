#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/onnx/exporter.h"

// Shapes, parts and arrangements of tensors.

namespace adjoint::onnx {
namespace {

absl::Status Reshape(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string shape, u.to.ShapeVector(u.spec().shape));
  return u.Is("Reshape", {u.name(0), shape}, {Attr("allowzero", int64_t{1})});
}

absl::Status BroadcastTo(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string shape, u.to.ShapeVector(u.spec().shape));
  return u.Is("Expand", {u.name(0), shape});
}

absl::Status Transpose(const Use& u) {
  if (u.spec().shape.rank() == 0) return u.Is("Identity", {u.name(0)});
  return u.Is("Transpose", {u.name(0)}, {Attr("perm", u.ints("permutation"))});
}

absl::Status SizeOf(const Use& u) {
  const std::string shape = u.Op("Shape", {u.name(0)});
  const std::string sizes = u.Op("Gather", {shape, u.to.Ints(u.ints("axes"))});
  const std::string product = u.Op("ReduceProd", {sizes}, {Attr("keepdims", int64_t{0})});
  return u.Is(u.to.CastTo(product, u.dtype()));
}

absl::Status Slice(const Use& u) {
  const std::vector<int64_t>& begin = u.ints("begin");
  std::vector<int64_t> axes(begin.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (axes.empty()) return u.Is("Identity", {u.name(0)});
  return u.Is("Slice", {u.name(0), u.to.Ints(begin), u.to.Ints(u.ints("end")), u.to.Ints(axes),
                        u.to.Ints(u.ints("step"))});
}

std::string Padded(const Use& u, const std::string& x, std::vector<int64_t> before,
                   const std::vector<int64_t>& after, double value) {
  before.insert(before.end(), after.begin(), after.end());
  return u.Op("Pad", {x, u.to.Ints(before), u.Number(value)});
}

// Updates along one axis after the other: those of a step from the end are turned round, those of
// greater steps are each given zeros behind them, and then the axis is filled up with zeros.
absl::Status SliceScatter(const Use& u) {
  const std::vector<int64_t>& begins = u.ints("begin");
  const std::vector<int64_t>& steps = u.ints("step");
  const Shape& to = u.spec().shape;
  Shape shape = u.in(0).shape();
  const int rank = shape.rank();
  std::string y = u.name(0);
  for (int axis = 0; axis < static_cast<int>(begins.size()); ++axis) {
    if (shape.dim(axis) == to.dim(axis) && steps[axis] == 1) continue;
    if (!to.dim(axis).is_known() || !shape.dim(axis).is_known()) {
      return absl::UnimplementedError(
          absl::StrCat("the extent of axis ", axis, " must be a number"));
    }
    const int64_t extent = to[axis], n = shape[axis], step = steps[axis];
    int64_t first = begins[axis] < 0 ? begins[axis] + extent : begins[axis];
    first = std::clamp<int64_t>(first, step > 0 ? 0 : -1, step > 0 ? extent : extent - 1);
    const int64_t stride = std::abs(step);
    if (step < 0) {
      first += (n - 1) * step;
      y = u.Op("Slice",
               {y, u.to.Ints({-1}), u.to.Ints({INT64_MIN}), u.to.Ints({axis}), u.to.Ints({-1})});
    }
    if (n == 0) first = 0;
    int64_t wide = n;
    if (stride > 1 && n > 1) {
      y = u.Op("Unsqueeze", {y, u.to.Ints({axis + 1})});
      std::vector<int64_t> none(rank + 1, 0), behind(rank + 1, 0);
      behind[axis + 1] = stride - 1;
      y = Padded(u, y, none, behind, 0);
      wide = n * stride;
      std::vector<Dim> dims(shape.dims().begin(), shape.dims().end());
      dims[axis] = wide;
      ADJOINT_ASSIGN_OR_RETURN(const std::string flat, u.to.ShapeVector(Shape(dims)));
      y = u.Op("Reshape", {y, flat}, {Attr("allowzero", int64_t{1})});
    }
    // What is behind the last update may be cut off.
    std::vector<int64_t> before(rank, 0), after(rank, 0);
    before[axis] = first;
    after[axis] = extent - first - wide;
    y = Padded(u, y, before, after, 0);
    std::vector<Dim> dims(shape.dims().begin(), shape.dims().end());
    dims[axis] = extent;
    shape = Shape(dims);
  }
  return u.Is("Identity", {y});
}

absl::Status Concat(const Use& u) {
  return u.Is("Concat", u.names(), {Attr("axis", u.integer("axis"))});
}

absl::Status Pad(const Use& u) {
  if (u.spec().shape.rank() == 0) return u.Is("Identity", {u.name(0)});
  return u.Is(Padded(u, u.name(0), u.ints("before"), u.ints("after"), u.attr<double>("value")));
}

// ONNX's has its two axes in front.
absl::Status ReverseSequence(const Use& u) {
  const int rank = u.spec().shape.rank();
  const int batch = u.axis("batch_axis", rank);
  const int time = u.axis("time_axis", rank);
  std::vector<int64_t> front = {batch, time}, back(rank);
  for (int i = 0; i < rank; ++i) {
    if (i != batch && i != time) front.push_back(i);
  }
  for (int i = 0; i < rank; ++i) back[front[i]] = i;
  const std::string x = u.Op("Transpose", {u.name(0)}, {Attr("perm", front)});
  const std::string lengths = u.to.CastTo(u.name(1), DType::kI64);
  const std::string y = u.Op("ReverseSequence", {x, lengths},
                             {Attr("batch_axis", int64_t{0}), Attr("time_axis", int64_t{1})});
  return u.Is("Transpose", {y}, {Attr("perm", back)});
}

absl::Status Iota(const Use& u) {
  const Shape& shape = u.spec().shape;
  const int axis = u.axis("axis", shape.rank());
  ADJOINT_ASSIGN_OR_RETURN(const std::string extents, u.to.ShapeVector(shape));
  ADJOINT_ASSIGN_OR_RETURN(const std::string length, u.to.ShapeVector(Shape{shape.dim(axis)}));
  const std::string numbers =
      u.Op("Range", {u.to.Number(DType::kI64, 0), u.Op("Squeeze", {length, u.to.Ints({0})}),
                     u.to.Number(DType::kI64, 1)});
  std::vector<int64_t> column(shape.rank(), 1);
  column[axis] = -1;
  const std::string turned = u.Op("Reshape", {u.to.CastTo(numbers, u.dtype()), u.to.Ints(column)});
  return u.Is("Expand", {turned, extents});
}

constexpr Emitter kRows[] = {
    {"reshape", Reshape},
    {"broadcast_to", BroadcastTo},
    {"transpose", Transpose},
    {"size_of", SizeOf},
    {"slice", Slice},
    {"slice_scatter", SliceScatter},
    {"concat", Concat},
    {"pad", Pad},
    {"reverse_sequence", ReverseSequence},
    {"iota", Iota},
};

}  // namespace

absl::Span<const Emitter> ShapeEmitters() { return kRows; }

}  // namespace adjoint::onnx
