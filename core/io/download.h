#ifndef ADJOINT_CORE_IO_DOWNLOAD_H_
#define ADJOINT_CORE_IO_DOWNLOAD_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace adjoint::io {

struct DownloadOptions {
  // Expected SHA-256 in hexadecimal digits; empty for no check.
  std::string sha256;
  // Seconds to wait for a connection, and without 1,000 bytes a second before giving up.
  int connect_timeout = 5;
  int stall_timeout = 30;
  int64_t max_bytes = int64_t{4} << 30;
  // Called now and then with the bytes received and the bytes to come in all, 0 while unknown.
  std::function<void(int64_t received, int64_t total)> progress;
};

// Fetches `url` (http or https, redirections followed) into the file `path`, which others see whole
// or not at all; its folder is made where it is missing. Errors are one line with the address and
// the reason: Unavailable when the server cannot be reached or the connection is cut, NotFound and
// the like for its refusals, DataLoss for a wrong SHA-256. A failure leaves `path` as it was.
absl::Status Download(const std::string& url, const std::string& path,
                      const DownloadOptions& options = {});

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_DOWNLOAD_H_
