#ifndef ADJOINT_GRAPH_PASSES_RECOGNIZE_H_
#define ADJOINT_GRAPH_PASSES_RECOGNIZE_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Puts one op in place of compositions that it computes better:
//
//   log(softmax(x))                            log_softmax(x), which does not underflow
//   u / p * p, for p = softmax(x)              u: the gradient of the former, where p may be 0
//   p * (u / p - s)                            u - p * s
//   p * (g - sum(g * p)), along the last axis  softmax_gradient of p, or of x where nothing else
//                                              reads p
//   exp(x - max(x)) / sum(exp(x - max(x)))     softmax(x), where nothing else reads what is
//   between;
//                                              also without the subtraction
//   (x - mean(x)) / sqrt(mean(square(x - mean(x))) + epsilon)
//                                              layer_norm(x), whose moments serve the gradient as
//                                              well; also times the reciprocal of the root
//
// Results agree to rounding, and are finite in more cases.
absl::StatusOr<Program> Recognize(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_RECOGNIZE_H_
