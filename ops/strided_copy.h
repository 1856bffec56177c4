#ifndef ADJOINT_OPS_STRIDED_COPY_H_
#define ADJOINT_OPS_STRIDED_COPY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace adjoint::ops {

// A copy of elements between two arrays that are walked in step: element i0,i1,... goes from
// source_offset + sum(i_k source_strides_k) to target_offset + sum(i_k target_strides_k). Strides
// and offsets count elements; a source stride may be 0 (broadcasting) and either may be negative.
// Transposing, slicing, broadcasting and concatenating are such copies. Elements are moved as bits.
struct StridedCopy {
  std::vector<int64_t> extents;
  std::vector<int64_t> source_strides;
  std::vector<int64_t> target_strides;
  int64_t source_offset = 0;
  int64_t target_offset = 0;
};

// The same copy with axes of extent 1 dropped and neighbours merged where both sides allow it. Of
// rank 1 at least. A copy of nothing becomes one of extent 0.
StridedCopy Simplified(const StridedCopy& copy);

// Element by element, in order.
void CopyReference(const StridedCopy& copy, size_t element_size, const void* source, void* target);

// Runs of contiguous elements at a time, transposed tiles, and on several threads when that pays.
// `copy` is Simplified. The target's elements are distinct.
void CopyFast(const StridedCopy& copy, size_t element_size, const void* source, void* target);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_STRIDED_COPY_H_
