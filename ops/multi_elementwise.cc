#include "ops/multi_elementwise.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/fused_elementwise.h"

namespace adjoint::ops {
namespace {

class Tapes final : public AttrObject {
 public:
  explicit Tapes(std::vector<std::shared_ptr<const ElementwiseTape>> parts)
      : parts_(std::move(parts)) {}

  const std::vector<std::shared_ptr<const ElementwiseTape>>& parts() const { return parts_; }

  std::string ToString() const override {
    std::string text;
    for (const auto& part : parts_) {
      absl::StrAppend(&text, text.empty() ? "" : " | ", part->ToString());
    }
    return text;
  }

  bool Equals(const AttrObject& other) const override {
    const auto* tapes = dynamic_cast<const Tapes*>(&other);
    return tapes != nullptr &&
           std::equal(parts_.begin(), parts_.end(), tapes->parts_.begin(), tapes->parts_.end(),
                      [](const auto& a, const auto& b) { return a->Equals(*b); });
  }

 private:
  const std::vector<std::shared_ptr<const ElementwiseTape>> parts_;
};

absl::StatusOr<const Tapes*> TapesOf(const Attrs& attrs) {
  const auto& object = attrs.At<std::shared_ptr<const AttrObject>>("tapes");
  const auto* tapes = dynamic_cast<const Tapes*>(object.get());
  if (tapes == nullptr) {
    return absl::InvalidArgumentError("attribute 'tapes' is not a list of elementwise tapes");
  }
  return tapes;
}

absl::StatusOr<std::vector<TensorSpec>> Infer(const InferContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(const Tapes* tapes, TapesOf(c.attrs));
  size_t wanted = 0;
  for (const auto& tape : tapes->parts()) wanted += tape->num_inputs();
  if (wanted != c.inputs.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tapes read ", wanted, " inputs, but the node has ", c.inputs.size()));
  }
  std::vector<TensorSpec> outputs;
  size_t first = 0;
  for (const auto& tape : tapes->parts()) {
    ADJOINT_ASSIGN_OR_RETURN(
        const std::vector<TensorSpec> part,
        InferOp(FusedElementwiseOp(), c.inputs.subspan(first, tape->num_inputs()),
                FusedElementwiseAttrs(tape)));
    first += tape->num_inputs();
    outputs.insert(outputs.end(), part.begin(), part.end());
  }
  return outputs;
}

// The parts' kernels, one after the other.
class MultiKernel : public Kernel {
 public:
  // `fast`: those that walk tiles, or null where a part's declines; else the reference.
  static absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const KernelRequest& request, bool fast) {
    ADJOINT_ASSIGN_OR_RETURN(const Tapes* tapes, TapesOf(request.attrs));
    const std::vector<KernelDef>& kernels = FusedElementwiseOp().kernels;
    const KernelDef& def = fast ? kernels.front() : kernels.back();
    auto multi = std::make_unique<MultiKernel>();
    size_t input = 0, output = 0;
    for (const auto& tape : tapes->parts()) {
      const Attrs attrs = FusedElementwiseAttrs(tape);
      Part part{.first_input = input, .first_output = output, .kernel = nullptr};
      ADJOINT_ASSIGN_OR_RETURN(
          part.kernel,
          def.prepare({request.inputs.subspan(input, tape->num_inputs()),
                       request.outputs.subspan(output, tape->outputs().size()), attrs}));
      if (part.kernel == nullptr) return std::unique_ptr<Kernel>();
      input += tape->num_inputs();
      output += tape->outputs().size();
      multi->parts_.push_back(std::move(part));
    }
    return std::unique_ptr<Kernel>(std::move(multi));
  }

  // The kernels of tapes need neither scratch nor state.
  absl::Status Run(const KernelArgs& args) const override {
    for (const Part& part : parts_) {
      ADJOINT_RETURN_IF_ERROR(part.kernel->Run({.inputs = args.inputs + part.first_input,
                                                .outputs = args.outputs + part.first_output,
                                                .scratch = nullptr,
                                                .state = nullptr}));
    }
    return absl::OkStatus();
  }

  std::string implementation() const override { return absl::StrCat(parts_.size(), " tensors"); }

 private:
  struct Part {
    size_t first_input, first_output;
    std::unique_ptr<Kernel> kernel;
  };

  std::vector<Part> parts_;
};

}  // namespace

Attrs MultiElementwiseAttrs(std::vector<std::shared_ptr<const ElementwiseTape>> tapes) {
  return Attrs{
      {"tapes", std::shared_ptr<const AttrObject>(std::make_shared<Tapes>(std::move(tapes)))}};
}

bool InOnePart(const Attrs& attrs, int input, int output) {
  const auto tapes = TapesOf(attrs);
  if (!tapes.ok()) return false;
  for (const auto& tape : (*tapes)->parts()) {
    const int outputs = static_cast<int>(tape->outputs().size());
    if (input < tape->num_inputs() || output < outputs) {
      return input < tape->num_inputs() && output < outputs;
    }
    input -= tape->num_inputs();
    output -= outputs;
  }
  return false;
}

const OpDef& MultiElementwiseOp() {
  static const OpDef* const op = new OpDef{
      .name = "multi_elementwise",
      .traits = {.internal = true},
      .min_inputs = 1,
      .max_inputs = kVariadic,
      .attrs = {{"tapes", AttrKind::kObject}},
      .infer = Infer,
      .kernels = {{"simd", [](const KernelRequest& r) { return MultiKernel::Prepare(r, true); }},
                  {"reference",
                   [](const KernelRequest& r) { return MultiKernel::Prepare(r, false); }}},
  };
  return *op;
}

}  // namespace adjoint::ops
