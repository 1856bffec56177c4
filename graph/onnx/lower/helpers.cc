#include "graph/onnx/lower/helpers.h"

#include <numeric>

#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/shape_ops.h"

namespace adjoint::onnx {

Var FromBegin(NodeContext& c, Var indices, Var x, int64_t axis) {
  const int at = c.Axis(axis, x.shape().rank());
  if (!c.ok()) return indices;
  if (const std::optional<Tensor> known = c.FindKnown(indices);
      known.has_value() && IsInteger(known->dtype())) {
    bool negative = false;
    for (int64_t i = 0; i < known->size(); ++i) negative = negative || IntAt(*known, i) < 0;
    if (!negative) return indices;
  }
  const Var extent = ops::SizeOf(x, {at}, indices.dtype());
  return ops::Where(ops::Less(indices, 0), ops::Add(indices, extent), indices);
}

std::vector<int64_t> AllAxes(int rank) {
  std::vector<int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

std::vector<int64_t> AxisToEnd(int axis, int rank) {
  std::vector<int64_t> permutation;
  for (int i = 0; i < rank; ++i) {
    if (i != axis) permutation.push_back(i);
  }
  permutation.push_back(axis);
  return permutation;
}

std::vector<int64_t> Inverse(const std::vector<int64_t>& permutation) {
  std::vector<int64_t> inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) inverse[permutation[i]] = static_cast<int64_t>(i);
  return inverse;
}

Around ExtentsAround(NodeContext& c, Var x, int axis) {
  Around around;
  const std::vector<int64_t> extents = c.Extents(x);
  if (!c.ok()) return around;
  for (int i = 0; i < static_cast<int>(extents.size()); ++i) {
    (i < axis ? around.before : (i == axis ? around.extent : around.after)) *= extents[i];
  }
  return around;
}

}  // namespace adjoint::onnx
