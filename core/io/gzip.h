#ifndef ADJOINT_CORE_IO_GZIP_H_
#define ADJOINT_CORE_IO_GZIP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adjoint::io {

// Whether the bytes begin as a gzip file does.
bool IsGzip(absl::string_view bytes);

// What a gzip file (RFC 1952), of one member or several, holds; its checksums are verified. Errors:
// DataLoss for damage and for bytes that end early, ResourceExhausted for more than `max_bytes`.
absl::StatusOr<std::string> Gunzip(absl::string_view bytes, int64_t max_bytes);

// A whole file, unpacked where it is gzipped. Errors name it.
absl::StatusOr<std::string> ReadMaybeGzippedFile(const std::string& path);

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_GZIP_H_
