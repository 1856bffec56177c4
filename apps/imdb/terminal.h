#ifndef ADJOINT_APPS_IMDB_TERMINAL_H_
#define ADJOINT_APPS_IMDB_TERMINAL_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "apps/imdb/options.h"
#include "apps/report/words.h"

namespace adjoint::apps::imdb {

// Whether standard output gets colours: as --color says; by itself on a terminal that knows them,
// unless $NO_COLOR is set to something (no-color.org).
bool UseColor(ColorMode mode);

// Columns of the terminal on standard output; 80 where it is none or does not tell.
size_t TerminalWidth();

// The text without what a terminal would obey: control characters and bytes that are not UTF-8
// become U+FFFD, white space a space.
std::string Printable(absl::string_view text);

// The text in lines of at most `width` columns, its words coloured by their contributions: three
// shades of green for positive ones, of red for negative ones. With `color` false, just the text.
std::string ColouredLines(absl::string_view text, absl::Span<const report::Word> words,
                          size_t width, bool color);

// The text in the colour of a number of this sign and strength (0 to 1).
std::string InColor(absl::string_view text, double sign, double strength, bool color);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_TERMINAL_H_
