#include "ops/resize.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"

// Resize and Upsample.

namespace adjoint::onnx {
namespace {

using ops::CoordinateMode;
using ops::Interpolation;
using ops::NearestMode;
using ops::Var;

template <typename T>
struct Named {
  absl::string_view name;
  T value;
};

constexpr Named<Interpolation> kInterpolations[] = {{"nearest", Interpolation::kNearest},
                                                    {"linear", Interpolation::kLinear},
                                                    {"cubic", Interpolation::kCubic}};
constexpr Named<CoordinateMode> kCoordinates[] = {
    {"half_pixel", CoordinateMode::kHalfPixel},
    {"pytorch_half_pixel", CoordinateMode::kPyTorchHalfPixel},
    {"align_corners", CoordinateMode::kAlignCorners},
    {"asymmetric", CoordinateMode::kAsymmetric},
    {"tf_half_pixel_for_nn", CoordinateMode::kTfHalfPixelForNn},
    {"tf_crop_and_resize", CoordinateMode::kTfCropAndResize}};
constexpr Named<NearestMode> kNearest[] = {{"round_prefer_floor", NearestMode::kRoundPreferFloor},
                                           {"round_prefer_ceil", NearestMode::kRoundPreferCeil},
                                           {"floor", NearestMode::kFloor},
                                           {"ceil", NearestMode::kCeil}};

// The first of the table when the attribute is not given.
template <typename T, size_t n>
T ChoiceOf(NodeContext& c, absl::string_view attribute, const Named<T> (&table)[n]) {
  std::vector<absl::string_view> names;
  for (const Named<T>& row : table) names.push_back(row.name);
  const std::string name = c.Choice(attribute, names[0], names);
  for (const Named<T>& row : table) {
    if (row.name == name) return row.value;
  }
  return table[0].value;
}

// One of `scales` and `sizes` is empty.
Var Resized(NodeContext& c, Var x, const ops::ResizeOptions& how, std::vector<double> scales,
            std::vector<int64_t> sizes) {
  if (!c.ok()) return x;
  const size_t rank = static_cast<size_t>(x.shape().rank());
  if (rank == 0) return x;
  if (scales.size() + sizes.size() != rank) {
    return c.Fail(absl::StrCat("there are ", scales.size(), " scales and ", sizes.size(),
                               " sizes for rank ", rank));
  }
  // A crop moves what is between elements of an axis whose extent stays as well.
  const bool crops = how.coordinates == CoordinateMode::kTfCropAndResize;
  for (size_t i = 0; i < rank; ++i) {
    const Dim d = x.shape().dim(static_cast<int>(i));
    if (!scales.empty()) {
      if (!(scales[i] > 0) || !(scales[i] <= 1e9)) {
        return c.Fail(absl::StrCat("a scale is ", scales[i]));
      }
      if (crops) {
        const double out = std::floor(static_cast<double>(c.Extent(x, i)) * scales[i]);
        if (!c.ok()) return x;
        sizes.push_back(static_cast<int64_t>(std::min(out, 1e10)));
      }
    } else if (sizes[i] < 0 || sizes[i] > 1000000000) {
      return c.Fail(absl::StrCat("a size is ", sizes[i]));
    } else if (!crops && d == Dim(sizes[i])) {
      sizes[i] = -1;
    }
  }
  return Via(x, DType::kF64, kFloatTypes, [&](Var v) {
    return sizes.empty() ? ops::ResizeBy(v, scales, how) : ops::Resize(v, sizes, how, scales);
  });
}

// Version 10 has scales alone and counts from the corner.
Values Resize(NodeContext& c) {
  const Var x = c.In(0);
  ops::ResizeOptions how;
  how.interpolation = ChoiceOf(c, "mode", kInterpolations);
  if (c.version() < 11) {
    how.coordinates = CoordinateMode::kAsymmetric;
    how.nearest = NearestMode::kFloor;
    return One(Resized(c, x, how, c.KnownNumbers(1), {}));
  }
  how.coordinates = ChoiceOf(c, "coordinate_transformation_mode", kCoordinates);
  how.nearest = ChoiceOf(c, "nearest_mode", kNearest);
  how.cubic_a = c.Float("cubic_coeff_a", -0.75f);
  how.exclude_outside = c.Flag("exclude_outside", false);
  how.extrapolation = c.Float("extrapolation_value", 0);
  std::vector<double> scales;
  std::vector<int64_t> sizes;
  if (c.Has(2)) scales = c.KnownNumbers(2);
  if (c.Has(3)) sizes = c.KnownInts(3);
  if (how.coordinates == CoordinateMode::kTfCropAndResize) {
    const std::vector<double> roi = c.KnownNumbers(1);
    const size_t rank = c.ok() ? static_cast<size_t>(x.shape().rank()) : 0;
    if (c.ok() && roi.size() != 2 * rank) {
      return One(c.Fail(absl::StrCat("roi has ", roi.size(), " entries for rank ", rank)));
    }
    how.region_begin.assign(roi.begin(), roi.begin() + rank);
    how.region_end.assign(roi.begin() + rank, roi.end());
  }
  return One(Resized(c, x, how, std::move(scales), std::move(sizes)));
}

Values Upsample(NodeContext& c) {
  ops::ResizeOptions how;
  how.coordinates = CoordinateMode::kAsymmetric;
  how.nearest = NearestMode::kFloor;
  how.interpolation = ChoiceOf(c, "mode", kInterpolations);
  std::vector<double> scales;
  if (c.version() < 9) {
    for (float s : c.Floats("scales")) scales.push_back(s);
  } else {
    scales = c.KnownNumbers(1);
  }
  return One(Resized(c, c.In(0), how, std::move(scales), {}));
}

constexpr Lowering kRows[] = {
    {"Resize", 10, 1, 4, Resize},
    {"Upsample", 7, 1, 2, Upsample},
};

}  // namespace

absl::Span<const Lowering> ResizeLowerings() { return kRows; }

}  // namespace adjoint::onnx
