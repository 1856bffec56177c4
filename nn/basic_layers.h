#ifndef ADJOINT_NN_BASIC_LAYERS_H_
#define ADJOINT_NN_BASIC_LAYERS_H_

#include <cstdint>
#include <source_location>
#include <string>

#include "nn/activations.h"
#include "nn/initializers.h"
#include "nn/regularizers.h"
#include "nn/topology.h"

namespace adjoint::nn {

// What most layers have in common.
struct LayerOptions {
  std::string name = {};
};

// An activation as a layer of its own.
LayerHandle Activation(ActivationFunction function, LayerOptions options = {},
                       std::source_location location = std::source_location::current());

// In training each element becomes 0 with probability `rate`, 0 <= rate < 1, and is multiplied by
// 1 / (1 - rate) otherwise; the identity elsewhere. What is dropped depends on the seed, the step,
// the layer's name and how often it was called before in the network (ops/random.h).
LayerHandle Dropout(double rate, LayerOptions options = {},
                    std::source_location location = std::source_location::current());

// All axes but the batch become one: [batch,28,28] gives [batch,784].
LayerHandle Flatten(LayerOptions options = {},
                    std::source_location location = std::source_location::current());

// The sum of two or more inputs, which broadcast.
LayerHandle Add(LayerOptions options = {},
                std::source_location location = std::source_location::current());

// Its inputs one after the other along `axis`.
LayerHandle Concatenate(int64_t axis = -1, LayerOptions options = {},
                        std::source_location location = std::source_location::current());

struct EmbeddingOptions {
  Initializer initializer = RandomUniform();  // in +-0.05
  Regularizer regularizer = {};
  // The number 0 is padding: recurrent layers pass over such steps.
  bool mask_zero = false;
  std::string name = {};
};

// Row x of the variable embeddings, [input_dim, output_dim], for each number x of the input, which
// is converted to i32 unless it is i32 or i64: [batch,n] gives [batch,n,output_dim]. A number
// outside 0 .. input_dim-1 is an error when the program runs.
LayerHandle Embedding(int64_t input_dim, int64_t output_dim, EmbeddingOptions options = {},
                      std::source_location location = std::source_location::current());

struct EmbeddingBagOptions {
  // "sum", or "mean": divided by the number of the bag's indices, 0 for an empty bag.
  std::string mode = "sum";
  Initializer initializer = RandomUniform();  // in +-0.05
  Regularizer regularizer = {};
  // Of dense inputs: the number 0 is padding and not in the bag.
  bool mask_zero = false;
  std::string name = {};
};

// For each sample, a bag of indices, the sum or mean of these rows of the variable embeddings,
// [input_dim, output_dim]: PyTorch's EmbeddingBag. A bag is either
//  - a row of a sparse matrix [batch, input_dim], columns being indices and values the weights of
//    their rows: no row of embeddings is copied; or
//  - a row of a dense input [batch, n], converted as Embedding's is, with a second input of the
//    same shape for weights, if there are any (mode "sum" alone). A number outside 0 ..
//    input_dim-1 is an error when the program runs.
// The result is [batch, output_dim]. Bags given by offsets are ops::EmbeddingBag.
LayerHandle EmbeddingBag(int64_t input_dim, int64_t output_dim, EmbeddingBagOptions options = {},
                         std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_BASIC_LAYERS_H_
