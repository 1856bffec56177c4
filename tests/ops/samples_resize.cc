#include "ops/axis_map.h"
#include "ops/resize.h"
#include "ops/sample_maps.h"
#include "ops/unfold.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::CoordinateMode;
using ops::Interpolation;
using ops::NearestMode;
using ops::ResizeOptions;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;
using Ints = std::vector<int64_t>;

SampleArg Floats(Shape shape, double low = -2, double high = 2) {
  return {.spec = {DType::kF32, std::move(shape)}, .low = low, .high = high};
}

Sample Unary(std::string op, std::string label, Shape shape, std::function<Var(Var)> fn,
             std::string fast_kernel) {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = {Floats(std::move(shape))},
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; },
          .fast_kernel = std::move(fast_kernel)};
}

Sample Resized(std::string label, Shape shape, Ints sizes, ResizeOptions options) {
  return Unary(
      "axis_map", std::move(label), std::move(shape),
      [=](Var x) { return ops::Resize(x, sizes, options); }, "simd");
}

std::vector<Sample> MapSamples() {
  const ops::AxisTable table{.taps = 3,
                             .indices = {0, 2, -1, 1, 1, 3, -1, -1, -1, 3, 0, 2},
                             .weights = {1, -2, 5, 0.5, 0.25, 2, 1, 1, 1, -1, 3, 0.5}};
  return {
      Unary(
          "axis_map", "rows", {4, 3}, [=](Var x) { return ops::AxisMap(x, 0, table); }, "simd"),
      Unary(
          "axis_map", "last", {2, 3, 4}, [=](Var x) { return ops::AxisMap(x, -1, table); }, "simd"),
      Unary(
          "axis_map", "parts", {3, 4, 9000}, [=](Var x) { return ops::AxisMap(x, 1, table); },
          "simd"),
      Unary(
          "axis_map", "no_rows", {0, 4}, [=](Var x) { return ops::AxisMap(x, 1, table); }, "simd"),
      Resized("nearest", {1, 2, 3, 4}, {-1, -1, 5, 9}, {}),
      Resized("nearest_modes", {1, 1, 8}, {-1, -1, 5},
              {.coordinates = CoordinateMode::kAsymmetric, .nearest = NearestMode::kCeil}),
      Resized("nearest_tf", {1, 1, 8}, {-1, -1, 13},
              {.coordinates = CoordinateMode::kTfHalfPixelForNn, .nearest = NearestMode::kFloor}),
      Resized("linear", {2, 2, 3, 4}, {-1, -1, 7, 3}, {.interpolation = Interpolation::kLinear}),
      Resized(
          "linear_corners", {2, 5}, {-1, 8},
          {.interpolation = Interpolation::kLinear, .coordinates = CoordinateMode::kAlignCorners}),
      Resized("linear_to_one", {2, 5}, {-1, 1},
              {.interpolation = Interpolation::kLinear,
               .coordinates = CoordinateMode::kPyTorchHalfPixel}),
      Resized("cubic", {1, 2, 4, 5}, {-1, -1, 9, 3}, {.interpolation = Interpolation::kCubic}),
      Resized("cubic_excluded", {1, 2, 4, 5}, {-1, -1, 9, 3},
              {.interpolation = Interpolation::kCubic, .cubic_a = -0.5, .exclude_outside = true}),
      Resized("crop", {1, 4, 5}, {-1, 6, 3},
              {.interpolation = Interpolation::kLinear,
               .coordinates = CoordinateMode::kTfCropAndResize,
               .region_begin = {0, -0.3, 0.1},
               .region_end = {1, 0.7, 1.4},
               .extrapolation = 3.5}),
      Unary(
          "axis_map", "by_scale", {1, 2, 4, 5},
          [](Var x) {
            return ops::ResizeBy(x, {1, 1, 0.8, 1.7},
                                 {.interpolation = Interpolation::kLinear,
                                  .coordinates = CoordinateMode::kAlignCorners});
          },
          "simd"),
  };
}

std::vector<Sample> UnfoldSamples() {
  const ops::UnfoldOptions padded{
      .strides = {2, 1}, .pads_begin = {1, 0}, .pads_end = {0, 2}, .dilations = {1, 2}};
  return {
      Unary(
          "unfold", "2d", {2, 3, 4, 5},
          [](Var x) {
            return ops::Unfold(x, {2, 3});
          },
          "maps"),
      Unary(
          "unfold", "2d_padded", {2, 2, 5, 4}, [=](Var x) { return ops::Unfold(x, {2}, padded); },
          "maps"),
      Unary(
          "unfold", "1d", {2, 2, 5}, [](Var x) { return ops::Unfold(x, {3}); }, "maps"),
      Unary(
          "unfold", "3d", {1, 2, 3, 3, 4}, [](Var x) { return ops::Unfold(x, {2}); }, "maps"),
      Unary(
          "unfold", "no_batch", {0, 2, 5}, [](Var x) { return ops::Unfold(x, {3}); }, "maps"),
      Unary(
          "fold", "2d", {2, 18, 9},
          [](Var x) {
            return ops::Fold(x, {2, 3, 4, 5}, {2, 3});
          },
          "maps"),
      Unary(
          "fold", "2d_padded", {2, 8, 12},
          [=](Var x) {
            return ops::Fold(x, {2, 2, 5, 4}, {2}, padded);
          },
          "maps"),
  };
}

Sample Grid(std::string label, Interpolation interpolation, ops::SamplePadding padding,
            bool align_corners) {
  return {.op = "gather",
          .label = "grid_sample_" + label,
          .args = {Floats({2, 3, 4, 5}), Floats({2, 3, 2, 2}, -1.4, 1.4)},
          .build =
              [=](Vars v) {
                return Result{ops::GridSample(v[0], v[1], {interpolation, padding, align_corners})};
              },
          .f32_tolerance = 1e-4};
}

std::vector<Sample> SamplingSamples() {
  using ops::SamplePadding;
  return {
      Grid("linear", Interpolation::kLinear, SamplePadding::kZeros, false),
      Grid("linear_corners", Interpolation::kLinear, SamplePadding::kBorder, true),
      Grid("linear_reflected", Interpolation::kLinear, SamplePadding::kReflection, false),
      Grid("nearest", Interpolation::kNearest, SamplePadding::kZeros, false),
      Grid("cubic", Interpolation::kCubic, SamplePadding::kZeros, false),
      Grid("cubic_reflected", Interpolation::kCubic, SamplePadding::kReflection, true),
      {.op = "gather",
       .label = "roi_align",
       .args = {Floats({2, 3, 6, 5}),
                {.spec = {DType::kF32, {3, 4}},
                 .values = {0.3, 0.6, 3.1, 4.2, -2.3, 1.4, 2.2, 7.9, 1.1, 1.3, 1.15, 1.35}},
                {.spec = {DType::kI64, {3}}, .values = {1, 0, 1}}},
       .build =
           [](Vars v) {
             return Result{ops::RoiAlign(v[0], v[1], v[2], {.output_height = 2, .output_width = 3}),
                           ops::RoiAlign(v[0], v[1], v[2],
                                         {.output_height = 2,
                                          .sampling_ratio = 3,
                                          .spatial_scale = 0.7,
                                          .half_pixel = false})};
           },
       .f32_tolerance = 1e-4},
  };
}

ErrorSample Misuse(Shape x, std::function<Var(Var)> fn, std::string message) {
  return {.op = "axis_map",
          .args = {Floats(std::move(x))},
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; },
          .message = std::move(message)};
}

}  // namespace

std::vector<Sample> ResizeSamples() {
  std::vector<Sample> all;
  for (auto family : {MapSamples, UnfoldSamples, SamplingSamples}) {
    for (Sample& sample : family()) all.push_back(std::move(sample));
  }
  return all;
}

std::vector<ErrorSample> ResizeErrors() {
  return {
      Misuse(
          {2, 3},
          [](Var x) {
            return ops::AxisMap(x, 1, {1, {0, 3}, {1, 1}});
          },
          "index 3 of position 1 is outside -1..2, axis 1 of the operand"),
      Misuse(
          {2, 3},
          [](Var x) {
            return ops::AxisMap(x, 1, {2, {0, 1, 2}, {1, 1, 1}});
          },
          "the table has 3 indices and 3 weights in rows of 2"),
      Misuse(
          {2, Dim::Symbol("width")},
          [](Var x) {
            return ops::AxisMap(x, 1, {1, {0}, {1}});
          },
          "axis 1 has width elements, which must be a number"),
      Misuse(
          {2, 3}, [](Var x) { return ops::Resize(x, {-1}); },
          "1 sizes and 0 scales are given for an operand of 2 axes"),
      Misuse(
          {2, 0},
          [](Var x) {
            return ops::Resize(x, {-1, 4});
          },
          "axis 1 of 0 elements cannot become 4"),
      Misuse(
          {2, 3},
          [](Var x) {
            return ops::ResizeBy(x, {1, -2});
          },
          "axis 1 of 3 elements cannot be scaled by -2"),
      Misuse(
          {2, 3}, [](Var x) { return ops::Unfold(x, {2}); },
          "the operand has rank 2, but must have rank 3 to 5"),
      Misuse(
          {2, 8, 5},
          [](Var x) {
            return ops::Fold(x, {2, 3, 4, 5}, {2, 3});
          },
          "the columns have shape [2,8,5], those of the maps [2,3,4,5] have [2,18,9]"),
      Misuse(
          {2, 8, 5}, [](Var x) { return ops::GridSample(x, x); },
          "the maps have rank 3, but must have rank 4"),
      Misuse(
          {2, 2, 2, 3}, [](Var x) { return ops::GridSample(x, x); },
          "the grid has shape [2,2,2,3]; it must be [batch, ..., 2]"),
      Misuse(
          {4, 4, 4, 4}, [](Var x) { return ops::RoiAlign(x, x, x); },
          "rois must be [n, 4] and batch_indices i32 or i64 [n]"),
  };
}

}  // namespace adjoint::testing
