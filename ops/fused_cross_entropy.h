#ifndef ADJOINT_OPS_FUSED_CROSS_ENTROPY_H_
#define ADJOINT_OPS_FUSED_CROSS_ENTROPY_H_

#include "ops/op_def.h"

namespace adjoint::ops {

// A cross-entropy of logits with its gradient, which reads a row of logits once (made by
// graph/passes/fuse_cross_entropy.h). With p the softmax of the logits x along the last axis:
//
//   class numbers, i32 or i64 [rows...]:  y = -log p[label],      dx = (p - one_hot(label)) factor
//   a target, of x's spec:                y = sum(target log p),  dx = z - p sum(z),
//                                                                 z = target factor
//
// Inputs: x, the labels or the target, and the factor, of one element or of one a row. Outputs: y
// [rows...], dx of x's spec and, with attribute `probabilities` (bool, optional), p. In f32 y, dx
// of class numbers and p have the bits of the separate ops; dx of a target has them to rounding. A
// label outside of the classes is sparse_softmax_cross_entropy's error.
const OpDef& FusedCrossEntropyOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_FUSED_CROSS_ENTROPY_H_
