#include "ops/blocked_maps.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ops/onednn/convolution.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using Ints = std::vector<int64_t>;

// Maps of `blocked` outside of blocks, of so many channels.
Shape PlainShape(const Shape& blocked, bool channels_last, int64_t channels) {
  Shape shape{blocked.dim(0)};
  if (!channels_last) shape.push_back(channels);
  for (int axis = 2; axis < blocked.rank() - 1; ++axis) shape.push_back(blocked.dim(axis));
  if (channels_last) shape.push_back(channels);
  return shape;
}

// The axes of blocked maps of `rank`, in the order in which the same maps have them outside of
// blocks, where block and channel are one axis.
Ints PlainOrder(int rank, bool channels_last) {
  Ints order = {0};
  const auto channels = {int64_t{1}, int64_t{rank} - 1};
  if (!channels_last) order.insert(order.end(), channels);
  for (int axis = 2; axis < rank - 1; ++axis) order.push_back(axis);
  if (channels_last) order.insert(order.end(), channels);
  return order;
}

}  // namespace

int64_t ChannelsABlock() { return onednn::ChannelsABlock(); }

absl::StatusOr<TensorSpec> InBlocks(const TensorSpec& spec, bool channels_last, int64_t block) {
  if (block == 0) return spec;
  const MapLayout layout{spec.shape.rank(), channels_last};
  const Dim channels = spec.shape.dim(layout.channel());
  if (block < 0 || !channels.is_known() || channels.value() % block != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(channels.ToString(), " channels do not make blocks of ", block));
  }
  Shape blocked{spec.shape.dim(0), Dim(channels.value() / block)};
  for (int i = 0; i < layout.spatial_rank(); ++i) {
    blocked.push_back(spec.shape.dim(layout.spatial(i)));
  }
  blocked.push_back(block);
  return TensorSpec{spec.dtype, blocked};
}

absl::StatusOr<TensorSpec> OutOfBlocks(absl::string_view what, const TensorSpec& blocked,
                                       bool channels_last, int64_t block) {
  if (block == 0) return blocked;
  const Shape& shape = blocked.shape;
  int64_t channels = 0;
  if (block < 0 || shape.rank() < 4 || shape.dim(shape.rank() - 1) != Dim(block) ||
      !shape.dim(1).is_known() || __builtin_mul_overflow(shape.dim(1).value(), block, &channels)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " must be [batch, channels / ", block, ", spatial..., ", block,
                     "], in blocks of channels, but is ", blocked.ToString()));
  }
  return TensorSpec{blocked.dtype, PlainShape(shape, channels_last, channels)};
}

MapGeometry BlockGeometryOf(const Shape& shape, bool channels_last, int64_t block) {
  const MapLayout layout{shape.rank(), channels_last};
  Shape images{shape[0] * (shape[layout.channel()] / block)};
  for (int i = 0; i < layout.spatial_rank(); ++i) images.push_back(shape[layout.spatial(i)]);
  images.push_back(block);
  return MapGeometryOf(images, /*channels_last=*/true);
}

int AddOutOfBlocks(int value, const Shape& blocked, bool channels_last, int64_t block,
                   Composer& composer) {
  if (block == 0) return value;
  const int moved = composer.Add(TransposeOp(), {value},
                                 {{"permutation", PlainOrder(blocked.rank(), channels_last)}});
  return composer.Add(ReshapeOp(), {moved},
                      {{"shape", PlainShape(blocked, channels_last, blocked[1] * block)}});
}

void AddInBlocks(int value, const Shape& blocked, bool channels_last, int output,
                 Composer& composer) {
  const Ints order = PlainOrder(blocked.rank(), channels_last);
  Shape split;
  Ints back(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    split.push_back(blocked.dim(static_cast<int>(order[i])));
    back[order[i]] = static_cast<int64_t>(i);
  }
  const int apart = composer.Add(ReshapeOp(), {value}, {{"shape", split}});
  composer.AddTo(output, TransposeOp(), {apart}, {{"permutation", back}});
}

}  // namespace adjoint::ops
