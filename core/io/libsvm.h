#ifndef ADJOINT_CORE_IO_LIBSVM_H_
#define ADJOINT_CORE_IO_LIBSVM_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/csr_matrix.h"
#include "core/tensor.h"

namespace adjoint::io {

struct LibsvmOptions {
  // Columns of the matrix; 0: as many as the largest index needs. Test data want the number that
  // their training data have.
  int64_t cols = 0;
  // Whether indices begin with 0. The format's own programs begin with 1.
  bool zero_based = false;
  // Called now and then with the bytes done and all bytes.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

struct LibsvmData {
  CsrMatrix x;
  Tensor labels;  // f32[rows], as they stand there: often -1 and 1
};

// Samples in the format of LIBSVM (Chang and Lin, README), a line each:
//
//   label index:value index:value ...  # comment
//
// with ascending indices. Empty lines are passed over. Errors (InvalidArgument) give the line and
// what is wrong: no label, or several; an index that is no number, out of range or not larger than
// the one before it; a value that is no number.
absl::StatusOr<LibsvmData> ParseLibsvm(absl::string_view text, const LibsvmOptions& options = {});

// The same of a file, which may be gzipped. Errors name it.
absl::StatusOr<LibsvmData> ReadLibsvm(const std::string& path, const LibsvmOptions& options = {});

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_LIBSVM_H_
