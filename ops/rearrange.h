#ifndef ADJOINT_OPS_REARRANGE_H_
#define ADJOINT_OPS_REARRANGE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/dtype.h"
#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Rearrangements of elements, of any element type. Negative axes count from the end. All but
// ReverseSequence are compositions of reshape, transpose, slice, concat, gather and broadcast_to
// (ops/shape_ops.h), with their gradients. Symbolic extents pass along axes that are left alone.

// Two axes: those before `axis`, 0 <= axis <= rank, as one, and the others as one; an axis may be
// counted from the end. [2,3,4] gives [6,4] at 2 and [1,24] at 0.
Var Flatten(Operand x, int64_t axis = 1);

// x broadcast with a shape, either way, as NumPy broadcasts two tensors: [3,1] expanded by [2,1,4]
// is [2,3,4].
Var Expand(Operand x, const Shape& shape);

// Tensors of one spec along a new axis of the result, and back: all slices of `axis` without it.
Var Stack(absl::Span<const Operand> xs, int64_t axis = 0);
std::vector<Var> Unstack(Operand x, int64_t axis = 0);

// Cut along `axis` into `parts` of equal extent, or into parts of these extents, which add up to
// that of x. On a mistake the result has as many vars as were asked for, none valid.
std::vector<Var> Split(Operand x, int64_t parts, int64_t axis = 0);
std::vector<Var> SplitSizes(Operand x, absl::Span<const int64_t> sizes, int64_t axis = 0);

Var SwapAxes(Operand x, int64_t a, int64_t b);
// Axis source[i] of x becomes axis destination[i] of the result; the others keep their order.
Var MoveAxes(Operand x, absl::Span<const int64_t> source, absl::Span<const int64_t> destination);
Var MoveAxis(Operand x, int64_t source, int64_t destination);

// x one time after the other, repeats[axis] times along each axis: ab gives abab.
Var Tiled(Operand x, absl::Span<const int64_t> repeats);

// Each slice of `axis` `times` times, or times[i] times: ab gives aabb.
Var Repeat(Operand x, int64_t times, int64_t axis);
Var Repeat(Operand x, absl::Span<const int64_t> times, int64_t axis);

// In reverse order along each of `axes`.
Var Flip(Operand x, absl::Span<const int64_t> axes);

// Moved by shifts[i] places toward the end of axes[i], what falls off there coming in again at the
// beginning. An axis named twice is moved by the sum.
Var Roll(Operand x, absl::Span<const int64_t> shifts, absl::Span<const int64_t> axes);

// The first lengths[b] elements along `time_axis` in reverse order, the others as they are, where b
// is the index along `batch_axis`. Lengths are i32 or i64 of shape [extent of batch_axis]; one
// outside of 0 .. extent of time_axis is an error when the program runs. The gradient is the
// cotangent reversed likewise.
Var ReverseSequence(Operand x, Operand lengths, int64_t batch_axis = 0, int64_t time_axis = 1);

// The order of the channels that make up a block of places, as ONNX has them.
enum class DepthOrder {
  kDCR,  // row, column, depth: [n, block, block, c, h, w]
  kCRD,  // depth, row, column: [n, c, block, block, h, w]
};

// [n, c block^2, h, w] to [n, c, h block, w block] and back.
Var DepthToSpace(Operand x, int64_t block, DepthOrder order = DepthOrder::kDCR);
Var SpaceToDepth(Operand x, int64_t block, DepthOrder order = DepthOrder::kDCR);

// The extents of x as a tensor of one axis; a constant as soon as they are known.
Var ShapeOf(Operand x, DType dtype = DType::kI64);

// Inputs x, lengths; attributes batch_axis, time_axis.
const OpDef& ReverseSequenceOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_REARRANGE_H_
