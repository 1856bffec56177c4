#ifndef ADJOINT_DATASETS_REUTERS_H_
#define ADJOINT_DATASETS_REUTERS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "datasets/reviews.h"
#include "datasets/word_index.h"

// The 11,228 newswires of Reuters-21578 that Keras has, of 46 topics, in the order and with the ids
// of keras.datasets.reuters.
namespace adjoint::datasets::reuters {

inline constexpr int kNumTopics = 46;

// The arguments of Keras' reuters.load_data, with its names and defaults.
struct LoadOptions {
  // reuters.npz, or a folder that holds it or reuters/ with it. When empty, looked for in
  // $ADJOINT_DATA, ~/.cache/adjoint and ~/.keras/datasets.
  std::string path = {};

  // As of imdb::LoadOptions.
  int64_t num_words = 0;
  int64_t skip_top = 0;
  int64_t maxlen = 0;
  // This part of the newswires, the last ones, is for testing; 0 to 1.
  double test_split = 0.2;
  int64_t seed = 113;
  std::optional<int32_t> start_char = 1;
  std::optional<int32_t> oov_char = 2;
  int32_t index_from = 3;

  // Where nothing is found and no path is given: reuters.npz, from Keras' address or
  // $ADJOINT_DOWNLOAD_URL, into ~/.cache/adjoint; its SHA-256 is checked.
  bool download = true;
  std::function<void(absl::string_view url, int64_t received, int64_t total)> progress = {};
};

struct ReutersData {
  Reviews train, test;    // labels are numbers of topics
  int64_t num_words = 0;  // ids are below it, as of imdb::ImdbData
  std::string source;     // "Reuters newswires (/data/reuters.npz)"
};

// Errors: InvalidArgument for an option out of its range, a `path` with nothing to load, and arrays
// that are no newswires; NotFound when nothing was found nor could be downloaded; DataLoss for
// damage and a wrong SHA-256.
absl::StatusOr<ReutersData> LoadData(const LoadOptions& options = {});

// Reads Keras' reuters_word_index.json, of which no SHA-256 is published, so that it is not
// downloaded here.
absl::StatusOr<WordIndex> GetWordIndex(const std::string& path);

// The names of the topics, by label.
absl::Span<const absl::string_view> LabelNames();

}  // namespace adjoint::datasets::reuters

#endif  // ADJOINT_DATASETS_REUTERS_H_
