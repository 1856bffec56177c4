#ifndef ADJOINT_NN_ATTENTION_H_
#define ADJOINT_NN_ATTENTION_H_

#include <cstdint>
#include <source_location>
#include <string>

#include "nn/initializers.h"
#include "nn/regularizers.h"
#include "nn/topology.h"

namespace adjoint::nn {

struct MultiHeadAttentionOptions {
  int64_t value_dim = 0;  // of each head; 0: key_dim
  double dropout = 0;     // of the attention weights, in training
  bool use_bias = true;
  int64_t output_shape = 0;     // the last extent of the output; 0: that of the query
  bool causal = false;          // step i looks at steps 0 .. i
  bool attention_mask = false;  // the last input is a mask, see below
  bool return_attention_scores = false;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
};

// Vaswani et al., "Attention Is All You Need" (2017), with Keras' arguments, variables and meaning:
// inputs query [batch, queries, n], value [batch, keys, m] and, where it differs from value, key;
// then, with `attention_mask`, a mask of numbers or bools that broadcasts to [batch, queries,
// keys], 0 where a query may not look at a key. The output is [batch, queries, output_shape],
// followed, with return_attention_scores, by the weights [batch, heads, queries, keys]. Steps that
// the mask of value or of key (nn/value.h) takes away are not looked at; the output's mask is that
// of the query.
//
// Variables, d standing for the input's last extent: query_kernel and key_kernel [d, heads,
// key_dim], value_kernel [d, heads, value_dim], output_kernel [heads, value_dim, output_shape], and
// a bias of the same extents but the first for each (output_bias: the last). Attention is over the
// second axis alone.
LayerHandle MultiHeadAttention(int64_t num_heads, int64_t key_dim,
                               MultiHeadAttentionOptions options = {},
                               std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_ATTENTION_H_
