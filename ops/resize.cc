#include "ops/resize.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/axis_map.h"
#include "ops/builder.h"
#include "ops/fail.h"

namespace adjoint::ops {
namespace {

// One axis: n elements become m.
struct AxisResize {
  int64_t n, m;
  double scale;
  double length;  // of the result, as kAlignCorners sees it
  double begin = 0, end = 1;
};

double CoordinateOf(const AxisResize& a, CoordinateMode mode, double x) {
  const double n = static_cast<double>(a.n);
  switch (mode) {
    case CoordinateMode::kHalfPixel:
      return (x + 0.5) / a.scale - 0.5;
    case CoordinateMode::kPyTorchHalfPixel:
      return a.m > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
    case CoordinateMode::kAlignCorners:
      return a.length == 1 ? 0 : x * (n - 1) / (a.length - 1);
    case CoordinateMode::kAsymmetric:
      return x / a.scale;
    case CoordinateMode::kTfHalfPixelForNn:
      return (x + 0.5) / a.scale;
    case CoordinateMode::kTfCropAndResize:
      break;
  }
  if (a.m == 1) return 0.5 * (a.begin + a.end) * (n - 1);
  return a.begin * (n - 1) + x * (a.end - a.begin) * (n - 1) / (static_cast<double>(a.m) - 1);
}

double Rounded(double x, NearestMode mode) {
  switch (mode) {
    case NearestMode::kRoundPreferFloor:
      return std::ceil(x - 0.5);
    case NearestMode::kRoundPreferCeil:
      return std::floor(x + 0.5);
    case NearestMode::kFloor:
      return std::floor(x);
    case NearestMode::kCeil:
      break;
  }
  return std::ceil(x);
}

// Weights of the elements floor(x) - 1 .. floor(x) + 2, for t = x - floor(x).
void CubicWeights(double t, double a, double* weights) {
  const auto near = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  weights[0] = far(t + 1);
  weights[1] = near(t);
  weights[2] = near(1 - t);
  weights[3] = far(2 - t);
}

// The table of an axis, and whether each position lies outside (kTfCropAndResize).
struct Plan {
  AxisTable table;
  std::vector<bool> outside;
};

Plan PlanOf(const AxisResize& a, const ResizeOptions& o) {
  Plan plan;
  const bool crop = o.coordinates == CoordinateMode::kTfCropAndResize;
  plan.table.taps = o.interpolation == Interpolation::kNearest  ? 1
                    : o.interpolation == Interpolation::kLinear ? 2
                                                                : 4;
  const int64_t taps = plan.table.taps;
  const double last = static_cast<double>(a.n - 1);
  for (int64_t i = 0; i < a.m; ++i) {
    const double x = CoordinateOf(a, o.coordinates, static_cast<double>(i));
    plan.outside.push_back(crop && !(x >= 0 && x <= last));
    double weights[4] = {1, 0, 0, 0};
    double first = std::floor(x);
    if (taps == 1) {
      first = Rounded(x, o.nearest);
    } else if (taps == 2) {
      weights[1] = x - first;
      weights[0] = 1 - weights[1];
    } else {
      CubicWeights(x - first, o.cubic_a, weights);
      first -= 1;
    }
    double sum = 0;
    for (int64_t k = 0; k < taps; ++k) {
      const double at = first + static_cast<double>(k);
      if (o.exclude_outside && !(at >= 0 && at <= last)) weights[k] = 0;
      sum += weights[k];
    }
    for (int64_t k = 0; k < taps; ++k) {
      const double at = std::clamp(first + static_cast<double>(k), 0.0, last);
      const double weight = o.exclude_outside && sum != 0 ? weights[k] / sum : weights[k];
      const bool none = plan.outside.back() || weight == 0;
      plan.table.indices.push_back(none ? -1 : static_cast<int64_t>(at));
      plan.table.weights.push_back(none ? 0 : weight);
    }
  }
  return plan;
}

// `value` at positions that are outside along any axis, which are 0 in y.
Var Extrapolated(Var y, const std::vector<std::vector<bool>>& outside, double value,
                 std::source_location location) {
  const int rank = y.shape().rank();
  Shape shape;
  int64_t size = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t extent = outside[axis].empty() ? 1 : static_cast<int64_t>(outside[axis].size());
    shape.push_back(extent);
    size *= extent;
  }
  Tensor mask = Tensor::Empty({y.dtype(), shape});
  for (int64_t i = 0; i < size; ++i) {
    int64_t rest = i;
    bool out = false;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const int64_t at = rest % shape[axis];
      rest /= shape[axis];
      out = out || (!outside[axis].empty() && outside[axis][at]);
    }
    if (y.dtype() == DType::kF32) {
      mask.mutable_data<float>()[i] = out ? static_cast<float>(value) : 0.0f;
    } else {
      mask.mutable_data<double>()[i] = out ? value : 0.0;
    }
  }
  return Add(y, Constant(*y.builder, std::move(mask), location));
}

}  // namespace

Var Resize(Operand x, const std::vector<int64_t>& sizes, const ResizeOptions& options,
           const std::vector<double>& scales) {
  if (!x.var.valid()) return x.var;
  const Shape from = x.var.shape();
  const auto fail = [&](const std::string& rule) { return FailAt(x, "resize", rule); };
  const size_t rank = from.rank();
  const bool crop = options.coordinates == CoordinateMode::kTfCropAndResize;
  if (sizes.size() != rank || (!scales.empty() && scales.size() != rank)) {
    return fail(absl::StrCat(sizes.size(), " sizes and ", scales.size(),
                             " scales are given for an operand of ", rank, " axes"));
  }
  if (crop && (options.region_begin.size() != rank || options.region_end.size() != rank)) {
    return fail(absl::StrCat("the region has ", options.region_begin.size(), " begins and ",
                             options.region_end.size(), " ends, the operand has ", rank, " axes"));
  }
  std::vector<std::vector<bool>> outside(rank);
  std::vector<std::pair<int, AxisTable>> tables;
  bool any_outside = false;
  for (size_t i = 0; i < rank; ++i) {
    const int axis = static_cast<int>(i);
    const Dim d = from.dim(axis);
    const bool whole = !crop || (options.region_begin[i] == 0 && options.region_end[i] == 1);
    const double given = scales.empty() ? 1 : scales[i];
    if (sizes[i] == -1 || (d == Dim(sizes[i]) && whole && given == 1)) continue;
    if (!d.is_known() || sizes[i] < 0 || sizes[i] >= (int64_t{1} << 31) ||
        (d.value() == 0 && sizes[i] > 0)) {
      return fail(absl::StrCat("axis ", i, " of ", d.ToString(), " elements cannot become ",
                               sizes[i], ": both must be numbers, the first above 0"));
    }
    AxisResize a{d.value(), sizes[i],
                 static_cast<double>(sizes[i]) / static_cast<double>(d.value()),
                 static_cast<double>(sizes[i])};
    if (!scales.empty()) {
      if (!(given > 0) || !std::isfinite(given)) {
        return fail(
            absl::StrCat("the scale of axis ", i, " is ", given, "; it must be a number above 0"));
      }
      a.scale = given;
      a.length = given * static_cast<double>(a.n);
    }
    if (crop) {
      a.begin = options.region_begin[i];
      a.end = options.region_end[i];
      if (!std::isfinite(a.begin) || !std::isfinite(a.end)) {
        return fail(absl::StrCat("the region from ", a.begin, " to ", a.end, " along axis ", i,
                                 " must have finite bounds"));
      }
    }
    Plan plan = PlanOf(a, options);
    if (crop) {
      any_outside = any_outside ||
                    std::find(plan.outside.begin(), plan.outside.end(), true) != plan.outside.end();
      outside[i] = std::move(plan.outside);
    }
    tables.emplace_back(axis, std::move(plan.table));
  }
  // Those that make the maps smaller first.
  std::stable_sort(tables.begin(), tables.end(), [&](const auto& a, const auto& b) {
    return static_cast<double>(a.second.size()) * static_cast<double>(from[b.first]) <
           static_cast<double>(b.second.size()) * static_cast<double>(from[a.first]);
  });
  Var y = x.var;
  for (const auto& [axis, table] : tables) y = AxisMap(Operand(y, x.location), axis, table);
  if (!y.valid() || !any_outside || options.extrapolation == 0) return y;
  return Extrapolated(y, outside, options.extrapolation, x.location);
}

Var ResizeBy(Operand x, const std::vector<double>& scales, const ResizeOptions& options) {
  if (!x.var.valid()) return x.var;
  const Shape& from = x.var.shape();
  if (static_cast<int>(scales.size()) != from.rank()) {
    return FailAt(
        x, "resize",
        absl::StrCat(scales.size(), " scales are given for an operand of ", from.rank(), " axes"));
  }
  std::vector<int64_t> sizes;
  for (int axis = 0; axis < from.rank(); ++axis) {
    const Dim d = from.dim(axis);
    const double size =
        d.is_known() ? std::floor(static_cast<double>(d.value()) * scales[axis]) : 0;
    if (scales[axis] == 1) {
      sizes.push_back(-1);
    } else if (!d.is_known() || !(scales[axis] > 0) || !(size < 2147483648.0)) {
      return FailAt(x, "resize",
                    absl::StrCat("axis ", axis, " of ", d.ToString(),
                                 " elements cannot be scaled by ", scales[axis]));
    } else {
      sizes.push_back(static_cast<int64_t>(size));
    }
  }
  return Resize(x, sizes, options, scales);
}

}  // namespace adjoint::ops
