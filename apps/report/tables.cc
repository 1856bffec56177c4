#include "apps/report/tables.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/report/html.h"

namespace adjoint::apps::report {
namespace {

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string Percent(int64_t part, int64_t whole) {
  return whole == 0 ? "–" : absl::StrFormat("%.1f %%", 100 * Share(part, whole));
}

Table Quality(const ConfusionMatrix& matrix) {
  Table table{.header = {"Class", "Precision", "Recall", "F1", "Samples"}};
  for (size_t i = 0; i < matrix.classes.size(); ++i) {
    const int64_t right = matrix.counts[i][i];
    // 2 right / (predicted + true), the harmonic mean of the two before it.
    table.rows.push_back(
        {matrix.classes[i], Percent(right, matrix.Column(i)), Percent(right, matrix.Row(i)),
         Percent(2 * right, matrix.Column(i) + matrix.Row(i)), Thousands(matrix.Row(i))});
  }
  return table;
}

}  // namespace

std::string ToHtml(const Table& table) {
  const auto row = [&](const std::vector<std::string>& cells, const char* tag) {
    std::string html = "<tr>";
    for (size_t i = 0; i < cells.size(); ++i) {
      const bool number = static_cast<int>(i) >= table.text_columns;
      absl::StrAppend(&html, "<", tag, number ? " class=\"number\">" : ">", Escape(cells[i]), "</",
                      tag, ">");
    }
    return absl::StrCat(html, "</tr>\n");
  };
  std::string html = "<div class=\"scroll\"><table>\n";
  if (!table.header.empty()) {
    absl::StrAppend(&html, "<thead>", row(table.header, "th"), "</thead>\n");
  }
  absl::StrAppend(&html, "<tbody>\n");
  for (const std::vector<std::string>& cells : table.rows) absl::StrAppend(&html, row(cells, "td"));
  return absl::StrCat(html, "</tbody>\n</table></div>");
}

std::string ToHtml(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string html = "<dl class=\"settings\">\n";
  for (const auto& [name, value] : settings) {
    absl::StrAppend(&html, "<div><dt>", Escape(name), "</dt><dd>", Escape(value), "</dd></div>\n");
  }
  return absl::StrCat(html, "</dl>");
}

int64_t ConfusionMatrix::Row(size_t truth) const {
  int64_t sum = 0;
  for (const int64_t n : counts[truth]) sum += n;
  return sum;
}

int64_t ConfusionMatrix::Column(size_t prediction) const {
  int64_t sum = 0;
  for (const auto& row : counts) sum += row[prediction];
  return sum;
}

int64_t ConfusionMatrix::Total() const {
  int64_t sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) sum += Row(i);
  return sum;
}

std::string ToHtml(const ConfusionMatrix& matrix) {
  const size_t n = matrix.classes.size();
  const bool many = n > 4;
  std::string html = absl::StrCat("<div class=\"scroll\"><table class=\"confusion",
                                  many ? " small" : "", "\">\n<thead>");
  if (many) {
    // The axes have their names once, for the classes' headings have no room for them.
    absl::StrAppend(&html, "<tr><td></td><td></td><th class=\"axis\" scope=\"colgroup\" colspan=\"",
                    n, "\">predicted</th></tr>\n<tr><td></td><td></td>");
  } else {
    absl::StrAppend(&html, "<tr><td></td>");
  }
  for (const std::string& name : matrix.classes) {
    absl::StrAppend(&html, "<th scope=\"col\">", many ? "" : "predicted ", Escape(name), "</th>");
  }
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n");
  for (size_t i = 0; i < n; ++i) {
    absl::StrAppend(&html, "<tr>");
    if (many && i == 0) {
      absl::StrAppend(&html, "<th class=\"axis\" scope=\"rowgroup\" rowspan=\"", n,
                      "\"><span>truly</span></th>");
    }
    absl::StrAppend(&html, "<th scope=\"row\">", many ? "" : "truly ", Escape(matrix.classes[i]),
                    "</th>");
    for (size_t j = 0; j < n; ++j) {
      const int64_t count = matrix.counts[i][j];
      const double share = Share(count, matrix.Row(i));
      // Mistakes are few: the square root lets them be seen.
      absl::StrAppend(
          &html, "<td class=\"", i == j ? "right" : "wrong",
          absl::StrFormat("\" style=\"--c:%.3f\" data-tip=\"", std::sqrt(share)),
          Escape(absl::StrCat("truly ", matrix.classes[i], ", predicted ", matrix.classes[j], ": ",
                              Thousands(count), " (", Percent(count, matrix.Row(i)), ")")),
          "\"><b>", Thousands(count), "</b>");
      if (!many) absl::StrAppend(&html, "<small>", Percent(count, matrix.Row(i)), "</small>");
      absl::StrAppend(&html, "</td>");
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return absl::StrCat(html, "</tbody></table></div>\n", ToHtml(Quality(matrix)));
}

}  // namespace adjoint::apps::report
