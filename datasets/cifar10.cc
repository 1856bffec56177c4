#include "datasets/cifar10.h"

#include <cstring>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/io/pickle.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "datasets/data_folders.h"

namespace adjoint::datasets::cifar10 {
namespace {

namespace fs = std::filesystem;

// The hash stands in Keras' keras/src/datasets/cifar10.py.
constexpr RemoteFile kArchive = {
    .name = "cifar-10-python.tar.gz",
    .folder_url = "https://www.cs.toronto.edu/~kriz",
    .sha256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    .max_bytes = int64_t{1} << 30};
constexpr char kFolder[] = "cifar-10-batches-py";
constexpr int64_t kMaxBatchBytes = 256 << 20;
constexpr int kNumLabels = 10;
constexpr int64_t kSide = 32, kChannels = 3, kPixels = kSide * kSide;

// The last one is for testing.
constexpr const char* kBatches[] = {"data_batch_1", "data_batch_2", "data_batch_3",
                                    "data_batch_4", "data_batch_5", "test_batch"};
constexpr int kNumBatches = 6;

constexpr absl::string_view kLabelNames[kNumLabels] = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

bool HasBatches(const fs::path& folder) { return IsFile((folder / kBatches[0]).string()); }

std::vector<std::string> LookInto(const std::string& folder) {
  if (HasBatches(folder)) return {folder};
  for (const char* below : {"", "cifar10"}) {
    const fs::path place = fs::path(folder) / below;
    // Keras unpacks into a folder of this name within another.
    for (const fs::path& batches :
         {place / kFolder, place / "cifar-10-batches-py-target" / kFolder}) {
      if (HasBatches(batches)) return {batches.string()};
    }
    if (IsFile((place / kArchive.name).string())) return {(place / kArchive.name).string()};
  }
  return {};
}

// The bytes of each batch.
absl::StatusOr<std::map<std::string, std::string>> ReadFolder(const std::string& folder) {
  std::map<std::string, std::string> batches;
  for (const char* name : kBatches) {
    ADJOINT_ASSIGN_OR_RETURN(batches[name],
                             io::ReadFile((fs::path(folder) / name).string(), kMaxBatchBytes));
  }
  return batches;
}

absl::StatusOr<std::map<std::string, std::string>> ReadArchive(const std::string& path) {
  std::map<std::string, std::string> batches;
  ADJOINT_ASSIGN_OR_RETURN(io::ArchiveReader reader, io::ArchiveReader::Open(path));
  while (true) {
    ADJOINT_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) break;
    if (!reader.is_file()) continue;
    const std::string name = fs::path(reader.name()).filename().string();
    for (const char* wanted : kBatches) {
      if (name != wanted) continue;
      ADJOINT_ASSIGN_OR_RETURN(batches[name], reader.Read(kMaxBatchBytes));
    }
  }
  for (const char* name : kBatches) {
    if (batches.contains(name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is no CIFAR-10 data: it has no ", name));
  }
  return batches;
}

struct Batch {
  Tensor pictures;  // u8[n, 3072], channels first
  std::vector<int32_t> labels;
};

absl::StatusOr<Batch> ParseBatch(absl::string_view bytes) {
  ADJOINT_ASSIGN_OR_RETURN(io::PickledDict dict, io::ReadPickledDict(bytes));
  Batch batch;
  bool has_pictures = false, has_labels = false;
  for (auto& [key, value] : dict) {
    if (key == "data" && std::holds_alternative<Tensor>(value)) {
      batch.pictures = std::get<Tensor>(std::move(value));
      has_pictures = true;
    } else if (key == "labels" && std::holds_alternative<std::vector<int32_t>>(value)) {
      batch.labels = std::get<std::vector<int32_t>>(std::move(value));
      has_labels = true;
    }
  }
  const int64_t n = static_cast<int64_t>(batch.labels.size());
  if (!has_pictures || !has_labels || batch.pictures.shape() != Shape{n, kChannels * kPixels}) {
    return absl::InvalidArgumentError(
        absl::StrCat("'data' is ", has_pictures ? batch.pictures.spec().ToString() : "missing",
                     ", 'labels' ", has_labels ? absl::StrCat("has ", n) : "is missing",
                     "; wanted are u8[n, ", kChannels * kPixels, "] and n labels"));
  }
  for (const int32_t label : batch.labels) {
    if (label < 0 || label >= kNumLabels) {
      return absl::InvalidArgumentError(
          absl::StrCat("a label is ", label, "; they are 0 to ", kNumLabels - 1));
    }
  }
  return batch;
}

// Batches one behind the other, as pictures with their channels last.
absl::Status Join(absl::Span<const Batch> batches, Tensor* x, Tensor* y) {
  int64_t rows = 0;
  for (const Batch& batch : batches) rows += batch.pictures.shape()[0];
  ADJOINT_ASSIGN_OR_RETURN(*x,
                           Tensor::Allocate({DType::kU8, Shape{rows, kSide, kSide, kChannels}}));
  ADJOINT_ASSIGN_OR_RETURN(*y, Tensor::Allocate({DType::kU8, Shape{rows, 1}}));
  uint8_t* to = x->mutable_data<uint8_t>().data();
  uint8_t* label = y->mutable_data<uint8_t>().data();
  for (const Batch& batch : batches) {
    const uint8_t* const from = batch.pictures.data<uint8_t>().data();
    ParallelForRange(batch.pictures.shape()[0], 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t c = 0; c < kChannels; ++c) {
          const uint8_t* const plane = from + (i * kChannels + c) * kPixels;
          uint8_t* const picture = to + i * kChannels * kPixels + c;
          for (int64_t p = 0; p < kPixels; ++p) picture[p * kChannels] = plane[p];
        }
      }
    });
    to += batch.pictures.size();
    for (const int32_t l : batch.labels) *label++ = static_cast<uint8_t>(l);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Cifar10Data> LoadData(const LoadOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(
      const std::vector<std::string> files,
      FindFiles(options.path,
                {.subject = "CIFAR-10",
                 .looked_for = absl::StrCat(kFolder, "/ (with ", kBatches[0], ") and ",
                                            kArchive.name, ", there and in cifar10/ below it"),
                 .look_into = LookInto,
                 .remote = kArchive,
                 .download = options.download,
                 .progress = options.progress}));
  const std::string& path = files[0];
  const auto tell = [&](int64_t done) {
    if (options.reading) options.reading(done, kNumBatches);
  };
  tell(0);
  ADJOINT_ASSIGN_OR_RETURN(auto bytes, IsFolder(path) ? ReadFolder(path) : ReadArchive(path));
  std::vector<Batch> batches;
  for (const char* name : kBatches) {
    absl::StatusOr<Batch> batch = ParseBatch(bytes[name]);
    if (!batch.ok()) {
      return absl::Status(batch.status().code(), absl::StrCat("cannot read ", name, " of '", path,
                                                              "': ", batch.status().message()));
    }
    batches.push_back(*std::move(batch));
    bytes.erase(name);
    tell(static_cast<int64_t>(batches.size()));
  }
  Cifar10Data data;
  const absl::Span<const Batch> all(batches);
  ADJOINT_RETURN_IF_ERROR(Join(all.subspan(0, kNumBatches - 1), &data.x_train, &data.y_train));
  ADJOINT_RETURN_IF_ERROR(Join(all.subspan(kNumBatches - 1), &data.x_test, &data.y_test));
  data.source = absl::StrCat("CIFAR-10 (", path, ")");
  return data;
}

absl::Span<const absl::string_view> LabelNames() { return kLabelNames; }

}  // namespace adjoint::datasets::cifar10
