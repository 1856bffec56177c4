#include "ops/composed_kernel.h"

#include <algorithm>
#include <utility>

#include "core/status_macros.h"

namespace adjoint::ops {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

class Composer::ComposedKernel : public Kernel {
 public:
  ComposedKernel(std::vector<Value> values, std::vector<Step> steps, size_t values_bytes,
                 size_t steps_bytes)
      : values_(std::move(values)),
        steps_(std::move(steps)),
        values_bytes_(values_bytes),
        steps_bytes_(steps_bytes) {}

  absl::Status Run(const KernelArgs& args) const override {
    auto& state = static_cast<State&>(*args.state);
    const auto pointer = [&](int value) -> void* {
      const Value& v = values_[value];
      if (v.place == Place::kInput) return const_cast<void*>(args.inputs[v.at]);
      if (v.place == Place::kOutput) return args.outputs[v.at];
      return static_cast<char*>(args.scratch) + v.at;
    };
    for (size_t i = 0; i < steps_.size(); ++i) {
      std::vector<void*>& pointers = state.pointers;
      pointers.clear();
      for (const int value : steps_[i].inputs) pointers.push_back(pointer(value));
      for (const int value : steps_[i].outputs) pointers.push_back(pointer(value));
      ADJOINT_RETURN_IF_ERROR(
          steps_[i].kernel->Run({.inputs = pointers.data(),
                                 .outputs = pointers.data() + steps_[i].inputs.size(),
                                 .scratch = static_cast<char*>(args.scratch) + values_bytes_,
                                 .state = state.states[i].get()}));
    }
    return absl::OkStatus();
  }

  size_t scratch_bytes() const override { return values_bytes_ + steps_bytes_; }

  std::unique_ptr<KernelState> MakeState() const override {
    auto state = std::make_unique<State>();
    size_t most = 0;
    for (const Step& step : steps_) {
      state->states.push_back(step.kernel->MakeState());
      most = std::max(most, step.inputs.size() + step.outputs.size());
    }
    state->pointers.reserve(most);
    return state;
  }

 private:
  struct State : KernelState {
    std::vector<std::unique_ptr<KernelState>> states;
    std::vector<void*> pointers;  // of a step, while it runs
  };

  const std::vector<Value> values_;
  const std::vector<Step> steps_;
  const size_t values_bytes_, steps_bytes_;
};

Composer::Composer(const KernelRequest& request) {
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    values_.push_back({request.inputs[i], Place::kInput, i});
  }
}

int Composer::Add(const OpDef& op, const std::vector<int>& inputs, const Attrs& attrs) {
  return AddStep(op, inputs, attrs, -1);
}

int Composer::AddTo(int output, const OpDef& op, const std::vector<int>& inputs,
                    const Attrs& attrs) {
  return AddStep(op, inputs, attrs, output);
}

int Composer::AddStep(const OpDef& op, const std::vector<int>& inputs, const Attrs& attrs,
                      int output) {
  const int first = static_cast<int>(values_.size());
  if (!status_.ok()) return 0;
  std::vector<TensorSpec> specs;
  for (const int value : inputs) specs.push_back(values_[value].spec);
  absl::StatusOr<std::vector<TensorSpec>> outputs = InferOp(op, specs, attrs);
  if (!outputs.ok()) {
    status_ = outputs.status();
    return 0;
  }
  absl::StatusOr<std::unique_ptr<Kernel>> kernel =
      op.kernels.back().prepare({specs, *outputs, attrs});
  if (!kernel.ok()) {
    status_ = kernel.status();
    return 0;
  }
  Step step{*std::move(kernel), inputs, {}};
  steps_bytes_ = std::max(steps_bytes_, step.kernel->scratch_bytes());
  for (const TensorSpec& spec : *outputs) {
    step.outputs.push_back(static_cast<int>(values_.size()));
    if (output >= 0) {
      values_.push_back({spec, Place::kOutput, static_cast<size_t>(output++)});
      continue;
    }
    values_.push_back({spec, Place::kScratch, values_bytes_});
    const size_t bytes = static_cast<size_t>(spec.ByteSize().value_or(0));
    values_bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  steps_.push_back(std::move(step));
  return first;
}

absl::StatusOr<std::unique_ptr<Kernel>> Composer::Finish() {
  ADJOINT_RETURN_IF_ERROR(status_);
  return std::unique_ptr<Kernel>(std::make_unique<ComposedKernel>(
      std::move(values_), std::move(steps_), values_bytes_, steps_bytes_));
}

}  // namespace adjoint::ops
