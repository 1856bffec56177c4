#include "datasets/mnist.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/io/download.h"
#include "core/io/idx.h"
#include "core/io/npz.h"
#include "core/status_macros.h"

namespace adjoint::datasets::mnist {
namespace {

namespace fs = std::filesystem;

constexpr char kKerasUrl[] = "https://storage.googleapis.com/tensorflow/tf-keras-datasets";
constexpr char kNpzName[] = "mnist.npz";
constexpr char kNpzSha256[] = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1";
constexpr int64_t kMaxDownload = 100 << 20;

// In the order of MnistData: arrays of the npz file, and the files of the database.
constexpr const char* kArrays[] = {"x_train", "y_train", "x_test", "y_test"};
constexpr const char* kFiles[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                  "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The idx files in a folder, when all four are there.
std::optional<std::vector<std::string>> IdxFiles(const fs::path& folder) {
  std::vector<std::string> files;
  for (const char* name : kFiles) {
    for (const char* suffix : {".gz", ""}) {
      const fs::path path = folder / absl::StrCat(name, suffix);
      if (!IsFile(path)) continue;
      files.push_back(path.string());
      break;
    }
  }
  if (files.size() != 4) return std::nullopt;
  return files;
}

// One path, of the npz file, or the four of the idx files; none when there is nothing.
std::vector<std::string> LookInto(const fs::path& folder) {
  for (const fs::path& place : {folder, folder / "mnist"}) {
    if (IsFile(place / kNpzName)) return {(place / kNpzName).string()};
    if (auto files = IdxFiles(place)) return *files;
  }
  return {};
}

absl::StatusOr<std::vector<std::string>> Find(const LoadOptions& options) {
  if (!options.path.empty()) {
    if (IsFile(options.path)) return std::vector<std::string>{options.path};
    std::vector<std::string> found = LookInto(options.path);
    if (!found.empty()) return found;
    return absl::InvalidArgumentError(
        absl::StrCat("no MNIST data at '", options.path, "': looked for ", kNpzName, " and for ",
                     absl::StrJoin(kFiles, ", "), " (or .gz), there and in mnist/ below it"));
  }
  std::vector<std::string> folders;
  const std::string home = Environment("HOME");
  if (const std::string data = Environment("ADJOINT_DATA"); !data.empty()) folders.push_back(data);
  std::string cache;
  if (!home.empty()) {
    cache = (fs::path(home) / ".cache" / "adjoint").string();
    folders.push_back(cache);
    folders.push_back((fs::path(home) / ".keras" / "datasets").string());
  }
  for (const std::string& folder : folders) {
    std::vector<std::string> found = LookInto(folder);
    if (!found.empty()) return found;
  }
  const std::string looked = folders.empty()
                                 ? "ADJOINT_DATA and HOME are not set"
                                 : absl::StrCat("none in ", absl::StrJoin(folders, ", "));
  if (!options.download || cache.empty()) {
    return absl::NotFoundError(absl::StrCat("no MNIST data: ", looked));
  }
  std::string base = Environment("ADJOINT_DOWNLOAD_URL");
  if (base.empty()) base = kKerasUrl;
  while (!base.empty() && base.back() == '/') base.pop_back();
  const std::string url = absl::StrCat(base, "/", kNpzName);
  const std::string path = (fs::path(cache) / kNpzName).string();
  io::DownloadOptions download;
  download.sha256 = kNpzSha256;
  download.max_bytes = kMaxDownload;
  if (options.progress) {
    download.progress = [&](int64_t received, int64_t total) {
      options.progress(url, received, total);
    };
  }
  const absl::Status status = io::Download(url, path, download);
  if (absl::IsDataLoss(status)) return status;
  if (!status.ok()) {
    return absl::NotFoundError(absl::StrCat("no MNIST data: ", looked, "; ", status.message()));
  }
  return std::vector<std::string>{path};
}

absl::Status Check(const MnistData& data) {
  const auto check = [&](const char* part, const Tensor& x, const Tensor& y) {
    if (x.dtype() == DType::kU8 && y.dtype() == DType::kU8 && x.shape().rank() == 3 &&
        y.shape().rank() == 1 && x.shape().dim(0) == y.shape().dim(0)) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat(data.source, ": ", part, " images are ", x.spec().ToString(), " and labels ",
                     y.spec().ToString(), "; wanted are u8[n, rows, columns] and u8[n]"));
  };
  ADJOINT_RETURN_IF_ERROR(check("training", data.x_train, data.y_train));
  return check("test", data.x_test, data.y_test);
}

}  // namespace

absl::StatusOr<MnistData> LoadData(const LoadOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<std::string> files, Find(options));
  MnistData data;
  Tensor* const parts[] = {&data.x_train, &data.y_train, &data.x_test, &data.y_test};
  for (size_t i = 0; i < 4; ++i) {
    ADJOINT_ASSIGN_OR_RETURN(*parts[i], files.size() == 1 ? io::ReadNpzTensor(files[0], kArrays[i])
                                                          : io::ReadIdx(files[i]));
  }
  data.source = absl::StrCat(
      "MNIST (", files.size() == 1 ? files[0] : fs::path(files[0]).parent_path().string(), ")");
  ADJOINT_RETURN_IF_ERROR(Check(data));
  return data;
}

}  // namespace adjoint::datasets::mnist
