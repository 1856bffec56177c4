#ifndef ADJOINT_OPS_LEAF_H_
#define ADJOINT_OPS_LEAF_H_

#include "ops/op_def.h"

namespace adjoint::ops {

// A value that comes from outside the program: attributes `name` and the spec (`dtype`, `shape`).
const OpDef& InputOp();

// A tensor known when the program is built: attribute `value`.
const OpDef& ConstantOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_LEAF_H_
