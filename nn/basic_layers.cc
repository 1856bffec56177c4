#include "nn/basic_layers.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/masks.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/indexing.h"
#include "ops/random.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

class ActivationLayer final : public Layer {
 public:
  ActivationLayer(ActivationFunction function, LayerOptions options, std::source_location location)
      : Layer(std::move(options.name), location), function_(std::move(function)) {}

  std::string ClassName() const override { return "Activation"; }
  bool PassesMask() const override { return true; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    ADJOINT_RETURN_IF_ERROR(OneDenseInput(inputs, ClassName()).status());
    return function_.Check();
  }
  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    return {function_(inputs[0].dense())};
  }
  absl::StatusOr<Attrs> Config() const override {
    ADJOINT_ASSIGN_OR_RETURN(const std::string name, ActivationConfig(function_));
    return Attrs{{"activation", name}};
  }

 private:
  const ActivationFunction function_;
};

class DropoutLayer final : public Layer {
 public:
  DropoutLayer(double rate, LayerOptions options, std::source_location location)
      : Layer(std::move(options.name), location), rate_(rate) {}

  std::string ClassName() const override { return "Dropout"; }
  bool PassesMask() const override { return true; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    ADJOINT_RETURN_IF_ERROR(OneDenseInput(inputs, ClassName()).status());
    if (rate_ >= 0 && rate_ < 1) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("Dropout wants a rate of at least 0 and below 1, but was given ", rate_));
  }
  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    if (!context.training()) return {inputs[0]};
    return {ops::Dropout(inputs[0].dense(), rate_, context.seed(), context.step())};
  }
  absl::StatusOr<Attrs> Config() const override { return Attrs{{"rate", rate_}}; }

 private:
  const double rate_;
};

class FlattenLayer final : public Layer {
 public:
  FlattenLayer(LayerOptions options, std::source_location location)
      : Layer(std::move(options.name), location) {}

  std::string ClassName() const override { return "Flatten"; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    return OneDenseInput(inputs, ClassName()).status();
  }
  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    const Var x = inputs[0].dense();
    if (!x.valid()) return {x};
    return {ops::Reshape(x, Shape{x.shape().dim(0), -1})};
  }
  absl::StatusOr<Attrs> Config() const override { return Attrs{}; }
};

// For layers that join dense inputs.
absl::Status CheckMerge(absl::Span<const ValueSpec> inputs, absl::string_view class_name) {
  if (inputs.size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(class_name, " takes two inputs or more, but was given ", inputs.size()));
  }
  for (const ValueSpec& input : inputs) {
    ADJOINT_RETURN_IF_ERROR(OneDenseInput({&input, 1}, class_name).status());
  }
  return absl::OkStatus();
}

class AddLayer final : public Layer {
 public:
  AddLayer(LayerOptions options, std::source_location location)
      : Layer(std::move(options.name), location) {}

  std::string ClassName() const override { return "Add"; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    return CheckMerge(inputs, ClassName());
  }
  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    Var sum = inputs[0].dense();
    for (const Value& input : inputs.subspan(1)) sum = ops::Add(sum, input.dense());
    return {Value(sum, JointMask(inputs))};
  }
  absl::StatusOr<Attrs> Config() const override { return Attrs{}; }
};

class ConcatenateLayer final : public Layer {
 public:
  ConcatenateLayer(int64_t axis, LayerOptions options, std::source_location location)
      : Layer(std::move(options.name), location), axis_(axis) {}

  std::string ClassName() const override { return "Concatenate"; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    return CheckMerge(inputs, ClassName());
  }
  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    std::vector<ops::Operand> operands;
    for (const Value& input : inputs) operands.push_back(input.dense());
    const Var y = ops::Concat(operands, axis_);
    if (!y.valid()) return {y};
    return {Value(y, ConcatenatedMask(inputs, *NormalizeAxis(axis_, y.shape().rank())))};
  }
  absl::StatusOr<Attrs> Config() const override { return Attrs{{"axis", axis_}}; }

 private:
  const int64_t axis_;
};

class EmbeddingLayer final : public Layer {
 public:
  EmbeddingLayer(int64_t input_dim, int64_t output_dim, EmbeddingOptions options,
                 std::source_location location)
      : Layer(options.name, location),
        input_dim_(input_dim),
        output_dim_(output_dim),
        options_(std::move(options)) {}

  std::string ClassName() const override { return "Embedding"; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    ADJOINT_RETURN_IF_ERROR(OneDenseInput(inputs, ClassName()).status());
    if (input_dim_ < 1 || output_dim_ < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("Embedding wants positive dimensions, but was given input_dim ", input_dim_,
                       " and output_dim ", output_dim_));
    }
    variables->push_back({.name = "embeddings",
                          .spec = {DType::kF32, Shape{input_dim_, output_dim_}},
                          .initializer = options_.initializer,
                          .regularizer = options_.regularizer});
    return absl::OkStatus();
  }
  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    Var indices = inputs[0].dense();
    if (indices.dtype() != DType::kI64) indices = ops::Cast(indices, DType::kI32);
    Value y = ops::Gather(context.Variable("embeddings"), indices);
    if (options_.mask_zero) y.set_mask(ops::NotEqual(indices, 0));
    return {y};
  }
  absl::StatusOr<Attrs> Config() const override {
    return Attrs{{"input_dim", input_dim_},
                 {"output_dim", output_dim_},
                 {"initializer", options_.initializer.text()},
                 {"regularizer", options_.regularizer.ToString()},
                 {"mask_zero", options_.mask_zero}};
  }

 private:
  const int64_t input_dim_;
  const int64_t output_dim_;
  const EmbeddingOptions options_;
};

constexpr std::source_location kFromFile = std::source_location();

}  // namespace

LayerHandle Activation(ActivationFunction function, LayerOptions options,
                       std::source_location location) {
  return std::make_shared<ActivationLayer>(std::move(function), std::move(options), location);
}

LayerHandle Dropout(double rate, LayerOptions options, std::source_location location) {
  return std::make_shared<DropoutLayer>(rate, std::move(options), location);
}

LayerHandle Flatten(LayerOptions options, std::source_location location) {
  return std::make_shared<FlattenLayer>(std::move(options), location);
}

LayerHandle Add(LayerOptions options, std::source_location location) {
  return std::make_shared<AddLayer>(std::move(options), location);
}

LayerHandle Concatenate(int64_t axis, LayerOptions options, std::source_location location) {
  return std::make_shared<ConcatenateLayer>(axis, std::move(options), location);
}

LayerHandle Embedding(int64_t input_dim, int64_t output_dim, EmbeddingOptions options,
                      std::source_location location) {
  return std::make_shared<EmbeddingLayer>(input_dim, output_dim, std::move(options), location);
}

absl::StatusOr<LayerHandle> ActivationFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const std::string name = reader.Get<std::string>("activation");
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return Activation(name, {config.name}, kFromFile);
}

absl::StatusOr<LayerHandle> DropoutFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const double rate = reader.Get<double>("rate");
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return Dropout(rate, {config.name}, kFromFile);
}

absl::StatusOr<LayerHandle> FlattenFromConfig(const LayerConfig& config) {
  return Flatten({config.name}, kFromFile);
}

absl::StatusOr<LayerHandle> AddFromConfig(const LayerConfig& config) {
  return Add({config.name}, kFromFile);
}

absl::StatusOr<LayerHandle> ConcatenateFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const int64_t axis = reader.Get<int64_t>("axis");
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return Concatenate(axis, {config.name}, kFromFile);
}

absl::StatusOr<LayerHandle> EmbeddingFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const int64_t input_dim = reader.Get<int64_t>("input_dim");
  const int64_t output_dim = reader.Get<int64_t>("output_dim");
  EmbeddingOptions options{.initializer = reader.Get<std::string>("initializer"),
                           .regularizer = reader.GetRegularizer("regularizer"),
                           .name = config.name};
  // Models of before masks have no such value.
  if (config.values.Has("mask_zero")) options.mask_zero = reader.Get<bool>("mask_zero");
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return Embedding(input_dim, output_dim, std::move(options), kFromFile);
}

absl::StatusOr<LayerHandle> InputFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const DType dtype = reader.Get<DType>("dtype");
  const bool has_shape = config.values.Has("shape");
  const Shape shape = has_shape ? reader.Get<Shape>("shape") : Shape();
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return LayerHandle(
      std::make_shared<InputLayer>(has_shape ? &shape : nullptr, dtype, config.name, kFromFile));
}

}  // namespace adjoint::nn
