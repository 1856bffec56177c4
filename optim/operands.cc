#include "optim/operands.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ops/builder.h"

namespace adjoint::optim {

bool CheckOperands(const Optimizer& optimizer, absl::Span<const Var> grads,
                   absl::Span<const Var> params, absl::Span<const Var> slots, const Hyper& hyper) {
  const std::string name = optimizer.Config().name;
  const auto refuse = [&](auto&&... text) {
    hyper.learning_rate.builder->Fail(
        absl::InvalidArgumentError(absl::StrCat("optimizer '", name, "': ", text...)));
    return false;
  };
  if (grads.size() != params.size()) {
    return refuse(grads.size(), " gradients for ", params.size(), " parameters");
  }
  std::vector<TensorSpec> specs;
  for (size_t p = 0; p < params.size(); ++p) {
    if (!params[p].valid() || !grads[p].valid()) return false;  // the builder knows why
    const TensorSpec& spec = params[p].spec();
    if (spec.dtype != DType::kF32 && spec.dtype != DType::kF64) {
      return refuse("parameter ", p, " is ", spec.ToString(), "; only f32 and f64 can be trained");
    }
    if (grads[p].spec() != spec) {
      return refuse("parameter ", p, " is ", spec.ToString(), ", but its gradient is ",
                    grads[p].spec().ToString());
    }
    specs.push_back(spec);
  }
  const std::vector<SlotSpec> wanted = optimizer.Init(specs);
  if (slots.size() != wanted.size()) {
    return refuse(slots.size(), " slots for ", params.size(), " parameters, which take ",
                  wanted.size());
  }
  for (size_t s = 0; s < slots.size(); ++s) {
    if (!slots[s].valid()) return false;
    if (slots[s].spec() != wanted[s].spec) {
      return refuse("parameter ", wanted[s].param, " is ", specs[wanted[s].param].ToString(),
                    ", but its slot '", wanted[s].name, "' is ", slots[s].spec().ToString());
    }
  }
  const TensorSpec rate{DType::kF32, Shape{}}, step{DType::kI64, Shape{}};
  if (hyper.learning_rate.spec() != rate) {
    return refuse("the learning rate is ", hyper.learning_rate.spec().ToString(),
                  "; it must be f32[]");
  }
  if (hyper.step.spec() != step) {
    return refuse("the step is ", hyper.step.spec().ToString(), "; it must be i64[]");
  }
  return true;
}

UpdateResult InvalidUpdate(size_t num_params, size_t num_slots, const Hyper& hyper) {
  const Var invalid{hyper.learning_rate.builder, -1, 0};
  return {std::vector<Var>(num_params, invalid), std::vector<Var>(num_slots, invalid)};
}

}  // namespace adjoint::optim
