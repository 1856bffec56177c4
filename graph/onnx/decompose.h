#ifndef ADJOINT_GRAPH_ONNX_DECOMPOSE_H_
#define ADJOINT_GRAPH_ONNX_DECOMPOSE_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::onnx {

// The program in the ops of which it was built: calls are replaced by their bodies, what passes
// have fused by its parts, and what no output depends on is left out.
absl::StatusOr<graph::Program> Decompose(const graph::Program& program);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_DECOMPOSE_H_
