#include "core/io/libsvm.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <new>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/io/gzip.h"
#include "core/status_macros.h"

namespace adjoint::io {
namespace {

constexpr size_t kProgressBytes = 4 << 20;

std::string Shown(absl::string_view text) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(text.substr(0, 40)), "'");
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

template <typename T>
bool ParseNumber(absl::string_view text, T* value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && stop == end;
}

class Parser {
 public:
  Parser(absl::string_view text, const LibsvmOptions& options) : text_(text), options_(options) {}

  absl::StatusOr<LibsvmData> Parse() {
    constexpr int64_t kMaxCols = std::numeric_limits<int32_t>::max();
    if (options_.cols < 0 || options_.cols > kMaxCols) {
      return absl::InvalidArgumentError(
          absl::StrCat("cols is ", options_.cols, "; it may be 0 to ", kMaxCols));
    }
    size_t reported = 0;
    for (size_t at = 0; at < text_.size(); ++line_) {
      const size_t end = std::min(text_.find('\n', at), text_.size());
      absl::Status status = Line(text_.substr(at, end - at));
      if (!status.ok()) {
        return absl::Status(status.code(), absl::StrCat("line ", line_, ": ", status.message()));
      }
      at = end + 1;
      if (options_.progress && at - reported >= kProgressBytes) {
        reported = at;
        Report(at);
      }
    }
    if (options_.progress) Report(text_.size());
    LibsvmData data;
    ADJOINT_ASSIGN_OR_RETURN(
        data.x, CsrMatrix::Create(options_.cols > 0 ? options_.cols : largest_ + 1, offsets_,
                                  columns_, values_));
    ADJOINT_ASSIGN_OR_RETURN(
        data.labels, Tensor::Allocate({DType::kF32, Shape{static_cast<int64_t>(labels_.size())}}));
    std::copy(labels_.begin(), labels_.end(), data.labels.mutable_data<float>().begin());
    return data;
  }

 private:
  void Report(size_t at) const {
    options_.progress(static_cast<int64_t>(at), static_cast<int64_t>(text_.size()));
  }

  // The next word of a line, empty at its end.
  static absl::string_view Word(absl::string_view* line) {
    size_t begin = 0;
    while (begin < line->size() && IsBlank((*line)[begin])) ++begin;
    size_t end = begin;
    while (end < line->size() && !IsBlank((*line)[end])) ++end;
    const absl::string_view word = line->substr(begin, end - begin);
    line->remove_prefix(end);
    return word;
  }

  absl::Status Line(absl::string_view line) {
    const auto wrong = [](auto... parts) {
      return absl::InvalidArgumentError(absl::StrCat(parts...));
    };
    line = line.substr(0, line.find('#'));
    absl::string_view word = Word(&line);
    if (word.empty()) return absl::OkStatus();
    float label;
    if (!ParseNumber(word, &label)) {
      if (word.find(',') != absl::string_view::npos) {
        return wrong("several labels, ", Shown(word), "; one is expected");
      }
      return wrong("the label ", Shown(word), " is no number");
    }
    const int64_t first = options_.zero_based ? 0 : 1;
    const int64_t cols = options_.cols > 0 ? options_.cols : std::numeric_limits<int32_t>::max();
    int64_t before = -1;
    for (word = Word(&line); !word.empty(); word = Word(&line)) {
      const size_t colon = word.find(':');
      if (colon == absl::string_view::npos) {
        return wrong(Shown(word), " is no index:value");
      }
      int64_t index;
      float value;
      if (!ParseNumber(word.substr(0, colon), &index)) {
        return wrong("the index of ", Shown(word), " is no whole number");
      }
      if (!ParseNumber(word.substr(colon + 1), &value)) {
        return wrong("the value of ", Shown(word), " is no number that f32 holds");
      }
      if (index < first || index - first >= cols) {
        return wrong("the index of ", Shown(word), " is out of range; it may be ", first, " to ",
                     cols - 1 + first,
                     index == 0 && first == 1 ? " (zero_based makes 0 the first)" : "");
      }
      if (index - first <= before) {
        return wrong("index ", index, " follows ", before + first, "; indices must ascend");
      }
      before = index - first;
      columns_.push_back(static_cast<int32_t>(before));
      values_.push_back(value);
    }
    largest_ = std::max(largest_, before);
    labels_.push_back(label);
    offsets_.push_back(static_cast<int64_t>(columns_.size()));
    return absl::OkStatus();
  }

  const absl::string_view text_;
  const LibsvmOptions& options_;
  int64_t line_ = 1;
  int64_t largest_ = -1;
  std::vector<float> labels_;
  std::vector<int64_t> offsets_ = {0};
  std::vector<int32_t> columns_;
  std::vector<float> values_;
};

}  // namespace

absl::StatusOr<LibsvmData> ParseLibsvm(absl::string_view text, const LibsvmOptions& options) {
  try {
    return Parser(text, options).Parse();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for the samples of ", text.size(), " bytes"));
  }
}

absl::StatusOr<LibsvmData> ReadLibsvm(const std::string& path, const LibsvmOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string text, ReadMaybeGzippedFile(path));
  auto data = ParseLibsvm(text, options);
  if (data.ok()) return data;
  return absl::Status(data.status().code(),
                      absl::StrCat("cannot read '", path, "': ", data.status().message()));
}

}  // namespace adjoint::io
