#include "apps/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::apps {

absl::Status EnterUsersFolder() {
  const char* const folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr || chdir(folder) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot enter '", folder, "'"));
}

absl::Status FlushOutput() {
  errno = 0;
  if (std::cout.flush()) return absl::OkStatus();
  constexpr char kMessage[] = "cannot write to standard output";
  // A stream that failed earlier has forgotten why.
  return errno == 0 ? absl::UnavailableError(kMessage) : absl::ErrnoToStatus(errno, kMessage);
}

absl::Status CheckWritable(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) ADJOINT_RETURN_IF_ERROR(io::MakeFolders(folder.string()));
  return io::AtomicFileWriter::Create(path).status();
}

std::string WithCommas(int64_t n) {
  std::string digits = absl::StrCat(n);
  const size_t first = n < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

DownloadProgress::DownloadProgress() : terminal_(isatty(STDERR_FILENO) == 1) {}

void DownloadProgress::operator()(absl::string_view url, int64_t received, int64_t total) {
  const auto now = std::chrono::steady_clock::now();
  const bool finished = total > 0 && received >= total;
  if (url != url_) {
    EndLine();
    url_ = std::string(url);
    std::cerr << "Downloading " << url_ << std::flush;
    open_ = true;
    if (!terminal_) EndLine();
  } else if (!finished && now - drawn_ < std::chrono::milliseconds(100)) {
    return;
  }
  drawn_ = now;
  if (!terminal_) return;
  std::cerr << "\rDownloading " << url_ << absl::StrFormat("  %.1f MB", received / 1e6);
  if (total > 0) {
    std::cerr << absl::StrFormat(" of %.1f (%d %%)", total / 1e6, 100 * received / total);
  }
  std::cerr << std::flush;
  open_ = true;
}

void DownloadProgress::EndLine() {
  if (open_) std::cerr << std::endl;
  open_ = false;
}

}  // namespace adjoint::apps
