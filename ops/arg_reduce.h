#ifndef ADJOINT_OPS_ARG_REDUCE_H_
#define ADJOINT_OPS_ARG_REDUCE_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// The position along `axis` of the greatest, and of the smallest, element, as i64: of the first
// among equals, or of the last when `select_last_index`. A NaN counts as greater, and as smaller,
// than any number. The axis goes, or stays with extent 1 when `keepdims`. Every type but bool, bf16
// and f16. An axis without elements is an error. The gradient is zero by definition.
Var ArgMax(Operand x, int64_t axis, bool keepdims = false, bool select_last_index = false);
Var ArgMin(Operand x, int64_t axis, bool keepdims = false, bool select_last_index = false);

const OpDef& ArgMaxOp();
const OpDef& ArgMinOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ARG_REDUCE_H_
