#ifndef ADJOINT_NN_CALL_TEXT_H_
#define ADJOINT_NN_CALL_TEXT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace adjoint::nn {

// A name with numbers, "random_uniform(-0.05, 0.05)": how initializers and regularizers are written
// in strings and files.
struct CallText {
  std::string name;
  std::vector<double> numbers;
};

// Errors: an unbalanced parenthesis, something between commas that is not a finite number.
absl::StatusOr<CallText> ParseCall(absl::string_view text);

// The text that ParseCall reads back to the same numbers; the name alone where there are none.
std::string FormatCall(absl::string_view name, absl::Span<const double> numbers);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CALL_TEXT_H_
