#include "ops/losses.h"

#include "absl/strings/str_cat.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/fail.h"
#include "ops/reduce.h"

namespace adjoint::ops {

Var SquaredError(Operand prediction, Operand target) { return Square(Sub(prediction, target)); }

Var AbsoluteError(Operand prediction, Operand target) { return Abs(Sub(prediction, target)); }

Var BinaryCrossEntropy(Operand probability, Operand target) {
  const double epsilon = 1e-7;
  const Var p = Minimum(Maximum(probability, epsilon), 1 - epsilon);
  return -(target * Log(p) + (1 - target) * Log(1 - p));
}

Var BinaryCrossEntropyFromLogits(Operand logits, Operand target) {
  return Softplus(logits) - Mul(logits, target);
}

Var SoftmaxCrossEntropyFromLogits(Operand logits, Operand target) {
  if (logits.var.valid() && target.var.valid() && target.var.shape() != logits.var.shape()) {
    return FailAt(
        logits, "softmax_cross_entropy",
        absl::StrCat("logits have shape ", logits.var.shape().ToString(), ", targets have ",
                     target.var.shape().ToString(), "; they must be equal"));
  }
  return -Sum(Mul(target, LogSoftmax(logits)), {-1});
}

}  // namespace adjoint::ops
