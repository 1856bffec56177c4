#include "core/tensor_spec.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace adjoint {

std::string TensorSpec::ToString() const {
  return absl::StrCat(DTypeName(dtype), shape.ToString());
}

absl::StatusOr<int64_t> TensorSpec::ByteSize() const {
  if (!shape.IsConcrete()) {
    return absl::InvalidArgumentError(
        absl::StrCat(ToString(), " has no size yet: every dim must be a number"));
  }
  bool empty = false;
  for (Dim d : shape.dims()) empty |= d.value() == 0;
  if (empty) return 0;
  int64_t bytes = static_cast<int64_t>(DTypeSize(dtype));
  for (Dim d : shape.dims()) {
    if (__builtin_mul_overflow(bytes, d.value(), &bytes)) {
      return absl::InvalidArgumentError(
          absl::StrCat(ToString(), " is larger than the address space"));
    }
  }
  return bytes;
}

}  // namespace adjoint
