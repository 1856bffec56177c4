#include "core/io/download.h"

#include <curl/curl.h>

#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/io/hash.h"
#include "core/status_macros.h"

namespace adjoint::io {
namespace {

struct Transfer {
  const DownloadOptions* options = nullptr;
  AtomicFileWriter* writer = nullptr;
  Hasher hasher{Hasher::Algorithm::kSha256};
  int64_t received = 0;
  absl::Status status;  // of our own side
};

size_t Receive(char* data, size_t size, size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const absl::string_view bytes(data, size * count);
  transfer.received += static_cast<int64_t>(bytes.size());
  if (transfer.received > transfer.options->max_bytes) {
    transfer.status = absl::ResourceExhaustedError(
        absl::StrCat("more than the ", transfer.options->max_bytes, " bytes that are allowed"));
    return 0;
  }
  transfer.hasher.Update(bytes);
  transfer.status = transfer.writer->Write(bytes);
  return transfer.status.ok() ? bytes.size() : 0;
}

int Progress(void* user, curl_off_t total, curl_off_t received, curl_off_t, curl_off_t) {
  static_cast<Transfer*>(user)->options->progress(received, total);
  return 0;
}

// curl_global_init is not thread-safe; a function's static is.
bool InitialiseCurl() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

absl::StatusCode CodeOf(CURLcode result, long http) {  // NOLINT: curl's own type
  if (result != CURLE_HTTP_RETURNED_ERROR) return absl::StatusCode::kUnavailable;
  if (http == 404 || http == 410) return absl::StatusCode::kNotFound;
  if (http == 401 || http == 403) return absl::StatusCode::kPermissionDenied;
  return absl::StatusCode::kUnavailable;
}

}  // namespace

absl::Status Download(const std::string& url, const std::string& path,
                      const DownloadOptions& options) {
  const auto error = [&](absl::StatusCode code, absl::string_view reason) {
    return absl::Status(code, absl::StrCat("cannot download ", url, ": ", reason));
  };
  if (!InitialiseCurl()) return error(absl::StatusCode::kInternal, "libcurl does not start");
  CURL* curl = curl_easy_init();
  if (curl == nullptr) return error(absl::StatusCode::kInternal, "libcurl does not start");
  const auto cleanup = absl::MakeCleanup([curl] { curl_easy_cleanup(curl); });

  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty()) ADJOINT_RETURN_IF_ERROR(MakeFolders(folder));
  ADJOINT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(path));
  Transfer transfer;
  transfer.options = &options;
  transfer.writer = &writer;
  char message[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1000L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  if (options.progress) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  }
  const CURLcode result = curl_easy_perform(curl);
  if (!transfer.status.ok()) return error(transfer.status.code(), transfer.status.message());
  if (result != CURLE_OK) {
    long http = 0;  // NOLINT: curl's own type
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    return error(CodeOf(result, http), message[0] != '\0' ? message : curl_easy_strerror(result));
  }
  const std::string digest = transfer.hasher.HexDigest();
  if (!options.sha256.empty() && digest != absl::AsciiStrToLower(options.sha256)) {
    return error(absl::StatusCode::kDataLoss,
                 absl::StrCat("the SHA-256 of the ", transfer.received, " bytes received is ",
                              digest, ", expected ", options.sha256));
  }
  return writer.Commit();
}

}  // namespace adjoint::io
