#include "nn/normalization_layers.h"

#include <cmath>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/normalization.h"
#include "ops/rearrange.h"

namespace adjoint::nn {
namespace {

// What the three kinds have in common: gamma and beta along one axis.
struct Affine {
  int64_t axis = -1;
  double epsilon = 1e-3;
  bool center = true, scale = true;
  Initializer beta_initializer = "zeros", gamma_initializer = "ones";
  Regularizer beta_regularizer = {}, gamma_regularizer = {};
};

template <class Options>
Affine AffineOf(const Options& o) {
  return {o.axis,
          o.epsilon,
          o.center,
          o.scale,
          o.beta_initializer,
          o.gamma_initializer,
          o.beta_regularizer,
          o.gamma_regularizer};
}

// The axis that gamma and beta lie along, and its extent.
struct Place {
  int axis;
  int64_t extent;
};

absl::StatusOr<Place> PlaceOf(const Affine& affine, const Shape& shape,
                              absl::string_view class_name) {
  ADJOINT_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(affine.axis, shape.rank()));
  const Dim extent = shape.dim(axis);
  if (axis == 0 || !extent.is_known() || extent.value() < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(class_name, " wants an axis after the batch whose extent is a number above ",
                     "0, but axis ", axis, " of ", shape.ToString(), " was given"));
  }
  if (!(affine.epsilon >= 0) || !std::isfinite(affine.epsilon)) {
    return absl::InvalidArgumentError(absl::StrCat(
        class_name, " wants an epsilon that is not negative, but was given ", affine.epsilon));
  }
  return Place{axis, extent.value()};
}

void DeclareAffine(const Affine& affine, int64_t extent, std::vector<VariableDecl>* variables) {
  const TensorSpec spec{DType::kF32, Shape{extent}};
  if (affine.scale) {
    variables->push_back({.name = "gamma",
                          .spec = spec,
                          .initializer = affine.gamma_initializer,
                          .regularizer = affine.gamma_regularizer});
  }
  if (affine.center) {
    variables->push_back({.name = "beta",
                          .spec = spec,
                          .initializer = affine.beta_initializer,
                          .regularizer = affine.beta_regularizer});
  }
}

void WriteAffine(const Affine& affine, Attrs* config) {
  config->Set("axis", affine.axis);
  config->Set("epsilon", affine.epsilon);
  config->Set("center", affine.center);
  config->Set("scale", affine.scale);
  config->Set("beta_initializer", affine.beta_initializer.text());
  config->Set("gamma_initializer", affine.gamma_initializer.text());
  config->Set("beta_regularizer", affine.beta_regularizer.ToString());
  config->Set("gamma_regularizer", affine.gamma_regularizer.ToString());
}

template <class Options>
void ReadAffine(ConfigReader& reader, Options* options) {
  options->axis = reader.Get<int64_t>("axis");
  options->epsilon = reader.Get<double>("epsilon");
  options->center = reader.Get<bool>("center");
  options->scale = reader.Get<bool>("scale");
  options->beta_initializer = reader.Get<std::string>("beta_initializer");
  options->gamma_initializer = reader.Get<std::string>("gamma_initializer");
  options->beta_regularizer = reader.GetRegularizer("beta_regularizer");
  options->gamma_regularizer = reader.GetRegularizer("gamma_regularizer");
}

// Where the channels of a layer's input are; nothing after an error, which the context is told.
std::optional<Place> PlaceIn(CallContext& context, const Affine& affine, Var x,
                             absl::string_view class_name) {
  if (!x.valid()) return std::nullopt;
  const absl::StatusOr<Place> place = PlaceOf(affine, x.shape(), class_name);
  if (place.ok()) return *place;
  context.Fail(place.status().message());
  return std::nullopt;
}

// gamma and beta, absent where the layer has none.
Var GammaOf(CallContext& context, const Affine& affine) {
  return affine.scale ? context.Variable("gamma") : Var{};
}
Var BetaOf(CallContext& context, const Affine& affine) {
  return affine.center ? context.Variable("beta") : Var{};
}

class BatchNormalizationLayer final : public Layer {
 public:
  BatchNormalizationLayer(BatchNormalizationOptions options, std::source_location location)
      : Layer(options.name, location), options_(std::move(options)), affine_(AffineOf(options_)) {}

  std::string ClassName() const override { return "BatchNormalization"; }
  bool PassesMask() const override { return true; }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec input, OneDenseInput(inputs, ClassName()));
    ADJOINT_ASSIGN_OR_RETURN(const Place place, PlaceOf(affine_, input.shape, ClassName()));
    if (!(options_.momentum >= 0 && options_.momentum <= 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          ClassName(), " wants a momentum from 0 to 1, but was given ", options_.momentum));
    }
    DeclareAffine(affine_, place.extent, variables);
    const TensorSpec spec{DType::kF32, Shape{place.extent}};
    variables->push_back({.name = "moving_mean",
                          .spec = spec,
                          .initializer = options_.moving_mean_initializer,
                          .trainable = false});
    variables->push_back({.name = "moving_variance",
                          .spec = spec,
                          .initializer = options_.moving_variance_initializer,
                          .trainable = false});
    return absl::OkStatus();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const Var x = ops::Cast(inputs[0].dense(), DType::kF32);
    const std::optional<Place> place = PlaceIn(context, affine_, x, ClassName());
    if (!place.has_value()) return {x};
    const Var gamma = GammaOf(context, affine_), beta = BetaOf(context, affine_);
    const Var moving_mean = context.Variable("moving_mean");
    const Var moving_variance = context.Variable("moving_variance");
    if (!context.training()) {
      return {ops::BatchNormInference(x, moving_mean, moving_variance, gamma, beta, place->axis,
                                      affine_.epsilon)};
    }
    const ops::BatchNormResult r =
        ops::BatchNormTraining(x, gamma, beta, place->axis, affine_.epsilon);
    Follow(context, "moving_mean", moving_mean, r.mean);
    Follow(context, "moving_variance", moving_variance, r.variance);
    return {r.y};
  }

  absl::StatusOr<Attrs> Config() const override {
    Attrs config{{"momentum", options_.momentum},
                 {"moving_mean_initializer", options_.moving_mean_initializer.text()},
                 {"moving_variance_initializer", options_.moving_variance_initializer.text()}};
    WriteAffine(affine_, &config);
    return config;
  }

 private:
  void Follow(CallContext& context, absl::string_view name, Var moving, Var batch) const {
    context.SetVariable(name, ops::Add(ops::Mul(moving, options_.momentum),
                                       ops::Mul(ops::StopGradient(batch), 1 - options_.momentum)));
  }

  const BatchNormalizationOptions options_;
  const Affine affine_;
};

class LayerNormalizationLayer final : public Layer {
 public:
  LayerNormalizationLayer(LayerNormalizationOptions options, std::source_location location)
      : Layer(options.name, location), affine_(AffineOf(options)) {}

  std::string ClassName() const override { return "LayerNormalization"; }
  bool PassesMask() const override { return true; }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec input, OneDenseInput(inputs, ClassName()));
    ADJOINT_ASSIGN_OR_RETURN(const Place place, PlaceOf(affine_, input.shape, ClassName()));
    DeclareAffine(affine_, place.extent, variables);
    return absl::OkStatus();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const Var x = ops::Cast(inputs[0].dense(), DType::kF32);
    const std::optional<Place> place = PlaceIn(context, affine_, x, ClassName());
    if (!place.has_value()) return {x};
    const int last = x.shape().rank() - 1;
    const Var gamma = GammaOf(context, affine_), beta = BetaOf(context, affine_);
    if (place->axis == last) return {ops::LayerNorm(x, gamma, beta, -1, affine_.epsilon)};
    const Var moved = ops::SwapAxes(x, place->axis, last);
    return {
        ops::SwapAxes(ops::LayerNorm(moved, gamma, beta, -1, affine_.epsilon), place->axis, last)};
  }

  absl::StatusOr<Attrs> Config() const override {
    Attrs config;
    WriteAffine(affine_, &config);
    return config;
  }

 private:
  const Affine affine_;
};

class GroupNormalizationLayer final : public Layer {
 public:
  GroupNormalizationLayer(GroupNormalizationOptions options, std::source_location location)
      : Layer(options.name, location), groups_(options.groups), affine_(AffineOf(options)) {}

  std::string ClassName() const override { return "GroupNormalization"; }
  bool PassesMask() const override { return true; }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec input, OneDenseInput(inputs, ClassName()));
    ADJOINT_ASSIGN_OR_RETURN(const Place place, PlaceOf(affine_, input.shape, ClassName()));
    const int64_t groups = groups_ == -1 ? place.extent : groups_;
    if (groups < 1 || place.extent % groups != 0) {
      return absl::InvalidArgumentError(absl::StrCat(ClassName(), " wants groups that divide ",
                                                     place.extent, " channels, but was given ",
                                                     groups_));
    }
    if (place.axis != 1 && place.axis != input.shape.rank() - 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(ClassName(), " wants its channels first after the batch or last, but was ",
                       "given axis ", place.axis, " of ", input.ToString()));
    }
    DeclareAffine(affine_, place.extent, variables);
    return absl::OkStatus();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const Var x = ops::Cast(inputs[0].dense(), DType::kF32);
    const std::optional<Place> place = PlaceIn(context, affine_, x, ClassName());
    if (!place.has_value()) return {x};
    return {ops::GroupNorm(x, groups_ == -1 ? place->extent : groups_, GammaOf(context, affine_),
                           BetaOf(context, affine_), place->axis, affine_.epsilon)};
  }

  absl::StatusOr<Attrs> Config() const override {
    Attrs config{{"groups", groups_}};
    WriteAffine(affine_, &config);
    return config;
  }

 private:
  const int64_t groups_;
  const Affine affine_;
};

}  // namespace

LayerHandle BatchNormalization(BatchNormalizationOptions options, std::source_location location) {
  return LayerHandle(std::make_shared<BatchNormalizationLayer>(std::move(options), location));
}

LayerHandle LayerNormalization(LayerNormalizationOptions options, std::source_location location) {
  return LayerHandle(std::make_shared<LayerNormalizationLayer>(std::move(options), location));
}

LayerHandle GroupNormalization(GroupNormalizationOptions options, std::source_location location) {
  return LayerHandle(std::make_shared<GroupNormalizationLayer>(std::move(options), location));
}

absl::StatusOr<LayerHandle> BatchNormalizationFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  BatchNormalizationOptions options;
  ReadAffine(reader, &options);
  options.momentum = reader.Get<double>("momentum");
  options.moving_mean_initializer = reader.Get<std::string>("moving_mean_initializer");
  options.moving_variance_initializer = reader.Get<std::string>("moving_variance_initializer");
  options.name = config.name;
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return BatchNormalization(std::move(options), std::source_location());
}

absl::StatusOr<LayerHandle> LayerNormalizationFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  LayerNormalizationOptions options;
  ReadAffine(reader, &options);
  options.name = config.name;
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return LayerNormalization(std::move(options), std::source_location());
}

absl::StatusOr<LayerHandle> GroupNormalizationFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  GroupNormalizationOptions options;
  ReadAffine(reader, &options);
  options.groups = reader.Get<int64_t>("groups");
  options.name = config.name;
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return GroupNormalization(std::move(options), std::source_location());
}

}  // namespace adjoint::nn
