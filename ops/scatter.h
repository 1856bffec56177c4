#ifndef ADJOINT_OPS_SCATTER_H_
#define ADJOINT_OPS_SCATTER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "ops/indexing.h"  // IWYU pragma: export
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// What becomes of an element that updates are written to. kSet, of any type: the last update in
// row-major order of the indices. The others, of f32, f64 and integers (which wrap around), join
// base and updates in that order; a NaN among them wins a maximum or minimum.
//
// Gradients. kSet: the base where nothing was written, an update where it was the last. kAdd:
// everywhere. kMax, kMin: all that are equal to the result share alike. kMul: the product of the
// others, right to second order where some are 0.
enum class ScatterMode { kSet, kAdd, kMul, kMax, kMin };

// "set", "add", "mul", "max", "min".
absl::string_view ScatterModeName(ScatterMode mode);

// ScatterAdd's slices under any mode: slice j of `updates`, which has the shape of
// Gather(base, indices, axis), is written to slice indices[j] of `base` along `axis`. Indices are
// as in ops/indexing.h.
Var Scatter(Operand base, Operand indices, Operand updates, int64_t axis = 0,
            ScatterMode mode = ScatterMode::kSet);

// out[.., i, ..] = x[.., indices[.., i, ..], ..] with the index along `axis`: one index an element.
// x and indices have one rank; along the other axes indices are no longer than x. The result has
// the indices' shape. NumPy's take_along_axis, ONNX's GatherElements (there indices may count from
// the end: see PlainIndices of ops/ravel_indices.h). The gradient is ScatterAlongAxis.
Var TakeAlongAxis(Operand x, Operand indices, int64_t axis);

// `base` with each element of `updates`, which has the indices' shape, written where TakeAlongAxis
// would read. ONNX's ScatterElements.
Var ScatterAlongAxis(Operand base, Operand indices, Operand updates, int64_t axis,
                     ScatterMode mode = ScatterMode::kSet);

const OpDef& ScatterOp();
const OpDef& TakeAlongAxisOp();
const OpDef& ScatterAlongAxisOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SCATTER_H_
