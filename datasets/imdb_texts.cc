#include "datasets/imdb_texts.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::datasets::imdb {
namespace {

constexpr int64_t kMaxReviewBytes = 1 << 20;
constexpr int64_t kMaxWordIndexBytes = 64 << 20;
constexpr int64_t kMaxCorpusBytes = int64_t{2} << 30;

constexpr char kUnlabeled[] = "train/unsup";

// "train/pos", "train/neg", "test/pos", "test/neg", and perhaps "train/unsup", to file name and
// text.
using Parts = std::map<std::string, std::vector<std::pair<std::string, std::string>>>;

Parts EmptyParts(bool unlabeled) {
  Parts parts = {{"train/pos", {}}, {"train/neg", {}}, {"test/pos", {}}, {"test/neg", {}}};
  if (unlabeled) parts[kUnlabeled];
  return parts;
}

absl::StatusOr<RawTexts> Ordered(Parts parts, const std::string& path) {
  RawTexts texts;
  for (auto& [part, files] : parts) {
    if (files.empty() && part != kUnlabeled) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", path, "' has no reviews in ", part, "/*.txt"));
    }
    std::sort(files.begin(), files.end());
  }
  for (const bool train : {true, false}) {
    LabeledTexts& to = train ? texts.train : texts.test;
    for (const bool positive : {true, false}) {
      auto& files = parts[absl::StrCat(train ? "train/" : "test/", positive ? "pos" : "neg")];
      for (auto& [name, text] : files) {
        to.texts.push_back(std::move(text));
        to.labels.push_back(positive ? 1 : 0);
      }
    }
  }
  if (const auto unlabeled = parts.find(kUnlabeled); unlabeled != parts.end()) {
    for (auto& [name, text] : unlabeled->second) texts.unlabeled.push_back(std::move(text));
  }
  return texts;
}

absl::Status AddBytes(const std::string& path, int64_t bytes, int64_t& total) {
  total += bytes;
  if (total <= kMaxCorpusBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the reviews of '", path, "' are longer than ", kMaxCorpusBytes, " bytes"));
}

}  // namespace

absl::StatusOr<RawTexts> ReadTextFolder(const std::string& folder,
                                        const std::function<void(double share)>& progress,
                                        bool unlabeled) {
  namespace fs = std::filesystem;
  Parts parts = EmptyParts(unlabeled);
  int64_t total = 0;
  double parts_done = 0;
  for (auto& [part, files] : parts) {
    // How many there will be costs a walk of its own.
    int64_t expected = 0, done = 0;
    std::error_code uncounted;
    for (fs::directory_iterator entry(fs::path(folder) / part, uncounted);
         progress && !uncounted && entry != fs::directory_iterator(); entry.increment(uncounted)) {
      ++expected;
    }
    const fs::path place = fs::path(folder) / part;
    std::error_code error;
    if (part == kUnlabeled && !fs::exists(place, error)) continue;
    fs::directory_iterator entry(place, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (!absl::EndsWith(name, ".txt")) continue;
      ADJOINT_ASSIGN_OR_RETURN(std::string text,
                               io::ReadFile(entry->path().string(), kMaxReviewBytes));
      ADJOINT_RETURN_IF_ERROR(AddBytes(folder, static_cast<int64_t>(text.size()), total));
      files.emplace_back(name, std::move(text));
      ++done;
      if (progress && done <= expected) {
        progress((parts_done + static_cast<double>(done) / static_cast<double>(expected)) /
                 static_cast<double>(parts.size()));
      }
    }
    ++parts_done;
    if (error) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot read the folder '", place.string(), "': ", error.message()));
    }
  }
  return Ordered(std::move(parts), folder);
}

absl::StatusOr<RawTexts> ReadTextArchive(const std::string& path,
                                         const std::function<void(double share)>& progress,
                                         bool unlabeled) {
  Parts parts = EmptyParts(unlabeled);
  std::string word_index;
  int64_t total = 0;
  ADJOINT_ASSIGN_OR_RETURN(io::ArchiveReader reader, io::ArchiveReader::Open(path));
  while (true) {
    ADJOINT_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) break;
    if (progress) progress(reader.FractionRead());
    if (!reader.is_file()) continue;
    const std::vector<std::string> names = absl::StrSplit(reader.name(), '/');
    if (names.back() == "imdb_word_index.json") {
      ADJOINT_ASSIGN_OR_RETURN(word_index, reader.Read(kMaxWordIndexBytes));
      continue;
    }
    if (names.size() < 3 || !absl::EndsWith(names.back(), ".txt")) continue;
    const auto part =
        parts.find(absl::StrCat(names[names.size() - 3], "/", names[names.size() - 2]));
    if (part == parts.end()) continue;
    ADJOINT_ASSIGN_OR_RETURN(std::string text, reader.Read(kMaxReviewBytes));
    ADJOINT_RETURN_IF_ERROR(AddBytes(path, static_cast<int64_t>(text.size()), total));
    part->second.emplace_back(names.back(), std::move(text));
  }
  ADJOINT_ASSIGN_OR_RETURN(RawTexts texts, Ordered(std::move(parts), path));
  texts.word_index = std::move(word_index);
  return texts;
}

}  // namespace adjoint::datasets::imdb
