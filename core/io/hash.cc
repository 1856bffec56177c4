#include "core/io/hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace adjoint::io {

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  bool good = false;
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher(Algorithm algorithm) : state_(std::make_unique<State>()) {
  const EVP_MD* digest = algorithm == Algorithm::kMd5 ? EVP_md5() : EVP_sha256();
  state_->good =
      state_->context != nullptr && EVP_DigestInit_ex(state_->context, digest, nullptr) == 1;
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::Update(absl::string_view bytes) {
  state_->good = state_->good && EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1;
}

std::string Hasher::HexDigest() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (!state_->good || EVP_DigestFinal_ex(state_->context, digest, &size) != 1) return "";
  state_->good = false;
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::string Sha256Hex(absl::string_view bytes) {
  Hasher hasher(Hasher::Algorithm::kSha256);
  hasher.Update(bytes);
  return hasher.HexDigest();
}

std::string Md5Hex(absl::string_view bytes) {
  Hasher hasher(Hasher::Algorithm::kMd5);
  hasher.Update(bytes);
  return hasher.HexDigest();
}

absl::StatusOr<std::string> FileSha256Hex(const std::string& path) {
  const auto error = [&](int number) {
    return absl::ErrnoToStatus(number, absl::StrCat("cannot read '", path, "'"));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error(errno);
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  Hasher hasher(Hasher::Algorithm::kSha256);
  std::vector<char> piece(1 << 18);
  while (true) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error(errno);
    if (got == 0) return hasher.HexDigest();
    hasher.Update({piece.data(), static_cast<size_t>(got)});
  }
}

}  // namespace adjoint::io
