#include "graph/evaluate.h"

#include <memory>
#include <utility>

#include "core/buffer.h"
#include "core/status_macros.h"
#include "ops/op_def.h"

namespace adjoint::graph {

absl::StatusOr<std::vector<Tensor>> EvaluateNode(const Node& node,
                                                 absl::Span<const void* const> inputs) {
  std::vector<TensorSpec> specs;
  for (Var v : node.inputs) specs.push_back(v.spec());
  std::vector<Tensor> results;
  std::vector<void*> outputs;
  for (const TensorSpec& spec : node.outputs) {
    ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(spec));
    outputs.push_back(tensor.mutable_raw());
    results.push_back(std::move(tensor));
  }
  ADJOINT_ASSIGN_OR_RETURN(const ops::PreparedKernel prepared,
                           ops::PrepareKernel(*node.op, {specs, node.outputs, node.attrs}));
  ADJOINT_ASSIGN_OR_RETURN(const auto scratch, Buffer::Allocate(prepared.kernel->scratch_bytes()));
  const std::unique_ptr<ops::KernelState> state = prepared.kernel->MakeState();
  ADJOINT_RETURN_IF_ERROR(
      prepared.kernel->Run({inputs.data(), outputs.data(), scratch->data(), state.get()}));
  return results;
}

}  // namespace adjoint::graph
