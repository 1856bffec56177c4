#include "optim/per_parameter.h"

#include <map>

#include "optim/operands.h"

namespace adjoint::optim {

std::vector<SlotSpec> PerParameterOptimizer::Init(absl::Span<const TensorSpec> params) const {
  std::vector<SlotSpec> specs;
  for (size_t p = 0; p < params.size(); ++p) {
    for (const Slot& slot : Slots()) {
      const TensorSpec spec = slot.scalar ? TensorSpec{DType::kF64, Shape{}} : params[p];
      specs.push_back({slot.name, static_cast<int>(p), spec, slot.initial});
    }
  }
  return specs;
}

UpdateResult PerParameterOptimizer::Update(absl::Span<const Var> grads,
                                           absl::Span<const Var> params,
                                           absl::Span<const Var> slots, const Hyper& hyper) const {
  UpdateResult result = InvalidUpdate(params.size(), slots.size(), hyper);
  if (!CheckOperands(*this, grads, params, slots, hyper)) return result;
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
