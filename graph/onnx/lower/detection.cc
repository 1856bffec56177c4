#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

// Boxes in images. How many boxes survive depends on their values, so they must be known.

namespace adjoint::onnx {
namespace {

using ops::Var;

// [top, left, bottom, right] of box i, of corners in any order or of [x, y, width, height].
std::array<double, 4> Box(const Tensor& boxes, int64_t i, bool centers) {
  const double a = boxes.ValueAt(4 * i), b = boxes.ValueAt(4 * i + 1);
  const double d = boxes.ValueAt(4 * i + 2), e = boxes.ValueAt(4 * i + 3);
  if (centers) return {b - e / 2, a - d / 2, b + e / 2, a + d / 2};
  return {std::min(a, d), std::min(b, e), std::max(a, d), std::max(b, e)};
}

double IntersectionOverUnion(const std::array<double, 4>& a, const std::array<double, 4>& b) {
  const double height = std::min(a[2], b[2]) - std::max(a[0], b[0]);
  const double width = std::min(a[3], b[3]) - std::max(a[1], b[1]);
  const double common = std::max(height, 0.0) * std::max(width, 0.0);
  const double areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]);
  return common <= 0 ? 0 : common / (areas - common);
}

// For each batch and class, boxes in the order of their scores, leaving out those that overlap one
// chosen before; rows of [batch, class, box].
Values NonMaxSuppression(NodeContext& c) {
  const bool centers = c.Flag("center_point_box", false);
  const Tensor boxes = c.Known(0), scores = c.Known(1);
  const int64_t most = c.Has(2) ? c.KnownInt(2) : 0;
  const double overlap = c.Has(3) ? c.KnownNumber(3) : 0;
  const double least = c.Has(4) ? c.KnownNumber(4) : -INFINITY;
  if (!c.ok()) return {};
  if (boxes.shape().rank() != 3 || scores.shape().rank() != 3 || boxes.shape()[2] != 4 ||
      boxes.shape()[0] != scores.shape()[0] || boxes.shape()[1] != scores.shape()[2]) {
    return One(c.Fail("boxes must be [batch, n, 4] and scores [batch, classes, n]"));
  }
  const int64_t batch = scores.shape()[0], classes = scores.shape()[1], n = scores.shape()[2];
  std::vector<int64_t> rows;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t k = 0; k < classes; ++k) {
      const auto score = [&](int64_t i) { return scores.ValueAt((b * classes + k) * n + i); };
      std::vector<int64_t> order;
      for (int64_t i = 0; i < n; ++i) {
        if (score(i) > least) order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t i, int64_t j) { return score(i) > score(j); });
      std::vector<std::array<double, 4>> chosen;
      for (int64_t i : order) {
        if (static_cast<int64_t>(chosen.size()) >= most) break;
        const auto box = Box(boxes, b * n + i, centers);
        const bool covered = std::any_of(chosen.begin(), chosen.end(), [&](const auto& other) {
          return IntersectionOverUnion(box, other) > overlap;
        });
        if (covered) continue;
        chosen.push_back(box);
        rows.insert(rows.end(), {b, k, i});
      }
    }
  }
  const int64_t found = static_cast<int64_t>(rows.size()) / 3;
  return One(c.Constant(Tensor::Of<int64_t>({found, 3}, rows)));
}

// The elements around a point of a map [height, width] with their weights.
struct Taps {
  std::array<int64_t, 4> places = {0, 0, 0, 0};
  std::array<double, 4> weights = {0, 0, 0, 0};
};

Taps TapsAt(double y, double x, int64_t height, int64_t width) {
  Taps taps;
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 &&
        x <= static_cast<double>(width))) {
    return taps;
  }
  y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  x = std::clamp(x, 0.0, static_cast<double>(width - 1));
  const int64_t top = static_cast<int64_t>(y), left = static_cast<int64_t>(x);
  const int64_t bottom = std::min(top + 1, height - 1), right = std::min(left + 1, width - 1);
  const double v = y - static_cast<double>(top), u = x - static_cast<double>(left);
  taps.places = {top * width + left, top * width + right, bottom * width + left,
                 bottom * width + right};
  taps.weights = {(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u};
  return taps;
}

// Regions of maps [batch, channels, height, width], sampled in bins; regions must be known, the
// maps need not be. He et al., "Mask R-CNN" (2017).
Values RoiAlign(NodeContext& c) {
  const Var x = c.In(0);
  const Tensor rois = c.Known(1), batches = c.Known(2);
  const bool maximum = c.Choice("mode", "avg", {"avg", "max"}) == "max";
  const int64_t rows = c.Int("output_height", 1), columns = c.Int("output_width", 1);
  const int64_t sampling = c.Int("sampling_ratio", 0);
  const double scale = c.Float("spatial_scale", 1);
  bool half_pixel = false;
  if (c.version() >= 16) {
    half_pixel = c.Choice("coordinate_transformation_mode", "half_pixel",
                          {"half_pixel", "output_half_pixel"}) == "half_pixel";
  }
  if (!c.RankIs(x, 4, 4)) return {};
  const std::vector<int64_t> extents = c.Extents(x);
  if (!c.ok()) return {};
  const int64_t height = extents[2], width = extents[3];
  const int64_t n = batches.size();
  if (rois.shape() != Shape{n, 4} || rows < 1 || columns < 1 || rows > 10000 || columns > 10000 ||
      sampling < 0 || sampling > 1000 || height < 1 || width < 1) {
    return One(c.Fail("regions must be [n, 4] with n batch indices, and bins positive"));
  }
  // The samples of each bin, all of one number: bins of fewer have weights of 0.
  struct Region {
    double top, left, bin_height, bin_width;
    int64_t down, across;
  };
  std::vector<Region> regions;
  int64_t samples = 1;
  for (int64_t r = 0; r < n; ++r) {
    const double offset = half_pixel ? 0.5 : 0;
    const double left = rois.ValueAt(4 * r) * scale - offset;
    const double top = rois.ValueAt(4 * r + 1) * scale - offset;
    double w = rois.ValueAt(4 * r + 2) * scale - offset - left;
    double h = rois.ValueAt(4 * r + 3) * scale - offset - top;
    if (!half_pixel) {
      w = std::max(w, 1.0);
      h = std::max(h, 1.0);
    }
    Region region{
        top,      left,    h / static_cast<double>(rows), w / static_cast<double>(columns),
        sampling, sampling};
    if (sampling == 0) {
      region.down = static_cast<int64_t>(std::clamp(std::ceil(region.bin_height), 0.0, 1000.0));
      region.across = static_cast<int64_t>(std::clamp(std::ceil(region.bin_width), 0.0, 1000.0));
    }
    samples = std::max(samples, region.down * region.across);
    regions.push_back(region);
  }
  const int64_t taps = 4 * samples;
  if (n * rows * columns > (int64_t{1} << 26) / taps)
    return One(c.Unsupported("that many samples"));
  std::vector<int64_t> places(n * rows * columns * taps, 0);
  std::vector<double> weights(places.size(), 0.0);
  for (int64_t r = 0; r < n; ++r) {
    const int64_t image = IntAt(batches, r);
    if (image < 0 || image >= extents[0]) {
      return One(
          c.Fail(absl::StrCat("batch index ", image, " is outside of 0 .. ", extents[0] - 1)));
    }
    const Region& g = regions[r];
    const double count = static_cast<double>(std::max<int64_t>(g.down * g.across, 1));
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        int64_t at = ((r * rows + i) * columns + j) * taps;
        for (int64_t s = 0; s < g.down * g.across; ++s) {
          const double y = g.top + g.bin_height * (static_cast<double>(i) +
                                                   (static_cast<double>(s / g.across) + 0.5) /
                                                       static_cast<double>(g.down));
          const double u = g.left + g.bin_width * (static_cast<double>(j) +
                                                   (static_cast<double>(s % g.across) + 0.5) /
                                                       static_cast<double>(g.across));
          const Taps around = TapsAt(y, u, height, width);
          for (int k = 0; k < 4; ++k, ++at) {
            places[at] = image * height * width + around.places[k];
            weights[at] = around.weights[k] / (maximum ? 1 : count);
          }
        }
        // A maximum repeats its first sample.
        for (int64_t first = ((r * rows + i) * columns + j) * taps, end = first + taps,
                     from = first;
             maximum && at < end && g.down * g.across > 0; ++at, ++from) {
          places[at] = places[from];
          weights[at] = weights[from];
        }
      }
    }
  }
  // Pixels as rows of channels.
  const Var pixels =
      ops::Reshape(ops::Transpose(x, {0, 2, 3, 1}), Shape{extents[0] * height * width, extents[1]});
  const Var taken =
      ops::Gather(pixels, c.Constant(Tensor::Of<int64_t>({n, rows, columns, taps}, places)), 0);
  const Var weighted = ops::Mul(
      taken,
      ops::Cast(c.Constant(Tensor::Of<double>({n, rows, columns, taps, 1}, weights)), x.dtype()));
  const Var y = maximum ? ops::ReduceMax(weighted, {3}) : ops::Sum(weighted, {3});
  return One(ops::Transpose(y, {0, 3, 1, 2}));
}

constexpr Lowering kRows[] = {
    {"NonMaxSuppression", 10, 2, 5, NonMaxSuppression},
    {"RoiAlign", 10, 3, 3, RoiAlign},
};

}  // namespace

absl::Span<const Lowering> DetectionLowerings() { return kRows; }

}  // namespace adjoint::onnx
