#ifndef ADJOINT_OPS_SHAPE_OPS_H_
#define ADJOINT_OPS_SHAPE_OPS_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/dtype.h"
#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/pad.h"        // IWYU pragma: export
#include "ops/rearrange.h"  // IWYU pragma: export
#include "ops/slice.h"      // IWYU pragma: export
#include "ops/var.h"

namespace adjoint::ops {

// The same elements in row-major order under another shape of as many. One dim of `shape` may be
// Dim(-1), "whatever remains", and dims may be symbols: [batch,4,4] to [batch,-1] is [batch,16].
// Where what remains has no name, it is given one, "batch*16"; an executable knows its number.
// Errors: element counts that differ, or that cannot be shown to be equal for every value of the
// symbols. Free: the result is a view of the operand.
Var Reshape(Operand x, const Shape& shape);

// Inserts an axis of extent 1 such that it is `axis` of the result, -1 for the last.
Var ExpandDims(Operand x, int64_t axis);

// Removes `axes`, each of extent 1; without axes, all whose extent is the number 1.
Var Squeeze(Operand x, absl::Span<const int64_t> axes);
Var Squeeze(Operand x);

// Axis i of the result is axis permutation[i] of x; without one, the axes in reverse order.
// Negative axes count from the end.
Var Transpose(Operand x, absl::Span<const int64_t> permutation = {});

// x repeated along new leading axes and along its axes of extent 1, as NumPy broadcasts; x itself
// when the shapes are equal. The gradient is SumTo.
Var BroadcastTo(Operand x, const Shape& shape);

// The product of the extents of `axes` of x as a scalar of type `dtype`; 1 for no axes. It depends
// on x's shape alone: a constant as soon as that is concrete.
Var SizeOf(Operand x, absl::Span<const int64_t> axes, DType dtype);

// Undoes broadcasting from `target` to v's shape: the sum over the axes that were broadcast. v
// itself when the shapes are equal. An error when `target` does not broadcast to v's shape.
Var SumTo(Operand x, const Shape& target);

// A tensor of zeros with the element type of `like`.
Var ZerosLike(Var like, const Shape& shape);

const OpDef& ReshapeOp();
const OpDef& TransposeOp();
const OpDef& BroadcastToOp();
const OpDef& SizeOfOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SHAPE_OPS_H_
