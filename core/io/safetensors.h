#ifndef ADJOINT_CORE_IO_SAFETENSORS_H_
#define ADJOINT_CORE_IO_SAFETENSORS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace adjoint::io {

// Files of named tensors as Hugging Face defines them
// (https://github.com/huggingface/safetensors): 8 bytes with the length of the header, little
// endian; the header, a JSON object of
//
//   "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}
//
// and perhaps "__metadata__", an object of strings; and the elements, row-major and little endian,
// without gaps. Types are BOOL, U8 to U64, I8 to I64, F16, BF16, F32 and F64, each the dtype of
// that name.

struct SafetensorsEntry {
  std::string name;
  TensorSpec spec;
  int64_t begin = 0, end = 0;  // bytes within the data
};

// What the header says. Entries are in the order of their data.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;  // in alphabetical order
  int64_t data_offset = 0;                                    // of the data in the file
};

struct Safetensors {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::vector<std::pair<std::string, std::string>> metadata = {};

  // Null when there is no tensor of this name.
  const Tensor* Find(absl::string_view name) const;
};

// The header alone, checked against the size of the file: one that is returned describes data that
// are all there. Errors (InvalidArgument) name the tensor and the rule: a header that is no JSON,
// or longer than the file or 100 MB; a name twice; a type that is not known; a shape that does not
// fit its bytes; data that overlap, leave a gap, or end before or after the file does.
absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(const std::string& path);

// Errors: those of the header, and no memory.
absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view bytes);
// The same of a file, whose elements go straight into the tensors. Errors name it.
absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path);

// Writes the file atomically. Elements of wide types come first, so that all are aligned, else the
// order is that of the list. Errors: those of writing; a name twice, one that is not UTF-8, or
// "__metadata__".
absl::Status WriteSafetensors(const std::string& path,
                              absl::Span<const std::pair<std::string, Tensor>> tensors,
                              absl::Span<const std::pair<std::string, std::string>> metadata = {});
// The same as bytes.
absl::StatusOr<std::string> SerializeSafetensors(
    absl::Span<const std::pair<std::string, Tensor>> tensors,
    absl::Span<const std::pair<std::string, std::string>> metadata = {});

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_SAFETENSORS_H_
