#ifndef ADJOINT_OPS_RANDOM_H_
#define ADJOINT_OPS_RANDOM_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

struct DropoutOptions {
  // Tells the draws of one program apart. When not given it is RandomStreamFor(path, ordinal) of
  // the builder's scope path and the number of earlier calls of Dropout in that scope, which stay
  // as they are when other parts of a network change.
  std::optional<int64_t> stream = {};
  // An i64 scalar: the index of x's first element in the array that x is a piece of, so that a
  // batch computed in pieces draws as the whole. 0 when not given.
  Var offset = {};
};

// Each element of x is 0 with probability `rate` and multiplied by 1 / (1 - rate) otherwise
// (Srivastava et al., "Dropout", 2014, in its inverted form). Element e is dropped when
// UniformFloat of number offset + e of RandomStream{seed, stream, step} (core/philox.h) is below
// the rate: a pure function, without state. `seed` and `step` are i64 scalars and have no gradient.
// The gradient of x is dropout of the cotangent with the same numbers: no mask is kept. f32 and
// f64, both with the same mask. 0 <= rate < 1; x itself when the rate is 0.
Var Dropout(Operand x, double rate, Operand seed, Operand step, const DropoutOptions& options = {});

// A stream's number: the 64-bit FNV-1a hash of `path`, a zero byte and the eight bytes of
// `ordinal`, least significant first. Part of what a seed means: never changed.
int64_t RandomStreamFor(absl::string_view path, int64_t ordinal);

const OpDef& DropoutOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_RANDOM_H_
