#include "ops/op_list.h"

#include "ops/leaf.h"

namespace adjoint::ops {

absl::Span<const OpDef* const> AllOps() {
  // One line an op, grouped by family; the order is that of the listing in docs.
  static const OpDef* const kOps[] = {
      // leaf
      &InputOp(),
      &ConstantOp(),
  };
  return kOps;
}

const OpDef* FindOp(absl::string_view name) {
  for (const OpDef* op : AllOps()) {
    if (op->name == name) return op;
  }
  return nullptr;
}

}  // namespace adjoint::ops
