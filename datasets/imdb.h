#ifndef ADJOINT_DATASETS_IMDB_H_
#define ADJOINT_DATASETS_IMDB_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "datasets/reviews.h"
#include "datasets/word_index.h"

// The film reviews of the Large Movie Review Dataset (Maas et al. 2011): 25,000 for training and
// 25,000 for testing, each liked (1) or not (0), in the order and with the ids of
// keras.datasets.imdb.
namespace adjoint::datasets::imdb {

// The arguments of Keras' imdb.load_data, with its names and defaults.
struct LoadOptions {
  // The npz file, the tar.gz or tar file, the aclImdb folder, or a folder that holds one of them or
  // imdb/ with one. Empty: see FindData.
  std::string path = {};

  // Ids of num_words and more become oov_char. 0 is Keras' None: num_words is then the largest id
  // in the data, which by Keras' rule itself becomes oov_char.
  int64_t num_words = 0;
  // Ids below it become oov_char.
  int64_t skip_top = 0;
  // Reviews of this length and more, start_char counted, are left out. 0: none are.
  int64_t maxlen = 0;
  // Of the shuffle; 0 .. 2^32-1.
  int64_t seed = 113;
  // Put before each review, unless nullopt.
  std::optional<int32_t> start_char = 1;
  // Stands for the words left out, unless nullopt: then they are dropped.
  std::optional<int32_t> oov_char = 2;
  // Added to each word's rank.
  int32_t index_from = 3;

  // Whether data that are nowhere on this machine may be downloaded, and who is told of it: called
  // now and then with the address, the bytes received and the bytes to come in all (0: unknown).
  bool download = true;
  std::function<void(absl::string_view url, int64_t received, int64_t total)> progress = {};
  // Called now and then while raw texts are read: the path and the share of it that is done.
  std::function<void(absl::string_view path, double share)> reading = {};
};

struct ImdbData {
  Reviews train, test;
  // Empty when the data are an npz file and no imdb_word_index.json was found.
  WordIndex word_index;
  // Ids are below it: LoadOptions::num_words or, if that is 0, the largest id there was, plus 1.
  int64_t num_words = 0;
  // "IMDB reviews (/data/imdb.npz)".
  std::string source;
  // A line the user should see, such as that no word index was found; mostly empty.
  std::string note;
};

// Loads from the npz file or from the raw texts, which give the same reviews:
// - imdb.npz is read as Keras reads it.
// - Raw texts are taken in lexicographic order of their file names, pos before neg, split by
//   ForEachWord and looked up in the imdb_word_index.json in or beside the folder or archive;
//   words it does not have are dropped. Without that file the index is made from the training texts
//   by frequency, and the note says so.
// Both orders are then shuffled as Keras does, and the options applied.
//
// Errors: InvalidArgument for an option out of its range and for a `path` with nothing to load;
// NotFound when `path` is empty and there are no data on this machine nor to be had from the
// network; DataLoss and the like, naming file and place, for data that are there and damaged.
absl::StatusOr<ImdbData> LoadData(const LoadOptions& options = {});

struct LabeledTexts {
  std::vector<std::string> texts;
  std::vector<uint8_t> labels;
};

// The same from texts at hand: the word index is made from the training texts (see
// WordIndex::FromTexts); shuffle and options as for LoadData. `source` is copied into the result.
absl::StatusOr<ImdbData> FromTexts(const LabeledTexts& train, const LabeledTexts& test,
                                   const std::string& source, const LoadOptions& options = {});

// Reads a word index such as imdb_word_index.json. Errors name the file.
absl::StatusOr<WordIndex> GetWordIndex(const std::string& path);

// The ids of a text as LoadData would have made them with these options (path, maxlen and seed have
// no part in it): start_char, then rank + index_from for each known word; ids that num_words or
// skip_top exclude become oov_char. With num_words 0 no id is too large.
std::vector<int32_t> Encode(absl::string_view text, const WordIndex& index,
                            const LoadOptions& options);

// Encode for many texts, on all threads; the result has no labels.
Reviews EncodeAll(absl::Span<const std::string> texts, const WordIndex& index,
                  const LoadOptions& options);

// The words of a review with spaces between; "?" for an id whose rank, id - index_from, the index
// does not have.
std::string Decode(absl::Span<const int32_t> ids, const WordIndex& index, int32_t index_from = 3);

}  // namespace adjoint::datasets::imdb

#endif  // ADJOINT_DATASETS_IMDB_H_
