#ifndef ADJOINT_NN_POOLING_LAYERS_H_
#define ADJOINT_NN_POOLING_LAYERS_H_

#include <source_location>
#include <string>

#include "nn/spatial.h"
#include "nn/topology.h"

// Pooling of batches of maps, with Keras' arguments. Inputs of other types than f32 are converted
// to it.

namespace adjoint::nn {

struct PoolingOptions {
  Sizes strides = {};  // the pool size when empty
  // "valid", or "same": ceil(extent / stride) elements. Padding never is a maximum and does not
  // count in an average.
  std::string padding = "valid";
  std::string data_format = "channels_last";
  std::string name = {};
};

// The maximum, or the average, of each window of `pool_size`.
LayerHandle MaxPooling1D(Sizes pool_size = 2, PoolingOptions options = {},
                         std::source_location location = std::source_location::current());
LayerHandle MaxPooling2D(Sizes pool_size = 2, PoolingOptions options = {},
                         std::source_location location = std::source_location::current());
LayerHandle MaxPooling3D(Sizes pool_size = 2, PoolingOptions options = {},
                         std::source_location location = std::source_location::current());
LayerHandle AveragePooling1D(Sizes pool_size = 2, PoolingOptions options = {},
                             std::source_location location = std::source_location::current());
LayerHandle AveragePooling2D(Sizes pool_size = 2, PoolingOptions options = {},
                             std::source_location location = std::source_location::current());
LayerHandle AveragePooling3D(Sizes pool_size = 2, PoolingOptions options = {},
                             std::source_location location = std::source_location::current());

struct GlobalPoolingOptions {
  std::string data_format = "channels_last";
  bool keepdims = false;  // spatial axes of extent 1
  std::string name = {};
};

// The maximum, or the average, of each map: [batch, channels].
LayerHandle GlobalMaxPooling1D(GlobalPoolingOptions options = {},
                               std::source_location location = std::source_location::current());
LayerHandle GlobalMaxPooling2D(GlobalPoolingOptions options = {},
                               std::source_location location = std::source_location::current());
LayerHandle GlobalMaxPooling3D(GlobalPoolingOptions options = {},
                               std::source_location location = std::source_location::current());
LayerHandle GlobalAveragePooling1D(GlobalPoolingOptions options = {},
                                   std::source_location location = std::source_location::current());
LayerHandle GlobalAveragePooling2D(GlobalPoolingOptions options = {},
                                   std::source_location location = std::source_location::current());
LayerHandle GlobalAveragePooling3D(GlobalPoolingOptions options = {},
                                   std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_POOLING_LAYERS_H_
