#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/onnx/exporter.h"
#include "ops/op_def.h"

// Elements by their places, and order.

namespace adjoint::onnx {
namespace {

// Gather, GatherElements: operands as they are.
absl::Status AlongAxis(const Use& u) {
  return u.Is(u.node.op->onnx_name, u.names(), {Attr("axis", u.integer("axis"))});
}

absl::StatusOr<std::string> Reduction(const std::string& mode) {
  if (mode == "set") return "none";
  if (mode == "add" || mode == "mul") return mode;
  return absl::UnimplementedError(
      absl::StrCat("scattering with '", mode, "' is in ONNX from operator set 18 on"));
}

// Slices of an axis: ScatterND, with that axis and those of the indices moved to the front.
absl::Status ScatterSlices(const Use& u, const std::string& mode) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string reduction, Reduction(mode));
  const int rank = u.in(0).shape().rank(), axis = u.axis("axis", rank);
  const int places = u.in(1).shape().rank();
  std::vector<int64_t> front(rank - 1 + places);  // of the updates
  for (int i = 0; i < places; ++i) front[i] = axis + i;
  for (int i = 0; i < rank - 1; ++i) front[places + i] = i < axis ? i : i + places;
  const std::string base =
      axis == 0 ? u.name(0)
                : u.Op("Transpose", {u.name(0)}, {Attr("perm", MovedAxis(rank, axis, 0))});
  const std::string updates =
      axis == 0 ? u.name(2) : u.Op("Transpose", {u.name(2)}, {Attr("perm", front)});
  const std::string indices =
      u.Op("Unsqueeze", {u.to.CastTo(u.name(1), DType::kI64), u.to.Ints({-1})});
  const std::string y = u.Op("ScatterND", {base, indices, updates}, {Attr("reduction", reduction)});
  if (axis == 0) return u.Is(y);
  return u.Is("Transpose", {y}, {Attr("perm", MovedAxis(rank, 0, axis))});
}

absl::Status ScatterAdd(const Use& u) { return ScatterSlices(u, "add"); }
absl::Status Scatter(const Use& u) { return ScatterSlices(u, u.attr<std::string>("mode")); }

absl::Status ScatterAlongAxis(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string reduction, Reduction(u.attr<std::string>("mode")));
  return u.Is("ScatterElements", u.names(),
              {Attr("axis", u.integer("axis")), Attr("reduction", reduction)});
}

absl::Status OneHot(const Use& u) {
  const std::string values = VisitDType(u.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return u.to.Constant(Tensor::Of<T>({2}, {static_cast<T>(0), static_cast<T>(1)}));
  });
  const std::string depth = u.to.Constant(Tensor::Scalar<int64_t>(u.integer("depth")));
  return u.Is("OneHot", {u.name(0), depth, values});
}

std::string CountTo(const Use& u, const std::string& length) {  // of i64[1]
  return u.Op("Range", {u.to.Number(DType::kI64, 0), u.Op("Squeeze", {length, u.to.Ints({0})}),
                        u.to.Number(DType::kI64, 1)});
}

// Row-major places: coordinates times strides, summed up, and the numbers of the batches.
absl::Status RavelIndices(const Use& u) {
  const Shape& shape = u.attr<Shape>("shape");
  const int64_t batches = u.integer("batch_dims");
  if (!shape.IsConcrete()) return absl::UnimplementedError("the shape must be of numbers");
  const std::vector<int64_t> extents = shape.Extents();
  std::vector<int64_t> strides(extents.size(), 1);
  for (int i = static_cast<int>(extents.size()) - 2; i >= 0; --i) {
    strides[i] = strides[i + 1] * extents[i + 1];
  }
  const std::vector<int64_t> own_extents(extents.begin() + batches, extents.end());
  const std::vector<int64_t> own_strides(strides.begin() + batches, strides.end());
  std::string at = u.to.CastTo(u.name(0), DType::kI64);
  if (u.flag("from_end")) {
    const std::string negative = u.Op("Less", {at, u.Number(0)});
    at = u.Op("Where", {negative, u.Op("Add", {at, u.to.Ints(own_extents)}), at});
  }
  std::string y = u.Op("ReduceSum", {u.Op("Mul", {at, u.to.Ints(own_strides)}), u.to.Ints({-1})},
                       {Attr("keepdims", int64_t{0})});
  const int rank = u.spec().shape.rank();
  for (int64_t i = 0; i < batches; ++i) {
    std::vector<int64_t> column(rank, 1);
    column[i] = -1;
    const std::string numbers =
        u.Op("Reshape", {CountTo(u, u.to.Ints({extents[i]})), u.to.Ints(column)});
    y = u.Op("Add", {y, u.Op("Mul", {numbers, u.Number(static_cast<double>(strides[i]))})});
  }
  return u.Is("Identity", {y});
}

// How many offsets are not beyond an entry's number, less one.
absl::Status SegmentIds(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string length,
                           u.to.ShapeVector(Shape{u.spec().shape.dim(0)}));
  const std::string offsets =
      u.Op("Unsqueeze", {u.to.CastTo(u.name(0), DType::kI64), u.to.Ints({1})});
  const std::string begun = u.Op("LessOrEqual", {offsets, CountTo(u, length)});
  const std::string count = u.Op("ReduceSum", {u.to.CastTo(begun, DType::kI64), u.to.Ints({0})},
                                 {Attr("keepdims", int64_t{0})});
  return u.Is("Sub", {count, u.Number(1)});
}

// The first `size` along `axis`, filled up where there are fewer. `filling` has that many.
std::string OfSize(const Use& u, const std::string& x, const std::string& filling, int64_t axis,
                   int64_t size) {
  const std::string both = u.Op("Concat", {x, filling}, {Attr("axis", axis)});
  return u.Op("Slice", {both, u.to.Ints({0}), u.to.Ints({size}), u.to.Ints({axis})});
}

absl::Status NonZero(const Use& u) {
  const int64_t size = u.integer("size");
  const std::string differs = u.to.CastTo(u.name(0), DType::kBool);
  const std::string count =
      u.Op("ReduceSum", {u.to.CastTo(differs, DType::kI64)}, {Attr("keepdims", int64_t{0})});
  ADJOINT_ASSIGN_OR_RETURN(
      const std::string filling,
      u.to.Full(DType::kI64, u.spec().shape, static_cast<double>(u.integer("fill"))));
  if (u.in(0).shape().rank() == 0) return u.AreNamed({filling, count});
  return u.AreNamed({OfSize(u, u.Op("NonZero", {differs}), filling, 1, size), count});
}

absl::Status Unique(const Use& u) {
  const int64_t size = u.integer("size");
  const Names found =
      u.to.AddMany(4, "Unique", {u.name(0)}, {Attr("sorted", int64_t{u.flag("sorted")})});
  const std::string zeros = u.to.Ints(std::vector<int64_t>(size, 0));
  const std::string count = u.Op("Squeeze", {u.Op("Shape", {found[1]}), u.to.Ints({0})});
  return u.AreNamed(
      {OfSize(u, found[1], zeros, 0, size), found[2], OfSize(u, found[3], zeros, 0, size), count});
}

absl::Status Ordered(const Use& u, const std::string& k, bool largest) {
  const std::string x =
      u.in(0).dtype() == DType::kBool ? u.to.CastTo(u.name(0), DType::kI32) : u.name(0);
  return u.Is(u.to.AddMany(2, "TopK", {x, k}, {Attr("largest", int64_t{largest})})[1]);
}

absl::Status ArgSort(const Use& u) {
  const Shape& shape = u.in(0).shape();
  ADJOINT_ASSIGN_OR_RETURN(const std::string k,
                           u.to.ShapeVector(Shape{shape.dim(shape.rank() - 1)}));
  return Ordered(u, k, u.flag("descending"));
}

absl::Status TopKIndices(const Use& u) {
  return Ordered(u, u.to.Ints({u.integer("k")}), u.flag("largest"));
}

constexpr Emitter kRows[] = {
    {"gather", AlongAxis},
    {"take_along_axis", AlongAxis},
    {"scatter_add", ScatterAdd},
    {"scatter", Scatter},
    {"scatter_along_axis", ScatterAlongAxis},
    {"one_hot", OneHot},
    {"ravel_indices", RavelIndices},
    {"segment_ids", SegmentIds},
    {"nonzero", NonZero},
    {"unique", Unique},
    {"argsort", ArgSort},
    {"top_k_indices", TopKIndices},
};

}  // namespace

absl::Span<const Emitter> IndexingEmitters() { return kRows; }

}  // namespace adjoint::onnx
