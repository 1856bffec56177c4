#ifndef ADJOINT_OPS_STATISTICS_H_
#define ADJOINT_OPS_STATISTICS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "ops/reduce.h"  // IWYU pragma: export
#include "ops/var.h"

namespace adjoint::ops {

// Reductions made of others, of f32 and f64. Axes as in ops/reduce.h; AllAxesOf(x) names all.

std::vector<int64_t> AllAxesOf(const Operand& x);

// sum((x - mean(x))^2) / max(n - correction, 0), in two passes. A correction of 0 gives the
// variance of the n elements themselves, 1 the unbiased estimate from a sample; without elements
// left over it is NaN (0 / 0) or infinite.
Var Variance(Operand x, absl::Span<const int64_t> axes, bool keepdims = false,
             double correction = 0);

// Its square root. The gradient where the variance is 0 is 0.
Var StandardDeviation(Operand x, absl::Span<const int64_t> axes, bool keepdims = false,
                      double correction = 0);

Var SumOfSquares(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);

// sum(|x|), with gradient sign(x).
Var L1Norm(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);

// sqrt(sum(x^2)). The gradient, x / norm, is 0 where the norm is 0.
Var L2Norm(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);

// sum(|x|^p)^(1/p) for any p but 0; max(|x|) for p = infinity and min(|x|) for -infinity; for p = 0
// the number of elements that differ from 0. Elements that are 0 get gradient 0.
Var PNorm(Operand x, double p, absl::Span<const int64_t> axes, bool keepdims = false);

// log(sum(exp(x))) without overflow: the maximum is taken out of the sum. -inf where all elements
// are -inf (the gradient there is NaN). The gradient is the softmax. Over no elements an error.
Var LogSumExp(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);

// log(sum(x)).
Var LogSum(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);

// sqrt(x) whose gradient at 0 is 0.
Var SafeSqrt(Operand x);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_STATISTICS_H_
