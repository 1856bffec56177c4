#ifndef ADJOINT_GRAPH_ATTENTION_H_
#define ADJOINT_GRAPH_ATTENTION_H_

#include <functional>
#include <optional>
#include <source_location>

#include "ops/var.h"

namespace adjoint::graph {

using ops::Var;

struct AttentionOptions {
  // What a query may look at, broadcasting to [..., queries, keys]: bool, true where it may, or of
  // the operands' type, added to the scores.
  Var mask = {};
  bool causal = false;                   // query i looks at keys 0 .. i
  std::optional<double> scale = {};      // of the scores: 1 / sqrt(size) when not given
  std::function<Var(Var)> dropout = {};  // applied to the weights
};

struct AttentionResult {
  Var output;   // [..., queries, values]
  Var weights;  // [..., queries, keys], before dropout
};

// softmax(scale query key^T + mask) value: Vaswani et al., "Attention Is All You Need" (2017).
// query is [..., queries, size], key [..., keys, size], value [..., keys, values]; leading axes
// broadcast. What may not be looked at gets the score -1e9, as in Keras, so that a query which may
// look at nothing looks at everything alike rather than becoming NaN. f32 and f64, gradients to any
// order. Errors: ranks below 2, a size that is not a number where no scale is given, and those of
// the ops it is made of.
AttentionResult ScaledDotProductAttention(
    Var query, Var key, Var value, const AttentionOptions& options = {},
    std::source_location location = std::source_location::current());

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_ATTENTION_H_
