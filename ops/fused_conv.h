#ifndef ADJOINT_OPS_FUSED_CONV_H_
#define ADJOINT_OPS_FUSED_CONV_H_

#include "core/attrs.h"
#include "ops/op_def.h"

// Convolutions with what comes before or after them, made by passes (graph/passes/fuse_conv.h).
// Whole maps are then never written: a few images at a time are convolved and pooled while the
// cache has them. Results have the bits of the ops one after the other, but for sums over a batch
// (gradients of weights and biases), which run in another order.

namespace adjoint::ops {

// activation(max_pool(scale conv(x, weights) + bias + residual)) and, with `indices`, those of the
// maxima as max_pool's of kind "plane" are. Inputs: x, weights, with attribute `bias` the bias,
// [channels], with `scale` (bool, optional) a number of one element or, where channels are last,
// one a channel, with `residual` the residual. Attributes besides, and conv's: `activation`, the
// name of an op that CanFuseActivation or "" for none; optional `pool`, [kernel..., strides...] of
// windows without pads, and then `indices`.
//
// For this op and the next two, the optional attributes `x_block` and `y_block` say that the
// convolution's operand or its result lie in blocks of so many channels (ops/blocked_maps.h): x or
// the gradient in it, and the results, the residual, or the cotangent or values and indices.
const OpDef& FusedConvOp();

// conv_input_gradient of a cotangent or, with `pool`, of max_unpool(values, indices), for those
// windows over the convolution's result. Inputs: the cotangent or the values, weights, the indices.
const OpDef& FusedConvInputGradientOp();

// conv_weights_gradient, and with attribute `bias` the gradient of the bias, in a cotangent or,
// with `pool`, in max_unpool(values, indices). Inputs: x, the cotangent or the values, the indices.
const OpDef& FusedConvWeightsGradientOp();

// Whether a convolution of these attributes can have its maps in blocks, and whether it is faster
// then even where they are brought there and back for it alone.
enum class Blocks { kCannot, kCan, kPrefers };
Blocks BlocksFor(const Attrs& conv, const Shape& weights);

// The attribute `pool` for a max_pool of these attributes; false where it cannot be said.
bool PoolAttrOf(const Attrs& max_pool, std::vector<int64_t>* pool);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_FUSED_CONV_H_
