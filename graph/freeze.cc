#include "graph/freeze.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/leaf.h"

namespace adjoint::graph {

absl::StatusOr<Program> Freeze(const Program& program, const VariableStore& variables) {
  ADJOINT_RETURN_IF_ERROR(Verify(program, Specs::kAsMade));
  absl::flat_hash_map<int, const StateBinding*> state_of;  // by the node that reads it
  for (const StateBinding& state : program.states) {
    if (state.write != state.read) {
      return absl::InvalidArgumentError(
          absl::StrCat("freezing program ", program.name, ": it writes variable '", state.variable,
                       "'; only programs that leave their variables as they are can be frozen"));
    }
    state_of[state.read.node] = &state;
  }
  Rewriter rewriter(program);
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    const auto found = state_of.find(id);
    if (found == state_of.end()) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
      continue;
    }
    const StateBinding& state = *found->second;
    absl::StatusOr<Tensor> value = variables.Get(state.variable);
    if (!value.ok()) {
      return absl::Status(value.status().code(), absl::StrCat("freezing program ", program.name,
                                                              ": ", value.status().message()));
    }
    if (value->spec() != state.read.spec()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "freezing program ", program.name, ": variable '", state.variable, "' is ",
          value->spec().ToString(), ", but the program reads ", state.read.spec().ToString()));
    }
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<Var> constant,
        rewriter.Add(ops::ConstantOp(), {}, Attrs{{"value", *std::move(value)}}, id));
    rewriter.Set(state.read, constant[0]);
  }
  Program frozen = rewriter.Finish();
  frozen.states.clear();
  return frozen;
}

}  // namespace adjoint::graph
