#include "datasets/imdb_files.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "datasets/data_folders.h"

namespace adjoint::datasets::imdb {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxDownload = 1 << 30;
constexpr RemoteFile kNpz = {
    .name = "imdb.npz",
    .folder_url = kKerasUrl,
    .sha256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    .max_bytes = kMaxDownload};
constexpr RemoteFile kWordIndex = {
    .name = "imdb_word_index.json",
    .folder_url = kKerasUrl,
    .sha256 = "027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6",
    .max_bytes = kMaxDownload};
constexpr char kFolderName[] = "aclImdb";
constexpr char kTarName[] = "aclImdb_v1.tar.gz";

bool IsAclImdb(const fs::path& path) {
  return IsFolder(path / "train" / "pos") || IsFolder(path / "test" / "pos");
}

// The data in a folder or in imdb/ below it; in an npz file only if `npz`.
std::optional<DataFiles> LookInto(const fs::path& folder, bool npz) {
  if (IsAclImdb(folder)) return DataFiles{DataFiles::Kind::kFolder, folder.string(), ""};
  for (const fs::path& place : {folder, folder / "imdb"}) {
    if (npz && IsFile(place / kNpz.name)) {
      return DataFiles{DataFiles::Kind::kNpz, (place / kNpz.name).string(), ""};
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
      absl::StrCat("no IMDB data in '", path, "': looked for ", kNpz.name, ", ", kFolderName,
                   "/ (with train/pos) and ", kTarName, ", there and in imdb/ below it"));
}

// Beside the data; for a folder also in it.
std::string WordIndexBeside(const DataFiles& files) {
  const fs::path data = fs::path(files.path);
  if (files.kind == DataFiles::Kind::kFolder && IsFile(data / kWordIndex.name)) {
    return (data / kWordIndex.name).string();
  }
  std::error_code error;
  const fs::path beside = fs::absolute(data, error).lexically_normal();
  // A path that ends in a slash has an empty last part.
  const fs::path folder =
      beside.has_filename() ? beside.parent_path() : beside.parent_path().parent_path();
  return IsFile(folder / kWordIndex.name) ? (folder / kWordIndex.name).string() : "";
}

absl::Status FindWordIndex(const FindOptions& options, DataFiles& files) {
  files.word_index = WordIndexBeside(files);
  if (!files.word_index.empty() || files.kind != DataFiles::Kind::kNpz) return absl::OkStatus();
  for (const std::string& folder : KnownFolders()) {
    for (const fs::path& place : {fs::path(folder), fs::path(folder) / "imdb"}) {
      if (IsFile(place / kWordIndex.name)) {
        files.word_index = (place / kWordIndex.name).string();
        return absl::OkStatus();
      }
    }
  }
  const std::string cache = CacheFolder();
  if (!options.download || cache.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> path = DownloadInto(cache, kWordIndex, options.progress);
  if (path.ok()) files.word_index = *path;
  return absl::IsDataLoss(path.status()) ? path.status() : absl::OkStatus();
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
  const std::string looked = LookedInto(folders);
  const std::string cache = CacheFolder();
  if (!options.download || cache.empty()) {
    return absl::NotFoundError(absl::StrCat("no IMDB data: ", looked));
  }
  files.kind = DataFiles::Kind::kNpz;
  const absl::StatusOr<std::string> downloaded = DownloadInto(cache, kNpz, options.progress);
  if (absl::IsDataLoss(downloaded.status())) return downloaded.status();
  if (!downloaded.ok()) {
    return absl::NotFoundError(
        absl::StrCat("no IMDB data: ", looked, "; ", downloaded.status().message()));
  }
  files.path = *downloaded;
  ADJOINT_RETURN_IF_ERROR(FindWordIndex(options, files));
  return files;
}

}  // namespace adjoint::datasets::imdb
