#ifndef ADJOINT_CORE_IO_IDX_H_
#define ADJOINT_CORE_IO_IDX_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace adjoint::io {

// An array in the idx format of the MNIST database (http://yann.lecun.com/exdb/mnist/): two zeros,
// a byte for the element type, a byte for the rank, the extents and the elements, all big endian.
// Unsigned bytes become u8, 32-bit integers i32, floats f32 and doubles f64; signed bytes and
// 16-bit integers i32. Errors (InvalidArgument) say what the head has; the data must be as long as
// it says.
absl::StatusOr<Tensor> ParseIdx(absl::string_view bytes);

// The same of a file, which may be gzipped. Errors name it.
absl::StatusOr<Tensor> ReadIdx(const std::string& path);

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_IDX_H_
