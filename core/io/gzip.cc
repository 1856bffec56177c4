#include "core/io/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::io {

bool IsGzip(absl::string_view bytes) { return absl::StartsWith(bytes, "\x1f\x8b"); }

absl::StatusOr<std::string> Gunzip(absl::string_view bytes, int64_t max_bytes) {
  if (!IsGzip(bytes)) return absl::DataLossError("not a gzip file: it does not begin with 1f 8b");
  constexpr size_t kPiece = 1 << 16;
  z_stream stream{};
  // 15 bits of window; 16 more: a gzip header.
  if (inflateInit2(&stream, 15 + 16) != Z_OK) {
    return absl::ResourceExhaustedError("no memory to read a gzip file");
  }
  const auto end = absl::MakeCleanup([&] { inflateEnd(&stream); });
  std::string out, piece(kPiece, '\0');
  size_t read = 0;
  while (true) {
    const size_t now = std::min<size_t>(bytes.size() - read, std::numeric_limits<uInt>::max() / 2);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + read));
    stream.avail_in = static_cast<uInt>(now);
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = kPiece;
    const int code = inflate(&stream, Z_NO_FLUSH);
    read += now - stream.avail_in;
    out.append(piece, 0, kPiece - stream.avail_out);
    if (static_cast<int64_t>(out.size()) > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the gzip file holds more than the ", max_bytes, " bytes allowed here"));
    }
    if (code == Z_STREAM_END) {
      if (read == bytes.size()) return out;
      if (inflateReset(&stream) != Z_OK) return absl::DataLossError("a gzip file is damaged");
      continue;
    }
    if (code == Z_BUF_ERROR || (code == Z_OK && read == bytes.size() && stream.avail_out > 0)) {
      return absl::DataLossError(
          absl::StrCat("the gzip file ends early, after ", bytes.size(), " bytes"));
    }
    if (code != Z_OK) {
      return absl::DataLossError(absl::StrCat("the gzip file is damaged near byte ", read, ": ",
                                              stream.msg == nullptr ? "unknown" : stream.msg));
    }
  }
}

absl::StatusOr<std::string> ReadMaybeGzippedFile(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path));
  if (!IsGzip(bytes)) return bytes;
  auto plain = Gunzip(bytes, kMaxFileBytes);
  if (plain.ok()) return plain;
  return absl::Status(plain.status().code(),
                      absl::StrCat("cannot read '", path, "': ", plain.status().message()));
}

}  // namespace adjoint::io
