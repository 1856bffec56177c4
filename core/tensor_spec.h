#ifndef ADJOINT_CORE_TENSOR_SPEC_H_
#define ADJOINT_CORE_TENSOR_SPEC_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/dtype.h"
#include "core/shape.h"

namespace adjoint {

// The type of a value: what its elements are and how many there are along each axis.
struct TensorSpec {
  DType dtype = DType::kF32;
  Shape shape;

  // "f32[batch,16]"; a scalar is "f32[]".
  std::string ToString() const;

  // An error when an extent is negative, or when those that are numbers, zeros left out, multiply
  // to more than a process can address. Products of extents do not overflow where this is OK.
  absl::Status CheckExtents() const;

  // Bytes of a dense array of this spec. An error when a dim is not a number, or that of
  // CheckExtents.
  absl::StatusOr<int64_t> ByteSize() const;

  friend bool operator==(const TensorSpec& a, const TensorSpec& b) {
    return a.dtype == b.dtype && a.shape == b.shape;
  }
  friend bool operator!=(const TensorSpec& a, const TensorSpec& b) { return !(a == b); }

  template <typename H>
  friend H AbslHashValue(H h, const TensorSpec& s) {
    return H::combine(std::move(h), s.dtype, s.shape);
  }
};

}  // namespace adjoint

#endif  // ADJOINT_CORE_TENSOR_SPEC_H_
