#ifndef ADJOINT_OPS_SLICE_H_
#define ADJOINT_OPS_SLICE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Bounds of a slice that stand for "from the first element" and "through the last", whatever the
// extent: as `end`, kSliceToEnd for a positive step and kSliceFromStart for a negative one.
inline constexpr int64_t kSliceToEnd = INT64_MAX;
inline constexpr int64_t kSliceFromStart = INT64_MIN;

// Elements begin, begin + step, ... before `end` of each axis, as Python's x[begin:end:step]:
// negative bounds count from the end, bounds beyond the extent are clamped, steps may be negative
// and are 1 when not given. `begin` and `end` have one entry an axis; trailing axes that have none
// are taken whole. A slice 0:kSliceToEnd keeps a symbolic extent; any other slice of a symbolic
// axis gives an extent that is known when an executable is made. Errors: a step of 0, lists of
// different lengths, more entries than axes.
Var Slice(Operand x, absl::Span<const int64_t> begin, absl::Span<const int64_t> end,
          absl::Span<const int64_t> step = {});

// Elements begin .. end-1 of one axis.
Var SliceAxis(Operand x, int64_t axis, int64_t begin, int64_t end);

// Zeros of `shape` with `updates` written where Slice would read: Slice's gradient, and the other
// way around.
Var SliceScatter(Operand updates, const Shape& shape, absl::Span<const int64_t> begin,
                 absl::Span<const int64_t> end, absl::Span<const int64_t> step = {});

// The operands one after the other along `axis`; their types and other extents are equal. The
// extents along the axis must be numbers.
Var Concat(absl::Span<const Operand> xs, int64_t axis);

const OpDef& SliceOp();
const OpDef& SliceScatterOp();
const OpDef& ConcatOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SLICE_H_
