#include "ops/indexing.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/gather_nd.h"
#include "ops/nonzero.h"
#include "ops/scatter.h"
#include "ops/shape_ops.h"
#include "ops/sort.h"

// Elements by their place. Where the number of elements of a result depends on values (NonZero,
// Unique, Compress), those must be known.

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

Values GatherElements(NodeContext& c) {
  const Var x = c.In(0);
  const int64_t axis = c.Int("axis", 0);
  return One(ops::TakeAlongAxis(x, FromBegin(c, c.In(1), x, axis), axis));
}

Values GatherND(NodeContext& c) {
  return One(ops::GatherNd(c.In(0), c.In(1), c.Int("batch_dims", 0)));
}

ops::ScatterMode Mode(NodeContext& c) {
  const std::string mode = c.Choice("reduction", "none", {"none", "add", "mul"});
  if (mode == "add") return ops::ScatterMode::kAdd;
  return mode == "mul" ? ops::ScatterMode::kMul : ops::ScatterMode::kSet;
}

Values ScatterElements(NodeContext& c) {
  const Var x = c.In(0);
  const int64_t axis = c.Int("axis", 0);
  const ops::ScatterMode mode = Mode(c);
  return One(ops::ScatterAlongAxis(x, FromBegin(c, c.In(1), x, axis), c.In(2), axis, mode));
}

Values ScatterND(NodeContext& c) {
  const ops::ScatterMode mode = Mode(c);
  return One(ops::ScatterNd(c.In(0), c.In(1), c.In(2), mode));
}

Values OneHot(NodeContext& c) {
  const int64_t depth = static_cast<int64_t>(c.KnownNumber(1));
  const Var values = c.In(2);
  const int64_t axis = c.Int("axis", -1);
  if (!c.ok()) return {};
  if (values.shape() != Shape{2}) {
    return One(c.Fail(absl::StrCat("values must be [off, on], not ", values.spec().ToString())));
  }
  const Var off = ops::Reshape(ops::SliceAxis(values, 0, 0, 1), Shape{});
  const Var on = ops::Reshape(ops::SliceAxis(values, 0, 1, 2), Shape{});
  return One(ops::OneHotAlong(c.In(0), depth, on, off, axis));
}

// The slices of an axis at these places.
Var Take(NodeContext& c, Var x, int64_t axis, const std::vector<int64_t>& places) {
  return ops::Gather(x, c.ConstantInts(places), axis);
}

Values Compress(NodeContext& c) {
  Var x = c.In(0);
  const bool flat = !c.HasAttr("axis");
  if (flat && x.shape().rank() != 1) x = ops::Reshape(x, Shape{-1});
  const int axis = flat ? 0 : c.Axis(c.Int("axis", 0), x.shape().rank());
  const Tensor condition = c.Known(1);
  const int64_t extent = c.Extent(x, axis);
  if (!c.ok()) return {};
  if (condition.dtype() != DType::kBool || condition.size() > extent) {
    return One(c.Fail(absl::StrCat("the condition is ", condition.spec().ToString(),
                                   " for an extent of ", extent)));
  }
  std::vector<int64_t> places;
  for (int64_t i = 0; i < condition.size(); ++i) {
    if (condition.data<bool>()[i]) places.push_back(i);
  }
  return One(Take(c, x, axis, places));
}

// The coordinates of elements that are not 0, one column each, in row-major order.
Values NonZero(NodeContext& c) {
  const Tensor x = c.Known(0);
  if (!c.ok()) return {};
  absl::StatusOr<Tensor> places = ops::NonZeroOf(x);
  if (!places.ok()) return One(c.Fail(places.status()));
  return One(c.Constant(*std::move(places)));
}

// The slices of an axis (or the elements, without one) that differ, in ascending order or in that
// of their first occurrence; where each occurs first, which of them each slice is, and their
// counts.
Values Unique(NodeContext& c) {
  const bool sorted = c.Flag("sorted", true);
  const Tensor x = c.Known(0);
  std::optional<int64_t> axis;
  if (c.HasAttr("axis")) axis = c.Axis(c.Int("axis", 0), x.shape().rank());
  if (!c.ok()) return {};
  absl::StatusOr<ops::UniqueTensors> found = ops::UniqueOf(x, axis, sorted);
  if (!found.ok()) return One(c.Fail(found.status()));
  // Gathered rather than constant, so that a gradient goes to the elements found.
  Var operand = c.In(0);
  if (!axis.has_value() && operand.shape().rank() != 1) {
    operand = ops::Reshape(operand, Shape{x.size()});
  }
  const Var first = c.Constant(found->first);
  return {ops::Gather(operand, first, axis.value_or(0)), first, c.Constant(found->inverse),
          c.Constant(found->counts)};
}

// As NumPy's fancy writing in older models: ScatterElements.
Values OldScatter(NodeContext& c) {
  const Var x = c.In(0);
  const int64_t axis = c.Int("axis", 0);
  return One(ops::ScatterAlongAxis(x, FromBegin(c, c.In(1), x, axis), c.In(2), axis));
}

Values TopK(NodeContext& c) {
  const int64_t k = c.KnownInt(1), axis = c.Int("axis", -1);
  const bool largest = c.Flag("largest", true);
  c.Flag("sorted", true);  // sorted is one of the orders that unsorted allows
  if (!c.ok()) return {};
  const ops::TopKResult top = ops::TopK(c.In(0), k, axis, largest);
  return {Value(top.values), Value(top.indices)};
}

constexpr Lowering kRows[] = {
    {"Gather", 1, 2, 2, Gather, Takes::kAny},
    {"GatherElements", 11, 2, 2, GatherElements, Takes::kAny},
    {"GatherND", 11, 2, 2, GatherND, Takes::kAny},
    {"Scatter", 9, 3, 3, OldScatter, Takes::kAny},
    {"ScatterElements", 11, 3, 3, ScatterElements},
    {"ScatterND", 11, 3, 3, ScatterND},
    {"OneHot", 9, 3, 3, OneHot, Takes::kAny},
    {"Compress", 9, 2, 2, Compress, Takes::kAny},
    {"NonZero", 9, 1, 1, NonZero},
    {"Unique", 11, 1, 1, Unique},
    {"TopK", 10, 2, 2, TopK, Takes::kAny},
};

}  // namespace

absl::Span<const Lowering> IndexingLowerings() { return kRows; }

}  // namespace adjoint::onnx
