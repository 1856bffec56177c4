#include "graph/passes/pass.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"

namespace adjoint::graph {
namespace {

absl::Status InPass(const Pass& pass, const Program& program, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("compiling program ", program.name, ", pass '",
                                                  pass.name, "': ", status.message()));
}

// Whether a pass returned the program that it was given.
bool Unchanged(const Program& before, const Program& after) {
  const auto same_port = [](const Port& a, const Port& b) { return a.var == b.var; };
  const auto same_state = [](const StateBinding& a, const StateBinding& b) {
    return a.read == b.read && a.write == b.write && a.variable == b.variable;
  };
  return before.graph == after.graph &&
         std::equal(before.inputs.begin(), before.inputs.end(), after.inputs.begin(),
                    after.inputs.end(), same_port) &&
         std::equal(before.outputs.begin(), before.outputs.end(), after.outputs.begin(),
                    after.outputs.end(), same_port) &&
         std::equal(before.states.begin(), before.states.end(), after.states.begin(),
                    after.states.end(), same_state);
}

}  // namespace

absl::StatusOr<Program> RunPasses(const Program& program, const PassOptions& options,
                                  absl::Span<const Pass> passes) {
  for (const std::string& name : options.disabled) {
    if (std::none_of(passes.begin(), passes.end(), [&](const Pass& p) { return p.name == name; })) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no pass '", name, "' to disable; there are ",
          absl::StrJoin(passes, ", ",
                        [](std::string* out, const Pass& p) { absl::StrAppend(out, p.name); })));
    }
  }
  ADJOINT_RETURN_IF_ERROR(Verify(program));
  if (options.observe) options.observe("", program);
  const Specs specs = options.infer_again ? Specs::kInferAgain : Specs::kAsMade;
  Program current = program;
  for (const Pass& pass : passes) {
    const auto& disabled = options.disabled;
    if (std::find(disabled.begin(), disabled.end(), pass.name) != disabled.end()) continue;
    absl::StatusOr<Program> next = pass.run(current);
    if (!next.ok()) return InPass(pass, program, next.status());
    if (!Unchanged(current, *next)) {
      if (absl::Status verified = Verify(*next, specs); !verified.ok()) {
        return InPass(pass, program, verified);
      }
    }
    current = *std::move(next);
    if (options.observe) options.observe(pass.name, current);
  }
  return current;
}

std::vector<int> CountReads(const Program& program) {
  const Graph& graph = *program.graph;
  std::vector<int> reads(graph.num_nodes(), 0);
  for (int id = 0; id < graph.num_nodes(); ++id) {
    for (const Var v : graph.node(id).inputs) ++reads[v.node];
  }
  for (const Port& p : program.outputs) ++reads[p.var.node];
  for (const StateBinding& s : program.states) ++reads[s.write.node];
  return reads;
}

}  // namespace adjoint::graph
