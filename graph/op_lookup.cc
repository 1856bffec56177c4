#include "graph/op_lookup.h"

#include <vector>

#include "graph/call.h"
#include "graph/control_flow.h"
#include "ops/op_list.h"

namespace adjoint::graph {

absl::Span<const ops::OpDef* const> AllOps() {
  static const std::vector<const ops::OpDef*>* const all = [] {
    const absl::Span<const ops::OpDef* const> plain = ops::AllOps();
    auto* const ops = new std::vector<const ops::OpDef*>(plain.begin(), plain.end());
    for (const ops::OpDef* op : {&IfOp(), &ScanOp(), &LoopOp(), &CallOp()}) ops->push_back(op);
    return ops;
  }();
  return *all;
}

const ops::OpDef* FindOp(absl::string_view name) {
  for (const ops::OpDef* op : AllOps()) {
    if (op->name == name) return op;
  }
  return nullptr;
}

}  // namespace adjoint::graph
