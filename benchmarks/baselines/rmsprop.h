// One element of RMSprop, for the rivals' update loops.

#ifndef ADJOINT_BENCHMARKS_BASELINES_RMSPROP_H_
#define ADJOINT_BENCHMARKS_BASELINES_RMSPROP_H_

#include "benchmarks/baselines/notebook.h"
#include "core/simd.h"

namespace adjoint::benchmarks {

// Inlined into kernel bodies, which core/simd.h describes. g gradient, w weight, s running mean of
// squares.
ADJOINT_INLINE void RmspropElement(float g, float* w, float* s) {
  *s = kRho * *s + (1.0f - kRho) * (g * g);
  *w -= kLearningRate * g / (__builtin_sqrtf(*s) + kEpsilon);
}

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_BASELINES_RMSPROP_H_
