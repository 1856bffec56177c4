#ifndef ADJOINT_NN_CONFIG_H_
#define ADJOINT_NN_CONFIG_H_

#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/attrs.h"
#include "nn/activations.h"
#include "nn/regularizers.h"

namespace adjoint::nn {

// A layer as a file describes it.
struct LayerConfig {
  std::string class_name;
  std::string name;  // in its model
  Attrs values;      // as Layer::Config gave them
};

// Reads values of a configuration that may be wrong. The first mistake stays in status(), and what
// is read after it does not matter.
class ConfigReader {
 public:
  explicit ConfigReader(const LayerConfig& config) : config_(config) {}

  // The value of a name, of an attribute's type (core/attrs.h).
  template <typename T>
  T Get(absl::string_view name) {
    const AttrValue* value = config_.values.Find(name);
    if (value != nullptr && std::holds_alternative<T>(*value)) return std::get<T>(*value);
    Fail(absl::StrCat("value '", name, "' is ", value == nullptr ? "missing" : "of another type"));
    return T();
  }
  Regularizer GetRegularizer(absl::string_view name);

  void Fail(absl::string_view message);
  const absl::Status& status() const { return status_; }

 private:
  const LayerConfig& config_;
  absl::Status status_;
};

// The activation's name, or an error that a function of the user's own cannot be saved.
absl::StatusOr<std::string> ActivationConfig(const ActivationFunction& activation);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CONFIG_H_
