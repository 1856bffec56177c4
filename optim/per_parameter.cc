#include "optim/per_parameter.h"

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ops/builder.h"

namespace adjoint::optim {

std::vector<SlotSpec> PerParameterOptimizer::Init(absl::Span<const TensorSpec> params) const {
  std::vector<SlotSpec> specs;
  for (size_t p = 0; p < params.size(); ++p) {
    for (const Slot& slot : Slots()) {
      specs.push_back({slot.name, static_cast<int>(p), params[p], slot.initial});
    }
  }
  return specs;
}

bool PerParameterOptimizer::CheckOperands(absl::Span<const Var> grads, absl::Span<const Var> params,
                                          absl::Span<const Var> slots, const Hyper& hyper) const {
  const std::string name = Config().name;
  const auto refuse = [&](auto&&... text) {
    hyper.learning_rate.builder->Fail(
        absl::InvalidArgumentError(absl::StrCat("optimizer '", name, "': ", text...)));
    return false;
  };
  const std::vector<Slot> each = Slots();
  if (grads.size() != params.size()) {
    return refuse(grads.size(), " gradients for ", params.size(), " parameters");
  }
  if (slots.size() != params.size() * each.size()) {
    return refuse(slots.size(), " slots for ", params.size(), " parameters, which take ",
                  each.size(), " each");
  }
  for (size_t p = 0; p < params.size(); ++p) {
    if (!params[p].valid() || !grads[p].valid()) return false;  // the builder knows why
    const TensorSpec& spec = params[p].spec();
    if (!IsFloating(spec.dtype)) {
      return refuse("parameter ", p, " is ", spec.ToString(), "; only f32 and f64 can be trained");
    }
    if (grads[p].spec() != spec) {
      return refuse("parameter ", p, " is ", spec.ToString(), ", but its gradient is ",
                    grads[p].spec().ToString());
    }
    for (size_t s = 0; s < each.size(); ++s) {
      const Var slot = slots[p * each.size() + s];
      if (!slot.valid()) return false;
      if (slot.spec() != spec) {
        return refuse("parameter ", p, " is ", spec.ToString(), ", but its slot '", each[s].name,
                      "' is ", slot.spec().ToString());
      }
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

UpdateResult PerParameterOptimizer::Update(absl::Span<const Var> grads,
                                           absl::Span<const Var> params,
                                           absl::Span<const Var> slots, const Hyper& hyper) const {
  const Var invalid{hyper.learning_rate.builder, -1, 0};
  UpdateResult result{std::vector<Var>(params.size(), invalid),
                      std::vector<Var>(slots.size(), invalid)};
  if (!CheckOperands(grads, params, slots, hyper)) return result;
  result.slots.assign(slots.begin(), slots.end());
  const size_t each = params.empty() ? 0 : slots.size() / params.size();
  std::map<DType, std::vector<Var>> scalars;
  for (size_t p = 0; p < params.size(); ++p) {
    const DType dtype = params[p].dtype();
    if (scalars.count(dtype) == 0) scalars[dtype] = Scalars(hyper, dtype);
    result.params[p] = UpdateOne(grads[p], params[p], scalars[dtype],
                                 absl::MakeSpan(result.slots).subspan(p * each, each));
  }
  return result;
}

}  // namespace adjoint::optim
