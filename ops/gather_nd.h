#ifndef ADJOINT_OPS_GATHER_ND_H_
#define ADJOINT_OPS_GATHER_ND_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/dtype.h"
#include "ops/ravel_indices.h"  // IWYU pragma: export
#include "ops/scatter.h"        // IWYU pragma: export
#include "ops/var.h"

namespace adjoint::ops {

// Slices chosen by tuples of coordinates, the last axis of `indices`, of k entries: i32 or i64, and
// negative ones count from the end. Compositions of RavelIndices, which finds coordinates that are
// out of range, with Gather and Scatter.

// With b = batch_dims: of shape indices.shape[:-1] + x.shape[b+k:]. The first b axes of x and of
// the indices are the same and walked together. ONNX's GatherND.
Var GatherNd(Operand x, Operand indices, int64_t batch_dims = 0);

// `base` with the slices of `updates`, of shape indices.shape[:-1] + base.shape[k:], written where
// GatherNd(base, indices) would read. ONNX's ScatterND.
Var ScatterNd(Operand base, Operand indices, Operand updates, ScatterMode mode = ScatterMode::kSet);

// ONNX's OneHot: `on` at the indices and `off` elsewhere, along a new axis, `axis` of the result,
// of extent `depth`. Indices of any integer or floating type lie in -depth .. depth-1, negative
// ones counted from the end; all entries of an index outside are `off`. `on` and `off` are scalars
// of one type.
Var OneHotAlong(Operand indices, int64_t depth, Operand on, Operand off, int64_t axis = -1);

// For each row of `indices` (its last axis), 1 at all of its indices and 0 elsewhere: of shape
// indices.shape[:-1] + [depth].
Var MultiHot(Operand indices, int64_t depth, DType dtype = DType::kF32);

// 1 at the first greatest element along `axis` and 0 elsewhere, of x's type. Its extent is a
// number. ONNX's Hardmax. The gradient is zero by definition.
Var Hardmax(Operand x, int64_t axis = -1);

// x with `value` where `mask` (bool, which broadcasts to x) holds.
Var MaskedFill(Operand x, Operand mask, Operand value);

// The slices of x along `axis` where `mask` holds, one entry a slice and false behind its end: a
// mask that is known when the graph is built. For others see Compress of ops/nonzero.h. ONNX's
// Compress.
Var CompressBy(Operand x, absl::Span<const bool> mask, int64_t axis);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_GATHER_ND_H_
