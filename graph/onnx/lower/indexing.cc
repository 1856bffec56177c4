#include "ops/indexing.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/gather_nd.h"
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
  const std::vector<int64_t> extents = x.shape().Extents();
  const int64_t rank = static_cast<int64_t>(extents.size());
  std::vector<int64_t> found;
  for (int64_t i = 0; i < x.size(); ++i) {
    if (x.ValueAt(i) != 0) found.push_back(i);
  }
  const int64_t n = static_cast<int64_t>(found.size());
  std::vector<int64_t> coordinates(rank * n);
  for (int64_t k = 0; k < n; ++k) {
    int64_t rest = found[k];
    for (int64_t axis = rank - 1; axis >= 0; --axis) {
      coordinates[axis * n + k] = rest % extents[axis];
      rest /= extents[axis];
    }
  }
  return One(c.Constant(Tensor::Of<int64_t>({rank, n}, coordinates)));
}

// The slices of an axis (or the elements, without one) that differ, in ascending order or in that
// of their first occurrence; where each occurs first, which of them each slice is, and their
// counts.
Values Unique(NodeContext& c) {
  const bool sorted = c.Flag("sorted", true);
  const Tensor x = c.Known(0);
  const bool flat = !c.HasAttr("axis");
  const int axis = flat ? 0 : c.Axis(c.Int("axis", 0), x.shape().rank());
  if (!c.ok()) return {};
  int64_t before = 1, after = 1;
  const int64_t extent = flat ? x.size() : x.shape()[axis];
  for (int i = 0; !flat && i < x.shape().rank(); ++i) {
    if (i < axis) before *= x.shape()[i];
    if (i > axis) after *= x.shape()[i];
  }
  const auto at = [&](int64_t slice, int64_t k) {  // element k of a slice
    return x.ValueAt((k / after * extent + slice) * after + k % after);
  };
  const auto compare = [&](int64_t a, int64_t b) {
    for (int64_t k = 0; k < before * after; ++k) {
      const double u = at(a, k), v = at(b, k);
      if (u != v) return u < v ? -1 : 1;
    }
    return 0;
  };
  std::vector<int64_t> order(extent);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
  // Groups of equal slices, each by its first place.
  std::vector<int64_t> first, counts, group(extent);
  for (int64_t i = 0; i < extent; ++i) {
    if (i == 0 || compare(order[i - 1], order[i]) != 0) {
      first.push_back(order[i]);
      counts.push_back(0);
    }
    ++counts.back();
    group[order[i]] = static_cast<int64_t>(first.size()) - 1;
  }
  const int64_t n = static_cast<int64_t>(first.size());
  std::vector<int64_t> rank(n);  // of a group among the results
  std::iota(rank.begin(), rank.end(), 0);
  if (!sorted) {
    std::vector<int64_t> by_first(n);
    std::iota(by_first.begin(), by_first.end(), 0);
    std::sort(by_first.begin(), by_first.end(),
              [&](int64_t a, int64_t b) { return first[a] < first[b]; });
    for (int64_t i = 0; i < n; ++i) rank[by_first[i]] = i;
  }
  std::vector<int64_t> firsts(n), inverse(extent), sizes(n);
  for (int64_t g = 0; g < n; ++g) {
    firsts[rank[g]] = first[g];
    sizes[rank[g]] = counts[g];
  }
  for (int64_t i = 0; i < extent; ++i) inverse[i] = rank[group[i]];
  Var operand = c.In(0);
  if (flat && operand.shape().rank() != 1) operand = ops::Reshape(operand, Shape{x.size()});
  return {Take(c, operand, axis, firsts), c.ConstantInts(firsts), c.ConstantInts(inverse),
          c.ConstantInts(sizes)};
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
    {"NonZero", 9, 1, 1, NonZero, Takes::kAny},
    {"Unique", 11, 1, 1, Unique, Takes::kAny},
    {"TopK", 10, 2, 2, TopK, Takes::kAny},
};

}  // namespace

absl::Span<const Lowering> IndexingLowerings() { return kRows; }

}  // namespace adjoint::onnx
