#include <algorithm>

#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/iota.h"
#include "ops/pad.h"
#include "ops/rearrange.h"
#include "ops/shape_ops.h"

// Shapes, and values made of shapes.

namespace adjoint::onnx {
namespace {

using ops::Var;

// The extents of axes begin .. end-1 as i64, and what is known of them.
Var ShapeVector(NodeContext& c, Var x, int begin, int end) {
  std::vector<Dim> dims;
  std::vector<int64_t> extents;
  for (int axis = begin; axis < end; ++axis) {
    dims.push_back(x.shape().dim(axis));
    if (dims.back().is_known()) extents.push_back(dims.back().value());
  }
  if (extents.size() == dims.size()) return c.ConstantInts(extents);
  std::vector<ops::Operand> parts;
  for (int axis = begin; axis < end; ++axis) {
    parts.push_back(ops::Reshape(ops::SizeOf(x, {axis}, DType::kI64), Shape{1}));
  }
  const Var shape = ops::Concat(parts, 0);
  c.SetDims(shape, std::move(dims));
  return shape;
}

Values ShapeOf(NodeContext& c) {
  const Var x = c.In(0);
  const int64_t rank = x.shape().rank();
  const auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t begin = clamp(c.Int("start", 0));
  const int64_t end = c.HasAttr("end") ? clamp(c.Int("end", 0)) : rank;
  return One(ShapeVector(c, x, static_cast<int>(begin), static_cast<int>(std::max(begin, end))));
}

Values Size(NodeContext& c) {
  const Var x = c.In(0);
  return One(ops::SizeOf(x, AllAxes(x.shape().rank()), DType::kI64));
}

// 0 keeps an extent, unless allowzero; -1 is what remains, as is the one extent that is not known.
Values Reshape(NodeContext& c) {
  const Var x = c.In(0);
  std::vector<Dim> dims;
  if (c.version() < 5) {
    for (int64_t d : c.Ints("shape")) dims.push_back(d);
  } else {
    dims = c.KnownDims(1, /*allow_unknown=*/true);
  }
  const bool allow_zero = c.Flag("allowzero", false);
  if (!c.ok()) return {};
  Shape shape;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == Dim(0) && !allow_zero) {
      if (static_cast<int>(i) >= x.shape().rank()) {
        return One(c.Fail(absl::StrCat("entry ", i, " of the shape is 0, but the operand has rank ",
                                       x.shape().rank())));
      }
      shape.push_back(x.shape().dim(static_cast<int>(i)));
    } else {
      shape.push_back(dims[i]);
    }
  }
  const Var y = ops::Reshape(x, shape);
  if (y.shape().rank() <= 1) {
    if (auto known = c.FindDims(x)) c.SetDims(y, *std::move(known));
  }
  return One(y);
}

Values Flatten(NodeContext& c) {
  const Var x = c.In(0);
  const int rank = x.shape().rank();
  int64_t axis = c.Int("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) {
    return One(c.Fail(absl::StrCat("axis ", axis, " is outside of 0 .. ", rank)));
  }
  Shape shape;
  if (axis == 0) {
    shape = Shape{1, -1};
  } else if (axis == rank) {
    shape = Shape{-1, 1};
  } else if (axis == 1) {
    shape = Shape{x.shape().dim(0), -1};
  } else if (axis == rank - 1) {
    shape = Shape{-1, x.shape().dim(rank - 1)};
  } else {
    int64_t before = 1;
    for (int i = 0; i < axis; ++i) before *= c.Extent(x, i);
    shape = Shape{before, -1};
  }
  // "What remains" has no meaning where there is nothing.
  if (x.shape().IsConcrete()) {
    int64_t before = 1, after = 1;
    for (int i = 0; i < rank; ++i) (i < axis ? before : after) *= x.shape()[i];
    shape = Shape{before, after};
  }
  return One(ops::Reshape(x, shape));
}

Values Transpose(NodeContext& c) {
  const Var x = c.In(0);
  if (!c.HasAttr("perm")) return One(ops::Transpose(x));
  const std::vector<int64_t> perm = c.Ints("perm");
  if (static_cast<int>(perm.size()) != x.shape().rank()) {
    return One(c.Fail(absl::StrCat("attribute 'perm' has ", perm.size(),
                                   " entries, but the operand has rank ", x.shape().rank())));
  }
  return One(perm.empty() ? x : ops::Transpose(x, perm));
}

Values Squeeze(NodeContext& c) {
  const Var x = c.In(0);
  const auto axes = c.IntsAttrOrInput("axes", 1, 13);
  if (!c.ok()) return {};
  const Var y = axes.has_value() ? ops::Squeeze(x, *axes) : ops::Squeeze(x);
  if (auto known = c.FindDims(x)) c.SetDims(y, *std::move(known));
  return One(y);
}

Values Unsqueeze(NodeContext& c) {
  const Var x = c.In(0);
  const auto axes = c.IntsAttrOrInput("axes", 1, 13);
  if (!c.ok()) return {};
  if (!axes.has_value()) return One(c.Fail("axes are missing"));
  const int rank = x.shape().rank() + static_cast<int>(axes->size());
  const absl::StatusOr<std::vector<int>> at = NormalizeAxes(*axes, rank);
  if (!at.ok()) return One(c.Fail(at.status()));
  Shape shape;
  for (int i = 0, next = 0; i < rank; ++i) {
    const bool added = std::find(at->begin(), at->end(), i) != at->end();
    shape.push_back(added ? Dim(1) : x.shape().dim(next++));
  }
  const Var y = ops::Reshape(x, shape);
  if (shape.rank() <= 1) {
    if (auto known = c.FindDims(x)) c.SetDims(y, *std::move(known));
  }
  return One(y);
}

Values Concat(NodeContext& c) {
  const int64_t axis = c.version() < 4 ? c.Int("axis", 1) : c.Int("axis");
  std::vector<ops::Operand> operands;
  std::vector<Dim> dims;
  bool sizes = true;
  for (Var v : c.Ins()) {
    operands.push_back(v);
    const auto known = v.shape().rank() == 1 ? c.FindDims(v) : std::nullopt;
    sizes = sizes && known.has_value();
    if (sizes) dims.insert(dims.end(), known->begin(), known->end());
  }
  if (!c.ok()) return {};
  const Var y = ops::Concat(operands, axis);
  if (sizes) c.SetDims(y, std::move(dims));
  return One(y);
}

Values Split(NodeContext& c) {
  const Var x = c.In(0);
  const int axis = c.Axis(c.Int("axis", 0), x.shape().rank());
  const auto given = c.IntsAttrOrInput("split", 1, 13);
  const int64_t extent = c.Extent(x, axis);
  if (!c.ok()) return {};
  const int64_t parts = c.num_outputs();
  std::vector<int64_t> sizes;
  if (given.has_value()) {
    sizes = *given;
  } else if (parts == 0 || extent % parts != 0) {
    return One(c.Fail(
        absl::StrCat("an extent of ", extent, " cannot be split into ", parts, " equal parts")));
  } else {
    sizes.assign(parts, extent / parts);
  }
  Values outputs;
  int64_t begin = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > extent - begin) {
      return One(c.Fail(absl::StrCat("the parts do not add up to the extent, ", extent)));
    }
    outputs.push_back(ops::SliceAxis(x, axis, begin, begin + size));
    begin += size;
  }
  if (begin != extent) {
    return One(c.Fail(absl::StrCat("the parts add up to ", begin, ", but the extent is ", extent)));
  }
  return outputs;
}

Values Slice(NodeContext& c) {
  const Var x = c.In(0);
  std::vector<int64_t> starts, ends, steps;
  std::optional<std::vector<int64_t>> axes;
  if (c.version() < 10) {
    starts = c.Ints("starts");
    ends = c.Ints("ends");
    if (c.HasAttr("axes")) axes = c.Ints("axes");
  } else {
    if (!c.Has(2)) return One(c.Fail("starts and ends are missing"));
    starts = c.KnownInts(1);
    ends = c.KnownInts(2);
    if (c.Has(3)) axes = c.KnownInts(3);
    if (c.Has(4)) steps = c.KnownInts(4);
  }
  if (!c.ok()) return {};
  const int rank = x.shape().rank();
  if (!axes.has_value()) axes = AllAxes(static_cast<int>(starts.size()));
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes->size() != starts.size() ||
      steps.size() != starts.size()) {
    return One(c.Fail(absl::StrCat("there are ", starts.size(), " starts, ", ends.size(), " ends, ",
                                   axes->size(), " axes and ", steps.size(), " steps")));
  }
  std::vector<int64_t> begin(rank, 0), end(rank, ops::kSliceToEnd), step(rank, 1);
  std::vector<bool> taken(rank, false);
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = c.Axis((*axes)[i], rank);
    if (!c.ok()) return {};
    if (taken[axis]) return One(c.Fail(absl::StrCat("axis ", axis, " is named twice")));
    taken[axis] = true;
    begin[axis] = starts[i];
    end[axis] = ends[i];
    step[axis] = steps[i];
    // Far ends stand for "all"; INT32_MAX is what exporters write for it.
    if (steps[i] > 0 && ends[i] >= INT32_MAX) end[axis] = ops::kSliceToEnd;
    if (steps[i] < 0 && ends[i] <= -INT32_MAX) end[axis] = ops::kSliceFromStart;
  }
  const Var y = ops::Slice(x, begin, end, step);
  // Of a vector of sizes some of which are no numbers.
  if (rank == 1) {
    if (auto known = c.FindDims(x)) {
      const int64_t n = static_cast<int64_t>(known->size());
      const auto at = [&](int64_t i) { return i < 0 ? i + n : i; };
      std::vector<Dim> dims;
      if (step[0] == 1) {
        const int64_t last = std::clamp<int64_t>(end[0] == ops::kSliceToEnd ? n : at(end[0]), 0, n);
        for (int64_t i = std::clamp<int64_t>(at(begin[0]), 0, n); i < last; ++i) {
          dims.push_back((*known)[i]);
        }
        c.SetDims(y, std::move(dims));
      }
    }
  }
  return One(y);
}

// x and the shape broadcast with each other.
Values Expand(NodeContext& c) {
  const Var x = c.In(0);
  const std::vector<Dim> dims = c.KnownDims(1);
  if (!c.ok()) return {};
  const absl::StatusOr<Shape> shape = BroadcastShapes(x.shape(), Shape(dims));
  if (!shape.ok()) return One(c.Fail(shape.status()));
  for (Dim d : dims) {
    if (!d.is_valid()) return One(c.Fail("the shape has a negative extent"));
  }
  return One(ops::BroadcastTo(x, *shape));
}

Values ConstantOfShape(NodeContext& c) {
  Tensor value = Tensor::Of<float>({1}, {0});
  if (c.HasAttr("value")) value = c.TensorAttr("value");
  const std::vector<Dim> dims = c.KnownDims(0);
  if (!c.ok()) return {};
  if (value.size() != 1) {
    return One(c.Fail(absl::StrCat("attribute 'value' must have one element, not ", value.size())));
  }
  for (Dim d : dims) {
    if (!d.is_valid()) return One(c.Fail("the shape has a negative extent"));
  }
  const absl::StatusOr<Tensor> scalar = value.Reshaped(Shape{});
  if (!scalar.ok()) return One(c.Fail(scalar.status()));
  return One(ops::BroadcastTo(c.Constant(*scalar), Shape(dims)));
}

Values Constant(NodeContext& c) {
  for (absl::string_view name : {"value", "value_float", "value_int", "value_floats", "value_ints",
                                 "value_string", "value_strings", "sparse_value"}) {
    if (!c.HasAttr(name)) continue;
    if (name == "value") return One(c.Constant(c.TensorAttr(name)));
    if (name == "value_float") return One(c.Scalar<float>(c.Float(name, 0)));
    if (name == "value_int") return One(c.Scalar<int64_t>(c.Int(name, 0)));
    if (name == "value_ints") return One(c.ConstantInts(c.Ints(name)));
    if (name == "value_floats") return One(c.Constant(Tensor::Vector<float>(c.Floats(name))));
    return One(c.Unsupported(absl::StrCat("attribute '", name, "' is not supported")));
  }
  return One(c.Fail("it has no value"));
}

Values Tile(NodeContext& c) {
  const Var x = c.In(0);
  const std::vector<int64_t> repeats = c.KnownInts(1);
  if (!c.ok()) return {};
  return One(ops::Tiled(x, repeats));
}

Values Pad(NodeContext& c) {
  const Var x = c.In(0);
  const std::string mode = c.Choice("mode", "constant", {"constant", "edge", "reflect"});
  std::vector<int64_t> pads;
  double value = 0;
  if (c.version() < 11) {
    pads = c.Ints("pads");
    value = c.Float("value", 0);
  } else {
    if (!c.Has(1)) return One(c.Fail("pads are missing"));
    pads = c.KnownInts(1);
    if (c.Has(2)) value = c.KnownNumber(2);
  }
  if (!c.ok()) return {};
  const int rank = x.shape().rank();
  if (static_cast<int>(pads.size()) != 2 * rank) {
    return One(c.Fail(absl::StrCat("there are ", pads.size(), " pads for rank ", rank)));
  }
  return One(ops::Pad(x, absl::MakeSpan(pads).first(rank), absl::MakeSpan(pads).subspan(rank),
                      mode == "edge"      ? ops::PadMode::kEdge
                      : mode == "reflect" ? ops::PadMode::kReflect
                                          : ops::PadMode::kConstant,
                      value));
}

// start + i delta, computed in the type of the operands.
Values Range(NodeContext& c) {
  const DType dtype = c.In(0).dtype();
  const double start = c.KnownNumber(0), limit = c.KnownNumber(1), delta = c.KnownNumber(2);
  if (!c.ok()) return {};
  return One(ops::Range(c.graph(), start, limit, delta, dtype));
}

Values EyeLike(NodeContext& c) {
  const Var x = c.In(0);
  const DType dtype = c.DTypeAttr("dtype", x.dtype());
  const int64_t k = c.Int("k", 0);
  if (!c.RankIs(x, 2, 2)) return {};
  const Var eye = ops::Eye(c.graph(), x.shape().dim(0), x.shape().dim(1), k, DType::kF32);
  return One(ops::Cast(eye, dtype));
}

Values DepthToSpace(NodeContext& c) {
  const bool crd = c.Choice("mode", "DCR", {"DCR", "CRD"}) == "CRD";
  return One(ops::DepthToSpace(c.In(0), c.Int("blocksize"),
                               crd ? ops::DepthOrder::kCRD : ops::DepthOrder::kDCR));
}

Values SpaceToDepth(NodeContext& c) { return One(ops::SpaceToDepth(c.In(0), c.Int("blocksize"))); }

Values ReverseSequence(NodeContext& c) {
  const int64_t batch_axis = c.Int("batch_axis", 1);
  return One(ops::ReverseSequence(c.In(0), c.In(1), batch_axis, c.Int("time_axis", 0)));
}

constexpr Lowering kRows[] = {
    {"Shape", 1, 1, 1, ShapeOf, Takes::kAny},
    {"Size", 1, 1, 1, Size, Takes::kAny},
    {"Reshape", 1, 1, 2, Reshape, Takes::kAny},
    {"Flatten", 1, 1, 1, Flatten, Takes::kAny},
    {"Transpose", 1, 1, 1, Transpose, Takes::kAny},
    {"Squeeze", 1, 1, 2, Squeeze, Takes::kAny},
    {"Unsqueeze", 1, 1, 2, Unsqueeze, Takes::kAny},
    {"Concat", 1, 1, kVariadic, Concat, Takes::kAny},
    {"Split", 2, 1, 2, Split, Takes::kAny},
    {"Slice", 1, 1, 5, Slice, Takes::kAny},
    {"Expand", 8, 2, 2, Expand, Takes::kAny},
    {"Tile", 6, 2, 2, Tile, Takes::kAny},
    {"Pad", 2, 1, 3, Pad, Takes::kAny},
    {"Range", 11, 3, 3, Range},
    {"EyeLike", 9, 1, 1, EyeLike, Takes::kAny},
    {"DepthToSpace", 1, 1, 1, DepthToSpace, Takes::kAny},
    {"SpaceToDepth", 1, 1, 1, SpaceToDepth, Takes::kAny},
    {"ReverseSequence", 10, 2, 2, ReverseSequence, Takes::kAny},
    {"ConstantOfShape", 9, 1, 1, ConstantOfShape, Takes::kAny},
    {"Constant", 1, 0, 0, Constant, Takes::kAny},
};

}  // namespace

absl::Span<const Lowering> ShapeLowerings() { return kRows; }

}  // namespace adjoint::onnx
