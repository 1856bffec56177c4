#include "ops/window.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kTooLarge = int64_t{1} << 31;

absl::Status CheckEntries(absl::string_view name, const std::vector<int64_t>& values, size_t rank,
                          int64_t least) {
  if (values.size() != rank) {
    return absl::InvalidArgumentError(absl::StrCat(name, " has ", values.size(), " entries [",
                                                   absl::StrJoin(values, ","), "] for ", rank,
                                                   " spatial axes"));
  }
  for (size_t i = 0; i < rank; ++i) {
    if (values[i] < least || values[i] >= kTooLarge) {
      return absl::InvalidArgumentError(absl::StrCat(name, " is ", values[i],
                                                     " along spatial axis ", i, "; it must be ",
                                                     least, " at least and below 2^31"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<AttrDecl> WindowAttrs(std::vector<AttrDecl> others) {
  std::vector<AttrDecl> all = {{"strides", AttrKind::kInts},
                               {"pads_begin", AttrKind::kInts},
                               {"pads_end", AttrKind::kInts},
                               {"dilations", AttrKind::kInts}};
  for (AttrDecl& other : others) all.push_back(std::move(other));
  return all;
}

std::vector<int64_t> PerAxis(const std::vector<int64_t>& values, size_t rank, int64_t fallback) {
  if (values.empty()) return std::vector<int64_t>(rank, fallback);
  if (values.size() == 1) return std::vector<int64_t>(rank, values[0]);
  return values;
}

absl::StatusOr<Window> WindowFrom(const Attrs& attrs, std::vector<int64_t> kernel) {
  Window w;
  const size_t rank = kernel.size();
  w.kernel = std::move(kernel);
  w.strides = attrs.At<std::vector<int64_t>>("strides");
  w.pads_begin = attrs.At<std::vector<int64_t>>("pads_begin");
  w.pads_end = attrs.At<std::vector<int64_t>>("pads_end");
  w.dilations = attrs.At<std::vector<int64_t>>("dilations");
  ADJOINT_RETURN_IF_ERROR(CheckEntries("the kernel", w.kernel, rank, 1));
  ADJOINT_RETURN_IF_ERROR(CheckEntries("strides", w.strides, rank, 1));
  ADJOINT_RETURN_IF_ERROR(CheckEntries("pads_begin", w.pads_begin, rank, 0));
  ADJOINT_RETURN_IF_ERROR(CheckEntries("pads_end", w.pads_end, rank, 0));
  ADJOINT_RETURN_IF_ERROR(CheckEntries("dilations", w.dilations, rank, 1));
  return w;
}

absl::StatusOr<Dim> WindowCount(const Window& w, int axis, Dim in, Rounding rounding) {
  const int64_t begin = w.pads_begin[axis], pads = begin + w.pads_end[axis];
  const int64_t span = w.Span(axis), stride = w.strides[axis];
  if (!in.is_known()) {
    if (stride == 1 && pads == span - 1) return in;
    return Dim::Symbol(absl::StrCat("windows(", in.ToString(), ",", span, ",", stride, ",", begin,
                                    ",", pads - begin, rounding == Rounding::kCeil ? ",ceil" : "",
                                    ")"));
  }
  // 128 bits: an extent may be anything.
  const __int128 slack = static_cast<__int128>(in.value()) + pads - span;
  if (slack < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the window spans ", span, " along spatial axis ", axis, ", but the operand has ",
        in.value(), " there, padded by ", begin, " and ", pads - begin));
  }
  __int128 count = slack / stride + 1;
  if (rounding == Rounding::kCeil && slack % stride != 0 &&
      count * stride < static_cast<__int128>(in.value()) + begin) {
    ++count;
  }
  if (count > INT64_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("the windows along spatial axis ", axis, " are more than 2^63 - 1"));
  }
  return Dim(static_cast<int64_t>(count));
}

absl::Status CheckMaps(absl::string_view what, const TensorSpec& spec) {
  if (spec.dtype != DType::kF32 && spec.dtype != DType::kF64) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " must be f32 or f64, but is ", DTypeName(spec.dtype)));
  }
  if (spec.shape.rank() < 3 || spec.shape.rank() > 5) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has rank ", spec.shape.rank(),
                     ", but must have rank 3 to 5: a batch, channels and spatial axes"));
  }
  return absl::OkStatus();
}

MapGeometry MapGeometryOf(const Shape& shape, bool channels_last) {
  const MapLayout layout{shape.rank(), channels_last};
  const std::vector<int64_t> strides = RowMajorStrides(shape.Extents());
  MapGeometry g;
  g.batch = shape[0];
  g.channels = shape[layout.channel()];
  g.batch_stride = strides[0];
  g.channel_stride = strides[layout.channel()];
  const int missing = 3 - layout.spatial_rank();
  for (int i = 0; i < layout.spatial_rank(); ++i) {
    g.extents[missing + i] = shape[layout.spatial(i)];
    g.strides[missing + i] = strides[layout.spatial(i)];
  }
  return g;
}

WindowGeometry WindowGeometryOf(const Window& window) {
  WindowGeometry g;
  const int missing = 3 - window.rank();
  for (int i = 0; i < window.rank(); ++i) {
    g.kernel[missing + i] = window.kernel[i];
    g.strides[missing + i] = window.strides[i];
    g.pads[missing + i] = window.pads_begin[i];
    g.pads_end[missing + i] = window.pads_end[i];
    g.dilations[missing + i] = window.dilations[i];
  }
  return g;
}

}  // namespace adjoint::ops
