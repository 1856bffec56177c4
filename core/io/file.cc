#include "core/io/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace adjoint::io {
namespace {

// A name that no other writer uses at the same time.
std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> count{0};
  return absl::StrCat(path, ".", getpid(), ".", count++, ".tmp");
}

// Where writing to `path` ends when it is a symbolic link.
std::string FollowLinks(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string followed = real;
  free(real);
  return followed;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  const auto error = [&](int number) {
    return absl::ErrnoToStatus(number, absl::StrCat("cannot read '", path, "'"));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error(errno);
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat info;
  if (fstat(fd, &info) != 0) return error(errno);
  if (S_ISDIR(info.st_mode)) return error(EISDIR);
  const auto too_long = [&] {
    return absl::ResourceExhaustedError(absl::StrCat("cannot read '", path,
                                                     "': it is longer than the ", max_bytes,
                                                     " bytes that are allowed here"));
  };
  if (info.st_size > max_bytes) return too_long();

  std::string bytes;
  try {
    size_t used = 0;
    // One byte more than the file has, so that its end is seen without growing.
    bytes.resize(static_cast<size_t>(info.st_size) + 1);
    while (true) {
      const ssize_t got = read(fd, bytes.data() + used, bytes.size() - used);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return error(errno);
      if (got == 0) break;
      used += static_cast<size_t>(got);
      if (used > static_cast<size_t>(max_bytes)) return too_long();
      if (used == bytes.size()) bytes.resize(bytes.size() * 2 + 4096);
    }
    bytes.resize(used);
  } catch (const std::bad_alloc&) {
    return error(ENOMEM);
  }
  return bytes;
}

absl::StatusOr<AtomicFileWriter> AtomicFileWriter::Create(const std::string& path) {
  const auto error = [&](int number) {
    return absl::ErrnoToStatus(number, absl::StrCat("cannot write '", path, "'"));
  };
  struct stat info;
  const bool exists = stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) return error(EISDIR);
  if (exists && !S_ISREG(info.st_mode)) {
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return error(errno);
    return AtomicFileWriter(path, "", fd);
  }
  // A file that its owner has made read-only is not to be replaced either.
  if (exists && access(path.c_str(), W_OK) != 0) return error(errno);
  std::string target = FollowLinks(path);
  std::string temporary = TemporaryName(target);
  const mode_t mode = exists ? info.st_mode & 0777 : 0666;
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return error(errno);
  return AtomicFileWriter(std::move(target), std::move(temporary), fd);
}

AtomicFileWriter::AtomicFileWriter(AtomicFileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, "")),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFileWriter::~AtomicFileWriter() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status AtomicFileWriter::Error(int error) const {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write '", path_, "'"));
}

absl::Status AtomicFileWriter::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Error(errno);
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return absl::OkStatus();
}

absl::Status AtomicFileWriter::Commit() {
  const int fd = std::exchange(fd_, -1);
  if (temporary_.empty()) return close(fd) == 0 ? absl::OkStatus() : Error(errno);
  const int sync_error = fsync(fd) == 0 ? 0 : errno;
  const int close_error = close(fd) == 0 ? 0 : errno;
  if (sync_error != 0) return Error(sync_error);
  if (close_error != 0) return Error(close_error);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return Error(errno);
  temporary_.clear();
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes) {
  ADJOINT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(path));
  ADJOINT_RETURN_IF_ERROR(writer.Write(bytes));
  return writer.Commit();
}

absl::Status MakeFolders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make the folder '", path, "'"));
}

}  // namespace adjoint::io
