#include "ops/indexing.h"

#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/shape_ops.h"

// Elements by their place.

namespace adjoint::onnx {
namespace {

using ops::Var;

Values Gather(NodeContext& c) {
  const Var x = c.In(0), indices = c.In(1);
  const int64_t axis = c.Int("axis", 0);
  const Var y = ops::Gather(x, FromBegin(c, indices, x, axis), axis);
  // Of a vector of sizes.
  if (x.shape().rank() == 1 && indices.shape().rank() <= 1) {
    const auto sizes = c.FindDims(x);
    const auto at = c.FindDims(indices);
    const auto known = c.FindKnown(indices);
    if (sizes.has_value() && known.has_value()) {
      std::vector<Dim> dims;
      for (int64_t i = 0; i < known->size(); ++i) {
        int64_t k = IntAt(*known, i);
        if (k < 0) k += static_cast<int64_t>(sizes->size());
        if (k < 0 || k >= static_cast<int64_t>(sizes->size())) return One(y);
        dims.push_back((*sizes)[k]);
      }
      c.SetDims(y, std::move(dims));
    }
  }
  return One(y);
}

constexpr Lowering kRows[] = {
    {"Gather", 1, 2, 2, Gather, Takes::kAny},
};

}  // namespace

absl::Span<const Lowering> IndexingLowerings() { return kRows; }

}  // namespace adjoint::onnx
