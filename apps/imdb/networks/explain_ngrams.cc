#include "apps/imdb/networks/explain_ngrams.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace adjoint::apps::imdb {

Explanation ExplainByNgrams(absl::string_view text, const NgramRule& rule,
                            const NgramShares& shares, double base, double logit) {
  const std::vector<Token> tokens = Tokenize(text, rule);
  struct Places {
    std::vector<size_t> first;  // tokens
    int length = 0;
  };
  std::map<uint64_t, Places> found;  // by fingerprint
  Explanation result{.probability = 1 / (1 + std::exp(-logit)), .logit = logit, .base = base};
  for (const Token& token : tokens) result.words.push_back({token.begin, token.end});
  ForEachNgram(tokens, rule, [&](uint64_t fingerprint, size_t first, int length) {
    if (!shares.contains(fingerprint)) return;
    if (length == 1) result.words[first].known = true;
    Places& places = found[fingerprint];
    places.first.push_back(first);
    places.length = length;
  });
  for (const auto& [fingerprint, places] : found) {
    Explanation::Term term = {.text = "",
                              .count = static_cast<int64_t>(places.first.size()),
                              .contribution = shares.at(fingerprint)};
    for (int i = 0; i < places.length; ++i) {
      const Token& token = tokens[places.first[0] + i];
      absl::StrAppend(&term.text, i > 0 ? " " : "",
                      absl::AsciiStrToLower(text.substr(token.begin, token.end - token.begin)));
    }
    const double share = term.contribution / static_cast<double>(term.count) / places.length;
    for (const size_t first : places.first) {
      for (int i = 0; i < places.length; ++i) result.words[first + i].contribution += share;
    }
    result.terms.push_back(std::move(term));
  }
  SortTerms(result);
  return result;
}

bool KnowsAToken(absl::string_view text, const NgramVocabulary& vocabulary) {
  for (const Token& token : Tokenize(text, vocabulary.rule())) {
    if (vocabulary.Column(ExtendNgram(0, token)) >= 0) return true;
  }
  return false;
}

}  // namespace adjoint::apps::imdb
