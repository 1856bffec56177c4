#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/indexing.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"

// Resize and Upsample. Interpolation is separable: along each axis the result is a product with a
// matrix [out, in], which is known as soon as sizes are.

namespace adjoint::onnx {
namespace {

using ops::Var;

struct Interpolation {
  std::string mode = "nearest";  // linear, cubic
  std::string coordinates = "half_pixel";
  std::string nearest = "round_prefer_floor";
  double cubic = -0.75;
  bool exclude_outside = false;
  double extrapolation = 0;
};

// One axis: its extents, the scale (out / in, as given), and the part of it that a crop reads.
struct Axis {
  int64_t in, out;
  double scale;
  double from = 0, to = 1;
};

// Where element `i` of the result lies in the operand.
double Coordinate(const Interpolation& how, const Axis& a, int64_t i) {
  const double x = static_cast<double>(i);
  if (how.coordinates == "asymmetric") return x / a.scale;
  if (how.coordinates == "align_corners") {
    // The reference counts with the length that the scale gives, not with the whole number below.
    const double length = a.scale * static_cast<double>(a.in);
    return a.out == 1 || length == 1 ? 0 : x * static_cast<double>(a.in - 1) / (length - 1);
  }
  if (how.coordinates == "pytorch_half_pixel") return a.out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
  if (how.coordinates == "tf_half_pixel_for_nn") return (x + 0.5) / a.scale;
  if (how.coordinates == "tf_crop_and_resize") {
    const double last = static_cast<double>(a.in - 1);
    return a.out > 1 ? a.from * last + x * (a.to - a.from) * last / static_cast<double>(a.out - 1)
                     : 0.5 * (a.from + a.to) * last;
  }
  return (x + 0.5) / a.scale - 0.5;
}

int64_t Nearest(const Interpolation& how, double x) {
  if (how.nearest == "floor") return static_cast<int64_t>(std::floor(x));
  if (how.nearest == "ceil") return static_cast<int64_t>(std::ceil(x));
  if (how.nearest == "round_prefer_ceil") return static_cast<int64_t>(std::floor(x + 0.5));
  return static_cast<int64_t>(std::ceil(x - 0.5));
}

// The weights of the elements around x: of elements first, first + 1, ...
std::vector<double> Weights(const Interpolation& how, double x, int64_t* first) {
  const double low = std::floor(x), t = x - low;
  *first = static_cast<int64_t>(low);
  if (how.mode == "linear") return {1 - t, t};
  // Keys, "Cubic convolution interpolation for digital image processing" (1981).
  const double a = how.cubic;
  const auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  --*first;
  return {far(t + 1), near(t), near(1 - t), far(2 - t)};
}

// The matrix [out, in] of an axis, and which results lie outside of the operand.
std::vector<double> Matrix(const Interpolation& how, const Axis& a, std::vector<bool>* outside) {
  std::vector<double> matrix(a.out * a.in, 0.0);
  outside->assign(a.out, false);
  for (int64_t i = 0; i < a.out; ++i) {
    const double x = Coordinate(how, a, i);
    (*outside)[i] = x < 0 || x > static_cast<double>(a.in - 1);
    double* const row = &matrix[i * a.in];
    if (how.mode == "nearest") {
      row[std::clamp<int64_t>(Nearest(how, x), 0, a.in - 1)] = 1;
      continue;
    }
    int64_t first = 0;
    std::vector<double> weights = Weights(how, x, &first);
    if (how.exclude_outside) {
      double sum = 0;
      for (size_t k = 0; k < weights.size(); ++k) {
        const int64_t at = first + static_cast<int64_t>(k);
        if (at < 0 || at >= a.in) weights[k] = 0;
        sum += weights[k];
      }
      for (double& w : weights) w /= sum;
    }
    for (size_t k = 0; k < weights.size(); ++k) {
      row[std::clamp<int64_t>(first + static_cast<int64_t>(k), 0, a.in - 1)] += weights[k];
    }
  }
  return matrix;
}

// A matrix that picks one element a row becomes a gather; any other a product.
Var ResizeAxis(NodeContext& c, Var x, int axis, const Interpolation& how, const Axis& a,
               const std::vector<double>& matrix) {
  if (how.mode == "nearest") {
    std::vector<int64_t> places(a.out);
    for (int64_t i = 0; i < a.out; ++i) {
      for (int64_t k = 0; k < a.in; ++k) {
        if (matrix[i * a.in + k] != 0) places[i] = k;
      }
    }
    return ops::Gather(x, c.ConstantInts(places), axis);
  }
  const Var weights = ops::Cast(c.Constant(Tensor::Of<double>({a.out, a.in}, matrix)), x.dtype());
  const int rank = x.shape().rank();
  const std::vector<int64_t> to_end = AxisToEnd(axis, rank);
  const bool last = axis == rank - 1;
  Var y = last ? x : ops::Transpose(x, to_end);
  const bool vector = rank == 1;
  if (vector) y = ops::ExpandDims(y, 0);
  y = ops::MatMul(y, weights, /*transpose_a=*/false, /*transpose_b=*/true);
  if (vector) y = ops::Squeeze(y, {0});
  return last ? y : ops::Transpose(y, Inverse(to_end));
}

Var Interpolate(NodeContext& c, Var x, const Interpolation& how, const std::vector<Axis>& axes) {
  const DType own = x.dtype();
  const bool crop = how.coordinates == "tf_crop_and_resize";
  Var y = x;
  if (how.mode != "nearest" && !IsFloating(own)) y = ops::Cast(y, DType::kF32);
  std::vector<std::vector<bool>> outside(axes.size());
  for (size_t i = 0; i < axes.size() && c.ok(); ++i) {
    const Axis& a = axes[i];
    if (a.in == a.out && !crop && a.scale == 1) continue;
    if (a.in == 0 || a.in > (int64_t{1} << 28) / std::max<int64_t>(a.out, 1)) {
      return c.Unsupported(absl::StrCat("an extent of ", a.in, " cannot become ", a.out));
    }
    y = ResizeAxis(c, y, static_cast<int>(i), how, a, Matrix(how, a, &outside[i]));
  }
  for (size_t i = 0; crop && i < axes.size() && c.ok(); ++i) {
    if (outside[i].empty()) continue;
    Shape shape;
    for (size_t k = 0; k < axes.size(); ++k) shape.push_back(k == i ? axes[i].out : 1);
    Tensor mask = Tensor::Empty({DType::kBool, shape});
    std::copy(outside[i].begin(), outside[i].end(), mask.mutable_data<bool>().begin());
    y = ops::Where(c.Constant(mask), c.ScalarOf(y.dtype(), how.extrapolation), y);
  }
  return ops::Cast(y, own);
}

// Extents of the result from scales, or from sizes.
std::vector<Axis> AxesFor(NodeContext& c, Var x, const std::vector<double>& scales,
                          const std::vector<int64_t>& sizes) {
  const std::vector<int64_t> extents = c.Extents(x);
  std::vector<Axis> axes;
  if (!c.ok()) return axes;
  if (scales.size() != extents.size() && sizes.size() != extents.size()) {
    c.Fail(absl::StrCat("there are ", scales.size(), " scales and ", sizes.size(),
                        " sizes for rank ", extents.size()));
    return axes;
  }
  for (size_t i = 0; i < extents.size(); ++i) {
    const double in = static_cast<double>(extents[i]);
    if (sizes.empty()) {
      const double out = std::floor(in * scales[i]);
      if (!(scales[i] > 0) || !(out <= 1e9)) {
        c.Fail(absl::StrCat("a scale is ", scales[i]));
        return {};
      }
      axes.push_back({extents[i], static_cast<int64_t>(out), scales[i]});
    } else if (sizes[i] < 0 || sizes[i] > 1000000000) {
      c.Fail(absl::StrCat("a size is ", sizes[i]));
      return {};
    } else {
      axes.push_back({extents[i], sizes[i], static_cast<double>(sizes[i]) / in});
    }
  }
  return axes;
}

// Version 10 has scales alone and counts from the corner.
Values Resize(NodeContext& c) {
  const Var x = c.In(0);
  Interpolation how;
  how.mode = c.Choice("mode", "nearest", {"nearest", "linear", "cubic"});
  if (c.version() < 11) {
    how.coordinates = "asymmetric";
    how.nearest = "floor";
    return One(Interpolate(c, x, how, AxesFor(c, x, c.KnownNumbers(1), {})));
  }
  how.coordinates = c.Choice("coordinate_transformation_mode", "half_pixel",
                             {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                              "tf_half_pixel_for_nn", "tf_crop_and_resize"});
  how.nearest = c.Choice("nearest_mode", "round_prefer_floor",
                         {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  how.cubic = c.Float("cubic_coeff_a", -0.75f);
  how.exclude_outside = c.Flag("exclude_outside", false);
  how.extrapolation = c.Float("extrapolation_value", 0);
  std::vector<double> scales;
  std::vector<int64_t> sizes;
  if (c.Has(2)) scales = c.KnownNumbers(2);
  if (c.Has(3)) sizes = c.KnownInts(3);
  std::vector<Axis> axes = AxesFor(c, x, scales, sizes);
  if (how.coordinates == "tf_crop_and_resize") {
    const std::vector<double> roi = c.KnownNumbers(1);
    if (c.ok() && roi.size() != 2 * axes.size()) {
      return One(c.Fail(absl::StrCat("roi has ", roi.size(), " entries for rank ", axes.size())));
    }
    for (size_t i = 0; i < axes.size() && c.ok(); ++i) {
      axes[i].from = roi[i];
      axes[i].to = roi[axes.size() + i];
    }
  }
  if (!c.ok()) return {};
  return One(Interpolate(c, x, how, axes));
}

Values Upsample(NodeContext& c) {
  const Var x = c.In(0);
  Interpolation how;
  how.coordinates = "asymmetric";
  how.nearest = "floor";
  how.mode = c.Choice("mode", "nearest", {"nearest", "linear"});
  std::vector<double> scales;
  if (c.version() < 9) {
    for (float s : c.Floats("scales")) scales.push_back(s);
  } else {
    scales = c.KnownNumbers(1);
  }
  return One(Interpolate(c, x, how, AxesFor(c, x, scales, {})));
}

constexpr Lowering kRows[] = {
    {"Resize", 10, 1, 4, Resize},
    {"Upsample", 7, 1, 2, Upsample},
};

}  // namespace

absl::Span<const Lowering> ResizeLowerings() { return kRows; }

}  // namespace adjoint::onnx
