#include "apps/report/words.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "apps/report/html.h"

namespace adjoint::apps::report {
namespace {

std::string BetweenWords(absl::string_view text) {
  return absl::StrReplaceAll(Escape(text), {{"&lt;br /&gt;", "<br>"}});
}

}  // namespace

double LargestContribution(absl::Span<const Word> words) {
  double largest = 0;
  for (const Word& word : words) largest = std::max(largest, std::abs(word.contribution));
  return largest;
}

double Strength(double contribution, double largest) {
  return largest > 0 ? std::min(1.0, std::abs(contribution) / largest) : 0;
}

std::string ColouredText(absl::string_view text, absl::Span<const Word> words) {
  constexpr double kPale = 0.03;  // weaker ones would not be seen
  const double largest = LargestContribution(words);
  std::string html = "<p class=\"words\">";
  size_t at = 0;
  for (const Word& word : words) {
    absl::StrAppend(&html, BetweenWords(text.substr(at, word.begin - at)));
    const absl::string_view letters = text.substr(word.begin, word.end - word.begin);
    at = word.end;
    const double strength = Strength(word.contribution, largest);
    if (!word.known && word.contribution == 0) {
      absl::StrAppend(&html, Escape(letters));
      continue;
    }
    absl::StrAppend(
        &html, "<span",
        strength < kPale ? "" : (word.contribution > 0 ? " class=\"pos\"" : " class=\"neg\""),
        strength < kPale ? "" : absl::StrFormat(" style=\"--c:%.2f\"", strength), " data-tip=\"",
        Escape(absl::StrCat(letters, word.known ? "" : " (rare word)", ": ",
                            Signed(word.contribution))),
        "\">", Escape(letters), "</span>");
  }
  return absl::StrCat(html, BetweenWords(text.substr(at)), "</p>");
}

std::string SignedBars(absl::Span<const Bar> bars) {
  double largest = 0;
  for (const Bar& bar : bars) largest = std::max(largest, std::abs(bar.value));
  std::string html = "<div class=\"bars\">\n";
  for (const Bar& bar : bars) {
    absl::StrAppend(
        &html, "<span>", Escape(bar.name), "</span><div class=\"bar ",
        bar.value < 0 ? "neg" : "pos",
        absl::StrFormat("\" style=\"width:%.1f%%\"></div><b>", 100 * Strength(bar.value, largest)),
        Signed(bar.value), "</b>\n");
  }
  return absl::StrCat(html, "</div>");
}

std::string ColourKey(absl::string_view negative, absl::string_view positive) {
  return absl::StrCat("<p class=\"key words\"><span class=\"neg\" style=\"--c:1\">",
                      Escape(negative),
                      "</span><span class=\"neg\" style=\"--c:.4\"> </span><span> </span>"
                      "<span class=\"pos\" style=\"--c:.4\"> </span>"
                      "<span class=\"pos\" style=\"--c:1\">",
                      Escape(positive), "</span></p>");
}

}  // namespace adjoint::apps::report
