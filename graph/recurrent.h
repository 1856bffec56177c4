#ifndef ADJOINT_GRAPH_RECURRENT_H_
#define ADJOINT_GRAPH_RECURRENT_H_

#include <functional>
#include <source_location>
#include <vector>

#include "ops/var.h"

namespace adjoint::graph {

using ops::Var;
using ActivationFn = std::function<Var(Var)>;

// Recurrent networks as compositions of Scan and matrix products. The products with the inputs of
// all steps are one before the loop; within it there is one product a gate. f32 and f64, gradients
// to any order. Below, sigma is the sigmoid, * the product of elements, and a number of directions
// is 1 or 2.

// One direction over a sequence ---------------------------------------------------------------

// The weights of a gate: x kernel + h recurrent + bias.
struct GateWeights {
  Var kernel;     // [inputs, units]
  Var recurrent;  // [units, units]
  Var bias = {};  // [units]; none where not valid
  // Of a GRU's candidate when the reset gate comes after the product: added to that product.
  Var recurrent_bias = {};
};

struct SequenceOptions {
  bool reverse = false;  // from the last step to the first; outputs keep their positions
  // Steps that count: bool [time, batch], or i32/i64 [batch], of which the first lengths[b] do. In
  // a step that does not, the state stays as it is, and the output is zero, or, when `hold`, that
  // of the step before (zero if there is none), as in Keras.
  Var mask = {};
  Var lengths = {};
  bool hold = false;
  Var initial_h = {}, initial_c = {};  // [batch, units]; zeros where not valid
  // [batch, units]: the state is multiplied by it before each product with recurrent weights
  // (Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in RNNs", 2016).
  Var recurrent_dropout = {};
  double clip = 0;  // what goes into an activation is clipped to +-clip; 0: not
};

struct SequenceResult {
  Var y;       // [time, batch, units]
  Var h;       // [batch, units]: the state after the last step
  Var c = {};  // LSTM: the same for its cells
};

// h' = activation(x W + h R + b). x is [time, batch, inputs].
SequenceResult RnnSequence(Var x, const GateWeights& weights, const ActivationFn& activation,
                           const SequenceOptions& options = {});

// Hochreiter and Schmidhuber 1997, with forget gates (Gers et al. 1999) and peepholes (2000):
//   i = f(x Wi + h Ri + Pi * c + bi)     r = f(x Wf + h Rf + Pf * c + bf)
//   c' = r * c + i * g(x Wc + h Rc + bc)
//   o = f(x Wo + h Ro + Po * c' + bo)    h' = o * act(c')
struct LstmCell {
  GateWeights input, forget, cell, output;
  ActivationFn f, g, h;                                   // sigma, tanh, tanh when empty
  Var peephole_i = {}, peephole_f = {}, peephole_o = {};  // [units]; none where not valid
  bool input_forget = false;                              // r = 1 - i
};
SequenceResult LstmSequence(Var x, const LstmCell& cell, const SequenceOptions& options = {});

// Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder":
//   z = f(x Wz + h Rz + bz)   r = f(x Wr + h Rr + br)
//   n = g(x Wn + (r * h) Rn + bn), or, reset_after, g(x Wn + bn + r * (h Rn + recurrent bias))
//   h' = (1 - z) * n + z * h
struct GruCell {
  GateWeights update, reset, candidate;
  ActivationFn f, g;  // sigma, tanh when empty
  bool reset_after = true;
};
SequenceResult GruSequence(Var x, const GruCell& cell, const SequenceOptions& options = {});

// Both directions, as ONNX' RNN, LSTM and GRU
// ------------------------------------------------------

enum class Direction { kForward, kReverse, kBidirectional };

struct RecurrentOptions {
  Direction direction = Direction::kForward;
  Var bias = {};                       // [directions, 2 * gates * units]: of W, then of R
  Var lengths = {};                    // i32 or i64 [batch]
  Var initial_h = {}, initial_c = {};  // [directions, batch, units]
  Var peepholes = {};                  // LSTM: [directions, 3 * units], in the order i, o, f
  // f (RNN); f, g, h (LSTM); f, g (GRU), for each direction in turn; the usual ones when empty.
  std::vector<ActivationFn> activations = {};
  double clip = 0;
  bool input_forget = false;         // LSTM
  bool linear_before_reset = false;  // GRU: reset_after
};

struct RecurrentResult {
  Var y;       // [time, directions, batch, units]
  Var h;       // [directions, batch, units]
  Var c = {};  // LSTM: the same for its cells
};

// x is [time, batch, inputs], w [directions, gates * units, inputs], r [directions, gates * units,
// units], whose extents but time and batch are numbers. Gates are in the order i, o, f, c (LSTM)
// and z, r, n (GRU). Errors: shapes that do not fit each other.
RecurrentResult Rnn(Var x, Var w, Var r, const RecurrentOptions& options = {},
                    std::source_location location = std::source_location::current());
RecurrentResult Lstm(Var x, Var w, Var r, const RecurrentOptions& options = {},
                     std::source_location location = std::source_location::current());
RecurrentResult Gru(Var x, Var w, Var r, const RecurrentOptions& options = {},
                    std::source_location location = std::source_location::current());

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_RECURRENT_H_
