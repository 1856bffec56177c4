#include "datasets/mnist.h"

#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/io/idx.h"
#include "core/io/npz.h"
#include "core/status_macros.h"
#include "datasets/data_folders.h"

namespace adjoint::datasets::mnist {
namespace {

namespace fs = std::filesystem;

constexpr RemoteFile kNpz = {
    .name = "mnist.npz",
    .folder_url = kKerasUrl,
    .sha256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    .max_bytes = 100 << 20};

// In the order of MnistData: arrays of the npz file, and the files of the database.
constexpr const char* kArrays[] = {"x_train", "y_train", "x_test", "y_test"};
constexpr const char* kFiles[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                  "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

// The idx files in a folder, when all four are there.
std::optional<std::vector<std::string>> IdxFiles(const fs::path& folder) {
  std::vector<std::string> files;
  for (const char* name : kFiles) {
    for (const char* suffix : {".gz", ""}) {
      const fs::path path = folder / absl::StrCat(name, suffix);
      if (!IsFile(path.string())) continue;
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
    if (IsFile((place / kNpz.name).string())) return {(place / kNpz.name).string()};
    if (auto files = IdxFiles(place)) return *files;
  }
  return {};
}

absl::StatusOr<std::vector<std::string>> Find(const LoadOptions& options) {
  return FindFiles(options.path,
                   {.subject = "MNIST",
                    .looked_for = absl::StrCat(kNpz.name, " and for ", absl::StrJoin(kFiles, ", "),
                                               " (or .gz), there and in mnist/ below it"),
                    .look_into = [](const std::string& folder) { return LookInto(folder); },
                    .remote = kNpz,
                    .download = options.download,
                    .progress = options.progress});
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
