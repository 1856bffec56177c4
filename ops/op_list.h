#ifndef ADJOINT_OPS_OP_LIST_H_
#define ADJOINT_OPS_OP_LIST_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ops/op_def.h"

namespace adjoint::ops {

// Every op of this folder. An explicit list, because linkers drop self-registering objects.
absl::Span<const OpDef* const> AllOps();

// The op of this name, or null.
const OpDef* FindOp(absl::string_view name);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_OP_LIST_H_
