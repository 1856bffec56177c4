#ifndef ADJOINT_OPS_SOFTMAX_H_
#define ADJOINT_OPS_SOFTMAX_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// exp(x - max) / sum(exp(x - max)) along `axis`; f32 and f64. A row of infinities of one sign is
// NaN, as in NumPy. The gradient, y (g - sum(g y)), reads the output alone.
Var Softmax(Operand x, int64_t axis = -1);

// x - max - log(sum(exp(x - max))) along `axis`: the logarithm of Softmax without its underflow.
// The gradient, g - exp(y) sum(g), reads the output alone.
Var LogSoftmax(Operand x, int64_t axis = -1);

const OpDef& SoftmaxOp();
const OpDef& LogSoftmaxOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SOFTMAX_H_
