#include "ops/sample_maps.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/fail.h"
#include "ops/indexing.h"
#include "ops/iota.h"
#include "ops/reduce.h"
#include "ops/rounding.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using Ints = std::vector<int64_t>;

// What is wrong with maps [batch, channels, height, width] and coordinates of their type.
std::optional<std::string> Mistake(const TensorSpec& x, const TensorSpec& points,
                                   const char* what) {
  if (x.shape.rank() != 4) {
    return absl::StrCat("the maps have rank ", x.shape.rank(), ", but must have rank 4");
  }
  if (x.dtype != DType::kF32 && x.dtype != DType::kF64) {
    return absl::StrCat("the maps must be f32 or f64, but are ", DTypeName(x.dtype));
  }
  if (points.dtype != x.dtype) {
    return absl::StrCat("element types differ: the maps have ", DTypeName(x.dtype), ", ", what,
                        " has ", DTypeName(points.dtype));
  }
  for (int axis : {2, 3}) {
    const Dim d = x.shape.dim(axis);
    if (!d.is_known() || d.value() < 1 || d.value() >= (int64_t{1} << 31)) {
      return absl::StrCat("the maps have ", d.ToString(), " elements along axis ", axis,
                          ", which must be a number above 0 and below 2^31");
    }
  }
  return std::nullopt;
}

Var Clamped(Var v, double low, double high) { return Minimum(Maximum(v, low), high); }

// The maps as rows of channels, one for each position of each image.
struct RowsOfMaps {
  Var rows;
  int64_t height, width;

  // The rows of whole coordinates x and y, which lie inside, of the images whose first rows are
  // `first` (i64).
  Var At(Var x, Var y, Var first) const {
    const Var row =
        Add(Mul(Cast(y, DType::kI64), static_cast<double>(width)), Cast(x, DType::kI64));
    return Gather(rows, Add(row, first));
  }
};

RowsOfMaps RowsOf(Operand x) {
  const Shape& shape = x.var.shape();
  const Var last = Transpose(x, {0, 2, 3, 1});
  if (!last.valid()) return {last, 1, 1};
  // The batch, not the channels, is what may be open.
  if (shape.dim(1).is_known() && shape[1] == 0 && shape.dim(0).is_known()) {
    return {Reshape(last, Shape{shape[0] * shape[2] * shape[3], 0}), shape[2], shape[3]};
  }
  return {Reshape(last, Shape{-1, shape.dim(1)}), shape[2], shape[3]};
}

// v with an axis for the channels.
Var Column(Var v) { return ExpandDims(v, -1); }

// One axis of what a point reads: whole coordinates and their weights.
struct Tap {
  Var at, weight;
};

// Coordinates along an axis of n elements, from -1..1.
Var Unnormalized(Var v, int64_t n, bool align_corners) {
  const double size = static_cast<double>(n);
  return align_corners ? Mul(Add(v, 1.0), (size - 1) / 2) : Sub(Mul(Add(v, 1.0), size / 2), 0.5);
}

// Coordinates brought inside as the padding says; kZeros leaves them.
Var Padded(Var v, int64_t n, const GridSampleOptions& o) {
  const double last = static_cast<double>(n - 1);
  if (o.padding == SamplePadding::kZeros) return v;
  if (o.padding == SamplePadding::kReflection) {
    const double low = o.align_corners ? 0 : -0.5, span = last - 2 * low;
    if (span == 0) return Mul(v, 0.0);
    const Var folded = Mod(Abs(Sub(v, low)), 2 * span);
    v = Add(Sub(span, Abs(Sub(folded, span))), low);
  }
  return Clamped(v, 0, last);
}

std::vector<Tap> TapsOf(Var v, int64_t n, const GridSampleOptions& o) {
  if (o.interpolation == Interpolation::kNearest) return {{Round(Padded(v, n, o)), Var{}}};
  if (o.interpolation == Interpolation::kLinear) {
    v = Padded(v, n, o);
    const Var first = Floor(v), t = Sub(v, first);
    return {{first, Sub(1.0, t)}, {Add(first, 1.0), t}};
  }
  // Each element that a cubic reads is brought inside on its own.
  constexpr double a = -0.75;
  const Var first = Floor(v), t = Sub(v, first);
  const auto near = [](Var d) { return Add(Mul(Mul(Sub(Mul(d, a + 2), a + 3), d), d), 1.0); };
  const auto far = [](Var d) {
    return Sub(Mul(Add(Mul(Sub(Mul(d, a), 5 * a), d), 8 * a), d), 4 * a);
  };
  const auto at = [&](double step) { return Floor(Padded(Add(first, step), n, o)); };
  return {{at(-1), far(Add(t, 1.0))},
          {at(0), near(t)},
          {at(1), near(Sub(1.0, t))},
          {at(2), far(Sub(2.0, t))}};
}

// 1 where v lies in low .. high, 0 elsewhere.
Var Within(Var v, double low, double high) {
  return Cast(LogicalAnd(GreaterEqual(v, low), LessEqual(v, high)), v.dtype());
}

// v with its last axis moved behind the first.
Var ChannelsFirst(Var v) {
  if (!v.valid()) return v;
  Ints order = {0, v.shape().rank() - 1};
  for (int axis = 1; axis + 1 < v.shape().rank(); ++axis) order.push_back(axis);
  return Transpose(v, order);
}

}  // namespace

Var GridSample(Operand x, Operand grid, const GridSampleOptions& options) {
  if (!x.var.valid() || !grid.var.valid()) return x.var.valid() ? grid.var : x.var;
  if (const auto mistake = Mistake(x.var.spec(), grid.var.spec(), "the grid")) {
    return FailAt(x, "grid_sample", *mistake);
  }
  const Shape& points = grid.var.shape();
  const int rank = points.rank();
  if (rank < 2 || points.dim(rank - 1) != Dim(2) || points.dim(0) != x.var.shape().dim(0)) {
    return FailAt(
        x, "grid_sample",
        absl::StrCat("the grid has shape ", points.ToString(),
                     "; it must be [batch, ..., 2] for the maps ", x.var.shape().ToString()));
  }
  const RowsOfMaps maps = RowsOf(x);
  const auto coordinate = [&](int64_t i, int64_t n) {
    const Var v = Squeeze(SliceAxis(grid, -1, i, i + 1), {-1});
    return Unnormalized(v, n, options.align_corners);
  };
  const std::vector<Tap> columns = TapsOf(coordinate(0, maps.width), maps.width, options);
  const std::vector<Tap> rows = TapsOf(coordinate(1, maps.height), maps.height, options);
  Shape image{points.dim(0)};
  for (int axis = 1; axis + 1 < rank; ++axis) image.push_back(1);
  const Var first = Mul(Iota(*x.var.builder, image, 0, DType::kI64, x.location),
                        static_cast<double>(maps.height * maps.width));
  const double right = static_cast<double>(maps.width - 1);
  const double bottom = static_cast<double>(maps.height - 1);
  Var sum;
  for (const Tap& row : rows) {
    for (const Tap& column : columns) {
      Var term = maps.At(Clamped(column.at, 0, right), Clamped(row.at, 0, bottom), first);
      Var weight;
      if (column.weight.builder != nullptr) weight = Mul(column.weight, row.weight);
      if (options.padding == SamplePadding::kZeros) {
        const Var inside = Mul(Within(column.at, 0, right), Within(row.at, 0, bottom));
        weight = weight.builder == nullptr ? inside : Mul(weight, inside);
      }
      if (weight.builder != nullptr) term = Mul(term, Column(weight));
      sum = sum.builder == nullptr ? term : Add(sum, term);
    }
  }
  return ChannelsFirst(sum);
}

Var RoiAlign(Operand x, Operand rois, Operand batch_indices, const RoiAlignOptions& o) {
  for (const Operand* operand : {&x, &rois, &batch_indices}) {
    if (!operand->var.valid()) return operand->var;
  }
  const auto fail = [&](const std::string& rule) { return FailAt(x, "roi_align", rule); };
  if (const auto mistake = Mistake(x.var.spec(), rois.var.spec(), "rois")) return fail(*mistake);
  const Shape& regions = rois.var.shape();
  const TensorSpec& images = batch_indices.var.spec();
  if (regions.rank() != 2 || regions.dim(1) != Dim(4) || images.shape.rank() != 1 ||
      images.shape.dim(0) != regions.dim(0) ||
      (images.dtype != DType::kI32 && images.dtype != DType::kI64)) {
    return fail(absl::StrCat("rois must be [n, 4] and batch_indices i32 or i64 [n], but are ",
                             rois.var.spec().ToString(), " and ", images.ToString()));
  }
  constexpr int64_t kMost = 1 << 20;
  for (int64_t count : {o.output_height, o.output_width, o.sampling_ratio}) {
    if (count < 1 || count > kMost) {
      return fail(absl::StrCat("the output of ", o.output_height, " x ", o.output_width, " and ",
                               o.sampling_ratio, " points a bin must be 1 to 2^20"));
    }
  }
  const RowsOfMaps maps = RowsOf(x);
  const Dim n = regions.dim(0);
  const double offset = o.half_pixel ? 0.5 : 0;
  const int64_t ratio = o.sampling_ratio;
  // Coordinates of all points along an axis, [n, out * ratio], and what is made of them.
  struct Axis {
    Var first, second, t, inside;  // whole coordinates, the second's weight; 1 or 0
  };
  const auto axis_of = [&](int64_t i, int64_t out, int64_t extent) -> Axis {
    const auto bound = [&](int64_t k) {
      return Sub(Mul(SliceAxis(rois, 1, k, k + 1), o.spatial_scale), offset);
    };
    const Var begin = bound(i);
    Var size = Sub(bound(i + 2), begin);
    if (!o.half_pixel) size = Maximum(size, 1.0);
    const double bins = static_cast<double>(out), points = static_cast<double>(ratio);
    const Var steps = Linspace(*x.var.builder, 0.5 / (bins * points), 1 - 0.5 / (bins * points),
                               out * ratio, x.var.dtype(), x.location);
    const Var at = Add(begin, Mul(size, steps));
    const double last = static_cast<double>(extent - 1);
    const Var inner = Clamped(at, 0, last), first = Floor(inner);
    return {first, Minimum(Add(first, 1.0), last), Sub(inner, first), Within(at, -1, last + 1)};
  };
  const Axis row = axis_of(1, o.output_height, maps.height);
  const Axis column = axis_of(0, o.output_width, maps.width);
  if (!row.inside.valid() || !column.inside.valid()) return row.inside;
  const auto down = [](Var v) { return ExpandDims(v, 2); };    // [n, rows, 1]
  const auto across = [](Var v) { return ExpandDims(v, 1); };  // [n, 1, columns]
  const Var image =
      Reshape(Mul(Cast(batch_indices, DType::kI64), static_cast<double>(maps.height * maps.width)),
              Shape{n, 1, 1});
  const auto corner = [&](Var y, Var xs, Var wy, Var wx) {
    return Mul(maps.At(across(xs), down(y), image), Column(Mul(down(wy), across(wx))));
  };
  const Var up = Sub(1.0, row.t), left = Sub(1.0, column.t);
  Var values = Add(Add(corner(row.first, column.first, up, left),
                       corner(row.first, column.second, up, column.t)),
                   Add(corner(row.second, column.first, row.t, left),
                       corner(row.second, column.second, row.t, column.t)));
  values = Mul(values, Column(Mul(down(row.inside), across(column.inside))));
  values = Reshape(values,
                   Shape{n, o.output_height, ratio, o.output_width, ratio, x.var.shape().dim(1)});
  return ChannelsFirst(o.max ? ReduceMax(values, {2, 4}) : Mean(values, {2, 4}));
}

}  // namespace adjoint::ops
