#ifndef ADJOINT_OPS_BLOCKED_MAPS_H_
#define ADJOINT_OPS_BLOCKED_MAPS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/shape.h"
#include "core/tensor_spec.h"
#include "ops/composed_kernel.h"
#include "ops/window.h"

// Maps in blocks of b channels: [batch, channels / b, spatial..., b], the layout that oneDNN's
// convolutions read and write without a detour. A block of 0 channels stands for maps as
// `channels_last` says. For authors of ops and passes.

namespace adjoint::ops {

// The channels of a block that suit this processor.
int64_t ChannelsABlock();

// Maps of `spec` in blocks. An error unless their channels are a multiple of the block's.
absl::StatusOr<TensorSpec> InBlocks(const TensorSpec& spec, bool channels_last, int64_t block);

// What the maps `what` are outside of blocks. An error unless their last axis is a block.
absl::StatusOr<TensorSpec> OutOfBlocks(absl::string_view what, const TensorSpec& blocked,
                                       bool channels_last, int64_t block);

// The geometry of maps that are of `shape` outside of blocks, of which each block is an image of
// its own with channels at the end.
MapGeometry BlockGeometryOf(const Shape& shape, bool channels_last, int64_t block);

// Steps of a reference kernel: `value`, maps of shape `blocked`, outside of blocks; and `value`,
// maps outside of them, as the request's output `output` of shape `blocked`.
int AddOutOfBlocks(int value, const Shape& blocked, bool channels_last, int64_t block,
                   Composer& composer);
void AddInBlocks(int value, const Shape& blocked, bool channels_last, int output,
                 Composer& composer);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_BLOCKED_MAPS_H_
