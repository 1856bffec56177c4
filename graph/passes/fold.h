#ifndef ADJOINT_GRAPH_PASSES_FOLD_H_
#define ADJOINT_GRAPH_PASSES_FOLD_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Computes nodes whose inputs are constants, or that read only shapes which are known, and puts
// constants in their place. Leaves a node alone when its result is much larger than what it is made
// of (a broadcast zero), or when running it fails: the error then comes when the program runs.
absl::StatusOr<Program> FoldConstants(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_FOLD_H_
