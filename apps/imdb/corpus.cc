#include "apps/imdb/corpus.h"

#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "apps/imdb/memory.h"
#include "apps/imdb/progress.h"
#include "apps/imdb/text.h"
#include "core/io/progress.h"
#include "core/status_macros.h"
#include "datasets/synthetic_reviews.h"

namespace adjoint::apps::imdb {
namespace {

using datasets::imdb::ImdbData;
using datasets::imdb::LabeledTexts;
using datasets::imdb::LoadOptions;

LabeledTexts Split(std::vector<datasets::TextReview> reviews) {
  LabeledTexts texts;
  for (datasets::TextReview& review : reviews) {
    texts.texts.push_back(std::move(review.text));
    texts.labels.push_back(static_cast<uint8_t>(review.label));
  }
  return texts;
}

absl::StatusOr<ImdbData> ComposeData(const LoadOptions& encoding) {
  datasets::ReviewCorpus corpus = datasets::SyntheticReviews();
  return datasets::imdb::FromTexts(Split(std::move(corpus.train)), Split(std::move(corpus.test)),
                                   kSyntheticSource, encoding);
}

}  // namespace

std::string Corpus::Tag() const {
  return synthetic ? absl::StrCat(" (", kSyntheticSource, ")") : "";
}

absl::StatusOr<Corpus> LoadCorpus(const Options& options, int64_t num_words, std::ostream& out) {
  Corpus corpus;
  corpus.encoding.num_words = num_words;
  corpus.encoding.path = options.data;
  absl::StatusOr<ImdbData> data = absl::UnknownError("");
  {
    io::ProgressMeter meter({.out = &std::cerr, .in_place = io::StandardErrorIsTerminal()});
    std::optional<Progress> reading;
    LoadOptions load = corpus.encoding;
    load.progress = [&](absl::string_view url, int64_t received, int64_t total) {
      meter.Update(absl::StrCat("Downloading ", url), received, total);
    };
    load.reading = [&](absl::string_view path, double share) {
      if (!reading.has_value()) reading.emplace(absl::StrCat("Reading ", path));
      reading->Update(share);
    };
    data = datasets::imdb::LoadData(load);
  }
  if (absl::IsNotFound(data.status()) && options.data.empty()) {
    out << "Note: " << data.status().message() << "; going on with " << kSyntheticSource << "\n";
    corpus.synthetic = true;
    data = ComposeData(corpus.encoding);
  }
  ADJOINT_RETURN_IF_ERROR(data.status());
  corpus.data = *std::move(data);
  if (!corpus.data.note.empty()) out << "Note: " << corpus.data.note << "\n";
  // One for training, one for validation.
  constexpr int64_t kFewest = 3;
  if (corpus.data.train.size() < kFewest || corpus.data.test.size() < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(corpus.data.source, ": ", corpus.data.train.size(), " training and ",
                     corpus.data.test.size(), " test reviews are too few; at least ", kFewest,
                     " and 1 are needed"));
  }
  return corpus;
}

absl::StatusOr<nn::DataList> VectorizeFor(const datasets::Reviews& reviews, int64_t num_words,
                                          bool sparse, int64_t length) {
  if (length > 0) {
    ADJOINT_ASSIGN_OR_RETURN(Tensor ids, datasets::PadSequences(reviews, {.maxlen = length}));
    return nn::DataList(std::move(ids));
  }
  if (sparse) {
    ADJOINT_ASSIGN_OR_RETURN(CsrMatrix matrix, datasets::VectorizeCsr(reviews, num_words));
    return nn::DataList(std::move(matrix));
  }
  ADJOINT_RETURN_IF_ERROR(CheckMemory(
      sizeof(float) * static_cast<double>(reviews.size()) * static_cast<double>(num_words),
      absl::StrCat("the dense form of ", WithCommas(reviews.size()), " reviews by ",
                   WithCommas(num_words), " words"),
      "use --encoding=sparse or a smaller --num_words"));
  ADJOINT_ASSIGN_OR_RETURN(Tensor matrix, datasets::Vectorize(reviews, num_words));
  return nn::DataList(std::move(matrix));
}

}  // namespace adjoint::apps::imdb
