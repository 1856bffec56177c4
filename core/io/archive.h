#ifndef ADJOINT_CORE_IO_ARCHIVE_H_
#define ADJOINT_CORE_IO_ARCHIVE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace adjoint::io {

// Walks through a zip, tar or tar.gz file, entry by entry, in memory: nothing is extracted, so
// names are names and lead nowhere. Checksums that the format has (a zip's members, gzip as a
// whole) are verified. Errors name the file, the entry and what is wrong; damage is DataLoss. Not
// thread-safe; several readers of one file are.
class ArchiveReader {
 public:
  static absl::StatusOr<ArchiveReader> Open(const std::string& path);

  ArchiveReader(ArchiveReader&&) noexcept;
  ArchiveReader& operator=(ArchiveReader&&) noexcept;
  ~ArchiveReader();

  // Steps to the next entry; false after the last one. Unread data are skipped.
  absl::StatusOr<bool> Next();

  // Of the current entry: its name as the archive has it, and whether it is a regular file.
  const std::string& name() const;
  bool is_file() const;

  // How much of the file has been read so far, 0 to 1.
  double FractionRead() const;

  // The current entry's data, once. More than `max_bytes` of them are an error.
  absl::StatusOr<std::string> Read(int64_t max_bytes);

 private:
  struct State;
  explicit ArchiveReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ArchiveEntry {
  std::string name;
  std::string bytes;
};

enum class ArchiveFormat { kZip, kTarGz };

// The bytes of an archive that holds these entries, compressed, in this order. The same entries
// give the same bytes.
absl::StatusOr<std::string> MakeArchive(ArchiveFormat format,
                                        absl::Span<const ArchiveEntry> entries);

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_ARCHIVE_H_
