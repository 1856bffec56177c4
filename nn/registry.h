#ifndef ADJOINT_NN_REGISTRY_H_
#define ADJOINT_NN_REGISTRY_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "nn/config.h"
#include "nn/topology.h"

namespace adjoint::nn {

// Makes a layer from what Layer::Config saved of it. The result has the configuration's name. What
// it reads comes from a file and may be anything (ConfigReader helps).
using LayerFactory = std::function<absl::StatusOr<LayerHandle>(const LayerConfig&)>;

// Lets models with layers of this class be loaded, from now on in this process; replaces an earlier
// factory. Thread-safe.
void RegisterLayer(std::string class_name, LayerFactory factory);

// Errors: no class of this name, and those of the factory.
absl::StatusOr<LayerHandle> MakeLayer(const LayerConfig& config);

// The library's own.
absl::StatusOr<LayerHandle> DenseFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> DropoutFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> ActivationFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> FlattenFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> EmbeddingFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> EmbeddingBagFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> AddFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> ConcatenateFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> ConvFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> PoolingFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> BatchNormalizationFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> LayerNormalizationFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> GroupNormalizationFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> InputFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> SimpleRNNFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> LSTMFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> GRUFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> BidirectionalFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> MultiHeadAttentionFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> MaskingFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> ShapeLayerFromConfig(const LayerConfig& config);
absl::StatusOr<LayerHandle> MergeLayerFromConfig(const LayerConfig& config);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_REGISTRY_H_
