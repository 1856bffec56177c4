#include "nn/config.h"

#include <utility>

namespace adjoint::nn {

void ConfigReader::Fail(absl::string_view message) {
  if (!status_.ok()) return;
  status_ = absl::InvalidArgumentError(
      absl::StrCat("layer '", config_.name, "' of class ", config_.class_name, ": ", message));
}

Regularizer ConfigReader::GetRegularizer(absl::string_view name) {
  auto regularizer = Regularizer::Parse(Get<std::string>(name));
  if (regularizer.ok()) return *regularizer;
  Fail(regularizer.status().message());
  return {};
}

absl::StatusOr<std::string> ActivationConfig(const ActivationFunction& activation) {
  if (!activation.is_users_own()) return activation.name();
  return absl::UnimplementedError(
      "an activation that is a function of your own cannot be saved; use one with a name, or a "
      "layer class of your own with Layer::Config");
}

}  // namespace adjoint::nn
