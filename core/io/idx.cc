#include "core/io/idx.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/io/gzip.h"
#include "core/status_macros.h"

namespace adjoint::io {
namespace {

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not an idx file: ", what));
}

// The big-endian number at `at`.
template <typename U>
U Number(const char* at) {
  U x = 0;
  for (size_t i = 0; i < sizeof(U); ++i) {
    x = static_cast<U>(x << 8 | static_cast<unsigned char>(at[i]));
  }
  return x;
}

// Reads elements of the type Stored, in bits as U, into elements of T.
template <typename Stored, typename U, typename T>
void Read(const char* from, absl::Span<T> to) {
  for (size_t i = 0; i < to.size(); ++i) {
    to[i] = static_cast<T>(std::bit_cast<Stored>(Number<U>(from + i * sizeof(U))));
  }
}

}  // namespace

absl::StatusOr<Tensor> ParseIdx(absl::string_view bytes) {
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0) {
    return Wrong("it does not begin with two zeros, a type and a rank");
  }
  const int type = static_cast<unsigned char>(bytes[2]);
  const size_t rank = static_cast<unsigned char>(bytes[3]);
  int64_t width = 0;
  DType dtype = DType::kU8;
  switch (type) {
    case 0x08:
      width = 1;
      break;
    case 0x09:
      width = 1;
      dtype = DType::kI32;
      break;
    case 0x0B:
      width = 2;
      dtype = DType::kI32;
      break;
    case 0x0C:
      width = 4;
      dtype = DType::kI32;
      break;
    case 0x0D:
      width = 4;
      dtype = DType::kF32;
      break;
    case 0x0E:
      width = 8;
      dtype = DType::kF64;
      break;
    default:
      return Wrong(absl::StrCat("its element type is ", type, "; there are 8, 9 and 11 to 14"));
  }
  const size_t head = 4 + 4 * rank;
  if (bytes.size() < head) {
    return Wrong(absl::StrCat("of rank ", rank, " its head has ", head, " bytes, the file has ",
                              bytes.size()));
  }
  Shape shape;
  // Extents multiplied in 128 bits, and not beyond what the file has: no product overflows.
  unsigned __int128 expected = static_cast<unsigned __int128>(width);
  bool too_long = false, empty = false;
  for (size_t axis = 0; axis < rank; ++axis) {
    const uint32_t extent = Number<uint32_t>(bytes.data() + 4 + 4 * axis);
    shape.push_back(static_cast<int64_t>(extent));
    empty = empty || extent == 0;
    expected *= extent == 0 ? 1 : extent;
    too_long = too_long || expected > bytes.size();
    if (too_long) expected = bytes.size() + 1;
  }
  const size_t has = bytes.size() - head;
  if (empty ? has != 0 : (too_long || expected != has)) {
    return Wrong(absl::StrCat("elements of shape ", shape.ToString(), " and ", width,
                              " bytes each do not take the ", has, " bytes after its head"));
  }
  ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate({dtype, shape}));
  const char* const from = bytes.data() + head;
  switch (type) {
    case 0x08:
      Read<uint8_t, uint8_t>(from, tensor.mutable_data<uint8_t>());
      break;
    case 0x09:
      Read<int8_t, uint8_t>(from, tensor.mutable_data<int32_t>());
      break;
    case 0x0B:
      Read<int16_t, uint16_t>(from, tensor.mutable_data<int32_t>());
      break;
    case 0x0C:
      Read<int32_t, uint32_t>(from, tensor.mutable_data<int32_t>());
      break;
    case 0x0D:
      Read<float, uint32_t>(from, tensor.mutable_data<float>());
      break;
    default:
      Read<double, uint64_t>(from, tensor.mutable_data<double>());
      break;
  }
  return tensor;
}

absl::StatusOr<Tensor> ReadIdx(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, ReadMaybeGzippedFile(path));
  auto tensor = ParseIdx(bytes);
  if (tensor.ok()) return tensor;
  return absl::Status(tensor.status().code(),
                      absl::StrCat("cannot read '", path, "': ", tensor.status().message()));
}

}  // namespace adjoint::io
