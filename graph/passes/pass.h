#ifndef ADJOINT_GRAPH_PASSES_PASS_H_
#define ADJOINT_GRAPH_PASSES_PASS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/program.h"

namespace adjoint::graph {

// A pure function from program to program that keeps the meaning of ports and states.
struct Pass {
  std::string name;
  std::function<absl::StatusOr<Program>(const Program&)> run;
};

// The passes of the compiler, in their order.
absl::Span<const Pass> AllPasses();

struct PassOptions {
  // Names of passes to leave out.
  std::vector<std::string> disabled;
  // Whether all shape rules are asked again after each pass, as before the first one, and not only
  // those of the nodes that a pass made.
#ifdef NDEBUG
  bool infer_again = false;
#else
  bool infer_again = true;
#endif
  // Called with the program before the first pass (name "") and after each.
  std::function<void(absl::string_view pass, const Program&)> observe;
};

// Runs `passes`, verifying the program before the first and after each. A failed pass is an error
// that names the pass and the node. An unknown name among the disabled ones is an error.
absl::StatusOr<Program> RunPasses(const Program& program, const PassOptions& options,
                                  absl::Span<const Pass> passes = AllPasses());

// For passes: how often each node is read, by nodes, by outputs and by states. By id.
std::vector<int> CountReads(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_PASS_H_
