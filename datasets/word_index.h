#ifndef ADJOINT_DATASETS_WORD_INDEX_H_
#define ADJOINT_DATASETS_WORD_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace adjoint::datasets {

// The words of a corpus by rank, 1 being the most frequent. Immutable; copies share their words.
// Thread-safe.
class WordIndex {
 public:
  // No words.
  WordIndex();

  // words[0] has rank 1. Errors: an empty word, a word named twice.
  static absl::StatusOr<WordIndex> FromWords(const std::vector<std::string>& words);

  // A JSON object {"word": rank, ...} such as Keras' imdb_word_index.json, whose ranks are 1 .. n,
  // each once. Errors name the byte or the word.
  static absl::StatusOr<WordIndex> FromJson(absl::string_view json);

  // The words of these texts (as ForEachWord finds them) by falling frequency, equally frequent
  // ones by their bytes.
  static WordIndex FromTexts(absl::Span<const std::string> texts);

  int64_t size() const;
  // Empty when `rank` is not in 1 .. size(). Valid as long as any copy of this index.
  absl::string_view word(int64_t rank) const;
  // 0 when the word is unknown.
  int32_t Rank(absl::string_view word) const;

 private:
  struct Table;
  explicit WordIndex(std::shared_ptr<const Table> table) : table_(std::move(table)) {}
  std::shared_ptr<const Table> table_;
};

namespace internal {
// What Keras' Tokenizer makes of each byte: capitals become small (ASCII only), its filtered
// punctuation, tab and newline become spaces.
const char* TokenizerBytes();
}  // namespace internal

// Calls fn(absl::string_view word, size_t begin) for each word of `text`, in order: the pieces
// between spaces once Keras' Tokenizer has replaced every byte as above. A piece is valid within
// its call only; it stands in text[begin .. begin + word.size()).
template <typename Fn>
void ForEachWordAt(absl::string_view text, Fn fn) {
  const char* const bytes = internal::TokenizerBytes();
  std::string word;
  for (size_t i = 0; i < text.size(); ++i) {
    const char b = bytes[static_cast<unsigned char>(text[i])];
    if (b != ' ') {
      word.push_back(b);
    } else if (!word.empty()) {
      fn(absl::string_view(word), i - word.size());
      word.clear();
    }
  }
  if (!word.empty()) fn(absl::string_view(word), text.size() - word.size());
}

// The same without places: fn(absl::string_view word).
template <typename Fn>
void ForEachWord(absl::string_view text, Fn fn) {
  ForEachWordAt(text, [&](absl::string_view word, size_t) { fn(word); });
}

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_WORD_INDEX_H_
