#ifndef ADJOINT_CORE_IO_NPZ_H_
#define ADJOINT_CORE_IO_NPZ_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/io/int_lists.h"
#include "core/tensor.h"

namespace adjoint::io {

// A .npz file is a zip of .npy files; array "x" is the entry "x.npy". Errors name the file, the
// array and the byte; an array that is not there is InvalidArgument, with the names of those that
// are. Each call opens the file anew, so several threads may each read an array of one file.

absl::StatusOr<Tensor> ReadNpzTensor(const std::string& path, const std::string& array);

// All of its arrays, in their order in the file, which is read once.
absl::StatusOr<std::vector<std::pair<std::string, Tensor>>> ReadNpz(const std::string& path);

// An object array of lists of integers; see pickle.h.
absl::StatusOr<IntLists> ReadNpzIntLists(const std::string& path, const std::string& array);

// Writes the file atomically.
absl::Status WriteNpz(const std::string& path,
                      absl::Span<const std::pair<std::string, Tensor>> arrays);

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_NPZ_H_
