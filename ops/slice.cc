#include "ops/slice.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/fail.h"
#include "ops/strided_copy.h"

namespace adjoint::ops {
namespace {

// One axis of a slice.
struct AxisRange {
  int64_t begin = 0;
  int64_t end = kSliceToEnd;
  int64_t step = 1;

  bool IsWhole() const {
    return (step == 1 && begin == 0 && end == kSliceToEnd) ||
           (step == -1 && begin == kSliceToEnd && end == kSliceFromStart);
  }
};

// What a range selects of an axis of known extent.
struct Selection {
  int64_t first;
  int64_t count;
};

// CPython's PySlice_AdjustIndices.
Selection Select(const AxisRange& range, int64_t extent) {
  const int64_t lower = range.step > 0 ? 0 : -1;
  const int64_t upper = range.step > 0 ? extent : extent - 1;
  auto clamp = [&](int64_t bound) {
    if (bound < 0) bound += extent;
    return std::clamp(bound, lower, std::max(lower, upper));
  };
  const int64_t first = clamp(range.begin), last = clamp(range.end);
  if (range.step > 0) {
    return {first, last > first ? (last - first - 1) / range.step + 1 : 0};
  }
  return {first, first > last ? (first - last - 1) / -range.step + 1 : 0};
}

std::string BoundText(int64_t bound) {
  if (bound == kSliceToEnd) return "end";
  if (bound == kSliceFromStart) return "start";
  return absl::StrCat(bound);
}

absl::StatusOr<std::vector<AxisRange>> RangesOf(const Attrs& attrs, int rank) {
  const auto& begin = attrs.At<std::vector<int64_t>>("begin");
  const auto& end = attrs.At<std::vector<int64_t>>("end");
  const auto& step = attrs.At<std::vector<int64_t>>("step");
  if (begin.size() != end.size() || begin.size() != step.size()) {
    return absl::InvalidArgumentError(absl::StrCat("begin has ", begin.size(), " entries, end has ",
                                                   end.size(), ", step has ", step.size(),
                                                   "; each needs one for every axis sliced"));
  }
  if (static_cast<int>(begin.size()) > rank) {
    return absl::InvalidArgumentError(
        absl::StrCat("begin has ", begin.size(), " entries, the tensor has ", rank, " axes"));
  }
  std::vector<AxisRange> ranges(rank);
  for (size_t axis = 0; axis < begin.size(); ++axis) {
    if (step[axis] == 0 || step[axis] == INT64_MIN) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the step along axis ", axis, " is ", step[axis], "; it must be positive or negative",
          step[axis] == 0 ? ", not 0" : " and above -2^63"));
    }
    ranges[axis] = {begin[axis], end[axis], step[axis]};
  }
  return ranges;
}

// The shape of a slice of `from`.
absl::StatusOr<Shape> SlicedShape(const Shape& from, const Attrs& attrs) {
  ADJOINT_ASSIGN_OR_RETURN(std::vector<AxisRange> ranges, RangesOf(attrs, from.rank()));
  Shape to;
  for (int axis = 0; axis < from.rank(); ++axis) {
    const AxisRange& range = ranges[axis];
    const Dim d = from.dim(axis);
    if (range.IsWhole()) {
      to.push_back(d);
    } else if (d.is_known()) {
      to.push_back(Select(range, d.value()).count);
    } else {
      to.push_back(Dim::Symbol(absl::StrCat("slice(", d.ToString(), ",", BoundText(range.begin),
                                            ",", BoundText(range.end), ",", range.step, ")")));
    }
  }
  return to;
}

// The copy from a dense array of `whole` to one of the slice's shape.
StridedCopy SliceCopy(const Shape& whole, const Shape& part, const Attrs& attrs) {
  const std::vector<AxisRange> ranges = *RangesOf(attrs, whole.rank());
  StridedCopy copy;
  copy.extents = part.Extents();
  copy.target_strides = RowMajorStrides(copy.extents);
  copy.source_strides = RowMajorStrides(whole.Extents());
  for (int axis = 0; axis < whole.rank(); ++axis) {
    copy.source_offset += Select(ranges[axis], whole[axis]).first * copy.source_strides[axis];
    // Along an axis of one element at most a step may be too large to multiply, and has no meaning.
    copy.source_strides[axis] *= copy.extents[axis] > 1 ? ranges[axis].step : 0;
  }
  return copy;
}

StridedCopy Reversed(StridedCopy copy) {
  std::swap(copy.source_strides, copy.target_strides);
  std::swap(copy.source_offset, copy.target_offset);
  return copy;
}

// `Fast` selects CopyFast over CopyReference.
template <bool Fast>
void RunCopy(const StridedCopy& copy, size_t element_size, const void* source, void* target) {
  if constexpr (Fast) {
    CopyFast(copy, element_size, source, target);
  } else {
    CopyReference(copy, element_size, source, target);
  }
}

template <bool Fast>
StridedCopy Planned(StridedCopy copy) {
  if constexpr (Fast) return Simplified(copy);
  return copy;
}

template <bool Fast>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareSlice(const KernelRequest& r) {
  return MakeKernel(
      [copy = Planned<Fast>(SliceCopy(r.inputs[0].shape, r.outputs[0].shape, r.attrs)),
       size = DTypeSize(r.outputs[0].dtype)](const KernelArgs& args) {
        RunCopy<Fast>(copy, size, args.inputs[0], args.outputs[0]);
        return absl::OkStatus();
      });
}

template <bool Fast>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareSliceScatter(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(int64_t bytes, r.outputs[0].ByteSize());
  return MakeKernel(
      [copy = Planned<Fast>(Reversed(SliceCopy(r.outputs[0].shape, r.inputs[0].shape, r.attrs))),
       size = DTypeSize(r.outputs[0].dtype), bytes](const KernelArgs& args) {
        if (bytes > 0) std::memset(args.outputs[0], 0, bytes);
        RunCopy<Fast>(copy, size, args.inputs[0], args.outputs[0]);
        return absl::OkStatus();
      });
}

template <bool Fast>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareConcat(const KernelRequest& r) {
  const Shape& whole = r.outputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(r.attrs.At<int64_t>("axis"), whole.rank()));
  const std::vector<int64_t> strides = RowMajorStrides(whole.Extents());
  std::vector<StridedCopy> copies;
  int64_t first = 0;
  for (const TensorSpec& input : r.inputs) {
    StridedCopy copy;
    copy.extents = input.shape.Extents();
    copy.source_strides = RowMajorStrides(copy.extents);
    copy.target_strides = strides;
    copy.target_offset = first * strides[axis];
    first += copy.extents[axis];
    copies.push_back(Planned<Fast>(std::move(copy)));
  }
  return MakeKernel(
      [copies = std::move(copies), size = DTypeSize(r.outputs[0].dtype)](const KernelArgs& args) {
        for (size_t i = 0; i < copies.size(); ++i) {
          RunCopy<Fast>(copies[i], size, args.inputs[i], args.outputs[0]);
        }
        return absl::OkStatus();
      });
}

absl::StatusOr<std::vector<TensorSpec>> InferConcat(const InferContext& c) {
  const TensorSpec& first = c.inputs[0];
  ADJOINT_ASSIGN_OR_RETURN(int axis,
                           NormalizeAxis(c.attrs.At<int64_t>("axis"), first.shape.rank()));
  int64_t extent = 0;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const TensorSpec& spec = c.inputs[i];
    if (spec.dtype != first.dtype) {
      return absl::InvalidArgumentError(absl::StrCat("element types differ: operand 0 has ",
                                                     DTypeName(first.dtype), ", operand ", i,
                                                     " has ", DTypeName(spec.dtype)));
    }
    if (spec.shape.rank() != first.shape.rank()) {
      return absl::InvalidArgumentError(absl::StrCat("ranks differ: operand 0 has ",
                                                     first.shape.rank(), ", operand ", i, " has ",
                                                     spec.shape.rank()));
    }
    for (int k = 0; k < first.shape.rank(); ++k) {
      if (k == axis || spec.shape.dim(k) == first.shape.dim(k)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "extents of axis ", k, " differ: operand 0 has ", first.shape.dim(k).ToString(),
          ", operand ", i, " has ", spec.shape.dim(k).ToString()));
    }
    const Dim d = spec.shape.dim(axis);
    if (!d.is_known() && c.inputs.size() > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("operand ", i, " has ", d.ToString(), " along axis ", axis,
                       ", the axis of concatenation, where extents must be numbers"));
    }
    if (d.is_known() && __builtin_add_overflow(extent, d.value(), &extent)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the extents along axis ", axis, " add up to more than 2^63 - 1"));
    }
  }
  Shape shape = first.shape;
  if (shape.dim(axis).is_known()) shape.set_dim(axis, extent);
  return std::vector<TensorSpec>{{first.dtype, std::move(shape)}};
}

absl::StatusOr<std::vector<Cotangent>> ConcatVjp(const VjpContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(int axis,
                           NormalizeAxis(c.attrs.At<int64_t>("axis"), c.outputs[0].shape().rank()));
  if (c.inputs.size() == 1) return std::vector<Cotangent>{c.cotangents[0]};
  std::vector<Cotangent> result;
  int64_t first = 0;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const int64_t extent = c.inputs[i].shape()[axis];
    result.push_back(c.needs[i] ? Cotangent(SliceAxis(c.cotangents[0], axis, first, first + extent))
                                : Cotangent::Zero());
    first += extent;
  }
  return result;
}

Attrs SliceAttrs(absl::Span<const int64_t> begin, absl::Span<const int64_t> end,
                 absl::Span<const int64_t> step) {
  std::vector<int64_t> steps(step.begin(), step.end());
  if (steps.empty()) steps.assign(begin.size(), 1);
  return Attrs{{"begin", std::vector<int64_t>(begin.begin(), begin.end())},
               {"end", std::vector<int64_t>(end.begin(), end.end())},
               {"step", std::move(steps)}};
}

}  // namespace

const OpDef& SliceOp() {
  static const OpDef* const op = new OpDef{
      .name = "slice",
      .attrs = {{"begin", AttrKind::kInts}, {"end", AttrKind::kInts}, {"step", AttrKind::kInts}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_ASSIGN_OR_RETURN(Shape shape, SlicedShape(c.inputs[0].shape, c.attrs));
        return std::vector<TensorSpec>{{c.inputs[0].dtype, std::move(shape)}};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{SliceScatter(
            c.cotangents[0], c.inputs[0].shape(), c.attrs.At<std::vector<int64_t>>("begin"),
            c.attrs.At<std::vector<int64_t>>("end"), c.attrs.At<std::vector<int64_t>>("step"))};
      },
      .kernels = {{"blocked", PrepareSlice<true>}, {"reference", PrepareSlice<false>}},
      .onnx_name = "Slice",
  };
  return *op;
}

const OpDef& SliceScatterOp() {
  static const OpDef* const op = new OpDef{
      .name = "slice_scatter",
      .attrs = {{"begin", AttrKind::kInts},
                {"end", AttrKind::kInts},
                {"shape", AttrKind::kShape},
                {"step", AttrKind::kInts}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        const Shape& shape = c.attrs.At<Shape>("shape");
        ADJOINT_ASSIGN_OR_RETURN(Shape part, SlicedShape(shape, c.attrs));
        if (part != c.inputs[0].shape) {
          return absl::InvalidArgumentError(
              absl::StrCat("the updates have shape ", c.inputs[0].shape.ToString(),
                           ", the slice of ", shape.ToString(), " has ", part.ToString()));
        }
        return std::vector<TensorSpec>{{c.inputs[0].dtype, shape}};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{Slice(
            c.cotangents[0], c.attrs.At<std::vector<int64_t>>("begin"),
            c.attrs.At<std::vector<int64_t>>("end"), c.attrs.At<std::vector<int64_t>>("step"))};
      },
      .kernels = {{"blocked", PrepareSliceScatter<true>},
                  {"reference", PrepareSliceScatter<false>}},
  };
  return *op;
}

const OpDef& ConcatOp() {
  static const OpDef* const op = new OpDef{
      .name = "concat",
      .max_inputs = kVariadic,
      .attrs = {{"axis", AttrKind::kInt}},
      .infer = InferConcat,
      .vjp = ConcatVjp,
      .kernels = {{"blocked", PrepareConcat<true>}, {"reference", PrepareConcat<false>}},
      .onnx_name = "Concat",
  };
  return *op;
}

Var Slice(Operand x, absl::Span<const int64_t> begin, absl::Span<const int64_t> end,
          absl::Span<const int64_t> step) {
  return Apply1(SliceOp(), {x}, SliceAttrs(begin, end, step));
}

Var SliceAxis(Operand x, int64_t axis, int64_t begin, int64_t end) {
  if (!x.var.valid()) return x.var;
  absl::StatusOr<int> at = NormalizeAxis(axis, x.var.shape().rank());
  if (!at.ok()) return FailAt(x, "slice", at.status().message());
  std::vector<int64_t> begins(*at + 1, 0), ends(*at + 1, kSliceToEnd);
  begins[*at] = begin;
  ends[*at] = end;
  return Slice(x, begins, ends);
}

Var SliceScatter(Operand updates, const Shape& shape, absl::Span<const int64_t> begin,
                 absl::Span<const int64_t> end, absl::Span<const int64_t> step) {
  Attrs attrs = SliceAttrs(begin, end, step);
  attrs.Set("shape", shape);
  return Apply1(SliceScatterOp(), {updates}, std::move(attrs));
}

Var Concat(absl::Span<const Operand> xs, int64_t axis) {
  for (const Operand& x : xs) {
    if (!x.var.valid()) continue;
    if (auto normal = NormalizeAxis(axis, x.var.shape().rank()); normal.ok()) axis = *normal;
    break;
  }
  return Apply1(ConcatOp(), xs, {{"axis", axis}});
}

}  // namespace adjoint::ops
