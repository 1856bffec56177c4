#include "apps/imdb/networks/texts.h"

#include <algorithm>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/progress.h"
#include "core/io/progress.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "datasets/imdb_files.h"
#include "datasets/imdb_texts.h"
#include "datasets/synthetic_reviews.h"

namespace adjoint::apps::imdb {
namespace {

using datasets::imdb::DataFiles;
using datasets::imdb::LabeledTexts;

constexpr uint64_t kUnlabeledSeed = 2;  // reviews of other films than those with labels

LabeledTexts Split(std::vector<datasets::TextReview> reviews) {
  LabeledTexts texts;
  for (datasets::TextReview& review : reviews) {
    texts.texts.push_back(std::move(review.text));
    texts.labels.push_back(static_cast<uint8_t>(review.label));
  }
  return texts;
}

TextCorpus Synthetic(bool unlabeled) {
  datasets::ReviewCorpus reviews = datasets::SyntheticReviews();
  return {.train = Split(std::move(reviews.train)),
          .test = Split(std::move(reviews.test)),
          .unlabeled = unlabeled ? Split(datasets::SyntheticReviews(kUnlabeledSeed).train).texts
                                 : std::vector<std::string>(),
          .source = kSyntheticSource,
          .synthetic = true};
}

LabeledTexts Decoded(const datasets::Reviews& reviews, const datasets::WordIndex& index,
                     int32_t index_from) {
  LabeledTexts texts;
  texts.labels = reviews.labels;
  texts.texts.resize(static_cast<size_t>(reviews.size()));
  ParallelForRange(reviews.size(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      texts.texts[i] = datasets::imdb::Decode(reviews[i], index, index_from);
    }
  });
  return texts;
}

absl::StatusOr<TextCorpus> FromIds(const DataFiles& files) {
  datasets::imdb::LoadOptions load;
  load.path = files.path;
  load.start_char = std::nullopt;
  ADJOINT_ASSIGN_OR_RETURN(const datasets::imdb::ImdbData data, datasets::imdb::LoadData(load));
  if (data.word_index.size() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", files.path, "' has the numbers of words and there is no imdb_word_index.json to tell ",
        "which words they are, which this network reads; put it beside the file, or name ",
        "aclImdb_v1.tar.gz by --data"));
  }
  TextCorpus corpus;
  corpus.train = Decoded(data.train, data.word_index, load.index_from);
  corpus.test = Decoded(data.test, data.word_index, load.index_from);
  corpus.punctuation = false;
  return corpus;
}

absl::StatusOr<TextCorpus> FromTexts(const DataFiles& files, bool unlabeled) {
  Progress reading(absl::StrCat("Reading ", files.path));
  const auto progress = [&](double share) { reading.Update(share); };
  ADJOINT_ASSIGN_OR_RETURN(datasets::imdb::RawTexts texts,
                           files.kind == DataFiles::Kind::kTar
                               ? datasets::imdb::ReadTextArchive(files.path, progress, unlabeled)
                               : datasets::imdb::ReadTextFolder(files.path, progress, unlabeled));
  TextCorpus corpus;
  corpus.train = std::move(texts.train);
  corpus.test = std::move(texts.test);
  corpus.unlabeled = std::move(texts.unlabeled);
  return corpus;
}

absl::Status CheckEnough(const TextCorpus& corpus) {
  const auto n = static_cast<int64_t>(corpus.train.labels.size());
  const int64_t positive = std::count(corpus.train.labels.begin(), corpus.train.labels.end(), 1);
  if (n > 0 && (positive == 0 || positive == n)) {
    return absl::InvalidArgumentError(absl::StrCat(
        corpus.source, ": all ", n, " training reviews are ",
        positive == 0 ? "negative" : "positive", "; reviews of both kinds are needed"));
  }
  constexpr int64_t kFewest = 4;
  if (n >= kFewest && !corpus.test.texts.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(corpus.source, ": ", n, " training and ", corpus.test.texts.size(),
                   " test reviews are too few; at least ", kFewest, " and 1 are needed"));
}

absl::Status NoUnlabeled(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(
      "'", path, "' has no reviews without labels (train/unsup), which this network learns from; ",
      "name the whole aclImdb_v1.tar.gz, or the folder in it, by --data"));
}

}  // namespace

absl::StatusOr<TextCorpus> LoadTexts(const Options& options, std::ostream& out, bool unlabeled) {
  absl::StatusOr<DataFiles> files = absl::UnknownError("");
  {
    io::ProgressMeter meter({.out = &std::cerr, .in_place = io::StandardErrorIsTerminal()});
    datasets::imdb::FindOptions find;
    find.prefer_texts = true;
    find.progress = [&](absl::string_view url, int64_t received, int64_t total) {
      meter.Update(absl::StrCat("Downloading ", url), received, total);
    };
    files = datasets::imdb::FindData(options.data, find);
  }
  if (absl::IsNotFound(files.status()) && options.data.empty()) {
    out << "Note: " << files.status().message() << "; going on with " << kSyntheticSource << "\n";
    return Synthetic(unlabeled);
  }
  ADJOINT_RETURN_IF_ERROR(files.status());
  const bool ids = files->kind == DataFiles::Kind::kNpz;
  if (unlabeled && ids) return NoUnlabeled(files->path);
  ADJOINT_ASSIGN_OR_RETURN(TextCorpus corpus, ids ? FromIds(*files) : FromTexts(*files, unlabeled));
  if (unlabeled && corpus.unlabeled.empty()) return NoUnlabeled(files->path);
  corpus.source = absl::StrCat("IMDB reviews (", files->path, ")");
  if (ids) {
    out << "Note: " << files->path << " has words without their punctuation: n-grams are of words "
        << "alone\n";
  }
  ADJOINT_RETURN_IF_ERROR(CheckEnough(corpus));
  return corpus;
}

}  // namespace adjoint::apps::imdb
