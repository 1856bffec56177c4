#include "core/io/npz.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/io/npy.h"
#include "core/status_macros.h"

namespace adjoint::io {
namespace {

constexpr int64_t kMaxArrayBytes = int64_t{4} << 30;
constexpr size_t kMaxNamesListed = 20;

absl::StatusOr<std::string> ReadEntry(const std::string& path, const std::string& array) {
  ADJOINT_ASSIGN_OR_RETURN(ArchiveReader reader, ArchiveReader::Open(path));
  std::string names;
  size_t entries = 0;
  while (true) {
    ADJOINT_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) break;
    if (reader.name() == array + ".npy") return reader.Read(kMaxArrayBytes);
    if (++entries <= kMaxNamesListed) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", absl::CHexEscape(reader.name()));
    }
  }
  if (entries > kMaxNamesListed) absl::StrAppend(&names, ", ...");
  return absl::InvalidArgumentError(
      absl::StrCat("'", path, "' has no array '", array,
                   "'; its entries are: ", names.empty() ? "none" : names));
}

absl::Status InArray(const std::string& path, const std::string& array,
                     const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("cannot read array '", array, "' of '", path,
                                                  "': ", status.message()));
}

}  // namespace

absl::StatusOr<Tensor> ReadNpzTensor(const std::string& path, const std::string& array) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, ReadEntry(path, array));
  absl::StatusOr<Tensor> tensor = ReadNpy(bytes);
  if (!tensor.ok()) return InArray(path, array, tensor.status());
  return tensor;
}

absl::StatusOr<std::vector<std::pair<std::string, Tensor>>> ReadNpz(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(ArchiveReader reader, ArchiveReader::Open(path));
  std::vector<std::pair<std::string, Tensor>> arrays;
  while (true) {
    ADJOINT_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) return arrays;
    absl::string_view name = reader.name();
    if (!absl::ConsumeSuffix(&name, ".npy")) {
      return absl::InvalidArgumentError(absl::StrCat("'", path, "' is no npz file: its entry '",
                                                     absl::CHexEscape(reader.name()),
                                                     "' is no .npy array"));
    }
    std::string array(name);
    ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, reader.Read(kMaxArrayBytes));
    absl::StatusOr<Tensor> tensor = ReadNpy(bytes);
    if (!tensor.ok()) return InArray(path, array, tensor.status());
    arrays.emplace_back(std::move(array), *std::move(tensor));
  }
}

absl::StatusOr<IntLists> ReadNpzIntLists(const std::string& path, const std::string& array) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, ReadEntry(path, array));
  absl::StatusOr<IntLists> lists = ReadNpyIntLists(bytes);
  if (!lists.ok()) return InArray(path, array, lists.status());
  return lists;
}

absl::Status WriteNpz(const std::string& path,
                      absl::Span<const std::pair<std::string, Tensor>> arrays) {
  std::vector<ArchiveEntry> entries;
  for (const auto& [name, tensor] : arrays) {
    entries.push_back({name + ".npy", SerializeNpy(tensor)});
  }
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, MakeArchive(ArchiveFormat::kZip, entries));
  return WriteFileAtomically(path, bytes);
}

}  // namespace adjoint::io
