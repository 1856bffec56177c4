#ifndef ADJOINT_NN_NORMALIZATION_LAYERS_H_
#define ADJOINT_NN_NORMALIZATION_LAYERS_H_

#include <cstdint>
#include <source_location>
#include <string>

#include "nn/initializers.h"
#include "nn/regularizers.h"
#include "nn/topology.h"

// Normalizations with Keras' arguments and variables: gamma (x - mean) / sqrt(variance + epsilon) +
// beta, with the population's variance. Inputs of other types than f32 are converted to it.

namespace adjoint::nn {

struct BatchNormalizationOptions {
  int64_t axis = -1;  // that of the channels: the only one without a mean over it
  double momentum = 0.99;
  double epsilon = 1e-3;
  bool center = true;  // with beta
  bool scale = true;   // with gamma
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Initializer moving_mean_initializer = "zeros";
  Initializer moving_variance_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  std::string name = {};
};

// Ioffe and Szegedy, "Batch Normalization", 2015. In training with the batch's mean and variance,
// from which the moving ones follow: moving = momentum moving + (1 - momentum) batch; elsewhere
// with the moving ones. The moving variance is of the batch as a population, as in Keras 3 (Keras
// 2's fused kernel and PyTorch take n / (n - 1) of it). Variables, each of the channels' extent:
// gamma, beta, moving_mean and moving_variance, the last two not trained.
LayerHandle BatchNormalization(BatchNormalizationOptions options = {},
                               std::source_location location = std::source_location::current());

struct LayerNormalizationOptions {
  int64_t axis = -1;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  std::string name = {};
};

// Ba, Kiros and Hinton, "Layer Normalization", 2016: each sample by the mean and variance along
// `axis`. The variables are gamma and beta, of the axis' extent.
LayerHandle LayerNormalization(LayerNormalizationOptions options = {},
                               std::source_location location = std::source_location::current());

struct GroupNormalizationOptions {
  int64_t groups = 32;  // -1: one for each channel (instance normalization)
  int64_t axis = -1;    // that of the channels: the first after the batch, or the last
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  std::string name = {};
};

// Wu and He, "Group Normalization", 2018: each sample's channels in groups of neighbours, by the
// mean and variance of a group over all positions. The variables are gamma and beta, of the
// channels' extent.
LayerHandle GroupNormalization(GroupNormalizationOptions options = {},
                               std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_NORMALIZATION_LAYERS_H_
