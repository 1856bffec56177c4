#include "datasets/imdb.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/io/npz.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "datasets/imdb_files.h"
#include "datasets/imdb_texts.h"
#include "datasets/numpy_random.h"
#include "datasets/ranked_texts.h"

namespace adjoint::datasets::imdb {
namespace {

constexpr int64_t kMaxWordIndexBytes = 64 << 20;
constexpr int64_t kGrain = 256;  // reviews a part

IdOptions IdOptionsOf(const LoadOptions& o) {
  return {.num_words = o.num_words,
          .skip_top = o.skip_top,
          .maxlen = o.maxlen,
          .seed = o.seed,
          .start_char = o.start_char,
          .oov_char = o.oov_char,
          .index_from = o.index_from};
}

absl::Status CheckOptions(const LoadOptions& options) {
  return CheckIdOptions("cannot load IMDB reviews", IdOptionsOf(options));
}

// Keras' load_data from the point where the arrays are in memory.
absl::Status ApplyOptions(const RankedTexts& train, const RankedTexts& test,
                          const LoadOptions& options, ImdbData& data) {
  const IdOptions o = IdOptionsOf(options);
  ADJOINT_RETURN_IF_ERROR(CheckRanks(train, o, "training reviews"));
  ADJOINT_RETURN_IF_ERROR(CheckRanks(test, o, "test reviews"));
  NumpyRandomState random(static_cast<uint32_t>(o.seed));
  const std::vector<int64_t> train_rows = OrderedRows(train, o, random);
  const std::vector<int64_t> test_rows = OrderedRows(test, o, random);
  if (o.maxlen != 0 && (train_rows.empty() || test_rows.empty())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot load IMDB reviews: none of the ", train_rows.empty() ? "training" : "test",
        " reviews is shorter than maxlen, ", o.maxlen, "; increase it"));
  }
  int64_t high = o.num_words;
  if (high == 0) {
    high = std::max(LargestId(train, train_rows, o), LargestId(test, test_rows, o));
  }
  const IdRule rule{o.skip_top, high, o.oov_char};
  data.train = MakeReviews(train, train_rows, o, rule);
  data.test = MakeReviews(test, test_rows, o, rule);
  data.num_words = std::max<int64_t>(o.num_words == 0 ? high + 1 : high, 0);
  return absl::OkStatus();
}

absl::StatusOr<RankedTexts> ReadNpzPart(const std::string& path, const std::string& part) {
  RankedTexts ranked;
  ADJOINT_ASSIGN_OR_RETURN(ranked.ranks, io::ReadNpzIntLists(path, "x_" + part));
  ADJOINT_ASSIGN_OR_RETURN(const Tensor labels, io::ReadNpzTensor(path, "y_" + part));
  if (labels.shape() != Shape{ranked.ranks.size()}) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "': y_", part, " is ",
                                                   labels.spec().ToString(), " and x_", part,
                                                   " has ", ranked.ranks.size(), " reviews"));
  }
  ranked.labels.resize(static_cast<size_t>(labels.size()));
  for (int64_t i = 0; i < labels.size(); ++i) {
    const double label = labels.ValueAt(i);
    if (label != 0 && label != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", path, "': y_", part, "[", i, "] is ", label, ", not 0 or 1"));
    }
    ranked.labels[i] = static_cast<uint8_t>(label);
  }
  return ranked;
}

absl::StatusOr<ImdbData> LoadNpz(const DataFiles& files, const LoadOptions& options) {
  ImdbData data;
  absl::StatusOr<RankedTexts> train = absl::UnknownError(""), test = absl::UnknownError("");
  absl::StatusOr<WordIndex> index = WordIndex();
  ParallelFor(3, [&](int64_t part) {
    if (part == 0) train = ReadNpzPart(files.path, "train");
    if (part == 1) test = ReadNpzPart(files.path, "test");
    if (part == 2 && !files.word_index.empty()) index = GetWordIndex(files.word_index);
  });
  ADJOINT_RETURN_IF_ERROR(train.status());
  ADJOINT_RETURN_IF_ERROR(test.status());
  ADJOINT_ASSIGN_OR_RETURN(data.word_index, std::move(index));
  if (files.word_index.empty()) {
    data.note = absl::StrCat("no imdb_word_index.json beside ", files.path,
                             " nor to be had elsewhere: reviews cannot be shown as words");
  }
  ADJOINT_RETURN_IF_ERROR(ApplyOptions(*train, *test, options, data));
  return data;
}

io::IntLists RanksOf(absl::Span<const std::string> texts, const WordIndex& index) {
  const int64_t n = static_cast<int64_t>(texts.size());
  const int64_t parts = (n + kGrain - 1) / kGrain;
  std::vector<std::vector<int32_t>> ranks(static_cast<size_t>(parts));
  io::IntLists lists;
  lists.offsets.resize(static_cast<size_t>(n) + 1);
  ParallelFor(parts, [&](int64_t part) {
    std::vector<int32_t>& to = ranks[part];
    for (int64_t i = part * kGrain; i < std::min(n, (part + 1) * kGrain); ++i) {
      const size_t before = to.size();
      ForEachWord(texts[i], [&](absl::string_view word) {
        const int32_t rank = index.Rank(word);
        if (rank != 0) to.push_back(rank);
      });
      lists.offsets[i + 1] = static_cast<int64_t>(to.size() - before);
    }
  });
  for (int64_t i = 0; i < n; ++i) lists.offsets[i + 1] += lists.offsets[i];
  lists.values.reserve(static_cast<size_t>(lists.offsets[n]));
  for (std::vector<int32_t>& part : ranks) {
    lists.values.insert(lists.values.end(), part.begin(), part.end());
    part = {};
  }
  return lists;
}

absl::Status ApplyToTexts(const LabeledTexts& train, const LabeledTexts& test,
                          const LoadOptions& options, ImdbData& data,
                          const std::function<void(double)>& progress = {}) {
  for (const LabeledTexts* part : {&train, &test}) {
    if (part->labels.size() != part->texts.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(part->texts.size(), " texts have ", part->labels.size(), " labels"));
    }
  }
  io::IntLists train_ranks = RanksOf(train.texts, data.word_index);
  if (progress) progress(0.5);
  io::IntLists test_ranks = RanksOf(test.texts, data.word_index);
  if (progress) progress(1);
  return ApplyOptions({std::move(train_ranks), train.labels}, {std::move(test_ranks), test.labels},
                      options, data);
}

absl::StatusOr<ImdbData> LoadTexts(const DataFiles& files, const LoadOptions& options) {
  std::function<void(double)> progress;
  std::function<void(double)> looking_up;
  if (options.reading) {
    constexpr double kRead = 0.75;  // the share of the time; then words are looked up
    progress = [&](double share) { options.reading(files.path, kRead * share); };
    looking_up = [&](double share) { options.reading(files.path, kRead + (1 - kRead) * share); };
  }
  ADJOINT_ASSIGN_OR_RETURN(const RawTexts texts, files.kind == DataFiles::Kind::kTar
                                                     ? ReadTextArchive(files.path, progress)
                                                     : ReadTextFolder(files.path, progress));
  ImdbData data;
  if (!texts.word_index.empty()) {
    absl::StatusOr<WordIndex> index = WordIndex::FromJson(texts.word_index);
    if (!index.ok()) {
      return absl::Status(
          index.status().code(),
          absl::StrCat("imdb_word_index.json in '", files.path, "': ", index.status().message()));
    }
    data.word_index = *std::move(index);
  } else if (!files.word_index.empty()) {
    ADJOINT_ASSIGN_OR_RETURN(data.word_index, GetWordIndex(files.word_index));
  } else {
    data.word_index = WordIndex::FromTexts(texts.train.texts);
    data.note = absl::StrCat("no imdb_word_index.json in or beside ", files.path,
                             ": words are numbered by their frequency in the training reviews, "
                             "not as Keras numbers them");
  }
  ADJOINT_RETURN_IF_ERROR(ApplyToTexts(texts.train, texts.test, options, data, looking_up));
  return data;
}

}  // namespace

absl::StatusOr<ImdbData> LoadData(const LoadOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckOptions(options));
  ADJOINT_ASSIGN_OR_RETURN(const DataFiles files,
                           FindData(options.path, {options.download, options.progress}));
  absl::StatusOr<ImdbData> data =
      files.kind == DataFiles::Kind::kNpz ? LoadNpz(files, options) : LoadTexts(files, options);
  if (data.ok()) data->source = absl::StrCat("IMDB reviews (", files.path, ")");
  return data;
}

absl::StatusOr<ImdbData> FromTexts(const LabeledTexts& train, const LabeledTexts& test,
                                   const std::string& source, const LoadOptions& options) {
  ADJOINT_RETURN_IF_ERROR(CheckOptions(options));
  ImdbData data;
  data.source = source;
  data.word_index = WordIndex::FromTexts(train.texts);
  ADJOINT_RETURN_IF_ERROR(ApplyToTexts(train, test, options, data));
  return data;
}

absl::StatusOr<WordIndex> GetWordIndex(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string json, io::ReadFile(path, kMaxWordIndexBytes));
  absl::StatusOr<WordIndex> index = WordIndex::FromJson(json);
  if (!index.ok()) {
    return absl::Status(index.status().code(),
                        absl::StrCat("cannot read '", path, "': ", index.status().message()));
  }
  return index;
}

std::vector<int32_t> Encode(absl::string_view text, const WordIndex& index,
                            const LoadOptions& options) {
  const IdRule rule{
      options.skip_top,
      options.num_words == 0 ? int64_t{std::numeric_limits<int32_t>::max()} + 1 : options.num_words,
      options.oov_char};
  std::vector<int32_t> ids;
  const auto add = [&](int64_t id) {
    int32_t placed;
    if (rule.Place(id, &placed) != &placed) ids.push_back(placed);
  };
  if (options.start_char.has_value()) add(*options.start_char);
  ForEachWord(text, [&](absl::string_view word) {
    const int32_t rank = index.Rank(word);
    if (rank != 0) add(int64_t{rank} + options.index_from);
  });
  return ids;
}

Reviews EncodeAll(absl::Span<const std::string> texts, const WordIndex& index,
                  const LoadOptions& options) {
  std::vector<std::vector<int32_t>> encoded(texts.size());
  ParallelForRange(static_cast<int64_t>(texts.size()), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) encoded[i] = Encode(texts[i], index, options);
  });
  Reviews reviews;
  for (const std::vector<int32_t>& review : encoded) reviews.Append(review);
  return reviews;
}

std::string Decode(absl::Span<const int32_t> ids, const WordIndex& index, int32_t index_from) {
  std::string text;
  for (const int32_t id : ids) {
    if (!text.empty()) text.push_back(' ');
    const absl::string_view word = index.word(int64_t{id} - index_from);
    absl::StrAppend(&text, word.empty() ? "?" : word);
  }
  return text;
}

}  // namespace adjoint::datasets::imdb
