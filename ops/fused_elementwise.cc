#include "ops/fused_elementwise.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "ops/reduce.h"
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
  const absl::Span<const TapeClosing> closings = ClosingsOf(c.attrs);
  if (!closings.empty() && closings.size() != tape->outputs().size()) {
    return absl::InvalidArgumentError(absl::StrCat("there are ", closings.size(),
                                                   " closings for the tape's ",
                                                   tape->outputs().size(), " outputs"));
  }
  std::vector<TensorSpec> outputs;
  for (size_t i = 0; i < tape->outputs().size(); ++i) {
    const TapeClosing closing = closings.empty() ? TapeClosing() : closings[i];
    const int kept = shape.rank() - closing.axes;
    if (kept < 0) {
      return absl::InvalidArgumentError(absl::StrCat("output ", i, " of the tape is reduced over ",
                                                     closing.axes, " axes, but there are ",
                                                     shape.rank()));
    }
    TensorSpec output{tape->values()[tape->outputs()[i]].dtype, shape};
    if (closing.axes > 0) output.shape = Shape(shape.dims().subspan(0, kept));
    for (int k = 0; closing.keepdims && k < closing.axes; ++k) output.shape.push_back(1);
    outputs.push_back(std::move(output));
  }
  return outputs;
}

const OpDef& OpOf(Reduction reduction) {
  switch (reduction) {
    case Reduction::kMean:
      return MeanOp();
    case Reduction::kMax:
      return ReduceMaxOp();
    case Reduction::kMin:
      return ReduceMinOp();
    case Reduction::kProd:
    case Reduction::kSum:
      break;
  }
  return SumOp();
}

// Each instruction by its own reference kernel, at full size.
class ReferenceKernel : public Kernel {
 public:
  static absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const KernelRequest& request) {
    ADJOINT_ASSIGN_OR_RETURN(const ElementwiseTape* tape, TapeOf(request.attrs));
    auto kernel = std::make_unique<ReferenceKernel>();
    Shape full;
    for (const TensorSpec& input : request.inputs) {
      ADJOINT_ASSIGN_OR_RETURN(full, BroadcastShapes(full, input.shape));
    }
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
    const absl::Span<const TapeClosing> closings = ClosingsOf(request.attrs);
    for (size_t i = 0; i < tape->outputs().size(); ++i) {
      Output output{.value = tape->outputs()[i], .spec = request.outputs[i], .closing = nullptr};
      const TapeClosing closing = closings.empty() ? TapeClosing() : closings[i];
      if (closing.axes > 0) {
        const TensorSpec spec{output.spec.dtype, full};
        std::vector<int64_t> axes;
        for (int axis = full.rank() - closing.axes; axis < full.rank(); ++axis) {
          axes.push_back(axis);
        }
        ADJOINT_ASSIGN_OR_RETURN(
            output.closing,
            OpOf(closing.reduction)
                .kernels.back()
                .prepare({{&spec, 1},
                          {&output.spec, 1},
                          Attrs{{"axes", std::move(axes)}, {"keepdims", closing.keepdims}}}));
        kernel->scratch_bytes_ = std::max(kernel->scratch_bytes_, output.closing->scratch_bytes());
      }
      kernel->outputs_.push_back(std::move(output));
    }
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
    for (const Output& output : outputs_) {
      const TensorSpec& spec = steps_[output.value].spec;
      ADJOINT_ASSIGN_OR_RETURN(Tensor t, Tensor::Allocate({spec.dtype, full_}));
      const BroadcastView view(spec.shape, full_, DTypeSize(spec.dtype));
      if (t.size() > 0) view.Copy(values[output.value], 0, t.size(), t.mutable_raw());
      if (output.closing != nullptr) {
        ADJOINT_ASSIGN_OR_RETURN(Tensor reduced, Tensor::Allocate(output.spec));
        const void* in = t.raw();
        void* out = reduced.mutable_raw();
        ADJOINT_RETURN_IF_ERROR(output.closing->Run({&in, &out, args.scratch, nullptr}));
        t = std::move(reduced);
      }
      outputs.push_back(std::move(t));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].bytes() == 0) continue;
      std::memcpy(args.outputs[i], outputs[i].raw(), static_cast<size_t>(outputs[i].bytes()));
    }
    return absl::OkStatus();
  }

  size_t scratch_bytes() const override { return scratch_bytes_; }

 private:
  struct Step {
    int input = -1;
    TensorSpec spec;
    std::vector<int> operands;
    std::unique_ptr<Kernel> kernel;
  };

  struct Output {
    int value;
    TensorSpec spec;
    std::unique_ptr<Kernel> closing;  // null for none
  };

  std::vector<Step> steps_;
  std::vector<Output> outputs_;
  size_t scratch_bytes_ = 0;
  Shape full_;
};

}  // namespace

std::optional<Reduction> ClosingReduction(const OpDef& op) {
  for (const Reduction reduction :
       {Reduction::kSum, Reduction::kMean, Reduction::kMax, Reduction::kMin}) {
    if (&op == &OpOf(reduction)) return reduction;
  }
  return std::nullopt;
}

Attrs FusedElementwiseAttrs(ElementwiseTape tape) {
  return FusedElementwiseAttrs(std::make_shared<const ElementwiseTape>(std::move(tape)));
}

Attrs FusedElementwiseAttrs(std::shared_ptr<const ElementwiseTape> tape) {
  return Attrs{{"tape", std::shared_ptr<const AttrObject>(std::move(tape))}};
}

bool MayOverwriteInputs(const Attrs& attrs, int output) {
  const absl::Span<const TapeClosing> closings = ClosingsOf(attrs);
  return closings.empty() || closings[output].axes == 0;
}

std::shared_ptr<const ElementwiseTape> FusedElementwiseTape(const Attrs& attrs) {
  return std::dynamic_pointer_cast<const ElementwiseTape>(
      attrs.At<std::shared_ptr<const AttrObject>>("tape"));
}

const OpDef& FusedElementwiseOp() {
  static const OpDef* const op = new OpDef{
      .name = "fused_elementwise",
      .traits = {.elementwise = true, .internal = true},
      .min_inputs = 1,
      .max_inputs = kVariadic,
      .attrs = {{"tape", AttrKind::kObject}, {"closings", AttrKind::kObject, /*optional=*/true}},
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
