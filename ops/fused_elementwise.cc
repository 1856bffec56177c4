#include "ops/fused_elementwise.h"

#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "ops/tile_broadcast.h"
#include "ops/tile_engine.h"

namespace adjoint::ops {
namespace {

absl::StatusOr<const ElementwiseTape*> TapeOf(const Attrs& attrs) {
  const auto& object = attrs.At<std::shared_ptr<const AttrObject>>("tape");
  const auto* tape = dynamic_cast<const ElementwiseTape*>(object.get());
  if (tape == nullptr) {
    return absl::InvalidArgumentError("attribute 'tape' is not an elementwise tape");
  }
  return tape;
}

absl::StatusOr<std::vector<TensorSpec>> Infer(const InferContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(const ElementwiseTape* tape, TapeOf(c.attrs));
  if (static_cast<size_t>(tape->num_inputs()) != c.inputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the tape reads ", tape->num_inputs(),
                                                   " inputs, but the node has ", c.inputs.size()));
  }
  Shape shape;
  for (const TensorSpec& input : c.inputs) {
    ADJOINT_ASSIGN_OR_RETURN(shape, BroadcastShapes(shape, input.shape));
  }
  // Every instruction's own rule, in scalars: shapes are the tape's affair.
  for (const ElementwiseTape::Value& value : tape->values()) {
    if (value.input >= 0) {
      const DType given = c.inputs[value.input].dtype;
      if (given != value.dtype) {
        return absl::InvalidArgumentError(absl::StrCat("input ", value.input, " of the tape is ",
                                                       DTypeName(value.dtype),
                                                       ", but the node's is ", DTypeName(given)));
      }
      continue;
    }
    std::vector<TensorSpec> operands(value.operands.size());
    for (size_t k = 0; k < operands.size(); ++k) {
      operands[k].dtype = tape->values()[value.operands[k]].dtype;
    }
    ADJOINT_ASSIGN_OR_RETURN(const std::vector<TensorSpec> specs,
                             InferOp(*value.op, operands, value.attrs));
    if (specs.size() != 1 || specs[0].dtype != value.dtype) {
      return absl::InvalidArgumentError(absl::StrCat("the tape takes the result of ",
                                                     value.op->name, " for ",
                                                     DTypeName(value.dtype), ", which it is not"));
    }
  }
  std::vector<TensorSpec> outputs;
  for (const int output : tape->outputs()) outputs.push_back({tape->values()[output].dtype, shape});
  return outputs;
}

// Each instruction by its own reference kernel, at full size.
class ReferenceKernel : public Kernel {
 public:
  static absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const KernelRequest& request) {
    ADJOINT_ASSIGN_OR_RETURN(const ElementwiseTape* tape, TapeOf(request.attrs));
    auto kernel = std::make_unique<ReferenceKernel>();
    const Shape& full = request.outputs[0].shape;
    std::vector<TensorSpec> specs;
    for (const ElementwiseTape::Value& value : tape->values()) {
      Step step;
      step.input = value.input;
      if (value.input >= 0) {
        specs.push_back(request.inputs[value.input]);
      } else {
        step.operands.assign(value.operands.begin(), value.operands.end());
        specs.push_back({value.dtype, full});
        std::vector<TensorSpec> operands;
        for (const int operand : step.operands) operands.push_back(specs[operand]);
        ADJOINT_ASSIGN_OR_RETURN(step.kernel, value.op->kernels.back().prepare(
                                                  {operands, {&specs.back(), 1}, value.attrs}));
      }
      step.spec = specs.back();
      kernel->steps_.push_back(std::move(step));
    }
    kernel->outputs_.assign(tape->outputs().begin(), tape->outputs().end());
    kernel->full_ = full;
    return std::unique_ptr<Kernel>(std::move(kernel));
  }

  absl::Status Run(const KernelArgs& args) const override {
    std::vector<Tensor> results(steps_.size());
    std::vector<const void*> values(steps_.size());
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      if (step.input >= 0) {
        values[i] = args.inputs[step.input];
        continue;
      }
      ADJOINT_ASSIGN_OR_RETURN(results[i], Tensor::Allocate(step.spec));
      std::vector<const void*> operands;
      for (const int operand : step.operands) operands.push_back(values[operand]);
      void* out = results[i].mutable_raw();
      ADJOINT_RETURN_IF_ERROR(step.kernel->Run({operands.data(), &out, nullptr, nullptr}));
      values[i] = out;
    }
    // Outputs may be the memory of inputs that are outputs: collect first, then write.
    std::vector<Tensor> outputs;
    for (const int output : outputs_) {
      const TensorSpec& spec = steps_[output].spec;
      ADJOINT_ASSIGN_OR_RETURN(Tensor t, Tensor::Allocate({spec.dtype, full_}));
      const BroadcastView view(spec.shape, full_, DTypeSize(spec.dtype));
      if (t.size() > 0) view.Copy(values[output], 0, t.size(), t.mutable_raw());
      outputs.push_back(std::move(t));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].bytes() == 0) continue;
      std::memcpy(args.outputs[i], outputs[i].raw(), static_cast<size_t>(outputs[i].bytes()));
    }
    return absl::OkStatus();
  }

 private:
  struct Step {
    int input = -1;
    TensorSpec spec;
    std::vector<int> operands;
    std::unique_ptr<Kernel> kernel;
  };

  std::vector<Step> steps_;
  std::vector<int> outputs_;
  Shape full_;
};

}  // namespace

Attrs FusedElementwiseAttrs(ElementwiseTape tape) {
  return Attrs{{"tape", std::shared_ptr<const AttrObject>(
                            std::make_shared<ElementwiseTape>(std::move(tape)))}};
}

const OpDef& FusedElementwiseOp() {
  static const OpDef* const op = new OpDef{
      .name = "fused_elementwise",
      .traits = {.elementwise = true, .internal = true},
      .min_inputs = 1,
      .max_inputs = kVariadic,
      .attrs = {{"tape", AttrKind::kObject}},
      .infer = Infer,
      .kernels = {{"simd",
                   [](const KernelRequest& r) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                     ADJOINT_ASSIGN_OR_RETURN(const ElementwiseTape* tape, TapeOf(r.attrs));
                     return PrepareTape(*tape, r);
                   }},
                  {"reference", ReferenceKernel::Prepare}},
  };
  return *op;
}

}  // namespace adjoint::ops
