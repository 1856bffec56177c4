#ifndef ADJOINT_APPS_REPORT_WORDS_H_
#define ADJOINT_APPS_REPORT_WORDS_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace adjoint::apps::report {

// A word of a text and what it adds to a score.
struct Word {
  size_t begin = 0, end = 0;  // bytes of the text
  double contribution = 0;
  bool known = true;  // others are shown as plain text
};

// The text with its words coloured: positive ones green, negative ones red, the stronger the larger
// their contribution beside the largest of the text's. Words are in order and do not overlap.
// "<br />" between words ends a line, as in the reviews.
std::string ColouredText(absl::string_view text, absl::Span<const Word> words);

// What the colours mean, for the reader.
std::string ColourKey(absl::string_view negative, absl::string_view positive);

// A name and a number with a sign.
struct Bar {
  std::string name;  // plain text
  double value = 0;
};
// A line each, the longest bar for the largest number.
std::string SignedBars(absl::Span<const Bar> bars);

// How strong a colour stands for a contribution, 0 to 1, where `largest` is the text's largest.
double Strength(double contribution, double largest);
double LargestContribution(absl::Span<const Word> words);

}  // namespace adjoint::apps::report

#endif  // ADJOINT_APPS_REPORT_WORDS_H_
