#include "apps/imdb/explained_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace adjoint::apps::imdb {

std::string LabelOf(double probability) { return probability > 0.5 ? "positive" : "negative"; }

std::vector<report::Word> WordsOf(const Explanation& explanation) {
  std::vector<report::Word> words;
  for (const Explanation::Word& word : explanation.words) {
    words.push_back({.begin = word.begin,
                     .end = word.end,
                     .contribution = word.contribution,
                     .known = word.known});
  }
  return words;
}

std::string ColouredHtml(absl::string_view text, const Explanation& explanation) {
  return report::ColouredText(text, WordsOf(explanation));
}

std::string TermBars(const Explanation& explanation, size_t most) {
  std::vector<report::Bar> bars;
  for (size_t i = 0; i < std::min(most, explanation.terms.size()); ++i) {
    const Explanation::Term& term = explanation.terms[i];
    bars.push_back({term.count > 1 ? absl::StrCat(term.text, " ×", term.count) : term.text,
                    term.contribution});
  }
  return report::SignedBars(bars);
}

}  // namespace adjoint::apps::imdb
