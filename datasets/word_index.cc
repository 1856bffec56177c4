#include "datasets/word_index.h"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nlohmann/json.hpp"

namespace adjoint::datasets {

struct WordIndex::Table {
  std::string letters;  // of all words
  std::vector<absl::string_view> words;
  absl::flat_hash_map<absl::string_view, int32_t> ranks;
};

namespace {

std::string Shown(absl::string_view word) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(word.substr(0, 60)), "'");
}

// Takes the events of a JSON text that must be {"word": rank, ...}.
class JsonRanks final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<std::pair<std::string, int64_t>> entries;
  std::string problem;

  bool start_object(std::size_t) override {
    return depth_++ == 0 || Fail("an object within the object");
  }
  bool key(string_t& word) override {
    entries.emplace_back(std::move(word), 0);
    return true;
  }
  bool number_unsigned(number_unsigned_t rank) override {
    if (depth_ == 0) return Fail("a number");
    if (rank < 1 || rank > std::numeric_limits<int32_t>::max()) return BadRank(rank);
    entries.back().second = static_cast<int64_t>(rank);
    return true;
  }
  bool number_integer(number_integer_t rank) override {
    return depth_ == 0 ? Fail("a number") : BadRank(rank);
  }
  bool null() override { return Fail("null"); }
  bool boolean(bool) override { return Fail("a bool"); }
  bool number_float(number_float_t, const string_t&) override {
    return Fail("a number with a fraction");
  }
  bool string(string_t&) override { return Fail("a string"); }
  bool binary(binary_t&) override { return Fail("binary data"); }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return Fail("an array"); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 10: syntax error ..."
    absl::string_view what = error.what();
    const size_t place = what.find(": ");
    if (place != absl::string_view::npos) what.remove_prefix(place + 2);
    problem = absl::StrCat("byte ", at, ": ", what);
    return false;
  }

 private:
  std::string Where() const {
    return entries.empty() ? "" : absl::StrCat(" at word ", Shown(entries.back().first));
  }
  bool Fail(absl::string_view what) {
    problem = absl::StrCat(what, Where(), "; {\"word\": rank, ...} is expected");
    return false;
  }
  template <typename Number>
  bool BadRank(Number rank) {
    problem = absl::StrCat("the rank ", rank, Where(), " is not a number from 1 up");
    return false;
  }

  int depth_ = 0;
};

}  // namespace

namespace internal {

const char* TokenizerBytes() {
  static const std::array<char, 256> bytes = [] {
    std::array<char, 256> map{};
    for (int c = 0; c < 256; ++c) map[c] = static_cast<char>(c);
    for (int c = 'A'; c <= 'Z'; ++c) map[c] = static_cast<char>(c - 'A' + 'a');
    for (const char c : absl::string_view("!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n")) {
      map[static_cast<unsigned char>(c)] = ' ';
    }
    return map;
  }();
  return bytes.data();
}

}  // namespace internal

WordIndex::WordIndex() {
  static const auto* const empty = new std::shared_ptr<const Table>(std::make_shared<Table>());
  table_ = *empty;
}

absl::StatusOr<WordIndex> WordIndex::FromWords(const std::vector<std::string>& words) {
  if (words.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return absl::InvalidArgumentError(
        absl::StrCat("word index: ", words.size(), " words; at most 2147483647 can be ranked"));
  }
  auto table = std::make_shared<Table>();
  size_t letters = 0;
  for (const std::string& word : words) letters += word.size();
  table->letters.reserve(letters);
  table->words.reserve(words.size());
  table->ranks.reserve(words.size());
  for (const std::string& word : words) {
    const int32_t rank = static_cast<int32_t>(table->words.size()) + 1;
    if (word.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("word index: the word of rank ", rank, " is empty"));
    }
    const char* begin = table->letters.data() + table->letters.size();
    table->letters += word;
    table->words.emplace_back(begin, word.size());
    const auto [before, added] = table->ranks.emplace(table->words.back(), rank);
    if (!added) {
      return absl::InvalidArgumentError(absl::StrCat(
          "word index: the word ", Shown(word), " has two ranks, ", before->second, " and ", rank));
    }
  }
  return WordIndex(std::move(table));
}

absl::StatusOr<WordIndex> WordIndex::FromJson(absl::string_view json) {
  try {
    JsonRanks ranks;
    if (!nlohmann::json::sax_parse(json.begin(), json.end(), &ranks)) {
      return absl::InvalidArgumentError(absl::StrCat("word index: ", ranks.problem));
    }
    std::vector<std::string> words(ranks.entries.size());
    for (auto& [word, rank] : ranks.entries) {
      if (word.empty()) return absl::InvalidArgumentError("word index: an empty word");
      if (rank > static_cast<int64_t>(words.size()) || !words[rank - 1].empty()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "word index: the rank ", rank, " of ", Shown(word), " is ",
            rank > static_cast<int64_t>(words.size()) ? "beyond the number of words"
                                                      : "another word's too",
            "; the ranks of ", words.size(), " words are 1 to ", words.size(), ", each once"));
      }
      words[rank - 1] = std::move(word);
    }
    return FromWords(words);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the word index");
  }
}

WordIndex WordIndex::FromTexts(absl::Span<const std::string> texts) {
  absl::flat_hash_map<std::string, int64_t> counts;
  for (const std::string& text : texts) {
    ForEachWord(text, [&](absl::string_view word) { ++counts[word]; });
  }
  std::vector<std::pair<int64_t, std::string>> order;
  order.reserve(counts.size());
  for (const auto& [word, count] : counts) order.emplace_back(-count, word);
  std::sort(order.begin(), order.end());
  std::vector<std::string> words;
  words.reserve(order.size());
  for (auto& [count, word] : order) words.push_back(std::move(word));
  return FromWords(words).value();
}

int64_t WordIndex::size() const { return static_cast<int64_t>(table_->words.size()); }

absl::string_view WordIndex::word(int64_t rank) const {
  return rank >= 1 && rank <= size() ? table_->words[rank - 1] : absl::string_view();
}

int32_t WordIndex::Rank(absl::string_view word) const {
  const auto found = table_->ranks.find(word);
  return found == table_->ranks.end() ? 0 : found->second;
}

}  // namespace adjoint::datasets
