#include "core/io/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace adjoint::io {

namespace {

constexpr size_t kPiece = 1 << 17;

// Room taken before an entry's data arrive, whatever length its header claims.
constexpr int64_t kMaxReserve = 64 << 20;

}  // namespace

struct ArchiveReader::State {
  std::string path;
  int64_t size = 0;  // bytes of the file
  struct archive* reader = nullptr;
  struct archive_entry* entry = nullptr;  // owned by reader
  std::string name;

  // A gzip file is inflated here rather than by libarchive, which does not verify gzip's checksum.
  gzFile gz = nullptr;
  std::vector<char> piece;

  ~State() {
    if (reader != nullptr) archive_read_free(reader);
    if (gz != nullptr) gzclose(gz);
  }

  int64_t Offset() const { return gz != nullptr ? gzoffset(gz) : archive_filter_bytes(reader, -1); }

  absl::Status Damaged(absl::string_view what) const {
    const std::string where = name.empty() ? "" : absl::StrCat(", entry '", name, "'");
    const int64_t at = Offset();
    return absl::DataLossError(absl::StrCat("cannot read '", path, "'", where, ": ", what,
                                            " (about byte ", at,
                                            " of the file); it is damaged or incomplete"));
  }
  absl::Status Damaged() const {
    const char* what = archive_error_string(reader);
    // Some of libarchive's messages end in a line break.
    return Damaged(what != nullptr ? absl::StripAsciiWhitespace(what) : "unknown error");
  }

  // The next inflated bytes, into piece: their number, 0 at the end, -1 for damage, told in `what`.
  // A gzip file that ends too early is damage, which gzread by itself takes for an end.
  int Inflate(const char*& what) {
    const int got = gzread(gz, piece.data(), static_cast<unsigned>(piece.size()));
    if (got > 0) return got;
    int number = Z_OK;
    what = gzerror(gz, &number);
    return number == Z_OK || number == Z_STREAM_END ? 0 : -1;
  }

  static la_ssize_t ReadInflated(struct archive* reader, void* data, const void** bytes) {
    State* state = static_cast<State*>(data);
    const char* what = "";
    const int got = state->Inflate(what);
    if (got < 0) {
      archive_set_error(reader, EIO, "gzip: %s", what);
      return -1;
    }
    *bytes = state->piece.data();
    return got;
  }
};

ArchiveReader::ArchiveReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader& ArchiveReader::operator=(ArchiveReader&&) noexcept = default;
ArchiveReader::~ArchiveReader() = default;

absl::StatusOr<ArchiveReader> ArchiveReader::Open(const std::string& path) {
  const auto error = [&](int number) {
    return absl::ErrnoToStatus(number, absl::StrCat("cannot read '", path, "'"));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error(errno);
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat info;
  if (fstat(fd, &info) != 0) return error(errno);
  if (!S_ISREG(info.st_mode)) return error(S_ISDIR(info.st_mode) ? EISDIR : EINVAL);
  unsigned char magic[2] = {};
  const bool gzip = pread(fd, magic, sizeof(magic), 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;

  auto state = std::make_unique<State>();
  state->path = path;
  state->size = info.st_size;
  state->reader = archive_read_new();
  if (state->reader == nullptr) return error(ENOMEM);
  int result;
  if (gzip) {
    state->gz = gzdopen(fd, "rb");
    if (state->gz == nullptr) return error(ENOMEM);
    std::move(closer).Cancel();
    gzbuffer(state->gz, kPiece);
    state->piece.resize(kPiece);
    archive_read_support_format_tar(state->reader);
    result = archive_read_open(state->reader, state.get(), nullptr, &State::ReadInflated, nullptr);
  } else {
    archive_read_support_format_zip_seekable(state->reader);
    archive_read_support_format_tar(state->reader);
    result = archive_read_open_filename(state->reader, path.c_str(), kPiece);
  }
  if (result != ARCHIVE_OK) return state->Damaged();
  return ArchiveReader(std::move(state));
}

double ArchiveReader::FractionRead() const {
  const double size = static_cast<double>(std::max<int64_t>(state_->size, 1));
  return std::clamp(static_cast<double>(state_->Offset()) / size, 0.0, 1.0);
}

absl::StatusOr<bool> ArchiveReader::Next() {
  State& s = *state_;
  const int result = archive_read_next_header(s.reader, &s.entry);
  s.name.clear();
  if (result == ARCHIVE_EOF) {
    s.entry = nullptr;
    if (s.gz == nullptr) return false;
    // What follows a tar's end still counts in gzip's checksum.
    const char* what = "";
    int got;
    while ((got = s.Inflate(what)) > 0) {
    }
    if (got < 0) return s.Damaged(absl::StrCat("gzip: ", what));
    return false;
  }
  // A warning here is about a name in another character set.
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
    s.entry = nullptr;
    return s.Damaged();
  }
  const char* name = archive_entry_pathname(s.entry);
  if (name == nullptr) name = archive_entry_pathname_utf8(s.entry);
  if (name != nullptr) s.name = name;
  return true;
}

const std::string& ArchiveReader::name() const { return state_->name; }

bool ArchiveReader::is_file() const {
  return state_->entry != nullptr && archive_entry_filetype(state_->entry) == AE_IFREG;
}

absl::StatusOr<std::string> ArchiveReader::Read(int64_t max_bytes) {
  State& s = *state_;
  if (s.entry == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("'", s.path, "': no entry to read"));
  }
  const auto too_long = [&] {
    return absl::ResourceExhaustedError(absl::StrCat("'", s.path, "', entry '", s.name,
                                                     "' is longer than the ", max_bytes,
                                                     " bytes that are allowed here"));
  };
  const int64_t claimed = archive_entry_size_is_set(s.entry) ? archive_entry_size(s.entry) : 0;
  if (claimed > max_bytes) return too_long();
  try {
    std::string bytes;
    bytes.reserve(static_cast<size_t>(std::clamp<int64_t>(claimed, 0, kMaxReserve)));
    while (true) {
      const void* block = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(s.reader, &block, &size, &offset);
      if (result == ARCHIVE_EOF) return bytes;
      if (result != ARCHIVE_OK) return s.Damaged();
      if (offset != static_cast<la_int64_t>(bytes.size())) {
        return s.Damaged("sparse entries are not supported");
      }
      if (size > static_cast<size_t>(max_bytes) - bytes.size()) return too_long();
      bytes.append(static_cast<const char*>(block), size);
    }
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for '", s.path, "', entry '", s.name, "'"));
  }
}

absl::StatusOr<std::string> MakeArchive(ArchiveFormat format,
                                        absl::Span<const ArchiveEntry> entries) {
  std::string bytes;
  struct archive* writer = archive_write_new();
  if (writer == nullptr) return absl::ResourceExhaustedError("no memory for an archive");
  const auto freer = absl::MakeCleanup([writer] { archive_write_free(writer); });
  if (format == ArchiveFormat::kZip) {
    archive_write_set_format_zip(writer);
  } else {
    archive_write_set_format_ustar(writer);
    archive_write_add_filter_gzip(writer);
    archive_write_set_filter_option(writer, "gzip", "timestamp", nullptr);
  }
  const auto append = [](struct archive*, void* to, const void* data, size_t size) -> la_ssize_t {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
    return static_cast<la_ssize_t>(size);
  };
  archive_write_set_bytes_in_last_block(writer, 1);  // no padding
  bool good = archive_write_open(writer, &bytes, nullptr, append, nullptr) == ARCHIVE_OK;
  for (const ArchiveEntry& from : entries) {
    struct archive_entry* entry = archive_entry_new();
    const auto entry_freer = absl::MakeCleanup([entry] { archive_entry_free(entry); });
    archive_entry_set_pathname(entry, from.name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(from.bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 315532800, 0);  // 1980, where zip's time begins
    good = good && archive_write_header(writer, entry) == ARCHIVE_OK &&
           archive_write_data(writer, from.bytes.data(), from.bytes.size()) ==
               static_cast<la_ssize_t>(from.bytes.size());
  }
  good = good && archive_write_close(writer) == ARCHIVE_OK;
  if (!good) {
    const char* what = archive_error_string(writer);
    return absl::InternalError(
        absl::StrCat("cannot make an archive: ", what != nullptr ? what : "unknown error"));
  }
  return bytes;
}

}  // namespace adjoint::io
