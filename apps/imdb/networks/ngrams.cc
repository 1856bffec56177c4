#include "apps/imdb/networks/ngrams.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int64_t kGrain = 128;  // texts a part
constexpr int kBucketBits = 8;
constexpr size_t kLongestRun = 4;

enum class Kind : uint8_t { kSpace, kLetter, kApostrophe, kMark, kRepeatedMark };

struct Byte {
  Kind kind;
  unsigned char small;
};

std::array<Byte, 256> MakeBytes() {
  std::array<Byte, 256> bytes;
  for (int c = 0; c < 256; ++c) {
    const bool capital = c >= 'A' && c <= 'Z';
    const bool letter = capital || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
    const bool repeated = c == '.' || c == '!' || c == '?' || c == '-' || c == '*';
    bytes[c] = {letter                 ? Kind::kLetter
                : c == '\''            ? Kind::kApostrophe
                : repeated             ? Kind::kRepeatedMark
                : c <= ' ' || c == 127 ? Kind::kSpace
                                       : Kind::kMark,
                static_cast<unsigned char>(capital ? c + ('a' - 'A') : c)};
  }
  return bytes;
}

const Byte& Of(char c) {
  static const std::array<Byte, 256> bytes = MakeBytes();
  return bytes[static_cast<unsigned char>(c)];
}

// The end of the line break that begins at `begin`, or `begin`.
size_t SkipLineBreak(absl::string_view text, size_t begin) {
  for (absl::string_view mark : {"<br />", "<br/>", "<br>"}) {
    if (absl::StartsWithIgnoreCase(text.substr(begin), mark)) return begin + mark.size();
  }
  return begin;
}

size_t EndOfWord(absl::string_view text, size_t at) {
  const size_t n = text.size();
  while (at < n) {
    const Kind kind = Of(text[at]).kind;
    const bool inside =
        kind == Kind::kApostrophe && at + 1 < n && Of(text[at + 1]).kind == Kind::kLetter;
    if (kind != Kind::kLetter && !inside) break;
    ++at;
  }
  return at;
}

uint64_t HashOf(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, then mixed
  for (const char c : text) hash = (hash ^ Of(c).small) * 0x100000001b3;
  return MixBits(hash);
}

// The distinct fingerprints of a text, ascending.
void Fingerprints(absl::string_view text, const NgramRule& rule, std::vector<uint64_t>* to) {
  to->clear();
  ForEachNgram(Tokenize(text, rule), rule,
               [&](uint64_t fingerprint, size_t, int) { to->push_back(fingerprint); });
  std::sort(to->begin(), to->end());
  to->erase(std::unique(to->begin(), to->end()), to->end());
}

// Occurrences whose fingerprints share their upper bits, from all threads.
struct Bucket {
  std::mutex mutex;
  // Each twice as large as its fingerprint, without its highest bit, which all here share; and the
  // text's label in the lowest.
  std::vector<uint64_t> occurrences;
  std::vector<uint64_t> kept;
  std::vector<int32_t> positive, negative;

  void Count(int min_texts, uint64_t highest_bit) {
    std::sort(occurrences.begin(), occurrences.end());
    for (size_t i = 0; i < occurrences.size();) {
      const uint64_t fingerprint = occurrences[i] >> 1;
      int32_t counts[2] = {};
      for (; i < occurrences.size() && occurrences[i] >> 1 == fingerprint; ++i) {
        ++counts[occurrences[i] & 1];
      }
      if (counts[0] + counts[1] < min_texts) continue;
      kept.push_back(fingerprint | highest_bit);
      negative.push_back(counts[0]);
      positive.push_back(counts[1]);
    }
    std::vector<uint64_t>().swap(occurrences);
  }
};

// What threads have done, told one at a time.
class Done {
 public:
  Done(const ShareProgress& progress, double all) : progress_(progress), all_(all) {}

  void Add(double n) {
    if (!progress_) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ += n;
    progress_(std::min(1.0, done_ / all_));
  }

 private:
  const ShareProgress& progress_;
  const double all_;
  std::mutex mutex_;
  double done_ = 0;
};

template <typename T>
void MoveBehind(std::vector<T>& from, std::vector<T>& to) {
  to.insert(to.end(), from.begin(), from.end());
  std::vector<T>().swap(from);
}

}  // namespace

std::vector<Token> Tokenize(absl::string_view text, const NgramRule& rule) {
  std::vector<Token> tokens;
  tokens.reserve(text.size() / 4);
  for (size_t i = 0; i < text.size();) {
    const Kind kind = Of(text[i]).kind;
    size_t end = i + 1;
    if (text[i] == '<') {
      if (const size_t after = SkipLineBreak(text, i); after > i) {
        i = after;
        continue;
      }
    }
    if (kind == Kind::kLetter) {
      end = EndOfWord(text, i);
    } else if (kind == Kind::kRepeatedMark) {
      while (end < text.size() && end - i < kLongestRun && text[end] == text[i]) ++end;
    }
    if (kind == Kind::kLetter || (kind != Kind::kSpace && rule.punctuation)) {
      tokens.push_back({i, end, HashOf(text.substr(i, end - i))});
    }
    i = end;
  }
  return tokens;
}

absl::StatusOr<NgramVocabulary> NgramVocabulary::Create(const NgramRule& rule,
                                                        std::vector<uint64_t> fingerprints) {
  if (rule.max_length < 1 || rule.max_length > kLongestNgram) {
    return absl::InvalidArgumentError(absl::StrCat(
        "n-grams of up to ", rule.max_length, " tokens; 1 to ", kLongestNgram, " are possible"));
  }
  if (fingerprints.size() >= static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return absl::ResourceExhaustedError(
        absl::StrCat(fingerprints.size(), " n-grams are more than columns can number"));
  }
  for (size_t i = 1; i < fingerprints.size(); ++i) {
    if (fingerprints[i] <= fingerprints[i - 1]) {
      return absl::InvalidArgumentError(
          absl::StrCat("the fingerprint of n-gram ", i, " is not above the one before"));
    }
  }
  NgramVocabulary result;
  result.rule_ = rule;
  int bits = 1;
  while (bits < 31 && (size_t{1} << bits) < fingerprints.size()) ++bits;
  result.shift_ = 64 - bits;
  result.starts_.assign((size_t{1} << bits) + 1, 0);
  for (const uint64_t f : fingerprints) ++result.starts_[(f >> result.shift_) + 1];
  for (size_t i = 1; i < result.starts_.size(); ++i) result.starts_[i] += result.starts_[i - 1];
  result.fingerprints_ = std::move(fingerprints);
  return result;
}

absl::StatusOr<NgramCounts> CountNgrams(absl::Span<const std::string> texts,
                                        absl::Span<const uint8_t> labels, const NgramRule& rule,
                                        int min_texts, const ShareProgress& progress) {
  std::vector<Bucket> buckets(size_t{1} << kBucketBits);
  // Sorting the buckets takes about as long as making fingerprints.
  const auto n = static_cast<double>(texts.size());
  Done done(progress, 2 * n);
  ParallelForRange(static_cast<int64_t>(texts.size()), kGrain, [&](int64_t begin, int64_t end) {
    std::vector<std::vector<uint64_t>> own(buckets.size());
    std::vector<uint64_t> fingerprints;
    for (int64_t i = begin; i < end; ++i) {
      Fingerprints(texts[i], rule, &fingerprints);
      for (const uint64_t f : fingerprints) {
        own[f >> (64 - kBucketBits)].push_back(f << 1 | (labels[i] != 0 ? 1 : 0));
      }
    }
    for (size_t b = 0; b < buckets.size(); ++b) {
      const std::lock_guard<std::mutex> lock(buckets[b].mutex);
      std::vector<uint64_t>& to = buckets[b].occurrences;
      to.insert(to.end(), own[b].begin(), own[b].end());
    }
    done.Add(static_cast<double>(end - begin));
  });
  const auto num_buckets = static_cast<int64_t>(buckets.size());
  ParallelFor(num_buckets, [&](int64_t b) {
    const uint64_t highest_bit = b >= num_buckets / 2 ? uint64_t{1} << 63 : 0;
    buckets[b].Count(min_texts, highest_bit);
    done.Add(n / static_cast<double>(num_buckets));
  });
  NgramCounts counts;
  std::vector<uint64_t> fingerprints;
  for (Bucket& bucket : buckets) {
    MoveBehind(bucket.kept, fingerprints);
    MoveBehind(bucket.positive, counts.positive);
    MoveBehind(bucket.negative, counts.negative);
  }
  if (fingerprints.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("none of the n-grams of ", texts.size(), " reviews stands in ", min_texts,
                     " of them or more: there is nothing to learn from"));
  }
  ADJOINT_ASSIGN_OR_RETURN(counts.vocabulary,
                           NgramVocabulary::Create(rule, std::move(fingerprints)));
  return counts;
}

absl::StatusOr<CsrMatrix> NgramRows(absl::Span<const std::string> texts,
                                    const NgramVocabulary& vocabulary,
                                    absl::Span<const float> scale, const ShareProgress& progress) {
  const auto n = static_cast<int64_t>(texts.size());
  Done done(progress, static_cast<double>(n));
  std::vector<std::vector<int32_t>> parts(static_cast<size_t>((n + kGrain - 1) / kGrain));
  std::vector<int64_t> offsets(static_cast<size_t>(n) + 1);  // at first: lengths, one place on
  ParallelForRange(n, kGrain, [&](int64_t begin, int64_t end) {
    std::vector<int32_t>& columns = parts[static_cast<size_t>(begin / kGrain)];
    std::vector<uint64_t> fingerprints;
    for (int64_t i = begin; i < end; ++i) {
      Fingerprints(texts[i], vocabulary.rule(), &fingerprints);
      for (const uint64_t f : fingerprints) {
        if (const int32_t column = vocabulary.Column(f); column >= 0) {
          columns.push_back(column);
          ++offsets[i + 1];
        }
      }
    }
    done.Add(static_cast<double>(end - begin));
  });
  for (int64_t i = 0; i < n; ++i) offsets[i + 1] += offsets[i];
  std::vector<int32_t> columns;
  columns.reserve(static_cast<size_t>(offsets[n]));
  for (std::vector<int32_t>& part : parts) MoveBehind(part, columns);
  if (scale.empty()) return CsrMatrix::Create(vocabulary.size(), offsets, columns);
  std::vector<float> values(columns.size());
  ParallelForRange(n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double squares = 0;
      for (int64_t k = offsets[i]; k < offsets[i + 1]; ++k) {
        squares += static_cast<double>(scale[columns[k]]) * scale[columns[k]];
      }
      const double value = squares > 0 ? 1 / std::sqrt(squares) : 0;
      std::fill(values.begin() + offsets[i], values.begin() + offsets[i + 1],
                static_cast<float>(value));
    }
  });
  return CsrMatrix::Create(vocabulary.size(), offsets, columns, values);
}

}  // namespace adjoint::apps::imdb
