#include "datasets/text_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::datasets {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kProgressFiles = 500;

// The names in a folder for which `keeps` is true, sorted.
template <typename Keeps>
absl::StatusOr<std::vector<std::string>> Names(const fs::path& folder, Keeps keeps) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (keeps(*entry)) names.push_back(entry->path().filename().string());
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("cannot read the folder '", folder.string(), "'"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

absl::StatusOr<TextFolder> ReadTextFolder(const std::string& folder,
                                          const TextFolderOptions& options) {
  TextFolder result{.texts = {}, .labels = {}, .classes = options.classes};
  if (result.classes.empty()) {
    ADJOINT_ASSIGN_OR_RETURN(result.classes, Names(folder, [](const fs::directory_entry& entry) {
                               std::error_code error;
                               return entry.is_directory(error);
                             }));
    if (result.classes.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", folder, "' has no folders; wanted is one for each class"));
    }
  }
  std::vector<std::vector<std::string>> files;
  int64_t total = 0;
  for (const std::string& name : result.classes) {
    const fs::path place = fs::path(folder) / name;
    ADJOINT_ASSIGN_OR_RETURN(std::vector<std::string> found,
                             Names(place, [&](const fs::directory_entry& entry) {
                               return absl::EndsWith(entry.path().string(), options.suffix);
                             }));
    if (found.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", place.string(), "' has no *", options.suffix, " files"));
    }
    total += static_cast<int64_t>(found.size());
    files.push_back(std::move(found));
  }
  int64_t bytes = 0;
  for (size_t label = 0; label < files.size(); ++label) {
    const fs::path place = fs::path(folder) / result.classes[label];
    for (const std::string& name : files[label]) {
      ADJOINT_ASSIGN_OR_RETURN(std::string text,
                               io::ReadFile((place / name).string(), options.max_file_bytes));
      bytes += static_cast<int64_t>(text.size());
      if (bytes > options.max_bytes) {
        return absl::ResourceExhaustedError(absl::StrCat(
            "the texts of '", folder, "' are longer than ", options.max_bytes, " bytes"));
      }
      result.texts.push_back(std::move(text));
      result.labels.push_back(static_cast<int32_t>(label));
      const int64_t done = static_cast<int64_t>(result.texts.size());
      if (options.progress && (done % kProgressFiles == 0 || done == total)) {
        options.progress(done, total);
      }
    }
  }
  return result;
}

}  // namespace adjoint::datasets
