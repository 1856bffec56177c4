#ifndef ADJOINT_TESTS_OPTIM_STEPPER_H_
#define ADJOINT_TESTS_OPTIM_STEPPER_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "graph/executable.h"
#include "graph/graph.h"
#include "graph/program.h"
#include "graph/variables.h"
#include "optim/optimizer.h"

namespace adjoint::testing {

inline Tensor Filled(const TensorSpec& spec, const std::vector<double>& values) {
  Tensor t = Tensor::Empty(spec);
  VisitDType(spec.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const absl::Span<T> to = t.mutable_data<T>();
    for (size_t i = 0; i < to.size(); ++i) to[i] = static_cast<T>(values[i]);
  });
  return t;
}

inline std::vector<double> ValuesOf(const Tensor& t) {
  std::vector<double> values;
  for (int64_t i = 0; i < t.size(); ++i) values.push_back(t.ValueAt(i));
  return values;
}

// An optimizer's update compiled as a program whose gradients, rate and step are inputs and whose
// parameters and slots are variables.
class Stepper {
 public:
  static absl::StatusOr<std::unique_ptr<Stepper>> Create(
      const optim::Optimizer& optimizer, const std::vector<Tensor>& params,
      const graph::CompileOptions& options = {}) {
    auto stepper = std::make_unique<Stepper>();
    std::vector<TensorSpec> specs;
    for (const Tensor& p : params) specs.push_back(p.spec());
    stepper->slots_ = optimizer.Init(specs);

    auto g = std::make_shared<graph::Graph>();
    graph::Program program{.name = "update", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
    std::vector<ops::Var> grads, reads, slots;
    for (size_t p = 0; p < params.size(); ++p) {
      grads.push_back(g->Input(absl::StrCat("gradient_", p), specs[p]));
      program.AddInput(absl::StrCat("gradient_", p), grads.back());
      reads.push_back(g->Input(ParamName(p), specs[p]));
      stepper->store_.Set(ParamName(p), params[p]);
    }
    for (const optim::SlotSpec& slot : stepper->slots_) {
      slots.push_back(g->Input(SlotName(slot.param, slot.name), slot.spec));
      const int64_t size = Tensor::Empty(slot.spec).size();
      stepper->store_.Set(SlotName(slot.param, slot.name),
                          Filled(slot.spec, std::vector<double>(size, slot.initial)));
    }
    const optim::Hyper hyper{g->Input("learning_rate", {DType::kF32, Shape{}}),
                             g->Input("step", {DType::kI64, Shape{}})};
    program.AddInput("learning_rate", hyper.learning_rate);
    program.AddInput("step", hyper.step);
    const optim::UpdateResult result = optimizer.Update(grads, reads, slots, hyper);
    ADJOINT_RETURN_IF_ERROR(g->status());
    for (size_t p = 0; p < params.size(); ++p) {
      program.states.push_back({ParamName(p), reads[p], result.params[p]});
    }
    for (size_t s = 0; s < slots.size(); ++s) {
      const optim::SlotSpec& slot = stepper->slots_[s];
      program.states.push_back({SlotName(slot.param, slot.name), slots[s], result.slots[s]});
    }
    ADJOINT_ASSIGN_OR_RETURN(stepper->executable_, graph::Executable::Compile(program, options));
    ADJOINT_ASSIGN_OR_RETURN(stepper->workspace_, stepper->executable_->NewWorkspace());
    return stepper;
  }

  absl::Status Step(const std::vector<Tensor>& gradients, float learning_rate, int64_t step) {
    std::vector<Tensor> inputs = gradients, outputs;
    inputs.push_back(Tensor::Scalar(learning_rate));
    inputs.push_back(Tensor::Scalar(step));
    return executable_->Run(*workspace_, inputs, &store_, &outputs);
  }

  std::vector<double> Param(size_t p) const { return ValuesOf(*store_.Find(ParamName(p))); }
  // Ends the test program when there is no such slot.
  std::vector<double> SlotOf(size_t p, const std::string& name) const {
    return ValuesOf(*store_.Find(SlotName(p, name)));
  }
  const std::vector<optim::SlotSpec>& slots() const { return slots_; }

  const graph::Executable& executable() const { return *executable_; }
  // Steps that compute tensors of more than one element.
  int num_wide_steps() const {
    int count = 0;
    const graph::Graph& g = *executable_->program().graph;
    for (const graph::PlannedStep& step : executable_->storage().steps) {
      const graph::SpecList& outputs = g.node(step.node).outputs;
      count += std::any_of(outputs.begin(), outputs.end(),
                           [](const TensorSpec& s) { return s.shape.rank() > 0; });
    }
    return count;
  }

 private:
  static std::string ParamName(size_t p) { return absl::StrCat("param_", p); }
  static std::string SlotName(size_t p, const std::string& name) {
    return absl::StrCat("param_", p, "/", name);
  }

  std::vector<optim::SlotSpec> slots_;
  graph::VariableStore store_;
  std::shared_ptr<const graph::Executable> executable_;
  std::unique_ptr<graph::Workspace> workspace_;
};

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPTIM_STEPPER_H_
