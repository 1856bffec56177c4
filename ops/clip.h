#ifndef ADJOINT_OPS_CLIP_H_
#define ADJOINT_OPS_CLIP_H_

#include <cstdint>
#include <source_location>
#include <vector>

#include "absl/types/span.h"
#include "ops/var.h"

namespace adjoint::ops {

// x, but low where it is less and high where it is greater; where low > high, high. Of f32, f64 or
// integers; the bounds are numbers or vars of x's type and broadcast with it. NaN stays; a bound
// that is NaN bounds nothing. The gradient is 1 for x between the bounds and on them, as in PyTorch
// and TensorFlow, and goes to the bound elsewhere.
Var Clamp(Operand x, Operand low, Operand high);
Var ClampMin(Operand x, Operand low);
Var ClampMax(Operand x, Operand high);

// x, scaled down where its Euclidean norm exceeds `norm`: x * norm / max(|x|, norm). With axes, the
// norm of each slice along them, for itself. The gradient of the norm is taken too; at x = 0 it is
// 1. f32 or f64; norm > 0. As tf.clip_by_norm.
Var ClipByNorm(Operand x, double norm);
Var ClipByNorm(Operand x, double norm, absl::Span<const int64_t> axes);

// The Euclidean norm of all elements of all vars together, a scalar of their type; at least one, of
// one builder and one floating type. Squares are added up without scaling: it overflows where the
// square of the norm does.
Var GlobalNorm(absl::Span<const Var> xs);

// Each var times norm / max(GlobalNorm(xs), norm): Pascanu, Mikolov and Bengio, "On the difficulty
// of training recurrent neural networks" (2013). A global norm that is NaN makes all NaN; one that
// is infinite makes finite elements 0.
std::vector<Var> ClipByGlobalNorm(absl::Span<const Var> xs, double norm,
                                  std::source_location at = std::source_location::current());

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_CLIP_H_
