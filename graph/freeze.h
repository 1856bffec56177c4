#ifndef ADJOINT_GRAPH_FREEZE_H_
#define ADJOINT_GRAPH_FREEZE_H_

#include "absl/status/statusor.h"
#include "graph/program.h"
#include "graph/variables.h"

namespace adjoint::graph {

// The program with copies of the store's values in place of its variables, for programs that run
// often and learn no more: passes compute with constants what they can, and kernels bring them into
// the layouts they want once, when the program is compiled. Same inputs and outputs, no states.
// Errors: the store has no such variable, or of another spec; a variable that the program writes.
absl::StatusOr<Program> Freeze(const Program& program, const VariableStore& variables);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_FREEZE_H_
