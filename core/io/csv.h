#ifndef ADJOINT_CORE_IO_CSV_H_
#define ADJOINT_CORE_IO_CSV_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace adjoint::io {

struct CsvOptions {
  char delimiter = ',';
  char quote = '"';
  // The first record names the columns; without it they are "0", "1", ...
  bool header = true;
  // These columns alone, in this order; all when empty.
  std::vector<std::string> columns = {};
  // The type of some columns. That of the others is found by looking at all of their fields: i64
  // where all are integers, f64 where all are numbers, else text.
  std::map<std::string, DType> types = {};
  std::vector<std::string> text_columns = {};  // are text whatever they hold

  // What stands for a value that is not known. In a column of text nothing does.
  std::vector<std::string> missing = {"", "NA", "N/A", "NaN", "nan", "null", "NULL"};
  enum class Missing {
    kError,  // is an error that names line and column
    kNan,    // is NaN; a column of integers becomes f64
    kFill,   // is `fill`
  };
  Missing on_missing = Missing::kNan;
  double fill = 0;

  // Called now and then with the bytes done and all bytes.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

struct CsvColumn {
  std::string name;
  std::variant<Tensor, std::vector<std::string>> values;  // a tensor of rank 1, or texts

  bool is_text() const { return values.index() == 1; }
  const Tensor& tensor() const { return std::get<Tensor>(values); }
  const std::vector<std::string>& texts() const {
    return std::get<std::vector<std::string>>(values);
  }
};

struct CsvTable {
  int64_t rows = 0;
  std::vector<CsvColumn> columns;

  // Null when there is no column of this name.
  const CsvColumn* Find(absl::string_view name) const;
  // The columns of these names beside each other, f32[rows, names]; all of them when there are no
  // names. Errors: no such column, a column of text.
  absl::StatusOr<Tensor> Matrix(absl::Span<const std::string> names = {}) const;
};

// Reads comma-separated values as RFC 4180 describes them: records end with a line feed, perhaps
// behind a carriage return; a field in quotes may hold delimiters, line ends and, doubled, quotes.
// Lines that are empty are passed over, as is a byte-order mark. Blanks around a number do not
// count.
//
// Errors (InvalidArgument) give the line, where the record begins, and the column, by number and
// name: a record of another length than the first, a field that is not of its column's type or out
// of the type's range, a missing value where that is an error, quotes that do not end, bytes behind
// a closing quote.
absl::StatusOr<CsvTable> ParseCsv(absl::string_view text, const CsvOptions& options = {});

// The same of a file, which may be gzipped. Errors name it.
absl::StatusOr<CsvTable> ReadCsv(const std::string& path, const CsvOptions& options = {});

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_CSV_H_
