#include "datasets/imdb_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/io/download.h"
#include "core/status_macros.h"

namespace adjoint::datasets::imdb {
namespace {

namespace fs = std::filesystem;

constexpr char kKerasUrl[] = "https://storage.googleapis.com/tensorflow/tf-keras-datasets";
constexpr char kNpzName[] = "imdb.npz";
constexpr char kFolderName[] = "aclImdb";
constexpr char kTarName[] = "aclImdb_v1.tar.gz";
constexpr char kWordIndexName[] = "imdb_word_index.json";
constexpr char kNpzSha256[] = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f";
constexpr char kWordIndexSha256[] =
    "027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6";
constexpr int64_t kMaxDownload = 1 << 30;

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}
bool IsFolder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}
bool IsAclImdb(const fs::path& path) {
  return IsFolder(path / "train" / "pos") || IsFolder(path / "test" / "pos");
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string CacheFolder() {
  const std::string home = Environment("HOME");
  return home.empty() ? "" : (fs::path(home) / ".cache" / "adjoint").string();
}

std::vector<std::string> KnownFolders() {
  std::vector<std::string> folders;
  const std::string data = Environment("ADJOINT_DATA");
  if (!data.empty()) folders.push_back(data);
  const std::string home = Environment("HOME");
  if (!home.empty()) {
    folders.push_back(CacheFolder());
    folders.push_back((fs::path(home) / ".keras" / "datasets").string());
  }
  return folders;
}

// The data in a folder or in imdb/ below it; in an npz file only if `npz`.
std::optional<DataFiles> LookInto(const fs::path& folder, bool npz) {
  if (IsAclImdb(folder)) return DataFiles{DataFiles::Kind::kFolder, folder.string(), ""};
  for (const fs::path& place : {folder, folder / "imdb"}) {
    if (npz && IsFile(place / kNpzName)) {
      return DataFiles{DataFiles::Kind::kNpz, (place / kNpzName).string(), ""};
    }
    if (IsAclImdb(place / kFolderName)) {
      return DataFiles{DataFiles::Kind::kFolder, (place / kFolderName).string(), ""};
    }
    if (IsFile(place / kTarName)) {
      return DataFiles{DataFiles::Kind::kTar, (place / kTarName).string(), ""};
    }
  }
  return std::nullopt;
}

// The data in the first of the folders that has any; in the first that has texts, if they are
// preferred and there are any.
std::optional<DataFiles> LookIntoAll(absl::Span<const std::string> folders, bool prefer_texts) {
  for (const bool npz : {false, true}) {
    if (!npz && !prefer_texts) continue;
    for (const std::string& folder : folders) {
      if (std::optional<DataFiles> files = LookInto(folder, npz)) return files;
    }
  }
  return std::nullopt;
}

// A file is taken for what its first bytes say, whatever its name.
absl::StatusOr<DataFiles> FromFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char head[263] = {};
  file.read(head, sizeof(head));
  if (file.bad() || !file.is_open()) {
    return absl::PermissionDeniedError(absl::StrCat("cannot read '", path, "'"));
  }
  const absl::string_view bytes(head, static_cast<size_t>(file.gcount()));
  if (absl::StartsWith(bytes, "PK")) return DataFiles{DataFiles::Kind::kNpz, path, ""};
  if (absl::StartsWith(bytes, "\x1f\x8b") || absl::EndsWith(bytes, "ustar")) {
    return DataFiles{DataFiles::Kind::kTar, path, ""};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", path, "' is no IMDB data: neither a npz file (which begins with PK) nor a ",
                   "tar or tar.gz file"));
}

absl::StatusOr<DataFiles> FromPath(const std::string& path, bool prefer_texts) {
  if (IsFile(path)) return FromFile(path);
  if (!IsFolder(path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("no IMDB data at '", path, "': no such file or folder"));
  }
  if (std::optional<DataFiles> files = LookIntoAll({path}, prefer_texts)) return *std::move(files);
  return absl::InvalidArgumentError(
      absl::StrCat("no IMDB data in '", path, "': looked for ", kNpzName, ", ", kFolderName,
                   "/ (with train/pos) and ", kTarName, ", there and in imdb/ below it"));
}

absl::Status DownloadInto(const std::string& folder, const char* name, const char* sha256,
                          const FindOptions& options, std::string& path) {
  std::string base = Environment("ADJOINT_DOWNLOAD_URL");
  if (base.empty()) base = kKerasUrl;
  while (!base.empty() && base.back() == '/') base.pop_back();
  const std::string url = absl::StrCat(base, "/", name);
  path = (fs::path(folder) / name).string();
  io::DownloadOptions download;
  download.sha256 = sha256;
  download.max_bytes = kMaxDownload;
  if (options.progress) {
    download.progress = [&](int64_t received, int64_t total) {
      options.progress(url, received, total);
    };
  }
  return io::Download(url, path, download);
}

// Beside the data; for a folder also in it.
std::string WordIndexBeside(const DataFiles& files) {
  const fs::path data = fs::path(files.path);
  if (files.kind == DataFiles::Kind::kFolder && IsFile(data / kWordIndexName)) {
    return (data / kWordIndexName).string();
  }
  std::error_code error;
  const fs::path beside = fs::absolute(data, error).lexically_normal();
  // A path that ends in a slash has an empty last part.
  const fs::path folder =
      beside.has_filename() ? beside.parent_path() : beside.parent_path().parent_path();
  return IsFile(folder / kWordIndexName) ? (folder / kWordIndexName).string() : "";
}

absl::Status FindWordIndex(const FindOptions& options, DataFiles& files) {
  files.word_index = WordIndexBeside(files);
  if (!files.word_index.empty() || files.kind != DataFiles::Kind::kNpz) return absl::OkStatus();
  for (const std::string& folder : KnownFolders()) {
    for (const fs::path& place : {fs::path(folder), fs::path(folder) / "imdb"}) {
      if (IsFile(place / kWordIndexName)) {
        files.word_index = (place / kWordIndexName).string();
        return absl::OkStatus();
      }
    }
  }
  const std::string cache = CacheFolder();
  if (!options.download || cache.empty()) return absl::OkStatus();
  std::string path;
  const absl::Status status = DownloadInto(cache, kWordIndexName, kWordIndexSha256, options, path);
  if (status.ok()) files.word_index = path;
  return absl::IsDataLoss(status) ? status : absl::OkStatus();
}

}  // namespace

absl::StatusOr<DataFiles> FindData(const std::string& path, const FindOptions& options) {
  DataFiles files;
  if (!path.empty()) {
    ADJOINT_ASSIGN_OR_RETURN(files, FromPath(path, options.prefer_texts));
    ADJOINT_RETURN_IF_ERROR(FindWordIndex(options, files));
    return files;
  }
  const std::vector<std::string> folders = KnownFolders();
  if (std::optional<DataFiles> found = LookIntoAll(folders, options.prefer_texts)) {
    files = *std::move(found);
    ADJOINT_RETURN_IF_ERROR(FindWordIndex(options, files));
    return files;
  }
  const std::string looked = folders.empty()
                                 ? "ADJOINT_DATA and HOME are not set"
                                 : absl::StrCat("none in ", absl::StrJoin(folders, ", "));
  const std::string cache = CacheFolder();
  if (!options.download || cache.empty()) {
    return absl::NotFoundError(absl::StrCat("no IMDB data: ", looked));
  }
  files.kind = DataFiles::Kind::kNpz;
  const absl::Status status = DownloadInto(cache, kNpzName, kNpzSha256, options, files.path);
  if (absl::IsDataLoss(status)) return status;
  if (!status.ok()) {
    return absl::NotFoundError(absl::StrCat("no IMDB data: ", looked, "; ", status.message()));
  }
  ADJOINT_RETURN_IF_ERROR(FindWordIndex(options, files));
  return files;
}

}  // namespace adjoint::datasets::imdb
