#ifndef ADJOINT_GRAPH_ONNX_EXPORT_H_
#define ADJOINT_GRAPH_ONNX_EXPORT_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/program.h"
#include "graph/variables.h"

namespace adjoint::onnx {

struct ExportOptions {
  std::string producer = "adjoint";
  // For files: weights of as many bytes or more go to a file of their own beside the model,
  // "<name>.data" (ONNX's external data). -1: none do. Needed beyond two gigabytes.
  int64_t external_from = -1;
};

// A program as an ONNX model of operator set 17: input and output ports become the graph's inputs
// and outputs, variables initializers with the values they have in `variables`, named dims named
// dims. What no output depends on is left out. Ops without a counterpart are decomposed, those of
// gradients too; branches and loops become If, Scan and Loop. Draws of random numbers become
// operators that draw from the runtime's generator, whatever the seed, and the variable that
// numbers the runs of such draws is left out.
//
// Errors name the node: an op that has no form in ONNX (operations on bits, a linear solver, CTC),
// a variable that is written (an ONNX model has no state), a variable missing from `variables`, a
// size that no input has. Requires a program that Verify accepts.
absl::StatusOr<::onnx::ModelProto> ExportModel(const graph::Program& program,
                                               const graph::VariableStore& variables,
                                               const ExportOptions& options = {});

// The same as a file, written to a temporary name and renamed, external data first.
absl::Status ExportModelFile(const std::string& path, const graph::Program& program,
                             const graph::VariableStore& variables,
                             const ExportOptions& options = {});

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_EXPORT_H_
