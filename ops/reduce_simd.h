#ifndef ADJOINT_OPS_REDUCE_SIMD_H_
#define ADJOINT_OPS_REDUCE_SIMD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "core/dtype.h"
#include "ops/kernel.h"

namespace adjoint::ops {

enum class Reduction { kSum, kMean, kMax, kMin, kProd };

// A kernel that reduces `axes` (sorted, not negative) of an array of `extents`, or null where an
// extent is 0 or the type is none of f32, f64, i32, i64 and, for kMax and kMin, u8 and bool.
//
// Sums and means of f32 add at most 64 terms in f32 in each of 32 lanes or in each column, and
// carry those sums on in double, so their error is below 70 * 2^-24 * sum(|x|) for any number of
// terms; products of f32 are made in double. Integers wrap around. The order of all additions
// depends on the shape alone. Axes that are reduced apart from each other, [reduced, kept,
// reduced], are rounded to the element type between the groups.
std::unique_ptr<Kernel> MakeReduction(Reduction reduction, DType dtype,
                                      absl::Span<const int64_t> extents,
                                      absl::Span<const int> axes);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_REDUCE_SIMD_H_
