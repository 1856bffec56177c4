#include "graph/onnx/lower/spatial.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/shape_ops.h"

// Convolution and pooling.

namespace adjoint::onnx {
namespace {

using ops::Var;

// The attributes that all of them share, one entry a spatial axis.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, pads_begin, pads_end;
  std::string auto_pad;
};

// `n` entries, all `fallback` when the attribute is not given.
std::vector<int64_t> PerAxis(NodeContext& c, absl::string_view name, int n, int64_t fallback,
                             int64_t least) {
  std::vector<int64_t> values = c.Ints(name, std::vector<int64_t>(n, fallback));
  if (static_cast<int>(values.size()) != n) {
    c.Fail(absl::StrCat("attribute '", name, "' has ", values.size(), " entries instead of ", n));
    values.assign(n, fallback);
  }
  for (int64_t& v : values) {
    if (v >= least && v <= INT32_MAX) continue;
    c.Fail(absl::StrCat("attribute '", name, "' has an entry of ", v));
    v = least;
  }
  return values;
}

// The window of a node whose operand is x, [batch, channels, spatial...]; `weights`, if there are
// any, give the kernel.
Window ReadWindow(NodeContext& c, Var x, std::vector<int64_t> weights) {
  Window w;
  if (!c.RankIs(x, 3)) return w;
  const int n = x.shape().rank() - 2;
  w.kernel = weights;
  if (weights.empty()) {
    if (!c.HasAttr("kernel_shape")) c.Fail("attribute 'kernel_shape' is missing");
    w.kernel = PerAxis(c, "kernel_shape", n, 1, 1);
  } else if (c.HasAttr("kernel_shape") && PerAxis(c, "kernel_shape", n, 1, 1) != weights) {
    c.Fail("attribute 'kernel_shape' is not the shape of the weights");
  }
  w.strides = PerAxis(c, "strides", n, 1, 1);
  w.dilations = PerAxis(c, "dilations", n, 1, 1);
  const std::vector<int64_t> pads = PerAxis(c, "pads", 2 * n, 0, 0);
  w.pads_begin.assign(pads.begin(), pads.begin() + n);
  w.pads_end.assign(pads.begin() + n, pads.end());
  w.auto_pad = c.Choice("auto_pad", "NOTSET", {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"});
  if (w.auto_pad == "VALID") {
    w.pads_begin.assign(n, 0);
    w.pads_end.assign(n, 0);
  }
  return w;
}

// The pads that give ceil(extent / stride) windows, the odd one at the end or at the begin.
void ApplySamePads(NodeContext& c, Var x, Window* w) {
  if (w->auto_pad != "SAME_UPPER" && w->auto_pad != "SAME_LOWER") return;
  for (size_t i = 0; i < w->kernel.size() && c.ok(); ++i) {
    const int64_t in = c.Extent(x, static_cast<int64_t>(i) + 2);
    const int64_t windows = in == 0 ? 0 : (in - 1) / w->strides[i] + 1;
    const int64_t span = (w->kernel[i] - 1) * w->dilations[i] + 1;
    const int64_t total = std::max<int64_t>((windows - 1) * w->strides[i] + span - in, 0);
    const int64_t less = total / 2, more = total - less;
    w->pads_begin[i] = w->auto_pad == "SAME_UPPER" ? less : more;
    w->pads_end[i] = total - w->pads_begin[i];
  }
}

// The spatial extents of weights.
std::vector<int64_t> KernelOf(NodeContext& c, Var weights) {
  if (!c.RankIs(weights, 3)) return {1};
  std::vector<int64_t> kernel;
  for (int axis = 2; axis < weights.shape().rank(); ++axis) {
    kernel.push_back(c.Extent(weights, axis));
  }
  return kernel;
}

}  // namespace

ops::ConvOptions ConvOptionsOf(NodeContext& c, Var x, Var weights) {
  Window w = ReadWindow(c, x, KernelOf(c, weights));
  ApplySamePads(c, x, &w);
  return {.strides = w.strides,
          .pads_begin = w.pads_begin,
          .pads_end = w.pads_end,
          .dilations = w.dilations,
          .groups = c.Int("group", 1)};
}

namespace {

Values Conv(NodeContext& c) {
  const Var x = c.In(0), weights = c.In(1);
  const ops::ConvOptions options = ConvOptionsOf(c, x, weights);
  if (!c.ok()) return {};
  if (c.Has(2)) return One(ops::Conv(x, weights, c.In(2), options));
  return One(ops::Conv(x, weights, options));
}

Values ConvTranspose(NodeContext& c) {
  const Var x = c.In(0), weights = c.In(1);
  const Window w = ReadWindow(c, x, KernelOf(c, weights));
  if (!c.ok()) return {};
  const int n = static_cast<int>(w.kernel.size());
  ops::ConvTransposeOptions options{.strides = w.strides,
                                    .pads_begin = w.pads_begin,
                                    .pads_end = w.pads_end,
                                    .dilations = w.dilations,
                                    .output_padding = PerAxis(c, "output_padding", n, 0, 0),
                                    .groups = c.Int("group", 1)};
  const bool same = w.auto_pad == "SAME_UPPER" || w.auto_pad == "SAME_LOWER";
  if (c.HasAttr("output_shape")) {
    options.output_shape = c.Ints("output_shape");
    // Old models name the batch and the channels too.
    if (static_cast<int>(options.output_shape.size()) == n + 2) {
      options.output_shape.erase(options.output_shape.begin(), options.output_shape.begin() + 2);
    }
    if (static_cast<int>(options.output_shape.size()) != n) {
      return One(c.Fail(absl::StrCat("attribute 'output_shape' has ", options.output_shape.size(),
                                     " entries instead of ", n)));
    }
  } else if (same) {
    for (int i = 0; i < n; ++i) {
      options.output_shape.push_back(c.Extent(x, i + 2) * w.strides[i]);
    }
  }
  options.odd_at_end = w.auto_pad == "SAME_UPPER";
  if (!options.output_shape.empty()) {
    options.pads_begin.clear();
    options.pads_end.clear();
  }
  if (!c.ok()) return {};
  Var y = ops::ConvTranspose(x, weights, options);
  if (c.Has(2)) {
    const Var bias = c.In(2);
    Shape shape{bias.shape().rank() == 1 ? bias.shape().dim(0) : Dim(-1)};
    for (int i = 0; i < n; ++i) shape.push_back(1);
    y = ops::Add(y, ops::Reshape(bias, shape));
  }
  return One(y);
}

ops::PoolOptions PoolOptionsOf(NodeContext& c, Var x, Window* w) {
  *w = ReadWindow(c, x, {});
  ApplySamePads(c, x, w);
  return {.strides = w->strides,
          .pads_begin = w->pads_begin,
          .pads_end = w->pads_end,
          .dilations = w->dilations,
          .ceil_mode = c.Flag("ceil_mode", false)};
}

// Of bytes too, by way of f32.
Values MaxPool(NodeContext& c) {
  const Var x = c.In(0);
  Window w;
  const ops::PoolOptions options = PoolOptionsOf(c, x, &w);
  const bool column_major = c.Flag("storage_order", false);
  if (!c.ok()) return {};
  const DType own = x.dtype();
  const Var floats = IsFloating(own) ? x : ops::Cast(x, DType::kF32);
  if (!c.Wants(1)) return One(ops::Cast(ops::MaxPool(floats, w.kernel, options), own));
  const ops::MaxPoolResult result = ops::MaxPoolWithIndices(
      floats, w.kernel, options,
      column_major ? ops::PoolIndices::kTensorColumnMajor : ops::PoolIndices::kTensor);
  return {ops::Cast(result.values, own), result.indices};
}

Values AveragePool(NodeContext& c) {
  const Var x = c.In(0);
  Window w;
  const ops::PoolOptions options = PoolOptionsOf(c, x, &w);
  const bool padded = c.Flag("count_include_pad", false);
  if (!c.ok()) return {};
  return One(ops::AveragePool(x, w.kernel, options,
                              padded ? ops::PoolDivisor::kPadded : ops::PoolDivisor::kInside));
}

Values LpPool(NodeContext& c) {
  const Var x = c.In(0);
  Window w;
  const ops::PoolOptions options = PoolOptionsOf(c, x, &w);
  const double p = c.version() < 2 ? c.Float("p", 2) : static_cast<double>(c.Int("p", 2));
  if (!c.ok()) return {};
  return One(ops::LpPool(x, w.kernel, p, options));
}

Values GlobalAveragePool(NodeContext& c) { return One(ops::GlobalAveragePool(c.In(0))); }
Values GlobalMaxPool(NodeContext& c) { return One(ops::GlobalMaxPool(c.In(0))); }

Values GlobalLpPool(NodeContext& c) {
  const double p = c.version() < 2 ? c.Float("p", 2) : static_cast<double>(c.Int("p", 2));
  return One(ops::GlobalLpPool(c.In(0), p));
}

// Indices count the elements of the result that a pooling of these attributes came from; a larger
// one that is asked for has zeros at its ends.
Values MaxUnpool(NodeContext& c) {
  const Var x = c.In(0), indices = c.In(1);
  const Window w = ReadWindow(c, x, {});
  if (!c.ok()) return {};
  const int n = static_cast<int>(w.kernel.size());
  Shape shape{x.shape().dim(0), x.shape().dim(1)};
  for (int i = 0; i < n; ++i) {
    const int64_t extent =
        (c.Extent(x, i + 2) - 1) * w.strides[i] + w.kernel[i] - w.pads_begin[i] - w.pads_end[i];
    if (extent < 0) return One(c.Fail("the pads are larger than the result"));
    shape.push_back(extent);
  }
  if (!c.Has(2)) return One(ops::MaxUnpool(x, indices, shape, ops::PoolIndices::kTensor));
  const std::vector<int64_t> asked = c.KnownInts(2);
  if (!c.ok()) return {};
  if (static_cast<int>(asked.size()) != n + 2) {
    return One(
        c.Fail(absl::StrCat("output_shape has ", asked.size(), " entries instead of ", n + 2)));
  }
  std::vector<int64_t> before(n + 2, 0), after(n + 2, 0);
  for (int i = 0; i < n; ++i) {
    after[i + 2] = asked[i + 2] - shape[i + 2];
    if (after[i + 2] >= 0) continue;
    return One(c.Fail(absl::StrCat("output_shape has an extent of ", asked[i + 2],
                                   ", where the result has ", shape[i + 2])));
  }
  const Var y = ops::MaxUnpool(x, indices, shape, ops::PoolIndices::kTensor);
  return One(ops::Pad(y, before, after));
}

constexpr Lowering kRows[] = {
    {"Conv", 1, 2, 3, Conv},
    {"ConvTranspose", 1, 2, 3, ConvTranspose},
    {"MaxPool", 1, 1, 1, MaxPool},
    {"AveragePool", 1, 1, 1, AveragePool},
    {"LpPool", 2, 1, 1, LpPool},
    {"GlobalAveragePool", 1, 1, 1, GlobalAveragePool},
    {"GlobalMaxPool", 1, 1, 1, GlobalMaxPool},
    {"GlobalLpPool", 2, 1, 1, GlobalLpPool},
    {"MaxUnpool", 9, 2, 3, MaxUnpool},
};

}  // namespace

absl::Span<const Lowering> SpatialLowerings() { return kRows; }

}  // namespace adjoint::onnx
