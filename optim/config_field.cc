#include "optim/config_field.h"

#include <cmath>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace adjoint::optim {
namespace {

bool InRange(double x, Range range) {
  if (!std::isfinite(x)) return false;
  switch (range) {
    case Range::kNonNegative:
      return x >= 0;
    case Range::kPositive:
      return x > 0;
    case Range::kNonPositive:
      return x <= 0;
    case Range::kUnit:
      return x >= 0 && x <= 1;
    case Range::kBelowOne:
      return x >= 0 && x < 1;
  }
  return false;
}

absl::string_view Describe(Range range) {
  switch (range) {
    case Range::kNonNegative:
      return "a finite number, at least 0";
    case Range::kPositive:
      return "a finite number above 0";
    case Range::kNonPositive:
      return "a finite number, at most 0";
    case Range::kUnit:
      return "at least 0 and at most 1";
    case Range::kBelowOne:
      return "at least 0 and less than 1";
  }
  return "";
}

double ValueOf(const ConfigField& field) {
  return std::visit([](auto* value) { return static_cast<double>(*value); }, field.value);
}

void Store(double x, const ConfigField& field) {
  std::visit(
      [x](auto* value) {
        using T = std::remove_reference_t<decltype(*value)>;
        if constexpr (std::is_same_v<T, Formula>) {
          *value = x == 0 ? Formula::kKeras : Formula::kPyTorch;
        } else {
          *value = static_cast<T>(x);
        }
      },
      field.value);
}

}  // namespace

absl::Status CheckFields(absl::string_view optimizer, absl::Span<const ConfigField> fields) {
  for (const ConfigField& field : fields) {
    if (!std::holds_alternative<double*>(field.value)) continue;
    if (const double x = ValueOf(field); !InRange(x, field.range)) {
      return absl::InvalidArgumentError(absl::StrCat("optimizer '", optimizer, "': ", field.name,
                                                     " is ", x, "; it must be ",
                                                     Describe(field.range)));
    }
  }
  return absl::OkStatus();
}

OptimizerConfig ConfigOf(absl::string_view optimizer, absl::Span<const ConfigField> fields) {
  OptimizerConfig config{.name = std::string(optimizer), .values = {}};
  for (const ConfigField& field : fields) config.values[std::string(field.name)] = ValueOf(field);
  return config;
}

absl::Status AssignFields(const OptimizerConfig& config, absl::Span<const ConfigField> fields) {
  for (const auto& [name, x] : config.values) {
    const ConfigField* found = nullptr;
    for (const ConfigField& field : fields) {
      if (field.name == name) found = &field;
    }
    if (found == nullptr) {
      const std::string names = absl::StrJoin(
          fields, ", ",
          [](std::string* out, const ConfigField& field) { absl::StrAppend(out, field.name); });
      return absl::InvalidArgumentError(
          absl::StrCat("optimizer '", config.name, "' has no value '", name, "'; it has ", names));
    }
    if (!std::holds_alternative<double*>(found->value) && x != 0 && x != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "optimizer '", config.name, "': ", name, " is ", x, "; it must be ",
          std::holds_alternative<Formula*>(found->value) ? "0 (Keras') or 1 (PyTorch's)"
                                                         : "0 or 1"));
    }
    Store(x, *found);
  }
  return absl::OkStatus();
}

}  // namespace adjoint::optim
