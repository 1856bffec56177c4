#include "apps/mnist/network.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/mnist/digits.h"
#include "core/status_macros.h"
#include "nn/nn.h"
#include "optim/adam.h"
#include "optim/extended.h"
#include "optim/schedule.h"

namespace adjoint::apps::mnist {
namespace {

constexpr char kSection[] = "mnist.source";

std::vector<nn::LayerHandle> DenseLayers() {
  return {nn::Input({kSide, kSide, 1}), nn::Flatten(), nn::Dense(512, {.activation = "relu"}),
          nn::Dense(kClasses, {.activation = "softmax"})};
}

std::vector<nn::LayerHandle> ConvLayers() {
  const nn::ConvLayerOptions relu = {.activation = "relu"};
  return {nn::Input({kSide, kSide, 1}),
          nn::Conv2D(32, 5, relu),
          nn::MaxPooling2D(),
          nn::BatchNormalization(),
          nn::Conv2D(64, 3, relu),
          nn::Conv2D(64, 3, relu),
          nn::MaxPooling2D(),
          nn::BatchNormalization(),
          nn::Flatten(),
          nn::Dense(256, {.activation = "relu"}),
          nn::Dropout(0.4),
          nn::Dense(kClasses, {.activation = "softmax"})};
}

}  // namespace

absl::StatusOr<nn::Model> MakeModel(const Options& options, int64_t train_size) {
  constexpr char kLoss[] = "sparse_categorical_crossentropy";
  const nn::ModelOptions named = {.name = absl::StrCat("mnist_", options.network),
                                  .seed = options.seed};
  if (options.network == "dense") {
    nn::Sequential model(DenseLayers(), named);
    ADJOINT_RETURN_IF_ERROR(model.Compile("rmsprop", kLoss, {kAccuracy}));
    return nn::Model(std::move(model));
  }
  nn::Sequential model(ConvLayers(), named);
  const int64_t steps = (train_size + options.batch_size - 1) / options.batch_size;
  optim::Extensions extended;
  extended.schedule =
      optim::OneCycle({.max_learning_rate = 0.003,
                       .total_steps = std::max(
                           2.0, static_cast<double>(steps) * static_cast<double>(options.epochs))});
  ADJOINT_RETURN_IF_ERROR(
      model.Compile(optim::Extended(optim::MakeAdam(), extended), kLoss, {kAccuracy}));
  return nn::Model(std::move(model));
}

bool VariesDigits(const Options& options) { return options.network == "conv"; }

absl::Status SaveModel(nn::Model& model, const std::string& source, const std::string& path) {
  ADJOINT_RETURN_IF_ERROR(model.SetSection(kSection, source));
  return model.Save(path);
}

absl::StatusOr<LoadedModel> LoadModel(const Options& options) {
  absl::StatusOr<nn::Model> model = nn::Model::Load(options.model);
  if (absl::IsNotFound(model.status()) && !options.model_given) {
    return absl::NotFoundError(absl::StrCat(
        model.status().message(), "; name a model by --model or make one by running mnist"));
  }
  ADJOINT_RETURN_IF_ERROR(model.status());
  const std::string* const source = model->FindSection(kSection);
  const std::vector<nn::ValueSpec> inputs = model->network().KnowsInputs()
                                                ? model->network().KnownInputs()
                                                : std::vector<nn::ValueSpec>{};
  const TensorSpec wanted{DType::kF32, Shape{Dim::Symbol("batch"), kSide, kSide, 1}};
  if (source == nullptr || inputs.size() != 1 || inputs[0].tensor != wanted ||
      model->network().outputs().size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot use the model '", options.model,
                     "': it is no model of digits; make one by running mnist"));
  }
  return LoadedModel{*std::move(model), *source};
}

}  // namespace adjoint::apps::mnist
