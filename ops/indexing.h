#ifndef ADJOINT_OPS_INDEXING_H_
#define ADJOINT_OPS_INDEXING_H_

#include <cstdint>

#include "core/dtype.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Indices are i32 or i64 and of any shape. They lie in 0 .. extent-1; there is no counting from the
// end. An index outside is an error when the program runs; it names the position, the index and
// the extent. The gradient of indices is zero.

// Slices of x along `axis` in the order of `indices`: of shape x.shape[:axis] + indices.shape +
// x.shape[axis+1:]. The rows of a table for axis 0 (an embedding). The gradient is ScatterAdd.
Var Gather(Operand x, Operand indices, int64_t axis = 0);

// `base` with slice j of `updates`, which has the shape of Gather(base, indices, axis), added to
// slice indices[j] along `axis`. Slices that meet are added in the order of j, whatever the number
// of threads. f32, f64 and integers (which wrap around). The gradient of the updates is Gather.
Var ScatterAdd(Operand base, Operand indices, Operand updates, int64_t axis = 0);

// 1 at [..., indices[...]] and 0 elsewhere, of shape indices.shape + [depth].
Var OneHot(Operand indices, int64_t depth, DType dtype = DType::kF32);

const OpDef& GatherOp();
const OpDef& ScatterAddOp();
const OpDef& OneHotOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_INDEXING_H_
