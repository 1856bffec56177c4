#include <cmath>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/indexing.h"
#include "ops/iota.h"
#include "ops/rounding.h"
#include "ops/shape_ops.h"

// GridSample: maps [n, c, h, w] read at points [n, h', w', 2] of (x, y) in -1 .. 1.

namespace adjoint::onnx {
namespace {

using ops::Var;

struct Sampler {
  NodeContext& c;
  Var pixels;  // rows of channels, [n h w, c]
  Var image;   // i64, the first row of each point's map: [n, 1, 1]
  int64_t height, width;
  bool align, border, reflect;
  DType dtype;

  // x mirrored at `low` and `high`, any number of times.
  Var Reflected(Var x, double low, double high) const {
    const double span = high - low;
    if (span <= 0) return ops::Mul(x, 0);
    const Var distance = ops::Abs(ops::Sub(x, low));
    const Var turns = ops::Floor(ops::Div(distance, span));
    const Var rest = ops::Sub(distance, ops::Mul(turns, span));
    const Var odd =
        ops::Greater(ops::Sub(turns, ops::Mul(ops::Floor(ops::Mul(turns, 0.5)), 2)), 0.5);
    return ops::Where(odd, ops::Sub(high, rest), ops::Add(rest, low));
  }

  // A coordinate of the grid in pixels.
  Var Denormalized(Var g, int64_t extent) const {
    const double n = static_cast<double>(extent);
    return align ? ops::Mul(ops::Add(g, 1), (n - 1) / 2)
                 : ops::Mul(ops::Sub(ops::Mul(ops::Add(g, 1), n), 1), 0.5);
  }

  Var Padded(Var x, int64_t extent) const {
    const double n = static_cast<double>(extent);
    if (reflect) x = align ? Reflected(x, 0, n - 1) : Reflected(x, -0.5, n - 0.5);
    return border || reflect ? ops::Minimum(ops::Maximum(x, 0), n - 1) : x;
  }

  // The pixels at whole coordinates, of shape [n, h', w', c]; 0 outside.
  Var At(Var x, Var y) const {
    x = Padded(x, width);
    y = Padded(y, height);
    const auto inside = [&](Var v, int64_t extent) {
      return ops::LogicalAnd(ops::GreaterEqual(v, 0),
                             ops::LessEqual(v, static_cast<double>(extent - 1)));
    };
    const Var valid = ops::LogicalAnd(inside(x, width), inside(y, height));
    const auto index = [&](Var v) { return ops::Cast(ops::Where(valid, v, 0), DType::kI64); };
    const Var place =
        ops::Add(image, ops::Add(ops::Mul(index(y), static_cast<double>(width)), index(x)));
    return ops::Where(ops::ExpandDims(valid, -1), ops::Gather(pixels, place), 0);
  }
};

// Keys' weights for distances 1 + t, t, 1 - t, 2 - t, with a = -0.75.
std::vector<Var> CubicWeights(Var t) {
  const double a = -0.75;
  const auto near = [&](Var d) {
    return ops::Add(ops::Mul(ops::Mul(ops::Sub(ops::Mul(d, a + 2), a + 3), d), d), 1);
  };
  const auto far = [&](Var d) {
    const Var cubic = ops::Mul(ops::Sub(ops::Mul(d, a), 5 * a), d);
    return ops::Sub(ops::Mul(ops::Add(cubic, 8 * a), d), 4 * a);
  };
  const Var u = ops::Sub(1, t);
  return {far(ops::Add(t, 1)), near(t), near(u), far(ops::Add(u, 1))};
}

Values GridSample(NodeContext& c) {
  const Var x = c.In(0), grid = c.In(1);
  const std::string mode = c.Choice("mode", "bilinear", {"bilinear", "nearest", "bicubic"});
  const std::string padding = c.Choice("padding_mode", "zeros", {"zeros", "border", "reflection"});
  const bool align = c.Flag("align_corners", false);
  if (!c.RankIs(x, 4, 4) || !c.RankIs(grid, 4, 4)) return {};
  const std::vector<int64_t> extents = c.Extents(x);
  const int64_t points = c.Extent(grid, 3), images = c.Extent(grid, 0);
  if (!c.ok()) return {};
  if (points != 2 || images != extents[0] || extents[2] < 1 || extents[3] < 1) {
    return One(
        c.Fail(absl::StrCat("the grid is ", grid.spec().ToString(), " for ", x.spec().ToString())));
  }
  const int64_t height = extents[2], width = extents[3];
  std::vector<int64_t> first(extents[0]);
  for (int64_t n = 0; n < extents[0]; ++n) first[n] = n * height * width;
  const Sampler s{
      c,
      ops::Reshape(ops::Transpose(x, {0, 2, 3, 1}), Shape{extents[0] * height * width, extents[1]}),
      c.Constant(Tensor::Of<int64_t>({extents[0], 1, 1}, first)),
      height,
      width,
      align,
      padding == "border",
      padding == "reflection",
      x.dtype()};
  const Var at = ops::Cast(grid, x.dtype());
  const auto coordinate = [&](int64_t k, int64_t extent) {
    return s.Denormalized(ops::Squeeze(ops::SliceAxis(at, -1, k, k + 1), {-1}), extent);
  };
  Var px = coordinate(0, width), py = coordinate(1, height);
  if (mode != "bicubic") {
    px = s.Padded(px, width);
    py = s.Padded(py, height);
  }
  Var y;
  if (mode == "nearest") {
    y = s.At(ops::Round(px), ops::Round(py));
  } else {
    const Var left = ops::Floor(px), top = ops::Floor(py);
    const Var u = ops::Sub(px, left), v = ops::Sub(py, top);
    const bool cubic = mode == "bicubic";
    const std::vector<Var> across = cubic ? CubicWeights(u) : std::vector<Var>{ops::Sub(1, u), u};
    const std::vector<Var> down = cubic ? CubicWeights(v) : std::vector<Var>{ops::Sub(1, v), v};
    for (size_t i = 0; i < down.size(); ++i) {
      for (size_t k = 0; k < across.size(); ++k) {
        const double shift = cubic ? -1 : 0;
        const Var taken = s.At(ops::Add(left, static_cast<double>(k) + shift),
                               ops::Add(top, static_cast<double>(i) + shift));
        const Var weighted = ops::Mul(taken, ops::ExpandDims(ops::Mul(down[i], across[k]), -1));
        y = y.builder == nullptr ? weighted : ops::Add(y, weighted);
      }
    }
  }
  return One(ops::Transpose(y, {0, 3, 1, 2}));
}

constexpr Lowering kRows[] = {
    {"GridSample", 16, 2, 2, GridSample},
};

}  // namespace

absl::Span<const Lowering> SamplingLowerings() { return kRows; }

}  // namespace adjoint::onnx
