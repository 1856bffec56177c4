#ifndef ADJOINT_OPS_WINDOW_H_
#define ADJOINT_OPS_WINDOW_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/attrs.h"
#include "core/shape.h"
#include "core/tensor_spec.h"
#include "ops/op_def.h"

// For authors of ops whose windows slide over spatial axes: convolution, pooling, unfolding.

namespace adjoint::ops {

// A window of kernel[i] elements, dilations[i] apart, along spatial axis i, which moves by
// strides[i] over the operand with pads_begin[i] and pads_end[i] elements around it.
struct Window {
  std::vector<int64_t> kernel = {};
  std::vector<int64_t> strides = {};
  std::vector<int64_t> pads_begin = {};
  std::vector<int64_t> pads_end = {};
  std::vector<int64_t> dilations = {};

  int rank() const { return static_cast<int>(kernel.size()); }
  // From the window's first element to its last, both included.
  int64_t Span(int axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
};

// The declarations of a window's attributes, all but the kernel's, which conv takes from its
// weights.
std::vector<AttrDecl> WindowAttrs(std::vector<AttrDecl> others);

// `values` for `rank` axes: `fallback` everywhere when empty, one value for all axes when single.
// Other counts are left as they are, for the shape rule to refuse.
std::vector<int64_t> PerAxis(const std::vector<int64_t>& values, size_t rank, int64_t fallback);

// Attributes "strides", "pads_begin", "pads_end" and "dilations", with the kernel given. Errors:
// other than one entry an axis, strides or dilations or kernel below 1, pads below 0, and anything
// of 2^31 or more.
absl::StatusOr<Window> WindowFrom(const Attrs& attrs, std::vector<int64_t> kernel);

// Whether the last, incomplete window counts.
enum class Rounding { kFloor, kCeil };

// How many windows fit along spatial axis `axis` of extent `in`. kCeil adds one that reaches beyond
// the padded operand, unless it would start in the padding at the end (as PyTorch has it). A
// symbolic extent stays itself where windows keep it, and gives a named symbol otherwise. Errors: a
// window wider than the padded operand.
absl::StatusOr<Dim> WindowCount(const Window& window, int axis, Dim in,
                                Rounding rounding = Rounding::kFloor);

// Where the axes of a batch of maps lie: [batch, channels, spatial...] or [batch, spatial...,
// channels].
struct MapLayout {
  int rank;
  bool channels_last;

  int channel() const { return channels_last ? rank - 1 : 1; }
  int spatial(int i) const { return channels_last ? 1 + i : 2 + i; }
  int spatial_rank() const { return rank - 2; }
};

// An error unless the spec is f32 or f64 and has a batch, channels and one to three spatial axes.
absl::Status CheckMaps(absl::string_view what, const TensorSpec& spec);

// A batch of maps as kernels see it, in elements, always with three spatial axes: those that are
// missing are in front, of extent 1.
struct MapGeometry {
  int64_t batch = 0, channels = 0;
  std::array<int64_t, 3> extents = {1, 1, 1};
  int64_t batch_stride = 0, channel_stride = 0;
  std::array<int64_t, 3> strides = {0, 0, 0};

  int64_t positions() const { return extents[0] * extents[1] * extents[2]; }
};
MapGeometry MapGeometryOf(const Shape& shape, bool channels_last);

// A window in three axes; those that are missing are in front, of one element.
struct WindowGeometry {
  std::array<int64_t, 3> kernel = {1, 1, 1};
  std::array<int64_t, 3> strides = {1, 1, 1};
  std::array<int64_t, 3> pads = {0, 0, 0};  // before
  std::array<int64_t, 3> pads_end = {0, 0, 0};
  std::array<int64_t, 3> dilations = {1, 1, 1};

  int64_t size() const { return kernel[0] * kernel[1] * kernel[2]; }
};
WindowGeometry WindowGeometryOf(const Window& window);

// The taps k of a window, 0 .. kernel-1, for which begin + k * dilation lies in 0 .. extent-1.
struct TapRange {
  int64_t first, last;  // first .. last-1
};
inline TapRange TapsInside(int64_t begin, int64_t dilation, int64_t kernel, int64_t extent) {
  int64_t first = begin >= 0 ? 0 : (-begin + dilation - 1) / dilation;
  int64_t last = begin >= extent ? 0 : (extent - 1 - begin) / dilation + 1;
  if (last > kernel) last = kernel;
  if (first > last) first = last;
  return {first, last};
}

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_WINDOW_H_
