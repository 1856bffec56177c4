#include "graph/onnx/decompose.h"

#include <string>
#include <vector>

#include "core/status_macros.h"
#include "graph/op_lookup.h"
#include "graph/passes/dce.h"
#include "graph/passes/inline_calls.h"
#include "ops/arithmetic.h"
#include "ops/elementwise_tape.h"
#include "ops/fused_elementwise.h"
#include "ops/matmul.h"

namespace adjoint::onnx {
namespace {

using graph::Node;
using graph::Rewriter;
using ops::Var;

absl::Status SplitElementwise(Rewriter& to, int id) {
  const Node& node = to.from().graph->node(id);
  const auto& tape = static_cast<const ops::ElementwiseTape&>(
      *node.attrs.At<std::shared_ptr<const AttrObject>>("tape"));
  std::vector<Var> values;
  for (const ops::ElementwiseTape::Value& value : tape.values()) {
    if (value.op == nullptr) {
      values.push_back(to.Map(node.inputs[value.input]));
      continue;
    }
    std::vector<Var> operands;
    for (int ref : value.operands) operands.push_back(values[ref]);
    ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> made,
                             to.Add(*value.op, operands, value.attrs, id));
    values.push_back(made[0]);
  }
  for (size_t i = 0; i < tape.outputs().size(); ++i) {
    to.Set(to.from().graph->VarOf(id, static_cast<int>(i)), values[tape.outputs()[i]]);
  }
  return absl::OkStatus();
}

absl::Status SplitMatMul(Rewriter& to, int id) {
  const Node& node = to.from().graph->node(id);
  Attrs attrs;
  for (const char* name : {"transpose_a", "transpose_b"})
    attrs.Set(name, node.attrs.At<bool>(name));
  ADJOINT_ASSIGN_OR_RETURN(
      std::vector<Var> made,
      to.Add(ops::MatMulOp(), {to.Map(node.inputs[0]), to.Map(node.inputs[1])}, attrs, id));
  const bool scale = node.attrs.GetOr<bool>("scale", false);
  const bool residual = node.attrs.GetOr<bool>("residual", false);
  const bool bias = node.inputs.size() > 2u + scale + residual;
  if (scale) {
    const Var factor = to.Map(node.inputs[bias ? 3 : 2]);
    ADJOINT_ASSIGN_OR_RETURN(made, to.Add(ops::MulOp(), {made[0], factor}, {}, id));
  }
  if (bias) {
    ADJOINT_ASSIGN_OR_RETURN(made, to.Add(ops::AddOp(), {made[0], to.Map(node.inputs[2])}, {}, id));
  }
  if (residual) {
    const Var other = to.Map(node.inputs.back());
    ADJOINT_ASSIGN_OR_RETURN(made, to.Add(ops::AddOp(), {made[0], other}, {}, id));
  }
  const std::string& activation = node.attrs.At<std::string>("activation");
  if (const ops::OpDef* const op = activation.empty() ? nullptr : graph::FindOp(activation)) {
    ADJOINT_ASSIGN_OR_RETURN(made, to.Add(*op, {made[0]}, {}, id));
  }
  to.Set(to.from().graph->VarOf(id, 0), made[0]);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<graph::Program> Decompose(const graph::Program& program) {
  ADJOINT_ASSIGN_OR_RETURN(const graph::Program inlined, graph::InlineCalls(program));
  Rewriter rewriter(inlined);
  for (int id = 0; id < inlined.graph->num_nodes(); ++id) {
    const ops::OpDef* const op = inlined.graph->node(id).op;
    if (op == &ops::FusedElementwiseOp()) {
      ADJOINT_RETURN_IF_ERROR(SplitElementwise(rewriter, id));
    } else if (op == &ops::FusedMatMulOp()) {
      ADJOINT_RETURN_IF_ERROR(SplitMatMul(rewriter, id));
    } else {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
    }
  }
  return graph::EliminateDeadCode(rewriter.Finish());
}

}  // namespace adjoint::onnx
