#ifndef ADJOINT_GRAPH_SCAN_H_
#define ADJOINT_GRAPH_SCAN_H_

#include <cstdint>
#include <source_location>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/shape.h"
#include "graph/body.h"
#include "ops/builder.h"

namespace adjoint::graph {

// The attributes of a scan node, for gradient rules and passes.
//
//   inputs:   carries, xs, invariants             as the body's
//   outputs:  carries after the last step, ys stacked, stacks
//
// A stack holds one carry as it came into each step: what the gradient starts from. The last
// `residuals` of the ys are products of matrices within the body, which the gradient reads instead
// of multiplying again. Whatever nobody reads, a pass takes away.
struct ScanConfig {
  BodyPtr body;
  int carries = 0;
  int xs = 0;
  Dim length = 0;
  bool reverse = false;
  std::vector<int64_t> stacks = {};  // indices of carries, ascending
  int residuals = 0;

  int invariants() const { return body->num_inputs() - carries - xs; }
  int ys() const { return body->num_outputs() - carries; }
  int outputs() const { return body->num_outputs() + static_cast<int>(stacks.size()); }

  Attrs ToAttrs() const;
  // Errors: a body that is no program, counts that do not fit it.
  static absl::StatusOr<ScanConfig> From(const Attrs& attrs);
};

// Adds a scan with a stack for each carry. The outputs, or invalid vars.
std::vector<Var> ApplyScan(ops::Builder& builder, BodyPtr body, absl::Span<const Var> inputs,
                           int carries, int xs, Dim length, bool reverse, int residuals,
                           std::source_location location);

// Adds to the outputs of a body under construction the products of matrices that its gradient would
// otherwise compute again; returns how many.
int AddResiduals(BodyBuilder* body, absl::Span<const Var> outputs, int invariant_from);

// A shape with one more axis in front, and without the first.
Shape WithLeading(Dim length, const Shape& shape);
Shape WithoutLeading(const Shape& shape);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_SCAN_H_
