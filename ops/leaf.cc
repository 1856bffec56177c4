#include "ops/leaf.h"

namespace adjoint::ops {
namespace {

absl::StatusOr<std::vector<Cotangent>> NoInputs(const VjpContext&) {
  return std::vector<Cotangent>{};
}

}  // namespace

const OpDef& InputOp() {
  static const OpDef* const op = new OpDef{
      .name = "input",
      .traits = {.leaf = true},
      .min_inputs = 0,
      .max_inputs = 0,
      .attrs = {{"name", AttrKind::kString},
                {"dtype", AttrKind::kDType},
                {"shape", AttrKind::kShape}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        return std::vector<TensorSpec>{{c.attrs.At<DType>("dtype"), c.attrs.At<Shape>("shape")}};
      },
      .vjp = NoInputs,
  };
  return *op;
}

const OpDef& ConstantOp() {
  static const OpDef* const op = new OpDef{
      .name = "constant",
      .traits = {.leaf = true},
      .min_inputs = 0,
      .max_inputs = 0,
      .attrs = {{"value", AttrKind::kTensor}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        return std::vector<TensorSpec>{c.attrs.At<Tensor>("value").spec()};
      },
      .vjp = NoInputs,
      .onnx_name = "Constant",
  };
  return *op;
}

}  // namespace adjoint::ops
