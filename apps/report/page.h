#ifndef ADJOINT_APPS_REPORT_PAGE_H_
#define ADJOINT_APPS_REPORT_PAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace adjoint::apps::report {

// A number at the top of a page.
struct Figure {
  std::string label;  // "Test accuracy"
  std::string value;  // "88.4 %"
  std::string note = {};
};

// A part of a page. `title` and `note` are plain text; `html` is markup, such as the functions of
// this folder give.
struct Card {
  std::string title;
  std::string html;
  std::string note = {};  // a sentence below the title
  bool wide = true;       // takes the whole width; two that do not stand side by side
};

// A page that is one file: style and script are in it, and it refers to nothing outside. It follows
// the reader's light or dark scheme and fits a phone.
class Page {
 public:
  // Plain text both.
  explicit Page(std::string title, std::string subtitle = {})
      : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

  void Add(Figure figure) { figures_.push_back(std::move(figure)); }
  void Add(Card card) { cards_.push_back(std::move(card)); }

  std::string ToHtml() const;

 private:
  std::string title_, subtitle_;
  std::vector<Figure> figures_;
  std::vector<Card> cards_;
};

// What every page brings along, for pages that are not made by Page.
absl::string_view StyleSheet();
absl::string_view Script();

}  // namespace adjoint::apps::report

#endif  // ADJOINT_APPS_REPORT_PAGE_H_
