#ifndef ADJOINT_NN_MASKS_H_
#define ADJOINT_NN_MASKS_H_

#include "absl/types/span.h"
#include "nn/value.h"

// Masks (nn/value.h) of layers of several inputs, as Keras' merging layers make them.

namespace adjoint::nn {

// What all masks leave; not valid when no input has one.
Var JointMask(absl::Span<const Value> inputs);

// For inputs that are concatenated along `axis`, at least 0: along the steps the masks follow each
// other, an input without one counting all its steps; along other axes it is what all masks leave.
Var ConcatenatedMask(absl::Span<const Value> inputs, int axis);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_MASKS_H_
