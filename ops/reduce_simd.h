#ifndef ADJOINT_OPS_REDUCE_SIMD_H_
#define ADJOINT_OPS_REDUCE_SIMD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "ops/kernel.h"

namespace adjoint::ops {

enum class Reduction { kSum, kMean, kMax };

// A kernel that reduces `axes` (sorted, not negative) of an f32 array of `extents`, or null where
// an extent is 0. Sums add at most 64 terms in f32 in each of 32 lanes or in each column, and carry
// those sums on in double, so their error is below 70 * 2^-24 * sum(|x|) for any number of terms.
// The order of all additions depends on the shape alone. Axes that are reduced apart from each
// other, [reduced, kept, reduced], are rounded to f32 between the groups.
std::unique_ptr<Kernel> MakeReductionF32(Reduction reduction, absl::Span<const int64_t> extents,
                                         absl::Span<const int> axes);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_REDUCE_SIMD_H_
