#ifndef ADJOINT_OPS_INDEX_CHECK_H_
#define ADJOINT_OPS_INDEX_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/shape.h"
#include "core/tensor_spec.h"

namespace adjoint::ops {

// For shape rules: an error unless `spec` is of type i32 or i64. `what` is a plural: "indices".
absl::Status CheckIndexType(absl::string_view what, const TensorSpec& spec);

// For kernels: an error unless every element of `indices`, n of T in an array of `shape`, lies in
// 0 .. extent-1. It names the first that does not: "gather: index 12 at position [3,0] is outside
// 0..9, axis 0 of the operand". T is int32_t or int64_t.
template <typename T>
absl::Status CheckIndices(absl::string_view op, absl::string_view noun, const T* indices,
                          const Shape& shape, int64_t n, int64_t extent, absl::string_view of);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_INDEX_CHECK_H_
