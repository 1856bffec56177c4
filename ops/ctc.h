#ifndef ADJOINT_OPS_CTC_H_
#define ADJOINT_OPS_CTC_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

struct CtcOptions {
  int64_t blank = 0;  // the class that stands for no label
  // A sequence that no path can give has loss 0 and gradient 0 rather than infinity and NaN.
  bool zero_infinity = false;
};

// Connectionist temporal classification (Graves et al., 2006): the negative logarithm of the
// probability that a sequence of classes, one a step, reads as the labels when repeated classes are
// merged and blanks left out; a sum over all paths by the forward algorithm on logarithms.
//   log_probabilities [steps, batch, classes], f32 or f64: of each class at each step, as
//       LogSoftmax gives them
//   labels [batch, most_labels], and input_lengths and label_lengths, [batch]: i32 or i64; what
//       lies behind the lengths is not read
// gives [batch]. When the program runs, lengths and labels out of range, and blanks among the
// labels, are errors that name sample and value.
// The gradient is that of the log-probabilities as they are: minus the probability, given the
// labels, that the path is at the class. It has no second derivative: an error that names
// ctc_loss_gradient.
Var CtcLoss(Operand log_probabilities, Operand labels, Operand input_lengths, Operand label_lengths,
            const CtcOptions& options = {});

// Attributes blank (int), zero_infinity (bool).
const OpDef& CtcLossOp();
// Inputs as ctc_loss and the cotangent of the loss.
const OpDef& CtcLossGradientOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_CTC_H_
