#include "apps/imdb/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/report/html.h"

namespace adjoint::apps::imdb {
namespace {

// "Select graphic rendition" (ECMA-48): the faint ones are not coloured at all.
absl::string_view Shade(double sign, double strength) {
  constexpr double kFaint = 0.08, kMedium = 0.3, kStrong = 0.6;
  if (strength < kFaint || sign == 0) return "";
  if (strength < kMedium) return sign > 0 ? "\x1b[32m" : "\x1b[31m";
  if (strength < kStrong) return sign > 0 ? "\x1b[1;32m" : "\x1b[1;31m";
  return sign > 0 ? "\x1b[30;42m" : "\x1b[97;41m";
}

constexpr absl::string_view kPlain = "\x1b[0m";

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

size_t Columns(absl::string_view text) {  // of valid UTF-8
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

bool UseColor(ColorMode mode) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         terminal != nullptr && absl::string_view(terminal) != "dumb";
}

size_t TerminalWidth() {
  constexpr size_t kUsual = 80, kNarrowest = 20;
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return std::max<size_t>(size.ws_col, kNarrowest);
}

std::string Printable(absl::string_view text) {
  std::string printable;
  for (const char c : report::ValidUtf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsSpace(c)) {
      printable.push_back(' ');
    } else if (byte < 0x20 || byte == 0x7F) {
      printable += "\xEF\xBF\xBD";
    } else {
      printable.push_back(c);
    }
  }
  // The C1 controls, U+0080 to U+009F, are two bytes in UTF-8.
  std::string safe;
  for (size_t i = 0; i < printable.size(); ++i) {
    if (printable[i] == '\xC2' && static_cast<unsigned char>(printable[i + 1]) < 0xA0) {
      safe += "\xEF\xBF\xBD";
      ++i;
    } else {
      safe.push_back(printable[i]);
    }
  }
  return safe;
}

std::string InColor(absl::string_view text, double sign, double strength, bool color) {
  const absl::string_view shade = color ? Shade(sign, strength) : "";
  return shade.empty() ? std::string(text) : absl::StrCat(shade, text, kPlain);
}

std::string ColouredLines(absl::string_view text, absl::Span<const report::Word> words,
                          size_t width, bool color) {
  const double largest = report::LargestContribution(words);
  std::string lines;
  size_t column = 0, next = 0;
  for (size_t begin = 0; begin < text.size();) {
    if (IsSpace(text[begin])) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && !IsSpace(text[end])) ++end;
    // The words within this stretch without spaces: "well-made," has two.
    std::string stretch;
    size_t at = begin, columns = 0;
    const auto add = [&](size_t until, double contribution) {
      const std::string piece = Printable(text.substr(at, until - at));
      columns += Columns(piece);
      absl::StrAppend(&stretch,
                      InColor(piece, contribution, report::Strength(contribution, largest), color));
      at = until;
    };
    while (next < words.size() && words[next].end <= end) {
      if (words[next].begin > at) add(words[next].begin, 0);
      add(words[next].end, words[next].contribution);
      ++next;
    }
    if (at < end) add(end, 0);
    if (column > 0 && column + 1 + columns > width) {
      lines.push_back('\n');
      column = 0;
    } else if (column > 0) {
      lines.push_back(' ');
      ++column;
    }
    lines += stretch;
    column += columns;
    begin = end;
  }
  return lines;
}

}  // namespace adjoint::apps::imdb
