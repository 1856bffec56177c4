#ifndef ADJOINT_OPTIM_CONFIG_FIELD_H_
#define ADJOINT_OPTIM_CONFIG_FIELD_H_

#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "optim/formula.h"
#include "optim/optimizer.h"

// For authors of optimizers: options as a list of named fields, from which configurations are
// written, read and checked.

namespace adjoint::optim {

// The numbers that an option may be. All are finite.
enum class Range {
  kNonNegative,  // >= 0
  kPositive,     // > 0
  kNonPositive,  // <= 0
  kUnit,         // 0 to 1
  kBelowOne,     // at least 0, less than 1
};

// An option by the name it has in configurations. Flags and formulas are 0 or 1.
struct ConfigField {
  absl::string_view name;
  std::variant<double*, bool*, Formula*> value;
  Range range = Range::kNonNegative;
};

// OK when every number among `fields` is in its range; else names the optimizer, the field, the
// value and the range.
absl::Status CheckFields(absl::string_view optimizer, absl::Span<const ConfigField> fields);

// The configuration that `fields` hold.
OptimizerConfig ConfigOf(absl::string_view optimizer, absl::Span<const ConfigField> fields);

// Writes a configuration's values into `fields`; fields that it does not name stay. Errors: a name
// that no field has; a flag that is neither 0 nor 1.
absl::Status AssignFields(const OptimizerConfig& config, absl::Span<const ConfigField> fields);

// The options that a configuration describes: what it does not name has the default of its formula.
// `fields_of` lists an Options' fields; options that have PyTorch's formula have
// Options::PyTorch().
template <typename Options, typename FieldsOf>
absl::StatusOr<Options> OptionsFrom(const OptimizerConfig& config, FieldsOf fields_of) {
  Options options;
  if constexpr (requires { Options::PyTorch(); }) {
    const auto formula = config.values.find("formula");
    if (formula != config.values.end() && formula->second == 1) options = Options::PyTorch();
  }
  ADJOINT_RETURN_IF_ERROR(AssignFields(config, fields_of(&options)));
  return options;
}

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_CONFIG_FIELD_H_
