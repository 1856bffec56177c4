#ifndef ADJOINT_OPS_TILE_BROADCAST_H_
#define ADJOINT_OPS_TILE_BROADCAST_H_

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "core/shape.h"

namespace adjoint::ops {

// A dense array seen through a broadcast to a larger shape, of which runs of consecutive elements
// are copied out. Neighbouring axes that broadcast alike are one axis here.
class BroadcastView {
 public:
  // `from` broadcasts to `to`, both are concrete, `to` is not empty; an element has 1, 2, 4 or
  // 8 bytes.
  BroadcastView(const Shape& from, const Shape& to, size_t element_bytes);

  // Copies elements begin .. begin + n - 1 (row-major in the larger shape) of the array at
  // `source`.
  void Copy(const void* source, int64_t begin, int64_t n, void* to) const;

  // The element of the source that element `at` of the view is.
  int64_t Offset(int64_t at) const;

  // So many elements that follow each other, from a multiple of their number on, are one element of
  // the source: N of [M, 1] seen as [M, N]. 0 where neighbours are neighbours.
  int64_t run() const { return axes_.back().stride == 0 ? axes_.back().extent : 0; }

  // The view repeats itself after so many elements: a row of [N] seen as [M, N] has period N.
  int64_t period() const { return period_; }

 private:
  struct Axis {
    int64_t extent;
    int64_t stride;  // in elements of the source; 0 where it broadcasts
  };

  absl::InlinedVector<Axis, 6> axes_;  // outermost first, at least one
  size_t element_bytes_;
  int64_t period_;
};

// Writes the element at `value` n times.
void FillElements(const void* value, size_t element_bytes, int64_t n, void* to);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_TILE_BROADCAST_H_
