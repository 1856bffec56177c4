#ifndef ADJOINT_GRAPH_PASSES_SCALE_WEIGHTS_H_
#define ADJOINT_GRAPH_PASSES_SCALE_WEIGHTS_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Multiplies the constant weights, and bias, of a convolution by the constant that its result is
// multiplied by, one number or one a channel: batch normalization with moments that are known costs
// nothing then but the addition of a bias. Only where nothing else reads the convolution. Results
// agree to rounding.
absl::StatusOr<Program> ScaleWeights(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_SCALE_WEIGHTS_H_
