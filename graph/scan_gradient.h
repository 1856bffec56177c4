#ifndef ADJOINT_GRAPH_SCAN_GRADIENT_H_
#define ADJOINT_GRAPH_SCAN_GRADIENT_H_

#include <vector>

#include "absl/status/statusor.h"
#include "ops/op_def.h"

namespace adjoint::graph {

// The gradient rule of a scan: a scan in the other direction (graph/control_flow.h).
absl::StatusOr<std::vector<ops::Cotangent>> ScanVjp(const ops::VjpContext& c);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_SCAN_GRADIENT_H_
