#include "nn/call_text.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace adjoint::nn {

absl::StatusOr<CallText> ParseCall(absl::string_view text) {
  const size_t open = text.find('(');
  CallText call;
  call.name = std::string(absl::StripAsciiWhitespace(text.substr(0, open)));
  if (open == absl::string_view::npos) return call;
  absl::string_view inside = text.substr(open + 1);
  if (!absl::ConsumeSuffix(&inside, ")")) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' has an opening parenthesis but does not end with ')'"));
  }
  if (absl::StripAsciiWhitespace(inside).empty()) return call;
  for (absl::string_view piece : absl::StrSplit(inside, ',')) {
    double number;
    if (!absl::SimpleAtod(piece, &number) || !std::isfinite(number)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", piece, "' in '", text, "' is not a finite number"));
    }
    call.numbers.push_back(number);
  }
  return call;
}

std::string FormatCall(absl::string_view name, absl::Span<const double> numbers) {
  if (numbers.empty()) return std::string(name);
  return absl::StrCat(name, "(",
                      absl::StrJoin(numbers, ", ",
                                    [](std::string* out, double number) {
                                      std::string text = absl::StrFormat("%.15g", number);
                                      if (std::strtod(text.c_str(), nullptr) != number) {
                                        text = absl::StrFormat("%.17g", number);
                                      }
                                      absl::StrAppend(out, text);
                                    }),
                      ")");
}

}  // namespace adjoint::nn
