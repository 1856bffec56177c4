#include "ops/index_check.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace adjoint::ops {

absl::Status CheckIndexType(absl::string_view what, const TensorSpec& spec) {
  if (spec.dtype == DType::kI32 || spec.dtype == DType::kI64) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " must be of type i32 or i64, but are ", spec.ToString()));
}

template <typename T>
absl::Status CheckIndices(absl::string_view op, absl::string_view noun, const T* indices,
                          const Shape& shape, int64_t n, int64_t extent, absl::string_view of) {
  bool good = true;
  for (int64_t i = 0; i < n; ++i) {
    good &= static_cast<uint64_t>(indices[i]) < static_cast<uint64_t>(extent);
  }
  if (good) return absl::OkStatus();
  int64_t flat = 0;
  while (static_cast<uint64_t>(indices[flat]) < static_cast<uint64_t>(extent)) ++flat;
  std::vector<int64_t> position(shape.rank());
  int64_t rest = flat;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    position[axis] = rest % shape[axis];
    rest /= shape[axis];
  }
  return absl::InvalidArgumentError(absl::StrCat(
      op, ": ", noun, " ", indices[flat], " at position [", absl::StrJoin(position, ","),
      "] is outside ",
      extent == 0 ? std::string("the empty range of ") : absl::StrCat("0..", extent - 1, ", "),
      of));
}

template absl::Status CheckIndices<int32_t>(absl::string_view, absl::string_view, const int32_t*,
                                            const Shape&, int64_t, int64_t, absl::string_view);
template absl::Status CheckIndices<int64_t>(absl::string_view, absl::string_view, const int64_t*,
                                            const Shape&, int64_t, int64_t, absl::string_view);

}  // namespace adjoint::ops
