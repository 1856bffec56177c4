#ifndef ADJOINT_CORE_IO_HASH_H_
#define ADJOINT_CORE_IO_HASH_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adjoint::io {

// A message digest computed piece by piece, by OpenSSL. Not thread-safe.
class Hasher {
 public:
  enum class Algorithm { kMd5, kSha256 };

  explicit Hasher(Algorithm algorithm);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void Update(absl::string_view bytes);

  // The digest of all bytes so far in lower-case hexadecimal digits; none may follow. MD5 is empty
  // where the machine's OpenSSL forbids it.
  std::string HexDigest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The digest in lower-case hexadecimal digits.
std::string Sha256Hex(absl::string_view bytes);
std::string Md5Hex(absl::string_view bytes);

// The digest of a file's content, read in pieces.
absl::StatusOr<std::string> FileSha256Hex(const std::string& path);

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_HASH_H_
