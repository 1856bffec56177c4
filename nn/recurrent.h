#ifndef ADJOINT_NN_RECURRENT_H_
#define ADJOINT_NN_RECURRENT_H_

#include <cstdint>
#include <source_location>
#include <string>

#include "nn/activations.h"
#include "nn/basic_layers.h"
#include "nn/initializers.h"
#include "nn/regularizers.h"
#include "nn/topology.h"

namespace adjoint::nn {

// Recurrent layers with Keras' meaning, variables and defaults: kernel [inputs, gates * units],
// recurrent_kernel [units, gates * units], bias. Formulas: graph/recurrent.h.
//
// The input is [batch, time, inputs]; initial states, [batch, units] each, may follow it as further
// inputs, and begin at zero otherwise. The output is that of the last step, [batch, units]. Where
// the input has a mask (Embedding's mask_zero, Masking), masked steps leave state and output as
// they are.
struct RecurrentOptions {
  ActivationFunction activation = "tanh";
  ActivationFunction recurrent_activation = "sigmoid";  // of gates: LSTM, GRU
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer recurrent_initializer = "orthogonal";
  Initializer bias_initializer = "zeros";
  bool unit_forget_bias = true;  // LSTM: the forget gate's bias begins at 1, the others at 0
  Regularizer kernel_regularizer = {};
  Regularizer recurrent_regularizer = {};
  Regularizer bias_regularizer = {};
  // In training a part of the inputs, and of the state before it is multiplied, is zero; which part
  // is the same in all steps of a sample.
  double dropout = 0;
  double recurrent_dropout = 0;
  bool return_sequences = false;  // the outputs of all steps, [batch, time, units]
  bool return_state = false;      // after it the states as further outputs: h, for LSTM h and c
  bool go_backwards = false;      // from the last step to the first, which is the order of outputs
  bool reset_after = true;        // GRU: bias [2, 3 * units]
  std::string name = {};
};

LayerHandle SimpleRNN(int64_t units, RecurrentOptions options = {},
                      std::source_location location = std::source_location::current());
// Gates in the order i, f, c, o.
LayerHandle LSTM(int64_t units, RecurrentOptions options = {},
                 std::source_location location = std::source_location::current());
// Gates in the order z, r, h.
LayerHandle GRU(int64_t units, RecurrentOptions options = {},
                std::source_location location = std::source_location::current());

struct BidirectionalOptions {
  // How the outputs of the two directions become one: "concat" along the last axis, "sum", "mul",
  // "ave"; "none" gives two outputs.
  std::string merge_mode = "concat";
  std::string name = {};
};

// A recurrent layer run in both directions with variables of their own, "forward_kernel",
// "backward_kernel", and so on. Initial states are those of the forward direction, then those of
// the other; so are the states that it returns.
LayerHandle Bidirectional(LayerHandle layer, BidirectionalOptions options = {},
                          std::source_location location = std::source_location::current());

// Gives [batch, time, ...] a mask: a step counts where any of its numbers differs from
// `mask_value`. Steps that do not count become zeros.
LayerHandle Masking(double mask_value = 0, LayerOptions options = {},
                    std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_RECURRENT_H_
