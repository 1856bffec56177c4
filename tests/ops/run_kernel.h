#ifndef ADJOINT_TESTS_OPS_RUN_KERNEL_H_
#define ADJOINT_TESTS_OPS_RUN_KERNEL_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/buffer.h"
#include "core/philox.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "ops/op_def.h"

namespace adjoint::testing {

// A kernel prepared for some tensors, with what one caller of it needs.
struct Prepared {
  std::string name;
  std::unique_ptr<ops::Kernel> kernel;
  std::vector<TensorSpec> outputs;

  // Runs on operands of the specs prepared for, with state and scratch of its own.
  absl::StatusOr<Tensor> Run(const std::vector<Tensor>& inputs) const {
    std::vector<const void*> in;
    for (const Tensor& t : inputs) in.push_back(t.raw());
    Tensor out = Tensor::Empty(outputs[0]);
    void* const out_pointers[] = {out.mutable_raw()};
    Tensor scratch =
        Tensor::Empty({DType::kU8, Shape{static_cast<int64_t>(kernel->scratch_bytes())}});
    const std::unique_ptr<ops::KernelState> state = kernel->MakeState();
    ADJOINT_RETURN_IF_ERROR(
        kernel->Run({in.data(), out_pointers, scratch.mutable_raw(), state.get()}));
    return out;
  }
};

inline absl::StatusOr<Prepared> Prepare(const ops::OpDef& op, const std::vector<Tensor>& inputs,
                                        const Attrs& attrs, std::vector<std::string> skip = {}) {
  std::vector<TensorSpec> specs;
  for (const Tensor& t : inputs) specs.push_back(t.spec());
  ADJOINT_ASSIGN_OR_RETURN(std::vector<TensorSpec> outputs, ops::InferOp(op, specs, attrs));
  ADJOINT_ASSIGN_OR_RETURN(ops::PreparedKernel prepared,
                           ops::PrepareKernel(op, {specs, outputs, attrs}, skip));
  return Prepared{prepared.name, std::move(prepared.kernel), std::move(outputs)};
}

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPS_RUN_KERNEL_H_
