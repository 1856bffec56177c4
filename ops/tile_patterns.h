#ifndef ADJOINT_OPS_TILE_PATTERNS_H_
#define ADJOINT_OPS_TILE_PATTERNS_H_

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "core/dtype.h"
#include "ops/op_def.h"

namespace adjoint::ops {

// Instructions of a tape that occur together often, computed by one loop: results between them stay
// in registers, where single instructions write them to the cache and read them again. The same
// operations in the same order, so the same bits.
//
// The patterns are the inner parts of optimizers' updates and of activations' gradients, in f32.

// A value of a tape as patterns see it.
struct PatternValue {
  const OpDef* op = nullptr;  // that computes it for each element; null for an input or a scalar
  absl::InlinedVector<int, 3> operands = {};
  bool absorbable = false;  // read once, by another instruction, and no output
  bool scalar = false;      // one element
  DType dtype = DType::kF32;
};

// A match of several values: `fn` computes the last of them from `operands`, of which those with
// PatternValue::scalar are one element.
struct PatternMatch {
  TileFn fn = nullptr;  // null: nothing matches
  absl::InlinedVector<int, kMaxTileOperands> operands = {};
};

// The first of the patterns, largest first, that ends in value `root`.
PatternMatch MatchPattern(absl::Span<const PatternValue> values, int root);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_TILE_PATTERNS_H_
