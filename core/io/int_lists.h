#ifndef ADJOINT_CORE_IO_INT_LISTS_H_
#define ADJOINT_CORE_IO_INT_LISTS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace adjoint::io {

// Lists of integers, one behind the other in one block: list i is values[offsets[i]] ..
// values[offsets[i + 1] - 1].
struct IntLists {
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> values;

  int64_t size() const { return static_cast<int64_t>(offsets.size()) - 1; }
  absl::Span<const int32_t> operator[](int64_t i) const {
    return {values.data() + offsets[i], static_cast<size_t>(offsets[i + 1] - offsets[i])};
  }

  friend bool operator==(const IntLists&, const IntLists&) = default;
};

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_INT_LISTS_H_
