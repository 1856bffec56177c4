#include "core/tensor_spec.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace adjoint {

std::string TensorSpec::ToString() const {
  return absl::StrCat(DTypeName(dtype), shape.ToString());
}

absl::Status TensorSpec::CheckExtents() const {
  constexpr int64_t kAddressSpace = int64_t{1} << 47;
  int64_t bytes = static_cast<int64_t>(DTypeSize(dtype));
  for (Dim d : shape.dims()) {
    if (!d.is_valid()) {
      return absl::InvalidArgumentError(absl::StrCat("an extent of ", ToString(), " is negative"));
    }
    if (!d.is_known() || d.value() == 0) continue;
    if (__builtin_mul_overflow(bytes, d.value(), &bytes) || bytes > kAddressSpace) {
      return absl::InvalidArgumentError(
          absl::StrCat(ToString(), " is larger than the address space"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> TensorSpec::ByteSize() const {
  if (!shape.IsConcrete()) {
    return absl::InvalidArgumentError(
        absl::StrCat(ToString(), " has no size yet: every dim must be a number"));
  }
  ADJOINT_RETURN_IF_ERROR(CheckExtents());
  return shape.NumElements() * static_cast<int64_t>(DTypeSize(dtype));
}

}  // namespace adjoint
