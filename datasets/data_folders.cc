#include "datasets/data_folders.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/io/download.h"
#include "core/status_macros.h"

namespace adjoint::datasets {
namespace {

namespace fs = std::filesystem;

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

bool IsFile(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool IsFolder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::string CacheFolder() {
  const std::string home = Environment("HOME");
  return home.empty() ? "" : (fs::path(home) / ".cache" / "adjoint").string();
}

std::vector<std::string> KnownFolders() {
  std::vector<std::string> folders;
  if (const std::string data = Environment("ADJOINT_DATA"); !data.empty()) folders.push_back(data);
  if (const std::string home = Environment("HOME"); !home.empty()) {
    folders.push_back(CacheFolder());
    folders.push_back((fs::path(home) / ".keras" / "datasets").string());
  }
  return folders;
}

std::string LookedInto(const std::vector<std::string>& folders) {
  if (folders.empty()) return "ADJOINT_DATA and HOME are not set";
  return absl::StrCat("none in ", absl::StrJoin(folders, ", "));
}

absl::StatusOr<std::string> DownloadInto(const std::string& folder, const RemoteFile& file,
                                         const DownloadProgress& progress) {
  std::string base = Environment("ADJOINT_DOWNLOAD_URL");
  if (base.empty()) base = file.folder_url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  const std::string url = absl::StrCat(base, "/", file.name);
  std::string path = (fs::path(folder) / file.name).string();
  io::DownloadOptions options;
  options.sha256 = file.sha256;
  options.max_bytes = file.max_bytes;
  if (progress) {
    options.progress = [&](int64_t received, int64_t total) { progress(url, received, total); };
  }
  ADJOINT_RETURN_IF_ERROR(io::Download(url, path, options));
  return path;
}

absl::StatusOr<std::vector<std::string>> FindFiles(const std::string& path, const Search& search) {
  if (!path.empty()) {
    if (IsFile(path)) return std::vector<std::string>{path};
    std::vector<std::string> found = search.look_into(path);
    if (!found.empty()) return found;
    return absl::InvalidArgumentError(absl::StrCat("no ", search.subject, " data at '", path,
                                                   "': looked for ", search.looked_for));
  }
  const std::vector<std::string> folders = KnownFolders();
  for (const std::string& folder : folders) {
    std::vector<std::string> found = search.look_into(folder);
    if (!found.empty()) return found;
  }
  const std::string cache = CacheFolder();
  if (!search.download || cache.empty()) {
    return absl::NotFoundError(absl::StrCat("no ", search.subject, " data: ", LookedInto(folders)));
  }
  absl::StatusOr<std::string> downloaded = DownloadInto(cache, search.remote, search.progress);
  if (downloaded.ok()) return std::vector<std::string>{*std::move(downloaded)};
  if (absl::IsDataLoss(downloaded.status())) return downloaded.status();
  return absl::NotFoundError(absl::StrCat("no ", search.subject, " data: ", LookedInto(folders),
                                          "; ", downloaded.status().message()));
}

}  // namespace adjoint::datasets
