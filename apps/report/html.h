#ifndef ADJOINT_APPS_REPORT_HTML_H_
#define ADJOINT_APPS_REPORT_HTML_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace adjoint::apps::report {

// The text for an HTML element or attribute value: markup escaped, bytes that are not UTF-8 and
// control characters replaced by U+FFFD.
std::string Escape(absl::string_view text);

// The text with whatever is not UTF-8 replaced by U+FFFD, one for each byte.
std::string ValidUtf8(absl::string_view text);

// "25,000".
std::string Thousands(int64_t n);

// "+0.42", "−1.30", with U+2212.
std::string Signed(double value);

// "1.2 µs", "3.4 ms", "5.60 s", "2 min 5 s".
std::string Duration(double seconds);

}  // namespace adjoint::apps::report

#endif  // ADJOINT_APPS_REPORT_HTML_H_
