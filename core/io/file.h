#ifndef ADJOINT_CORE_IO_FILE_H_
#define ADJOINT_CORE_IO_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adjoint::io {

// The most that ReadFile takes in when its caller names no bound.
inline constexpr int64_t kMaxFileBytes = int64_t{4} << 30;

// The whole file. Errors name the path and the system's reason; a file longer than `max_bytes` is
// ResourceExhausted, one that is not there NotFound.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes = kMaxFileBytes);

// Makes a file that is seen by others whole or not at all: bytes go to a new file beside `path`,
// which takes its name in Commit(). Until then, and after any error, what was at `path` stays as it
// was. A path that names a device or a pipe is written straight on. Not thread-safe.
class AtomicFileWriter {
 public:
  // Errors: the folder is missing or not writable, or `path` is a folder.
  static absl::StatusOr<AtomicFileWriter> Create(const std::string& path);

  AtomicFileWriter(AtomicFileWriter&& other) noexcept;
  AtomicFileWriter& operator=(AtomicFileWriter&&) = delete;
  // Without a Commit() before, removes what was written.
  ~AtomicFileWriter();

  absl::Status Write(absl::string_view bytes);

  // Brings the bytes to the disk and the file to its name. To be called once, last.
  absl::Status Commit();

 private:
  AtomicFileWriter(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
  absl::Status Error(int error) const;

  std::string path_;
  std::string temporary_;  // empty when fd_ is the file itself
  int fd_ = -1;
};

// AtomicFileWriter for bytes that are all there.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes);

// Makes the folder and those above it, where they are missing.
absl::Status MakeFolders(const std::string& path);

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_FILE_H_
