#include "core/io/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/io/gzip.h"
#include "core/status_macros.h"

namespace adjoint::io {
namespace {

constexpr size_t kProgressBytes = 4 << 20;
constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";

std::string Shown(absl::string_view field) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(field.substr(0, 60)),
                      field.size() > 60 ? "...'" : "'");
}

// Cuts a text into records and fields. A field that needs no change is a view of the text.
class Reader {
 public:
  Reader(absl::string_view text, const CsvOptions& options)
      : text_(text), delimiter_(options.delimiter), quote_(options.quote) {}

  size_t at() const { return at_; }
  int64_t line() const { return line_; }  // where the record begins, from 1

  // The next record's fields, valid until the next call; false at the end.
  absl::StatusOr<bool> Next(std::vector<absl::string_view>* fields) {
    fields->clear();
    SkipEmptyLines();
    if (at_ >= text_.size()) return false;
    line_ = next_line_;
    unquoted_used_ = 0;
    while (true) {
      if (at_ < text_.size() && text_[at_] == quote_) {
        ADJOINT_RETURN_IF_ERROR(Quoted(fields));
      } else {
        Plain(fields);
      }
      if (at_ >= text_.size()) return true;
      const char end = text_[at_++];
      if (end == delimiter_) continue;
      if (end == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
      ++next_line_;
      return true;
    }
  }

 private:
  bool EndsField(size_t i) const {
    const char c = text_[i];
    return c == delimiter_ || c == '\n' ||
           (c == '\r' && (i + 1 == text_.size() || text_[i + 1] == '\n'));
  }
  void SkipEmptyLines() {
    while (at_ < text_.size()) {
      if (text_[at_] == '\n') {
        ++at_;
      } else if (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n')) {
        at_ = std::min(at_ + 2, text_.size());
      } else {
        return;
      }
      ++next_line_;
    }
  }
  void Plain(std::vector<absl::string_view>* fields) {
    const size_t begin = at_;
    while (at_ < text_.size() && !EndsField(at_)) ++at_;
    fields->push_back(text_.substr(begin, at_ - begin));
  }
  absl::Status Quoted(std::vector<absl::string_view>* fields) {
    const size_t column = fields->size() + 1;
    const size_t begin = ++at_;
    std::string* changed = nullptr;  // once a doubled quote was seen
    size_t piece = begin;
    while (true) {
      const size_t end = text_.find(quote_, at_);
      if (end == absl::string_view::npos) {
        return absl::InvalidArgumentError(absl::StrCat("line ", next_line_, ", column ", column,
                                                       ": a quoted field that does not end"));
      }
      newlines_ += std::count(text_.begin() + static_cast<int64_t>(at_),
                              text_.begin() + static_cast<int64_t>(end), '\n');
      at_ = end + 1;
      if (at_ < text_.size() && text_[at_] == quote_) {
        if (changed == nullptr) changed = Unquoted();
        changed->append(text_.data() + piece, at_ - piece);
        piece = ++at_;
        continue;
      }
      if (at_ < text_.size() && !EndsField(at_)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "line ", next_line_, ", column ", column, ": ", Shown(text_.substr(at_, 1)),
            " behind a closing quote; a quote within quotes is doubled"));
      }
      if (changed == nullptr) {
        fields->push_back(text_.substr(begin, end - begin));
      } else {
        changed->append(text_.data() + piece, end - piece);
        fields->push_back(*changed);
      }
      next_line_ += std::exchange(newlines_, 0);
      return absl::OkStatus();
    }
  }
  // A string of its own for a field, which lives until the next record.
  std::string* Unquoted() {
    if (unquoted_used_ == unquoted_.size()) unquoted_.push_back(std::make_unique<std::string>());
    std::string* const text = unquoted_[unquoted_used_++].get();
    text->clear();
    return text;
  }

  const absl::string_view text_;
  const char delimiter_, quote_;
  size_t at_ = 0;
  int64_t line_ = 1, next_line_ = 1, newlines_ = 0;
  std::vector<std::unique_ptr<std::string>> unquoted_;
  size_t unquoted_used_ = 0;
};

absl::string_view WithoutBlanks(absl::string_view field) {
  while (!field.empty() && (field.front() == ' ' || field.front() == '\t')) field.remove_prefix(1);
  while (!field.empty() && (field.back() == ' ' || field.back() == '\t')) field.remove_suffix(1);
  if (field.size() > 1 && field[0] == '+' && field[1] != '-' && field[1] != '+') {
    field.remove_prefix(1);
  }
  return field;
}

enum class Parsed { kOk, kNoNumber, kOutOfRange };

template <typename T>
Parsed ParseNumber(absl::string_view field, T* value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (field == "1" || field == "true" || field == "True" || field == "TRUE") {
      *value = true;
    } else if (field == "0" || field == "false" || field == "False" || field == "FALSE") {
      *value = false;
    } else {
      return Parsed::kNoNumber;
    }
    return Parsed::kOk;
  } else {
    const char* const end = field.data() + field.size();
    const auto [stop, error] = std::from_chars(field.data(), end, *value);
    if (error == std::errc::result_out_of_range && stop == end) {
      if constexpr (std::is_floating_point_v<T>) {
        // Too large or too small for the type: as strtod has it, infinite or 0.
        const std::string text(field);
        *value = static_cast<T>(std::strtod(text.c_str(), nullptr));
        return Parsed::kOk;
      }
      return Parsed::kOutOfRange;
    }
    return error == std::errc() && stop == end ? Parsed::kOk : Parsed::kNoNumber;
  }
}

// What the fields of a column seen so far allow.
struct Column {
  std::string name;
  size_t field = 0;  // its place in a record
  bool text = false;
  std::optional<DType> dtype = {};  // given by the user, or found
  DType found = DType::kI64;        // the narrowest of i64, f64 that holds all numbers
  bool has_missing = false;
  std::vector<char> bytes = {};  // of elements
  std::vector<std::string> texts = {};
};

class Parser {
 public:
  Parser(absl::string_view text, const CsvOptions& options) : text_(text), options_(options) {
    absl::ConsumePrefix(&text_, kByteOrderMark);
    missing_.insert(options.missing.begin(), options.missing.end());
  }

  absl::StatusOr<CsvTable> Parse() {
    ADJOINT_RETURN_IF_ERROR(CheckOptions());
    ADJOINT_RETURN_IF_ERROR(ReadHeader());
    const bool looks = std::any_of(columns_.begin(), columns_.end(), [](const Column& column) {
      return !column.text && !column.dtype.has_value();
    });
    passes_ = looks ? 2 : 1;
    if (looks) {
      ADJOINT_RETURN_IF_ERROR(ForEachRecord([this](auto& reader, auto& fields) {
        (void)reader;
        for (Column& column : columns_) Look(column, fields[column.field]);
        return absl::OkStatus();
      }));
      for (Column& column : columns_) Decide(column);
      ++pass_;
    }
    ADJOINT_RETURN_IF_ERROR(ForEachRecord([this](auto& reader, auto& fields) {
      for (Column& column : columns_) {
        ADJOINT_RETURN_IF_ERROR(Store(column, fields[column.field], reader.line()));
      }
      return absl::OkStatus();
    }));
    return Table();
  }

 private:
  absl::Status CheckOptions() const {
    const auto plain = [](char c) { return c != '\n' && c != '\r' && c != '\0'; };
    if (!plain(options_.delimiter) || !plain(options_.quote) ||
        options_.delimiter == options_.quote) {
      return absl::InvalidArgumentError(
          "delimiter and quote must be two different characters, and no line ends");
    }
    return absl::OkStatus();
  }

  absl::Status ReadHeader() {
    Reader reader(text_, options_);
    std::vector<absl::string_view> fields;
    ADJOINT_ASSIGN_OR_RETURN(const bool any, reader.Next(&fields));
    if (!any) return absl::InvalidArgumentError("the file is empty");
    width_ = fields.size();
    std::vector<std::string> names;
    absl::flat_hash_map<std::string, size_t> places;
    for (size_t i = 0; i < fields.size(); ++i) {
      names.push_back(options_.header ? std::string(fields[i]) : absl::StrCat(i));
      if (!places.emplace(names.back(), i).second) {
        return absl::InvalidArgumentError(absl::StrCat("line ", reader.line(), ": columns ",
                                                       places[names.back()] + 1, " and ", i + 1,
                                                       " are both named ", Shown(names.back())));
      }
    }
    const auto find = [&](const std::string& name) -> absl::StatusOr<size_t> {
      const auto place = places.find(name);
      if (place != places.end()) return place->second;
      std::string all;
      for (size_t i = 0; i < std::min<size_t>(names.size(), 20); ++i) {
        absl::StrAppend(&all, i == 0 ? "" : ", ", names[i]);
      }
      return absl::InvalidArgumentError(absl::StrCat("there is no column ", Shown(name),
                                                     "; there are ", all,
                                                     names.size() > 20 ? ", ..." : ""));
    };
    for (const std::string& name : options_.columns.empty() ? names : options_.columns) {
      ADJOINT_ASSIGN_OR_RETURN(const size_t place, find(name));
      columns_.push_back({.name = name, .field = place});
    }
    for (const auto& [name, dtype] : options_.types) {
      ADJOINT_ASSIGN_OR_RETURN(const size_t place, find(name));
      for (Column& column : columns_) {
        if (column.field == place) column.dtype = dtype;
      }
    }
    for (const std::string& name : options_.text_columns) {
      ADJOINT_ASSIGN_OR_RETURN(const size_t place, find(name));
      for (Column& column : columns_) {
        if (column.field == place) column.text = true;
      }
    }
    return absl::OkStatus();
  }

  template <typename Fn>
  absl::Status ForEachRecord(Fn fn) {
    Reader reader(text_, options_);
    std::vector<absl::string_view> fields;
    if (options_.header) ADJOINT_RETURN_IF_ERROR(reader.Next(&fields).status());
    rows_ = 0;
    size_t reported = 0;
    while (true) {
      ADJOINT_ASSIGN_OR_RETURN(const bool more, reader.Next(&fields));
      if (!more) break;
      if (fields.size() != width_) {
        return absl::InvalidArgumentError(
            absl::StrCat("line ", reader.line(), " has ", fields.size(), " fields, the ",
                         options_.header ? "header" : "first line", " has ", width_));
      }
      ADJOINT_RETURN_IF_ERROR(fn(reader, fields));
      ++rows_;
      if (options_.progress && reader.at() - reported >= kProgressBytes) {
        reported = reader.at();
        Report(reported);
      }
    }
    if (options_.progress) Report(text_.size());
    return absl::OkStatus();
  }
  void Report(size_t at) const {
    options_.progress(static_cast<int64_t>((text_.size() * pass_ + at) / passes_),
                      static_cast<int64_t>(text_.size()));
  }

  bool IsMissing(absl::string_view field) const {
    // None of them is long, and most fields are numbers.
    return field.size() <= longest_missing_ &&
           (field.empty() || field[0] < '0' || field[0] > '9') && missing_.contains(field);
  }

  void Look(Column& column, absl::string_view raw) const {
    if (column.text || column.dtype.has_value()) return;
    const absl::string_view field = WithoutBlanks(raw);
    if (IsMissing(field)) {
      column.has_missing = true;
      return;
    }
    if (column.found == DType::kI64) {
      int64_t integer;
      if (ParseNumber(field, &integer) == Parsed::kOk) return;
      column.found = DType::kF64;
    }
    double number;
    if (ParseNumber(field, &number) != Parsed::kOk) column.text = true;
  }

  void Decide(Column& column) const {
    if (column.text || column.dtype.has_value()) return;
    const bool widens = column.has_missing && options_.on_missing == CsvOptions::Missing::kNan;
    column.dtype = widens ? DType::kF64 : column.found;
  }

  std::string Place(const Column& column, int64_t line) const {
    return absl::StrCat("line ", line, ", column ", column.field + 1, " (", Shown(column.name),
                        "): ");
  }

  absl::Status Store(Column& column, absl::string_view raw, int64_t line) {
    if (column.text) {
      column.texts.emplace_back(raw);
      return absl::OkStatus();
    }
    const absl::string_view field = WithoutBlanks(raw);
    return VisitDType(*column.dtype, [&](auto tag) -> absl::Status {
      using T = typename decltype(tag)::type;
      constexpr bool kHalf = std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>;
      using Number = std::conditional_t<kHalf, float, T>;
      Number value{};
      if (IsMissing(field)) {
        ADJOINT_RETURN_IF_ERROR(MissingValue(column, line, &value));
      } else {
        const Parsed parsed = ParseNumber(field, &value);
        if (parsed != Parsed::kOk) {
          return absl::InvalidArgumentError(
              absl::StrCat(Place(column, line), Shown(raw),
                           parsed == Parsed::kOutOfRange ? " is out of the range of " : " is no ",
                           DTypeName(*column.dtype)));
        }
      }
      const T element(value);
      const size_t at = column.bytes.size();
      column.bytes.resize(at + sizeof(T));
      std::memcpy(column.bytes.data() + at, &element, sizeof(T));
      return absl::OkStatus();
    });
  }

  template <typename T>
  absl::Status MissingValue(const Column& column, int64_t line, T* value) const {
    switch (options_.on_missing) {
      case CsvOptions::Missing::kError:
        return absl::InvalidArgumentError(
            absl::StrCat(Place(column, line), "the value is missing"));
      case CsvOptions::Missing::kNan:
        if constexpr (std::is_floating_point_v<T>) {
          *value = std::numeric_limits<T>::quiet_NaN();
          return absl::OkStatus();
        }
        return absl::InvalidArgumentError(absl::StrCat(
            Place(column, line), "the value is missing, and ", DTypeName(*column.dtype),
            " has no NaN; read the column as f64 or fill it"));
      case CsvOptions::Missing::kFill:
        break;
    }
    if constexpr (std::is_same_v<T, bool>) {
      *value = options_.fill != 0;
    } else if constexpr (std::is_integral_v<T>) {
      // The bounds as doubles: 2^63 itself does not fit.
      const double low = static_cast<double>(std::numeric_limits<T>::min());
      const double high = std::ldexp(1.0, std::numeric_limits<T>::digits);
      if (!(options_.fill >= low && options_.fill < high)) {
        return absl::InvalidArgumentError(absl::StrCat(Place(column, line), "the fill value ",
                                                       options_.fill, " is out of the range of ",
                                                       DTypeName(*column.dtype)));
      }
      *value = static_cast<T>(options_.fill);
    } else {
      *value = static_cast<T>(options_.fill);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<CsvTable> Table() {
    CsvTable table{.rows = rows_, .columns = {}};
    for (Column& column : columns_) {
      if (column.text) {
        table.columns.push_back({std::move(column.name), std::move(column.texts)});
        continue;
      }
      ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate({*column.dtype, Shape{rows_}}));
      if (!column.bytes.empty()) {
        std::memcpy(tensor.mutable_raw(), column.bytes.data(), column.bytes.size());
      }
      column.bytes = {};
      table.columns.push_back({std::move(column.name), std::move(tensor)});
    }
    return table;
  }

  absl::string_view text_;
  const CsvOptions& options_;
  absl::flat_hash_set<std::string> missing_;
  size_t longest_missing_ = LongestMissing();
  size_t width_ = 0;
  std::vector<Column> columns_;
  int64_t rows_ = 0;
  size_t pass_ = 0, passes_ = 1;

  size_t LongestMissing() const {
    size_t longest = 0;
    for (const std::string& text : options_.missing) longest = std::max(longest, text.size());
    return longest;
  }
};

}  // namespace

const CsvColumn* CsvTable::Find(absl::string_view name) const {
  for (const CsvColumn& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

absl::StatusOr<Tensor> CsvTable::Matrix(absl::Span<const std::string> names) const {
  std::vector<const CsvColumn*> chosen;
  for (const std::string& name : names) {
    chosen.push_back(Find(name));
    if (chosen.back() == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot make a matrix: there is no column ", Shown(name)));
    }
  }
  if (names.empty()) {
    for (const CsvColumn& column : columns) chosen.push_back(&column);
  }
  for (const CsvColumn* column : chosen) {
    if (!column->is_text()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("cannot make a matrix: column ", Shown(column->name), " is text"));
  }
  const int64_t width = static_cast<int64_t>(chosen.size());
  ADJOINT_ASSIGN_OR_RETURN(Tensor matrix, Tensor::Allocate({DType::kF32, Shape{rows, width}}));
  float* const to = matrix.mutable_data<float>().data();
  for (int64_t c = 0; c < width; ++c) {
    VisitDType(chosen[c]->tensor().dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const absl::Span<const T> from = chosen[c]->tensor().data<T>();
      for (int64_t r = 0; r < rows; ++r) to[r * width + c] = static_cast<float>(from[r]);
    });
  }
  return matrix;
}

absl::StatusOr<CsvTable> ParseCsv(absl::string_view text, const CsvOptions& options) {
  try {
    return Parser(text, options).Parse();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for the columns of ", text.size(), " bytes"));
  }
}

absl::StatusOr<CsvTable> ReadCsv(const std::string& path, const CsvOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string text, ReadMaybeGzippedFile(path));
  auto table = ParseCsv(text, options);
  if (table.ok()) return table;
  return absl::Status(table.status().code(),
                      absl::StrCat("cannot read '", path, "': ", table.status().message()));
}

}  // namespace adjoint::io
