#ifndef ADJOINT_OPS_RAVEL_INDICES_H_
#define ADJOINT_OPS_RAVEL_INDICES_H_

#include <cstdint>

#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Positions in an array of `shape` as one number each, its place in row-major order, i64. The last
// axis of `indices` (i32 or i64) holds the coordinates along the axes of `shape` that follow the
// first `batch_dims`; for those, the coordinates are the indices' own first axes, which have the
// same extents. The result has the indices' shape without its last axis.
//
// A coordinate lies in -extent .. extent-1, negative ones counted from the end, or, when
// `from_end` is false, in 0 .. extent-1. One outside is an error when the program runs; it names
// position, coordinate and bounds. The gradient is zero by definition.
Var RavelIndices(Operand indices, const Shape& shape, int64_t batch_dims = 0, bool from_end = true);

// Indices of any shape along axis `axis` of x, those that count from the end made plain: what
// Gather and the like of ops/indexing.h take.
Var PlainIndices(Operand indices, Operand x, int64_t axis);

const OpDef& RavelIndicesOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_RAVEL_INDICES_H_
