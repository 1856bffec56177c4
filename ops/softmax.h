#ifndef ADJOINT_OPS_SOFTMAX_H_
#define ADJOINT_OPS_SOFTMAX_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// exp(x - max) / sum(exp(x - max)) along `axis`; f32 and f64. A NaN or +inf makes its whole row
// NaN, as does a row of -inf alone. The gradient, y (g - sum(g y)), reads the output alone.
Var Softmax(Operand x, int64_t axis = -1);

// x - max - log(sum(exp(x - max))) along `axis`: the logarithm of Softmax without its underflow.
// The gradient, g - exp(y) sum(g), reads the output alone.
Var LogSoftmax(Operand x, int64_t axis = -1);

// -LogSoftmax(logits)[..., labels[...]]: labels are i32 or i64 class numbers of the logits' shape
// without its last axis, the classes, whose extent is a number. A label outside 0 .. classes-1 is
// an error when the program runs; it names the position, the label and the number of classes. The
// gradient is (softmax(logits) - one_hot(labels)) g.
Var SparseSoftmaxCrossEntropy(Operand logits, Operand labels);

const OpDef& SoftmaxOp();
const OpDef& LogSoftmaxOp();
const OpDef& SparseSoftmaxCrossEntropyOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SOFTMAX_H_
