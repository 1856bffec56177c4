#ifndef ADJOINT_NN_SHAPE_LAYERS_H_
#define ADJOINT_NN_SHAPE_LAYERS_H_

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include "nn/basic_layers.h"
#include "nn/topology.h"

namespace adjoint::nn {

// Layers that rearrange samples, and some that scale or disturb them; without variables. Names and
// meaning are Keras'. The batch is axis 0 throughout; maps are [batch,height,width,channels] or,
// with data_format "channels_first", [batch,channels,height,width]; sequences are
// [batch,steps,features].

// Samples as tensors of another shape, one of whose extents may be -1, "whatever remains".
LayerHandle Reshape(std::vector<int64_t> target_shape, LayerOptions options = {},
                    std::source_location location = std::source_location::current());

// Axis i of the result, the batch being 0, is axis dims[i - 1] of the input.
LayerHandle Permute(std::vector<int64_t> dims, LayerOptions options = {},
                    std::source_location location = std::source_location::current());

// [batch,features] to [batch,n,features], n times the same.
LayerHandle RepeatVector(int64_t n, LayerOptions options = {},
                         std::source_location location = std::source_location::current());

struct MapLayerOptions {
  std::string data_format = "channels_last";
  std::string name = {};
};

// Zeros around the steps: {both ends} or {before, after}. Of maps: {all}, {height, width} at both
// ends, or {top, bottom, left, right}.
LayerHandle ZeroPadding1D(std::vector<int64_t> padding = {1}, LayerOptions options = {},
                          std::source_location location = std::source_location::current());
LayerHandle ZeroPadding2D(std::vector<int64_t> padding = {1}, MapLayerOptions options = {},
                          std::source_location location = std::source_location::current());

// Steps, or rows and columns, cut off; amounts as above.
LayerHandle Cropping1D(std::vector<int64_t> cropping = {1}, LayerOptions options = {},
                       std::source_location location = std::source_location::current());
LayerHandle Cropping2D(std::vector<int64_t> cropping = {0}, MapLayerOptions options = {},
                       std::source_location location = std::source_location::current());

// Each step `size` times; each row and column, {both} or {rows, columns} times (Keras' "nearest").
LayerHandle UpSampling1D(int64_t size = 2, LayerOptions options = {},
                         std::source_location location = std::source_location::current());
LayerHandle UpSampling2D(std::vector<int64_t> size = {2}, MapLayerOptions options = {},
                         std::source_location location = std::source_location::current());

// x scale + offset, as f32 where x is of integers: pixels of 0 to 255 as numbers of 0 to 1.
LayerHandle Rescaling(double scale, double offset = 0, LayerOptions options = {},
                      std::source_location location = std::source_location::current());

// A function of the user's own. It may use vars of its input's builder; a model with it trains but
// is not saved.
LayerHandle Lambda(std::function<Var(Var)> function, LayerOptions options = {},
                   std::source_location location = std::source_location::current());

// In training, plus normal noise of this deviation, at least 0; the identity elsewhere.
LayerHandle GaussianNoise(double stddev, LayerOptions options = {},
                          std::source_location location = std::source_location::current());
// In training, times normal noise of mean 1 and deviation sqrt(rate / (1 - rate)), 0 <= rate < 1.
LayerHandle GaussianDropout(double rate, LayerOptions options = {},
                            std::source_location location = std::source_location::current());

// Dropout of whole channels: of all steps, or all places of a map, at once (Tompson et al., 2015).
LayerHandle SpatialDropout1D(double rate, LayerOptions options = {},
                             std::source_location location = std::source_location::current());
LayerHandle SpatialDropout2D(double rate, MapLayerOptions options = {},
                             std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_SHAPE_LAYERS_H_
