#include "nn/masks.h"

#include <algorithm>
#include <vector>

#include "ops/builder.h"
#include "ops/comparison.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {

Var JointMask(absl::Span<const Value> inputs) {
  Var joint;
  for (const Value& input : inputs) {
    const Var mask = input.mask();
    if (!mask.valid()) continue;
    joint = joint.valid() ? ops::LogicalAnd(joint, mask) : mask;
  }
  return joint;
}

Var ConcatenatedMask(absl::Span<const Value> inputs, int axis) {
  const bool any = std::any_of(inputs.begin(), inputs.end(),
                               [](const Value& input) { return input.mask().valid(); });
  if (!any || axis != 1) return JointMask(inputs);
  std::vector<ops::Operand> masks;
  for (const Value& input : inputs) {
    if (input.mask().valid()) {
      masks.push_back(input.mask());
      continue;
    }
    const Var x = input.dense();
    const Var yes = ops::Constant(*x.builder, Tensor::Scalar<bool>(true));
    masks.push_back(ops::BroadcastTo(yes, Shape{x.shape().dim(0), x.shape().dim(1)}));
  }
  return ops::Concat(masks, 1);
}

}  // namespace adjoint::nn
