#include "nn/registry.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"

namespace adjoint::nn {
namespace {

struct Registry {
  absl::Mutex mutex;
  std::map<std::string, LayerFactory> factories = {
      {"Dense", DenseFromConfig},
      {"Dropout", DropoutFromConfig},
      {"Activation", ActivationFromConfig},
      {"Flatten", FlattenFromConfig},
      {"Embedding", EmbeddingFromConfig},
      {"EmbeddingBag", EmbeddingBagFromConfig},
      {"Add", AddFromConfig},
      {"Concatenate", ConcatenateFromConfig},
      {"Conv1D", ConvFromConfig},
      {"Conv2D", ConvFromConfig},
      {"Conv3D", ConvFromConfig},
      {"Conv1DTranspose", ConvFromConfig},
      {"Conv2DTranspose", ConvFromConfig},
      {"Conv3DTranspose", ConvFromConfig},
      {"DepthwiseConv1D", ConvFromConfig},
      {"DepthwiseConv2D", ConvFromConfig},
      {"SeparableConv1D", ConvFromConfig},
      {"SeparableConv2D", ConvFromConfig},
      {"MaxPooling1D", PoolingFromConfig},
      {"MaxPooling2D", PoolingFromConfig},
      {"MaxPooling3D", PoolingFromConfig},
      {"AveragePooling1D", PoolingFromConfig},
      {"AveragePooling2D", PoolingFromConfig},
      {"AveragePooling3D", PoolingFromConfig},
      {"GlobalMaxPooling1D", PoolingFromConfig},
      {"GlobalMaxPooling2D", PoolingFromConfig},
      {"GlobalMaxPooling3D", PoolingFromConfig},
      {"GlobalAveragePooling1D", PoolingFromConfig},
      {"GlobalAveragePooling2D", PoolingFromConfig},
      {"GlobalAveragePooling3D", PoolingFromConfig},
      {"BatchNormalization", BatchNormalizationFromConfig},
      {"LayerNormalization", LayerNormalizationFromConfig},
      {"GroupNormalization", GroupNormalizationFromConfig},
      {"Input", InputFromConfig},
      {"SimpleRNN", SimpleRNNFromConfig},
      {"LSTM", LSTMFromConfig},
      {"GRU", GRUFromConfig},
      {"Bidirectional", BidirectionalFromConfig},
      {"Masking", MaskingFromConfig},
      {"MultiHeadAttention", MultiHeadAttentionFromConfig},
      {"Reshape", ShapeLayerFromConfig},
      {"Permute", ShapeLayerFromConfig},
      {"RepeatVector", ShapeLayerFromConfig},
      {"ZeroPadding1D", ShapeLayerFromConfig},
      {"ZeroPadding2D", ShapeLayerFromConfig},
      {"Cropping1D", ShapeLayerFromConfig},
      {"Cropping2D", ShapeLayerFromConfig},
      {"UpSampling1D", ShapeLayerFromConfig},
      {"UpSampling2D", ShapeLayerFromConfig},
      {"GaussianNoise", ShapeLayerFromConfig},
      {"Rescaling", ShapeLayerFromConfig},
      {"GaussianDropout", ShapeLayerFromConfig},
      {"SpatialDropout1D", ShapeLayerFromConfig},
      {"SpatialDropout2D", ShapeLayerFromConfig},
      {"Multiply", MergeLayerFromConfig},
      {"Average", MergeLayerFromConfig},
      {"Maximum", MergeLayerFromConfig},
      {"Minimum", MergeLayerFromConfig},
      {"Subtract", MergeLayerFromConfig},
      {"Dot", MergeLayerFromConfig},
  };
};

Registry& GlobalRegistry() {
  static Registry* const registry = new Registry;
  return *registry;
}

}  // namespace

void RegisterLayer(std::string class_name, LayerFactory factory) {
  Registry& registry = GlobalRegistry();
  absl::MutexLock lock(&registry.mutex);
  registry.factories[std::move(class_name)] = std::move(factory);
}

absl::StatusOr<LayerHandle> MakeLayer(const LayerConfig& config) {
  LayerFactory factory;
  {
    Registry& registry = GlobalRegistry();
    absl::MutexLock lock(&registry.mutex);
    const auto it = registry.factories.find(config.class_name);
    if (it == registry.factories.end()) {
      return absl::NotFoundError(absl::StrCat(
          "layer '", config.name, "' is of class '", config.class_name,
          "', which is not known here; known are ",
          absl::StrJoin(
              registry.factories, ", ",
              [](std::string* out, const auto& entry) { absl::StrAppend(out, entry.first); }),
          "; a class of your own is made known by nn::RegisterLayer"));
    }
    factory = it->second;
  }
  return factory(config);
}

}  // namespace adjoint::nn
