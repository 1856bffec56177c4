#include "nn/dense.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/matmul.h"

namespace adjoint::nn {
namespace {

class DenseLayer final : public Layer {
 public:
  DenseLayer(int64_t units, DenseOptions options, std::source_location location)
      : Layer(options.name, location), units_(units), options_(std::move(options)) {}

  std::string ClassName() const override { return "Dense"; }
  bool PassesMask() const override { return true; }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    if (inputs.size() != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("Dense takes one input, but was given ", inputs.size()));
    }
    if (units_ < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("Dense wants at least 1 unit, but was given ", units_));
    }
    ADJOINT_RETURN_IF_ERROR(options_.activation.Check());
    const Shape& shape = inputs[0].tensor.shape;
    if (shape.rank() < 2 || !shape.dim(shape.rank() - 1).is_known()) {
      return absl::InvalidArgumentError(
          absl::StrCat("Dense takes an input of a batch and at least one more axis, the last of "
                       "them a number, but was given ",
                       inputs[0].ToString()));
    }
    const Dim in = shape.dim(shape.rank() - 1);
    variables->push_back({.name = "kernel",
                          .spec = {DType::kF32, Shape{in, units_}},
                          .initializer = options_.kernel_initializer,
                          .regularizer = options_.kernel_regularizer});
    if (options_.use_bias) {
      variables->push_back({.name = "bias",
                            .spec = {DType::kF32, Shape{units_}},
                            .initializer = options_.bias_initializer,
                            .regularizer = options_.bias_regularizer});
    }
    return absl::OkStatus();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const Var kernel = context.Variable("kernel");
    Var y = inputs[0].is_csr() ? ops::MatMul(inputs[0].csr(), kernel)
                               : ops::MatMul(ops::Cast(inputs[0].dense(), DType::kF32), kernel);
    if (options_.use_bias) y = y + context.Variable("bias");
    return {options_.activation(y)};
  }

  absl::StatusOr<Attrs> Config() const override {
    ADJOINT_ASSIGN_OR_RETURN(const std::string activation, ActivationConfig(options_.activation));
    return Attrs{{"units", units_},
                 {"activation", activation},
                 {"use_bias", options_.use_bias},
                 {"kernel_initializer", options_.kernel_initializer.text()},
                 {"bias_initializer", options_.bias_initializer.text()},
                 {"kernel_regularizer", options_.kernel_regularizer.ToString()},
                 {"bias_regularizer", options_.bias_regularizer.ToString()}};
  }

 private:
  const int64_t units_;
  const DenseOptions options_;
};

}  // namespace

LayerHandle Dense(int64_t units, DenseOptions options, std::source_location location) {
  return LayerHandle(std::make_shared<DenseLayer>(units, std::move(options), location));
}

absl::StatusOr<LayerHandle> DenseFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const int64_t units = reader.Get<int64_t>("units");
  DenseOptions options{.activation = reader.Get<std::string>("activation"),
                       .use_bias = reader.Get<bool>("use_bias"),
                       .kernel_initializer = reader.Get<std::string>("kernel_initializer"),
                       .bias_initializer = reader.Get<std::string>("bias_initializer"),
                       .kernel_regularizer = reader.GetRegularizer("kernel_regularizer"),
                       .bias_regularizer = reader.GetRegularizer("bias_regularizer"),
                       .name = config.name};
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return Dense(units, std::move(options), std::source_location());
}

}  // namespace adjoint::nn
