#ifndef ADJOINT_OPS_SOFTMAX_GRADIENT_H_
#define ADJOINT_OPS_SOFTMAX_GRADIENT_H_

#include "ops/op_def.h"

namespace adjoint::ops {

// The gradient of softmax along the last axis (made by graph/passes/recognize.h):
//
//   dx = p (g - sum(g p)),  p the softmax
//
// Inputs: p or, with attribute `of_logits` (bool), the softmax's operand, and g of the same spec,
// f32 or f64. Output: dx. A row is read once, and of `of_logits` no softmax is written; its p has
// the bits of the softmax op's.
const OpDef& SoftmaxGradientOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SOFTMAX_GRADIENT_H_
