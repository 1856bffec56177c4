#ifndef ADJOINT_GRAPH_LOOP_H_
#define ADJOINT_GRAPH_LOOP_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/attrs.h"
#include "core/shape.h"
#include "graph/body.h"

namespace adjoint::graph {

// The attributes of a loop node, for gradient rules and passes.
//
//   inputs:   condition, carries, invariants; the body's: iteration, carries, invariants
//   outputs:  carries after the last step, ys stacked, stacks, count; the body's: condition,
//   carries,
//             ys
//
// Stacks are those of a scan (graph/scan.h).
struct LoopConfig {
  BodyPtr body;
  int carries = 0;
  std::optional<Dim> max_steps = {};
  std::vector<int64_t> stacks = {};  // indices of carries, ascending; none without max_steps

  int invariants() const { return body->num_inputs() - 1 - carries; }
  int ys() const { return body->num_outputs() - 1 - carries; }
  int first_stack() const { return body->num_outputs() - 1; }
  int count() const { return first_stack() + static_cast<int>(stacks.size()); }

  Attrs ToAttrs() const;
  // Errors: a body that is no program, counts that do not fit it.
  static absl::StatusOr<LoopConfig> From(const Attrs& attrs);
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_LOOP_H_
