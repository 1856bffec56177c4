#include "ops/normalization.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/fail.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/statistics.h"

namespace adjoint::ops {
namespace {

// The channels of an operand, or why there are none.
struct Channels {
  int axis = -1;
  Dim extent = -1;
  std::string error;

  bool ok() const { return axis >= 0 && error.empty(); }
};

Channels ChannelsOf(const Operand& x, int64_t feature_axis, int min_rank) {
  Channels channels;
  if (!x.var.valid()) return channels;
  const Shape& shape = x.var.shape();
  if (!IsFloating(x.var.dtype())) {
    channels.error = absl::StrCat("takes f32 or f64, but was given ", DTypeName(x.var.dtype()),
                                  "; cast it first");
  } else if (shape.rank() < min_rank) {
    channels.error =
        absl::StrCat("takes an operand of rank ", min_rank, " at least, not ", shape.rank());
  } else if (const auto axis = NormalizeAxis(feature_axis, shape.rank()); !axis.ok()) {
    channels.error = std::string(axis.status().message());
  } else {
    channels.axis = *axis;
    channels.extent = shape.dim(*axis);
  }
  return channels;
}

bool IsAbsent(Var v) { return v.builder == nullptr; }

// Adds to `channels` that v is no vector of one entry a channel.
void CheckVector(const char* name, Var v, Channels* channels) {
  if (!channels->ok() || IsAbsent(v) || !v.valid() || v.shape() == Shape{channels->extent}) return;
  channels->error = absl::StrCat(name, " has shape ", v.shape().ToString(),
                                 ", the channels ask for [", channels->extent.ToString(), "]");
}

Var Invalid(const Operand& x) { return Var{x.var.builder, -1, 0}; }

Var Refuse(const Operand& x, const char* function, const Channels& channels) {
  return channels.error.empty() ? Invalid(x) : FailAt(x, function, channels.error);
}

// A vector of channels as [C, 1, ...], to broadcast from `axis` on; all axes behind it.
Var Aligned(Var v, int axis, int rank) {
  if (!v.valid() || axis == rank - 1) return v;
  Shape shape{v.shape().dim(0)};
  for (int k = axis + 1; k < rank; ++k) shape.push_back(1);
  return Reshape(v, shape);
}

Var ScaledAndShifted(Var y, Var scale, Var bias, int axis) {
  if (!y.valid()) return y;
  const int rank = y.shape().rank();
  if (!IsAbsent(scale)) y = y * Aligned(scale, axis, rank);
  if (!IsAbsent(bias)) y = y + Aligned(bias, axis, rank);
  return y;
}

}  // namespace

BatchNormResult BatchNormTraining(Operand x, Var scale, Var bias, int64_t feature_axis,
                                  double epsilon) {
  Channels channels = ChannelsOf(x, feature_axis, 2);
  CheckVector("scale", scale, &channels);
  CheckVector("bias", bias, &channels);
  if (!channels.ok()) {
    const Var invalid = Refuse(x, "batch_norm", channels);
    return {invalid, invalid, invalid};
  }
  const int rank = x.var.shape().rank(), axis = channels.axis;
  std::vector<int64_t> others;
  for (int k = 0; k < rank; ++k) {
    if (k != axis) others.push_back(k);
  }
  const Var mean = Mean(x, others);
  const Var centered = x - Aligned(mean, axis, rank);
  const Var variance = Mean(Square(centered), others);
  Var slope = 1.0 / Sqrt(variance + epsilon);
  if (!IsAbsent(scale)) slope = slope * scale;
  return {ScaledAndShifted(centered, slope, bias, axis), mean, variance};
}

Var BatchNormInference(Operand x, Operand mean, Operand variance, Var scale, Var bias,
                       int64_t feature_axis, double epsilon) {
  Channels channels = ChannelsOf(x, feature_axis, 2);
  CheckVector("scale", scale, &channels);
  CheckVector("bias", bias, &channels);
  CheckVector("mean", mean.var, &channels);
  CheckVector("variance", variance.var, &channels);
  if (!channels.ok()) return Refuse(x, "batch_norm", channels);
  Var slope = 1.0 / Sqrt(variance + epsilon);
  if (!IsAbsent(scale)) slope = slope * scale;
  const Var offset = IsAbsent(bias) ? Neg(mean * slope) : bias - mean * slope;
  return ScaledAndShifted(x.var, slope, offset, channels.axis);
}

Var GroupNorm(Operand x, int64_t groups, Var scale, Var bias, int64_t feature_axis,
              double epsilon) {
  Channels channels = ChannelsOf(x, feature_axis, 2);
  CheckVector("scale", scale, &channels);
  CheckVector("bias", bias, &channels);
  if (channels.ok() && channels.axis == 0) {
    channels.error = "the channels are axis 0, which is the samples";
  }
  if (channels.ok() && !channels.extent.is_known()) {
    channels.error = absl::StrCat("the number of channels must be a number, but is ",
                                  channels.extent.ToString());
  }
  if (channels.ok() && (groups < 1 || channels.extent.value() % groups != 0)) {
    channels.error = absl::StrCat(groups, " groups do not divide ", channels.extent.value(),
                                  " channels into equal parts");
  }
  if (!channels.ok()) return Refuse(x, "group_norm", channels);
  const Shape& from = x.var.shape();
  const int axis = channels.axis;
  Shape split;
  for (int k = 0; k < from.rank(); ++k) {
    if (k == axis) split.push_back(groups);
    split.push_back(k == axis ? Dim(channels.extent.value() / groups) : from.dim(k));
  }
  const Var parts = Reshape(x, split);
  Var y;
  if (axis == 1) {
    y = LayerNorm(parts, {}, {}, 2, epsilon);
  } else {
    std::vector<int64_t> over;
    for (int k = 1; k < split.rank(); ++k) {
      if (k != axis) over.push_back(k);
    }
    const Var centered = parts - Mean(parts, over, true);
    y = centered / Sqrt(Mean(Square(centered), over, true) + epsilon);
  }
  return ScaledAndShifted(Reshape(y, from), scale, bias, axis);
}

Var InstanceNorm(Operand x, Var scale, Var bias, int64_t feature_axis, double epsilon) {
  const Channels channels = ChannelsOf(x, feature_axis, 2);
  if (!channels.ok()) return Refuse(x, "instance_norm", channels);
  if (!channels.extent.is_known()) {
    return FailAt(x, "instance_norm",
                  absl::StrCat("the number of channels must be a number, but is ",
                               channels.extent.ToString()));
  }
  return GroupNorm(x, std::max<int64_t>(channels.extent.value(), 1), scale, bias, feature_axis,
                   epsilon);
}

Var LocalResponseNorm(Operand x, int64_t size, double alpha, double beta, double bias,
                      int64_t feature_axis) {
  Channels channels = ChannelsOf(x, feature_axis, 1);
  if (channels.ok() && !channels.extent.is_known()) {
    channels.error = absl::StrCat("the number of channels must be a number, but is ",
                                  channels.extent.ToString());
  }
  if (channels.ok() && size < 1) {
    channels.error = absl::StrCat("the size is ", size, "; it must be at least 1");
  }
  if (!channels.ok()) return Refuse(x, "local_response_norm", channels);
  const int rank = x.var.shape().rank(), axis = channels.axis;
  const int64_t extent = channels.extent.value();
  const Var squares = Square(x);
  Var sum = squares;
  // Channel c + shift, for each shift of the window; zeros where there is none.
  const int64_t reach = std::max<int64_t>(extent - 1, 0);
  const int64_t first = std::max(-((size - 1) / 2), -reach), last = std::min(size / 2, reach);
  for (int64_t shift = first; shift <= last; ++shift) {
    if (shift == 0) continue;
    std::vector<int64_t> before(rank, 0), after(rank, 0);
    (shift < 0 ? before : after)[axis] = shift < 0 ? -shift : shift;
    const Var part = shift < 0 ? SliceAxis(squares, axis, 0, extent + shift)
                               : SliceAxis(squares, axis, shift, extent);
    sum = sum + Pad(part, before, after);
  }
  return x / Pow(sum * (alpha / static_cast<double>(size)) + bias, beta);
}

Var LpNormalize(Operand x, double p, int64_t axis) {
  const Var norm = PNorm(x, p, {axis}, /*keepdims=*/true);
  if (!norm.valid()) return norm;
  return x / Where(Equal(norm, 0), 1, norm);
}

}  // namespace adjoint::ops
