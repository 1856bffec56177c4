// Files of tensors, and what kind a file is.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "apps/inspect/contents.h"
#include "apps/inspect/tensor_info.h"
#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/io/npy.h"
#include "core/io/safetensors.h"
#include "core/status_macros.h"

namespace adjoint::apps::inspect {
namespace {

constexpr int64_t kMaxArrayBytes = int64_t{4} << 30;
constexpr absl::string_view kNpyMagic = "\x93NUMPY";
// How a model file of this library ends: field 15 with the 32 bytes of a SHA-256.
constexpr absl::string_view kDigestTag = "\x7a\x20";
constexpr size_t kDigestBytes = 34;

absl::StatusOr<Contents> ReadSafetensorsContents(const std::string& path, bool stats) {
  Contents contents{.kind = "safetensors file"};
  std::vector<std::pair<std::string, std::string>> metadata;
  if (stats) {
    ADJOINT_ASSIGN_OR_RETURN(io::Safetensors file, io::ReadSafetensors(path));
    for (const auto& [name, tensor] : file.tensors) {
      contents.tensors.push_back(Describe(name, tensor, true));
    }
    metadata = std::move(file.metadata);
  } else {
    ADJOINT_ASSIGN_OR_RETURN(io::SafetensorsHeader header, io::ReadSafetensorsHeader(path));
    for (const io::SafetensorsEntry& entry : header.entries) {
      contents.tensors.push_back(Describe(entry.name, entry.spec));
    }
    metadata = std::move(header.metadata);
  }
  for (auto& [key, value] : metadata) {
    contents.facts.emplace_back(absl::StrCat("metadata ", key), std::move(value));
  }
  return contents;
}

absl::StatusOr<TensorInfo> DescribeNpy(const std::string& name, absl::string_view bytes,
                                       bool stats) {
  ADJOINT_ASSIGN_OR_RETURN(const io::NpyHeader header, io::ParseNpyHeader(bytes));
  // Arrays of objects and of other types than ours are named all the same.
  TensorInfo info{.name = name,
                  .dtype = header.descr,
                  .shape = Shape::Of(header.shape).ToString(),
                  .elements = Shape::Of(header.shape).NumElements(),
                  .bytes = static_cast<int64_t>(bytes.size()) - header.data_offset};
  const absl::StatusOr<Tensor> tensor = io::ReadNpy(bytes);
  if (tensor.ok()) return Describe(name, *tensor, stats);
  // Data that do not fit their head are damage.
  if (absl::StrContains(tensor.status().message(), "npy data")) return tensor.status();
  return info;
}

absl::Status Named(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("cannot read '", path, "': ", status.message()));
}

absl::StatusOr<Contents> ReadNpzContents(const std::string& path, bool stats) {
  Contents contents{.kind = "npz file"};
  ADJOINT_ASSIGN_OR_RETURN(io::ArchiveReader reader, io::ArchiveReader::Open(path));
  while (true) {
    ADJOINT_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) return contents;
    absl::string_view name = reader.name();
    if (!absl::ConsumeSuffix(&name, ".npy")) {
      contents.notes.push_back(
          absl::StrCat("'", Printable(reader.name()), "' is no .npy array and not shown"));
      continue;
    }
    const std::string array(name);
    ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, reader.Read(kMaxArrayBytes));
    absl::StatusOr<TensorInfo> info = DescribeNpy(array, bytes, stats);
    if (!info.ok()) {
      return Named(
          path, absl::Status(info.status().code(), absl::StrCat("array '", Printable(array),
                                                                "': ", info.status().message())));
    }
    contents.tensors.push_back(*std::move(info));
  }
}

// Whether the first bytes can be the length of a JSON header, and its brace.
bool LooksLikeSafetensors(absl::string_view head, uintmax_t file_bytes) {
  if (head.size() < 9 || head[8] != '{') return false;
  uint64_t length;
  std::memcpy(&length, head.data(), sizeof(length));
  return length <= file_bytes;
}

}  // namespace

absl::StatusOr<Contents> ReadContents(const std::string& path, bool stats) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read '", path, "': it is a folder"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return io::ReadFile(path, 0).status();  // which says why
  const uintmax_t file_bytes = std::filesystem::file_size(path, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read '", path, "': it is no regular file"));
  }
  char head[16] = {};
  file.read(head, sizeof(head));
  const absl::string_view begin(head, static_cast<size_t>(file.gcount()));
  if (absl::EndsWith(path, ".safetensors") || LooksLikeSafetensors(begin, file_bytes)) {
    return ReadSafetensorsContents(path, stats);
  }
  if (absl::EndsWith(path, ".npz") || absl::StartsWith(begin, "PK\x03\x04")) {
    return ReadNpzContents(path, stats);
  }
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path));
  if (absl::EndsWith(path, ".npy") || absl::StartsWith(bytes, kNpyMagic)) {
    Contents contents{.kind = "npy file"};
    absl::StatusOr<TensorInfo> info =
        DescribeNpy(std::filesystem::path(path).stem().string(), bytes, stats);
    if (!info.ok()) return Named(path, info.status());
    contents.tensors.push_back(*std::move(info));
    return contents;
  }
  const bool has_digest =
      bytes.size() > kDigestBytes && bytes.compare(bytes.size() - kDigestBytes, kDigestTag.size(),
                                                   kDigestTag.data(), kDigestTag.size()) == 0;
  if (has_digest && !absl::EndsWith(path, ".onnx")) return ReadModelContents(path, stats);
  absl::StatusOr<Contents> onnx = ReadOnnxContents(path, bytes, stats);
  if (onnx.ok() || absl::EndsWith(path, ".onnx")) return onnx;
  return Named(path, absl::InvalidArgumentError(
                         "it is no model, checkpoint, ONNX, safetensors, npz or npy file, or it is "
                         "damaged"));
}

}  // namespace adjoint::apps::inspect
