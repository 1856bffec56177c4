#include "nn/checkpoint_folder.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::nn {
namespace {

constexpr char kPrefix[] = "checkpoint-";
constexpr char kSuffix[] = ".adjoint";

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("checkpoint: ", what));
}

// Names of the folder's files for which `wanted` holds.
absl::StatusOr<std::vector<std::string>> Names(
    const std::string& dir, const std::function<bool(const std::string&)>& wanted) {
  std::error_code error;
  std::vector<std::string> names;
  auto it = std::filesystem::directory_iterator(dir, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    std::string name = it->path().filename().string();
    if (wanted(name)) names.push_back(std::move(name));
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("checkpoint: cannot list '", dir, "': ", error.message()));
  }
  return names;
}

}  // namespace

absl::Status CheckpointFolder::Prepare() {
  if (options_.every_epochs < 0 || options_.every_steps < 0) {
    return Invalid(absl::StrCat("every_epochs and every_steps must not be negative, but are ",
                                options_.every_epochs, " and ", options_.every_steps));
  }
  if (options_.keep < 1) {
    return Invalid(absl::StrCat("keep must be at least 1, but is ", options_.keep));
  }
  ADJOINT_RETURN_IF_ERROR(io::MakeFolders(options_.dir));
  // Of writers that were killed.
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<std::string> left,
                           Names(options_.dir, [](const std::string& name) {
                             return absl::StartsWith(name, kPrefix) && absl::EndsWith(name, ".tmp");
                           }));
  for (const std::string& name : left) {
    std::error_code ignored;
    std::filesystem::remove(absl::StrCat(options_.dir, "/", name), ignored);
  }
  if (options_.resume) return absl::OkStatus();
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<std::string> files, Files());
  if (files.empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("checkpoint: '", options_.dir,
                                               "' holds checkpoints of another training (",
                                               files[0], "); resume it or choose another folder"));
}

absl::StatusOr<std::vector<std::string>> CheckpointFolder::Files() const {
  ADJOINT_ASSIGN_OR_RETURN(
      std::vector<std::string> names, Names(options_.dir, [](const std::string& name) {
        return absl::StartsWith(name, kPrefix) && absl::EndsWith(name, kSuffix);
      }));
  // Numbers of equal width: names in descending order are steps in descending order.
  std::sort(names.begin(), names.end(), std::greater<>());
  for (std::string& name : names) name = absl::StrCat(options_.dir, "/", name);
  return names;
}

absl::StatusOr<std::optional<graph::ModelFile>> CheckpointFolder::ReadNewest() const {
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<std::string> files, Files());
  if (files.empty()) return std::optional<graph::ModelFile>();
  for (const std::string& file : files) {
    auto read = graph::ReadModelFile(file);
    if (read.ok()) return std::optional<graph::ModelFile>(*std::move(read));
    std::cerr << "WARNING: passing over a checkpoint that cannot be used: "
              << read.status().message() << "\n";
  }
  return absl::DataLossError(absl::StrCat("checkpoint: none of the ", files.size(),
                                          " checkpoints in '", options_.dir,
                                          "' can be used; remove them to begin anew"));
}

absl::Status CheckpointFolder::Write(int64_t step, const graph::ModelFile& file) const {
  const std::string path =
      absl::StrCat(options_.dir, "/", absl::StrFormat("%s%015d%s", kPrefix, step, kSuffix));
  ADJOINT_RETURN_IF_ERROR(graph::WriteModelFile(path, file));
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<std::string> files, Files());
  for (size_t i = static_cast<size_t>(options_.keep); i < files.size(); ++i) {
    std::error_code ignored;  // one more file does no harm
    std::filesystem::remove(files[i], ignored);
  }
  return absl::OkStatus();
}

}  // namespace adjoint::nn
