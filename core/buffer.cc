#include "core/buffer.h"

#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace adjoint {

absl::StatusOr<std::shared_ptr<Buffer>> Buffer::Allocate(size_t bytes) {
  // aligned_alloc wants a multiple of the alignment; one unit at least, so that data() is never
  // null and kernels may form pointers to empty arrays.
  const size_t padded = bytes / kAlignment * kAlignment + kAlignment;
  void* data = padded > bytes ? std::aligned_alloc(kAlignment, padded) : nullptr;
  if (data == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("out of memory: could not allocate ", bytes, " bytes"));
  }
  return std::shared_ptr<Buffer>(new Buffer(data, bytes));
}

Buffer::~Buffer() { std::free(data_); }

}  // namespace adjoint
