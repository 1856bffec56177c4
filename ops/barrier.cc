#include "ops/barrier.h"

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace adjoint::ops {
namespace {

// A view is run only where it stands alone: it copies its first operand.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareCopy(const KernelRequest& request) {
  ADJOINT_ASSIGN_OR_RETURN(const int64_t bytes, request.outputs[0].ByteSize());
  return MakeKernel([bytes](const KernelArgs& args) {
    if (bytes > 0) std::memcpy(args.outputs[0], args.inputs[0], bytes);
    return absl::OkStatus();
  });
}

}  // namespace

Var Barrier(Operand x) { return Apply1(BarrierOp(), {x}); }

Var Saved(Operand saved, Operand computed) { return Apply1(SavedOp(), {saved, computed}); }

const OpDef& BarrierOp() {
  static const OpDef* const op = new OpDef{
      .name = "barrier",
      .traits = {.view = true},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        return std::vector<TensorSpec>{c.inputs[0]};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{c.cotangents[0]};
      },
      .kernels = {{"reference", PrepareCopy}},
      .onnx_name = "Identity",
  };
  return *op;
}

const OpDef& SavedOp() {
  static const OpDef* const op = new OpDef{
      .name = "saved",
      .traits = {.view = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        if (c.inputs[0] != c.inputs[1]) {
          return absl::InvalidArgumentError(
              absl::StrCat("the value saved is ", c.inputs[0].ToString(), ", the one computed ",
                           c.inputs[1].ToString()));
        }
        return std::vector<TensorSpec>{c.inputs[0]};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{Cotangent::Zero(), c.cotangents[0]};
      },
      .kernels = {{"reference", PrepareCopy}},
  };
  return *op;
}

}  // namespace adjoint::ops
