#include "optim/row_updates.h"

#include <vector>

#include "ops/arithmetic.h"
#include "ops/indexing.h"

namespace adjoint::optim {
namespace {

// The rows of x that a gradient has; any where it has none.
Var Take(Var x, Var rows) { return ops::Gather(x, ops::Maximum(rows, 0)); }

}  // namespace

UpdateResult Update(const Optimizer& optimizer, absl::Span<const Gradient> grads,
                    absl::Span<const Var> params, absl::Span<const Var> slots, const Hyper& hyper) {
  std::vector<TensorSpec> specs;
  for (const Var& param : params) specs.push_back(param.spec());
  const std::vector<SlotSpec> slot_specs = optimizer.Init(specs);
  // Slot s has the rows of its parameter.
  const auto has_rows = [&](size_t s) {
    const size_t p = static_cast<size_t>(slot_specs[s].param);
    return grads[p].is_of_rows() && slot_specs[s].spec.shape == specs[p].shape;
  };
  std::vector<Var> dense, some_params(params.begin(), params.end());
  std::vector<Var> some_slots(slots.begin(), slots.end());
  for (size_t p = 0; p < params.size(); ++p) {
    dense.push_back(grads[p].is_of_rows() ? grads[p].rows.values : grads[p].whole);
    if (grads[p].is_of_rows()) some_params[p] = Take(params[p], grads[p].rows.rows);
  }
  for (size_t s = 0; s < slots.size(); ++s) {
    if (has_rows(s)) some_slots[s] = Take(slots[s], grads[slot_specs[s].param].rows.rows);
  }
  UpdateResult result = optimizer.Update(dense, some_params, some_slots, hyper);
  for (size_t p = 0; p < params.size(); ++p) {
    if (!grads[p].is_of_rows() || !result.params[p].valid()) continue;
    result.params[p] = ops::UpdateRows(params[p], grads[p].rows.rows, result.params[p]);
  }
  for (size_t s = 0; s < slots.size(); ++s) {
    if (!has_rows(s) || !result.slots[s].valid()) continue;
    result.slots[s] =
        ops::UpdateRows(slots[s], grads[slot_specs[s].param].rows.rows, result.slots[s]);
  }
  return result;
}

}  // namespace adjoint::optim
