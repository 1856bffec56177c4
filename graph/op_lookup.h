#ifndef ADJOINT_GRAPH_OP_LOOKUP_H_
#define ADJOINT_GRAPH_OP_LOOKUP_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ops/op_def.h"

namespace adjoint::graph {

// Every op there is: those of ops::AllOps(), then those with bodies (graph/control_flow.h,
// graph/call.h). What reads programs from files, documents ops or checks them all goes by this.
absl::Span<const ops::OpDef* const> AllOps();

// Null when there is none of this name.
const ops::OpDef* FindOp(absl::string_view name);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_OP_LOOKUP_H_
