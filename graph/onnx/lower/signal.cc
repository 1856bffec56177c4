#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/indexing.h"
#include "ops/matmul.h"
#include "ops/pad.h"
#include "ops/shape_ops.h"

// Windows, Fourier transforms and the mel scale. A transform of n elements is a product with the
// n x n matrices of cosines and sines; frames and sizes are known.

namespace adjoint::onnx {
namespace {

using ops::Var;

constexpr double kPi = 3.14159265358979323846;
constexpr int64_t kMaxLength = 1 << 14;  // of a transform

// a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n); n is the size, or one less when symmetric.
Values WindowOf(NodeContext& c, double a0, double a1, double a2) {
  const int64_t size = c.KnownInt(0);
  const bool periodic = c.Flag("periodic", true);
  const DType dtype = c.DTypeAttr("output_datatype", DType::kF32);
  if (!c.ok()) return {};
  if (size < 0 || size > (int64_t{1} << 30)) {
    return One(c.Fail(absl::StrCat("the size is ", size)));
  }
  const double n = static_cast<double>(periodic ? size : size - 1);
  std::vector<double> window(size);
  for (int64_t i = 0; i < size; ++i) {
    const double x = n == 0 ? 0 : 2 * kPi * static_cast<double>(i) / n;
    window[i] = a0 - a1 * std::cos(x) + a2 * std::cos(2 * x);
  }
  return One(ops::Cast(c.Constant(Tensor::Vector<double>(window)), dtype));
}

Values HannWindow(NodeContext& c) { return WindowOf(c, 0.5, 0.5, 0); }
Values HammingWindow(NodeContext& c) { return WindowOf(c, 25.0 / 46, 21.0 / 46, 0); }
Values BlackmanWindow(NodeContext& c) { return WindowOf(c, 0.42, 0.5, 0.08); }

// The transform along `axis` of x, whose last axis holds real, or real and imaginary parts.
Var Transform(NodeContext& c, Var x, int axis, int64_t length, bool inverse, bool onesided) {
  const int rank = x.shape().rank();
  const int64_t extent = c.Extent(x, axis), parts = c.Extent(x, rank - 1);
  if (!c.ok()) return x;
  if (axis == rank - 1 || (parts != 1 && parts != 2)) {
    return c.Fail(absl::StrCat("the last axis of ", x.spec().ToString(),
                               " must hold 1 or 2 parts, and is not transformed"));
  }
  if (length < 1 || length > kMaxLength) {
    return c.Unsupported(absl::StrCat("a transform of ", length, " elements"));
  }
  if (extent > length) x = ops::SliceAxis(x, axis, 0, length);
  if (extent < length) {
    std::vector<int64_t> before(rank, 0), after(rank, 0);
    after[axis] = length - extent;
    x = ops::Pad(x, before, after);
  }
  const int64_t bins = onesided ? length / 2 + 1 : length;
  std::vector<double> cosines(length * bins), sines(length * bins);
  for (int64_t i = 0; i < length; ++i) {
    for (int64_t k = 0; k < bins; ++k) {
      const double angle =
          2 * kPi * static_cast<double>(i * k % length) / static_cast<double>(length);
      const double by = inverse ? 1.0 / static_cast<double>(length) : 1.0;
      cosines[i * bins + k] = by * std::cos(angle);
      sines[i * bins + k] = (inverse ? by : -by) * std::sin(angle);
    }
  }
  const DType dtype = x.dtype();
  const auto matrix = [&](const std::vector<double>& values) {
    return ops::Cast(c.Constant(Tensor::Of<double>({length, bins}, values)), dtype);
  };
  const Var cosine = matrix(cosines), sine = matrix(sines);
  // The parts, each with the transformed axis last.
  const std::vector<int64_t> to_end = AxisToEnd(axis, rank - 1);
  const auto part = [&](int64_t k) {
    return ops::Transpose(ops::Squeeze(ops::SliceAxis(x, -1, k, k + 1), {-1}), to_end);
  };
  const Var real = part(0);
  Var out_real = ops::MatMul(real, cosine), out_imaginary = ops::MatMul(real, sine);
  if (parts == 2) {
    const Var imaginary = part(1);
    out_real = ops::Sub(out_real, ops::MatMul(imaginary, sine));
    out_imaginary = ops::Add(out_imaginary, ops::MatMul(imaginary, cosine));
  }
  const auto back = [&](Var v) { return ops::ExpandDims(ops::Transpose(v, Inverse(to_end)), -1); };
  return ops::Concat({back(out_real), back(out_imaginary)}, -1);
}

Values DFT(NodeContext& c) {
  const Var x = c.In(0);
  if (!c.RankIs(x, 3)) return {};
  const int axis = c.Axis(c.Int("axis", 1), x.shape().rank());
  const bool inverse = c.Flag("inverse", false), onesided = c.Flag("onesided", false);
  if (inverse && onesided) return One(c.Unsupported("an inverse of one side"));
  const int64_t length = c.Has(1) ? c.KnownInt(1) : c.Extent(x, axis);
  if (!c.ok()) return {};
  return One(Transform(c, x, axis, length, inverse, onesided));
}

// The signal [batch, length, parts] in frames, times the window, transformed.
Values STFT(NodeContext& c) {
  const Var signal = c.In(0);
  const int64_t step = c.KnownInt(1);
  const bool onesided = c.Flag("onesided", true);
  if (!c.RankIs(signal, 3, 3)) return {};
  int64_t length = 0;
  if (c.Has(3)) {
    length = c.KnownInt(3);
  } else if (c.Has(2)) {
    length = c.Extent(c.In(2), 0);
  } else {
    return One(c.Fail("neither a window nor the length of a frame is given"));
  }
  const int64_t extent = c.Extent(signal, 1);
  if (!c.ok()) return {};
  if (step < 1 || length < 1 || length > extent) {
    return One(
        c.Fail(absl::StrCat("frames of ", length, " elements, ", step, " apart, in ", extent)));
  }
  const int64_t frames = (extent - length) / step + 1;
  if (frames > (int64_t{1} << 28) / length) return One(c.Unsupported("that many frames"));
  std::vector<int64_t> places(frames * length);
  for (int64_t f = 0; f < frames; ++f) {
    for (int64_t i = 0; i < length; ++i) places[f * length + i] = f * step + i;
  }
  Var x = ops::Gather(signal, c.Constant(Tensor::Of<int64_t>({frames, length}, places)), 1);
  if (c.Has(2)) {
    const Var window = c.In(2);
    if (!c.RankIs(window, 1, 1)) return {};
    x = ops::Mul(x, ops::ExpandDims(window, -1));
  }
  return One(Transform(c, x, 2, length, /*inverse=*/false, onesided));
}

// Triangles between neighbouring frequencies that are equally spaced on the mel scale.
Values MelWeightMatrix(NodeContext& c) {
  const int64_t bands = c.KnownInt(0), length = c.KnownInt(1);
  const double rate = c.KnownNumber(2), low = c.KnownNumber(3), high = c.KnownNumber(4);
  const DType dtype = c.DTypeAttr("output_datatype", DType::kF32);
  if (!c.ok()) return {};
  if (bands < 1 || bands > (1 << 20) || length < 1 || length > (1 << 20) || !(rate > 0) ||
      !(low >= 0) || !(high >= low) || bands * length > (1 << 28)) {
    return One(c.Fail(absl::StrCat(bands, " bands of ", length, " elements at ", rate, " from ",
                                   low, " to ", high)));
  }
  const int64_t bins = length / 2 + 1;
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double step = (mel(high) - mel(low)) / static_cast<double>(bands + 2);
  std::vector<int64_t> edges(bands + 2);
  for (int64_t i = 0; i < bands + 2; ++i) {
    const double hertz =
        700 * (std::pow(10, (static_cast<double>(i) * step + mel(low)) / 2595) - 1);
    edges[i] = static_cast<int64_t>(
        std::clamp(std::floor(static_cast<double>(length + 1) * hertz / rate), 0.0, 1e9));
  }
  std::vector<double> weights(bins * bands, 0.0);
  for (int64_t i = 0; i < bands; ++i) {
    const int64_t left = edges[i], center = edges[i + 1], right = edges[i + 2];
    if (right > bins || center >= bins) {
      return One(c.Fail(absl::StrCat("band ", i, " reaches beyond the ", bins, " bins")));
    }
    if (center == left) weights[center * bands + i] = 1;
    for (int64_t k = left; k <= center && center > left; ++k) {
      weights[k * bands + i] = static_cast<double>(k - left) / static_cast<double>(center - left);
    }
    for (int64_t k = center; k < right; ++k) {
      weights[k * bands + i] = static_cast<double>(right - k) / static_cast<double>(right - center);
    }
  }
  return One(ops::Cast(c.Constant(Tensor::Of<double>({bins, bands}, weights)), dtype));
}

constexpr Lowering kRows[] = {
    {"HannWindow", 17, 1, 1, HannWindow},
    {"HammingWindow", 17, 1, 1, HammingWindow},
    {"BlackmanWindow", 17, 1, 1, BlackmanWindow},
    {"DFT", 17, 1, 2, DFT},
    {"STFT", 17, 2, 4, STFT},
    {"MelWeightMatrix", 17, 5, 5, MelWeightMatrix},
};

}  // namespace

absl::Span<const Lowering> SignalLowerings() { return kRows; }

}  // namespace adjoint::onnx
