#ifndef ADJOINT_APPS_REPORT_TABLES_H_
#define ADJOINT_APPS_REPORT_TABLES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace adjoint::apps::report {

// Cells are plain text.
struct Table {
  std::vector<std::string> header = {};
  std::vector<std::vector<std::string>> rows = {};
  int text_columns = 1;  // the first ones stand to the left, the others, numbers, to the right
};
std::string ToHtml(const Table& table);

// Names and values, two columns without a header: settings.
std::string ToHtml(const std::vector<std::pair<std::string, std::string>>& settings);

// How often a sample of a row's class was taken for one of a column's.
struct ConfusionMatrix {
  std::vector<std::string> classes;
  std::vector<std::vector<int64_t>> counts;  // [truth][prediction]

  int64_t Row(size_t truth) const;
  int64_t Column(size_t prediction) const;
  int64_t Total() const;
};
// A square of counts, darker where there are more, with each row's shares; below it precision,
// recall and F1 of each class.
std::string ToHtml(const ConfusionMatrix& matrix);

}  // namespace adjoint::apps::report

#endif  // ADJOINT_APPS_REPORT_TABLES_H_
