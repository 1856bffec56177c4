#ifndef ADJOINT_APPS_IMDB_TEXT_H_
#define ADJOINT_APPS_IMDB_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace adjoint::apps::imdb {

// "25,000".
std::string WithCommas(int64_t n);

// The text with line breaks in place of some spaces, so that no line of several words is longer
// than `width` bytes. Without a line break at the end.
std::string Wrapped(absl::string_view text, size_t width = 100);

// "[1, 14, 22]".
std::string ListText(absl::Span<const int32_t> values);
// "[0.5084, 0.3005]".
std::string ListText(absl::Span<const double> values);

// As NumPy shows them, long ones shortened: "array([0., 1., 1., ..., 0., 0., 0.], dtype=float32)".
// `values` are f32[n].
std::string ArrayText(absl::Span<const float> values);
// The same for f32[n, 1], a row a line.
std::string ColumnText(absl::Span<const float> values);

// "0.31 s", "12 s".
std::string SecondsText(double seconds);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_TEXT_H_
