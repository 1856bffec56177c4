#ifndef ADJOINT_OPS_SORT_H_
#define ADJOINT_OPS_SORT_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Order along one axis, negative ones counted from the end; numbers and bool. A NaN counts as
// greater than any number, and -0 as equal to 0. Among equals the lower index comes first, also
// where the order descends.

// The indices, i64, that put x in order: TakeAlongAxis(x, ArgSort(x, axis), axis) is sorted. The
// gradient is zero by definition.
Var ArgSort(Operand x, int64_t axis = -1, bool descending = false);

// x in order. The gradient of an element goes where the element came from.
Var Sort(Operand x, int64_t axis = -1, bool descending = false);

// The k greatest (or least) elements along `axis`, the greatest (least) first, and their indices,
// i64. k is at most the extent. ONNX's TopK.
struct TopKResult {
  Var values, indices;
};
TopKResult TopK(Operand x, int64_t k, int64_t axis = -1, bool largest = true);

// Both along the last axis; the functions above transpose. Attributes `descending`, and `k` and
// `largest`.
const OpDef& ArgSortOp();
const OpDef& TopKIndicesOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SORT_H_
