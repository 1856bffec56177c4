#include "apps/imdb/text.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace adjoint::apps::imdb {
namespace {

constexpr size_t kEdge = 3;    // elements that NumPy shows at each end
constexpr size_t kWhole = 20;  // so many are shown all

template <typename Format>
std::string Shortened(absl::Span<const float> values, absl::string_view separator, Format format) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values.size() > kWhole && i == kEdge) {
      parts.emplace_back("...");
      i = values.size() - kEdge;
    }
    parts.push_back(format(values[i]));
  }
  return absl::StrJoin(parts, separator);
}

}  // namespace

std::string WithCommas(int64_t n) {
  std::string digits = absl::StrCat(n);
  for (int i = static_cast<int>(digits.size()) - 3; i > (n < 0 ? 1 : 0); i -= 3) {
    digits.insert(static_cast<size_t>(i), ",");
  }
  return digits;
}

std::string Wrapped(absl::string_view text, size_t width) {
  std::string wrapped;
  size_t column = 0;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > width) {
      wrapped.push_back('\n');
      column = 0;
    } else if (column > 0) {
      wrapped.push_back(' ');
      ++column;
    }
    absl::StrAppend(&wrapped, word);
    column += word.size();
  }
  return wrapped;
}

std::string ListText(absl::Span<const int32_t> values) {
  return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
}

std::string ListText(absl::Span<const double> values) {
  return absl::StrCat("[",
                      absl::StrJoin(values, ", ",
                                    [](std::string* out, double value) {
                                      // As the progress bar shows them.
                                      const bool small = std::abs(value) <= 1e-3;
                                      if (small) absl::StrAppendFormat(out, "%.4e", value);
                                      if (!small) absl::StrAppendFormat(out, "%.4f", value);
                                    }),
                      "]");
}

std::string ArrayText(absl::Span<const float> values) {
  return absl::StrCat("array([",
                      Shortened(values, ", ",
                                [](float v) {
                                  return v == std::floor(v) ? absl::StrFormat("%.0f.", v)
                                                            : absl::StrFormat("%.7g", v);
                                }),
                      "], dtype=float32)");
}

std::string ColumnText(absl::Span<const float> values) {
  return absl::StrCat(
      "array([",
      Shortened(values, ",\n       ", [](float v) { return absl::StrFormat("[%.7f]", v); }),
      "], dtype=float32)");
}

std::string SecondsText(double seconds) {
  return absl::StrFormat(seconds < 10 ? "%.2f s" : "%.0f s", seconds);
}

}  // namespace adjoint::apps::imdb
