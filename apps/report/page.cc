#include "apps/report/page.h"

#include "absl/strings/str_cat.h"
#include "apps/report/html.h"

namespace adjoint::apps::report {
namespace {

constexpr char kStyleSheet[] =
#include "apps/report/assets/report.css.inc"
    ;
constexpr char kScript[] =
#include "apps/report/assets/report.js.inc"
    ;

}  // namespace

absl::string_view StyleSheet() { return kStyleSheet; }
absl::string_view Script() { return kScript; }

std::string Page::ToHtml() const {
  std::string html = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
      Escape(title_), "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n", StyleSheet(),
      "</style>\n</head>\n<body>\n<header>\n<h1>", Escape(title_), "</h1>\n");
  if (!subtitle_.empty()) absl::StrAppend(&html, "<p>", Escape(subtitle_), "</p>\n");
  absl::StrAppend(&html, "</header>\n<main>\n");
  if (!figures_.empty()) {
    absl::StrAppend(&html, "<dl class=\"figures\">\n");
    for (const Figure& figure : figures_) {
      absl::StrAppend(&html, "<div><dt>", Escape(figure.label), "</dt><dd>", Escape(figure.value),
                      "</dd>");
      if (!figure.note.empty()) {
        absl::StrAppend(&html, "<dd class=\"note\">", Escape(figure.note), "</dd>");
      }
      absl::StrAppend(&html, "</div>\n");
    }
    absl::StrAppend(&html, "</dl>\n");
  }
  for (const Card& card : cards_) {
    absl::StrAppend(&html, "<section class=\"card", card.wide ? " wide" : "", "\">\n<h2>",
                    Escape(card.title), "</h2>\n");
    if (!card.note.empty()) {
      absl::StrAppend(&html, "<p class=\"note\">", Escape(card.note), "</p>\n");
    }
    absl::StrAppend(&html, card.html, "\n</section>\n");
  }
  absl::StrAppend(&html, "</main>\n<script>\n", Script(), "</script>\n</body>\n</html>\n");
  return html;
}

}  // namespace adjoint::apps::report
