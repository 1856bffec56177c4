#ifndef ADJOINT_NN_CONV_LAYERS_H_
#define ADJOINT_NN_CONV_LAYERS_H_

#include <cstdint>
#include <source_location>
#include <string>

#include "nn/activations.h"
#include "nn/initializers.h"
#include "nn/regularizers.h"
#include "nn/spatial.h"
#include "nn/topology.h"

// Convolutions with Keras' arguments, variables and padding. Inputs of other types than f32 are
// converted to it. Maps stay in the layout they come in: for "channels_last" the kernels take that
// layout as it is, which is faster than transposing for networks whose maps are large beside their
// arithmetic.

namespace adjoint::nn {

struct ConvLayerOptions {
  Sizes strides = 1;
  // "valid"; "same": ceil(extent / stride) elements; "causal", for one axis: element t of the
  // result depends on elements up to t.
  std::string padding = "valid";
  std::string data_format = "channels_last";
  Sizes dilation_rate = 1;
  int64_t groups = 1;
  ActivationFunction activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
};

// activation(x * kernel + bias) for a batch of maps, with `filters` channels. The variables are
// kernel [kernel_size..., channels / groups, filters] and bias [filters].
LayerHandle Conv1D(int64_t filters, Sizes kernel_size, ConvLayerOptions options = {},
                   std::source_location location = std::source_location::current());
LayerHandle Conv2D(int64_t filters, Sizes kernel_size, ConvLayerOptions options = {},
                   std::source_location location = std::source_location::current());
LayerHandle Conv3D(int64_t filters, Sizes kernel_size, ConvLayerOptions options = {},
                   std::source_location location = std::source_location::current());

struct ConvTransposeLayerOptions {
  Sizes strides = 1;
  std::string padding = "valid";  // or "same": extent * stride elements
  // Elements added at the end. With it the result has (extent - 1) stride + span + output_padding -
  // 2 p elements, p = span / 2 for "same" and 0 for "valid".
  Sizes output_padding = {};
  std::string data_format = "channels_last";
  Sizes dilation_rate = 1;
  ActivationFunction activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
};

// Transposed convolution; the extents of the maps must be numbers. The variables are kernel
// [kernel_size..., filters, channels] and bias [filters].
LayerHandle Conv1DTranspose(int64_t filters, Sizes kernel_size,
                            ConvTransposeLayerOptions options = {},
                            std::source_location location = std::source_location::current());
LayerHandle Conv2DTranspose(int64_t filters, Sizes kernel_size,
                            ConvTransposeLayerOptions options = {},
                            std::source_location location = std::source_location::current());
LayerHandle Conv3DTranspose(int64_t filters, Sizes kernel_size,
                            ConvTransposeLayerOptions options = {},
                            std::source_location location = std::source_location::current());

struct DepthwiseConvOptions {
  Sizes strides = 1;
  std::string padding = "valid";
  int64_t depth_multiplier = 1;
  std::string data_format = "channels_last";
  Sizes dilation_rate = 1;
  ActivationFunction activation = {};
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer pointwise_initializer = "glorot_uniform";  // of separable convolutions alone
  Initializer bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {};
  Regularizer pointwise_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
};

// Each channel convolved on its own with depth_multiplier kernels: channel c gives channels c m ..
// c m + m - 1. The variables are depthwise_kernel [kernel_size..., channels, m] and bias.
LayerHandle DepthwiseConv1D(Sizes kernel_size, DepthwiseConvOptions options = {},
                            std::source_location location = std::source_location::current());
LayerHandle DepthwiseConv2D(Sizes kernel_size, DepthwiseConvOptions options = {},
                            std::source_location location = std::source_location::current());

// A depthwise convolution, then one of single elements to `filters` channels with the variable
// pointwise_kernel [1..., channels m, filters]; bias [filters] and activation come last.
LayerHandle SeparableConv1D(int64_t filters, Sizes kernel_size, DepthwiseConvOptions options = {},
                            std::source_location location = std::source_location::current());
LayerHandle SeparableConv2D(int64_t filters, Sizes kernel_size, DepthwiseConvOptions options = {},
                            std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CONV_LAYERS_H_
