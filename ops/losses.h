#ifndef ADJOINT_OPS_LOSSES_H_
#define ADJOINT_OPS_LOSSES_H_

#include "ops/softmax.h"  // IWYU pragma: export
#include "ops/var.h"

namespace adjoint::ops {

// Losses of single elements or samples: nothing is averaged over the batch. Compositions of other
// ops, so their gradients are those of their parts, to any order. Predictions and targets of the
// elementwise losses broadcast; targets have the element type of the predictions.

// (prediction - target)^2, elementwise.
Var SquaredError(Operand prediction, Operand target);

// |prediction - target|, elementwise; the gradient where they are equal is 0.
Var AbsoluteError(Operand prediction, Operand target);

// -(z log p + (1 - z) log(1 - p)), elementwise, with p clipped to [1e-7, 1 - 1e-7] as Keras clips
// it: outside, the gradient of p is 0. In f32 the upper bound is the nearest float, 1 - 2^-23.
Var BinaryCrossEntropy(Operand probability, Operand target);

// The same from logits x, p = sigmoid(x), without cancellation or clipping: softplus(x) - x z.
Var BinaryCrossEntropyFromLogits(Operand logits, Operand target);

// -sum(z log softmax(logits)) over the last axis. Targets are distributions (one-hot or not) of the
// logits' shape; the result lacks the last axis: [batch,classes] gives [batch].
Var SoftmaxCrossEntropyFromLogits(Operand logits, Operand target);

// The same for integer labels is SparseSoftmaxCrossEntropy of ops/softmax.h.

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_LOSSES_H_
