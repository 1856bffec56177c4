#ifndef ADJOINT_CORE_IO_NPY_H_
#define ADJOINT_CORE_IO_NPY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/io/int_lists.h"
#include "core/tensor.h"

namespace adjoint::io {

// The head of a .npy file, as numpy.lib.format describes it, versions 1 to 3.
struct NpyHeader {
  std::string descr;  // "<i8", "|O", ...
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t data_offset = 0;  // of the first byte after the head
};

// Errors (InvalidArgument) name the byte where the head is wrong. The shape's extents are not
// negative and their product fits 64 bits.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view bytes);

// An array of numbers: f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1, which become the dtype of that name.
// Either byte order and either memory order. The data must be as long as the shape says.
absl::StatusOr<Tensor> ReadNpy(absl::string_view bytes);

// A one-dimensional object array of lists of integers; see pickle.h.
absl::StatusOr<IntLists> ReadNpyIntLists(absl::string_view bytes);

// The tensor as a .npy file, version 1, as NumPy writes it. NumPy has no bf16: such a tensor is
// written as f4, which holds the same numbers.
std::string SerializeNpy(const Tensor& tensor);

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_NPY_H_
