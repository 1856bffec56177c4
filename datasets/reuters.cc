#include "datasets/reuters.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/io/npz.h"
#include "core/status_macros.h"
#include "datasets/data_folders.h"
#include "datasets/numpy_random.h"
#include "datasets/ranked_texts.h"

namespace adjoint::datasets::reuters {
namespace {

constexpr char kWhat[] = "cannot load Reuters newswires";
constexpr int64_t kMaxWordIndexBytes = 64 << 20;
// The hash stands in Keras' keras/src/datasets/reuters.py.
constexpr RemoteFile kNpz = {
    .name = "reuters.npz",
    .folder_url = kKerasUrl,
    .sha256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    .max_bytes = 100 << 20};

constexpr absl::string_view kLabelNames[kNumTopics] = {
    "cocoa",     "grain",        "veg-oil", "earn",       "acq",      "wheat",    "copper",
    "housing",   "money-supply", "coffee",  "sugar",      "trade",    "reserves", "ship",
    "cotton",    "carcass",      "crude",   "nat-gas",    "cpi",      "money-fx", "interest",
    "gnp",       "meal-feed",    "alum",    "oilseed",    "gold",     "tin",      "strategic-metal",
    "livestock", "retail",       "ipi",     "iron-steel", "rubber",   "heat",     "jobs",
    "lei",       "bop",          "zinc",    "orange",     "pet-chem", "dlr",      "gas",
    "silver",    "wpi",          "hog",     "lead"};

std::vector<std::string> LookInto(const std::string& folder) {
  for (const char* below : {"", "reuters"}) {
    const std::string path = (std::filesystem::path(folder) / below / kNpz.name).string();
    if (IsFile(path)) return {path};
  }
  return {};
}

absl::StatusOr<RankedTexts> ReadNpz(const std::string& path) {
  RankedTexts ranked;
  ADJOINT_ASSIGN_OR_RETURN(ranked.ranks, io::ReadNpzIntLists(path, "x"));
  ADJOINT_ASSIGN_OR_RETURN(const Tensor labels, io::ReadNpzTensor(path, "y"));
  if (labels.shape() != Shape{ranked.ranks.size()}) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "': y is ", labels.spec().ToString(),
                                                   " and x has ", ranked.ranks.size(),
                                                   " newswires"));
  }
  ranked.labels.resize(static_cast<size_t>(labels.size()));
  for (int64_t i = 0; i < labels.size(); ++i) {
    const double label = labels.ValueAt(i);
    if (!(label >= 0 && label < kNumTopics) || label != static_cast<uint8_t>(label)) {
      return absl::InvalidArgumentError(absl::StrCat("'", path, "': y[", i, "] is ", label,
                                                     "; topics are 0 to ", kNumTopics - 1));
    }
    ranked.labels[i] = static_cast<uint8_t>(label);
  }
  return ranked;
}

}  // namespace

absl::StatusOr<ReutersData> LoadData(const LoadOptions& options) {
  const IdOptions ids{.num_words = options.num_words,
                      .skip_top = options.skip_top,
                      .maxlen = options.maxlen,
                      .seed = options.seed,
                      .start_char = options.start_char,
                      .oov_char = options.oov_char,
                      .index_from = options.index_from};
  ADJOINT_RETURN_IF_ERROR(CheckIdOptions(kWhat, ids));
  if (!(options.test_split >= 0 && options.test_split <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat(kWhat, ": test_split is ", options.test_split, "; it may be 0 to 1"));
  }
  ADJOINT_ASSIGN_OR_RETURN(
      const std::vector<std::string> files,
      FindFiles(options.path,
                {.subject = "Reuters",
                 .looked_for = absl::StrCat(kNpz.name, ", there and in reuters/ below it"),
                 .look_into = LookInto,
                 .remote = kNpz,
                 .download = options.download,
                 .progress = options.progress}));
  ADJOINT_ASSIGN_OR_RETURN(const RankedTexts texts, ReadNpz(files[0]));
  ADJOINT_RETURN_IF_ERROR(CheckRanks(texts, ids, "newswires"));

  // Keras' load_data from the point where the arrays are in memory.
  NumpyRandomState random(static_cast<uint32_t>(options.seed));
  const std::vector<int64_t> rows = OrderedRows(texts, ids, random);
  if (rows.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kWhat, ": none is shorter than maxlen, ", options.maxlen, "; increase it"));
  }
  const int64_t high = options.num_words == 0 ? LargestId(texts, rows, ids) : options.num_words;
  const IdRule rule{options.skip_top, high, options.oov_char};
  const size_t split =
      static_cast<size_t>(static_cast<double>(rows.size()) * (1 - options.test_split));
  const absl::Span<const int64_t> all(rows);
  ReutersData data;
  data.train = MakeReviews(texts, all.subspan(0, split), ids, rule);
  data.test = MakeReviews(texts, all.subspan(split), ids, rule);
  data.num_words = std::max<int64_t>(options.num_words == 0 ? high + 1 : high, 0);
  data.source = absl::StrCat("Reuters newswires (", files[0], ")");
  return data;
}

absl::StatusOr<WordIndex> GetWordIndex(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string json, io::ReadFile(path, kMaxWordIndexBytes));
  absl::StatusOr<WordIndex> index = WordIndex::FromJson(json);
  if (index.ok()) return index;
  return absl::Status(index.status().code(),
                      absl::StrCat("cannot read '", path, "': ", index.status().message()));
}

absl::Span<const absl::string_view> LabelNames() { return kLabelNames; }

}  // namespace adjoint::datasets::reuters
