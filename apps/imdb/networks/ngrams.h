#ifndef ADJOINT_APPS_IMDB_NETWORKS_NGRAMS_H_
#define ADJOINT_APPS_IMDB_NETWORKS_NGRAMS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/csr_matrix.h"

namespace adjoint::apps::imdb {

// What the features of a text are: its runs of up to max_length tokens.
struct NgramRule {
  int max_length = 3;  // 1 to kLongestNgram
  // Whether marks are tokens. Off for texts that were put together from words alone.
  bool punctuation = true;
};
inline constexpr int kLongestNgram = 8;

// A word, or a mark: text[begin, end).
struct Token {
  size_t begin = 0, end = 0;
  uint64_t hash = 0;  // of its bytes in small letters
};

// Words are runs of letters and digits, with apostrophes inside; every byte beyond ASCII is a
// letter and capitals (ASCII) count as small. Marks are single, but for runs of one of . ! ? - * up
// to four. A line break, "<br />", is none. Any bytes are a text.
std::vector<Token> Tokenize(absl::string_view text, const NgramRule& rule);

// An n-gram is known by 64 bits of its tokens' hashes; two that share them are one feature, which
// happens to one pair in a corpus of six million with a chance of one in a million.
inline uint64_t MixBits(uint64_t x) {  // MurmurHash3's finalizer
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}
inline uint64_t ExtendNgram(uint64_t fingerprint, const Token& token) {
  return MixBits(fingerprint * 0x9e3779b97f4a7c15 + token.hash);
}

// Calls fn(fingerprint, first, length) for each n-gram, in the order of first tokens.
template <typename Fn>
void ForEachNgram(absl::Span<const Token> tokens, const NgramRule& rule, Fn fn) {
  for (size_t first = 0; first < tokens.size(); ++first) {
    uint64_t fingerprint = 0;
    for (int n = 1; n <= rule.max_length && first + n <= tokens.size(); ++n) {
      fingerprint = ExtendNgram(fingerprint, tokens[first + n - 1]);
      fn(fingerprint, first, n);
    }
  }
}

// The n-grams that are features, each with a column. Immutable; thread-safe.
class NgramVocabulary {
 public:
  NgramVocabulary() = default;
  // Errors: fingerprints that do not ascend strictly, more than columns can number, a rule out of
  // its range.
  static absl::StatusOr<NgramVocabulary> Create(const NgramRule& rule,
                                                std::vector<uint64_t> fingerprints);

  const NgramRule& rule() const { return rule_; }
  // Ascending; the place of one is its column.
  absl::Span<const uint64_t> fingerprints() const { return fingerprints_; }
  int64_t size() const { return static_cast<int64_t>(fingerprints_.size()); }
  // -1 when it is not one of them.
  int32_t Column(uint64_t fingerprint) const {
    if (fingerprints_.empty()) return -1;
    const uint64_t slot = fingerprint >> shift_;
    for (uint32_t i = starts_[slot]; i < starts_[slot + 1]; ++i) {
      if (fingerprints_[i] == fingerprint) return static_cast<int32_t>(i);
    }
    return -1;
  }

 private:
  NgramRule rule_;
  std::vector<uint64_t> fingerprints_;
  int shift_ = 0;
  std::vector<uint32_t> starts_;  // of the fingerprints that share their upper bits
};

// Called with the share that is done, 0 to 1, from any thread but one at a time.
using ShareProgress = std::function<void(double share)>;

// In how many texts of each label an n-gram stands.
struct NgramCounts {
  NgramVocabulary vocabulary;
  std::vector<int32_t> positive, negative;  // by column
};

// The n-grams that stand in at least min_texts of the texts. labels: 1 or 0 each. Runs on all
// threads; the result does not depend on how many. Takes 8 bytes for each n-gram of each text.
// Errors: no n-gram is that frequent.
absl::StatusOr<NgramCounts> CountNgrams(absl::Span<const std::string> texts,
                                        absl::Span<const uint8_t> labels, const NgramRule& rule,
                                        int min_texts, const ShareProgress& progress = {});

// A row a text: its known n-grams, each once and with the value 1 / |row|, where |row| is the
// Euclidean length of `scale` at these columns. So a row times `scale` has length 1, unless it is
// empty. scale: a number a column; without any all values are 1.
absl::StatusOr<CsrMatrix> NgramRows(absl::Span<const std::string> texts,
                                    const NgramVocabulary& vocabulary,
                                    absl::Span<const float> scale = {},
                                    const ShareProgress& progress = {});

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_NGRAMS_H_
