#include "ops/reduce.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/cumulative.h"
#include "ops/fail.h"
#include "ops/reduce_simd.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using Ints = std::vector<int64_t>;

absl::StatusOr<std::vector<int>> AxesOf(const Attrs& attrs, const Shape& shape) {
  return NormalizeAxes(attrs.At<Ints>("axes"), shape.rank());
}

// The shape with the axes reduced to extent 1, or gone.
Shape ReducedShape(const Shape& from, absl::Span<const int> axes, bool keepdims) {
  Shape to;
  for (int axis = 0; axis < from.rank(); ++axis) {
    const bool reduced = std::binary_search(axes.begin(), axes.end(), axis);
    if (!reduced) {
      to.push_back(from.dim(axis));
    } else if (keepdims) {
      to.push_back(1);
    }
  }
  return to;
}

absl::StatusOr<std::vector<TensorSpec>> InferReduction(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes, AxesOf(c.attrs, x.shape));
  return std::vector<TensorSpec>{
      {x.dtype, ReducedShape(x.shape, axes, c.attrs.At<bool>("keepdims"))}};
}

// `reduced`, a reduction of x, repeated along the axes that went.
Var Spread(Var reduced, Var x, absl::Span<const int> axes) {
  return BroadcastTo(Reshape(reduced, ReducedShape(x.shape(), axes, true)), x.shape());
}

// How the reference adds up and compares. Integers add modulo 2^64.
template <typename T>
struct SumStep {
  using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
  static Accumulator Initial() { return 0; }
  static Accumulator Next(Accumulator a, T x) { return a + static_cast<Accumulator>(x); }
};
template <typename T>
struct ProdStep {
  using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
  static Accumulator Initial() { return 1; }
  static Accumulator Next(Accumulator a, T x) { return a * static_cast<Accumulator>(x); }
};
template <typename T>
struct MaxStep {
  using Accumulator = T;
  static T Initial() {
    return std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                : std::numeric_limits<T>::lowest();
  }
  static T Next(T a, T x) { return x > a || x != x ? x : a; }
};
template <typename T>
struct MinStep {
  using Accumulator = T;
  static T Initial() {
    return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                                : std::numeric_limits<T>::max();
  }
  static T Next(T a, T x) { return x < a || x != x ? x : a; }
};

// Walks the input in order; output strides are 0 along reduced axes.
template <typename T, typename Step>
std::unique_ptr<Kernel> ReferenceReduction(const Shape& from, absl::Span<const int> axes,
                                           bool mean) {
  using Accumulator = typename Step::Accumulator;
  const std::vector<int64_t> extents = from.Extents();
  const int64_t n = from.NumElements();
  const std::vector<int64_t> kept = ReducedShape(from, axes, true).Extents();
  std::vector<int64_t> strides = RowMajorStrides(kept);
  int64_t outputs = 1, count = 1;
  for (int64_t e : kept) outputs *= e;
  for (int axis : axes) {
    strides[axis] = 0;
    count *= extents[axis];
  }
  return MakeKernel(
      [=](const KernelArgs& args) {
        auto* total = static_cast<Accumulator*>(args.scratch);
        for (int64_t j = 0; j < outputs; ++j) total[j] = Step::Initial();
        for (int64_t i = 0; i < n; ++i) {
          int64_t rest = i, j = 0;
          for (size_t axis = extents.size(); axis-- > 0;) {
            j += rest % extents[axis] * strides[axis];
            rest /= extents[axis];
          }
          total[j] = Step::Next(total[j], In<T>(args, 0)[i]);
        }
        for (int64_t j = 0; j < outputs; ++j) {
          Accumulator value = total[j];
          if (mean) value /= static_cast<Accumulator>(count);
          Out<T>(args)[j] = static_cast<T>(value);
        }
        return absl::OkStatus();
      },
      std::max<int64_t>(outputs, 1) * sizeof(Accumulator));
}

template <template <typename> class Step, Reduction kReduction>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& r) {
  const TensorSpec& x = r.inputs[0];
  ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes, AxesOf(r.attrs, x.shape));
  return VisitDType(x.dtype, [&](auto tag) -> std::unique_ptr<Kernel> {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_arithmetic_v<T>) {
      return nullptr;
    } else {
      return ReferenceReduction<T, Step<T>>(x.shape, axes, kReduction == Reduction::kMean);
    }
  });
}

template <Reduction kReduction>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareSimd(const KernelRequest& r) {
  const TensorSpec& x = r.inputs[0];
  ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes, AxesOf(r.attrs, x.shape));
  return MakeReduction(kReduction, x.dtype, x.shape.Extents(), axes);
}

Var Reduce(const OpDef& op, Operand x, absl::Span<const int64_t> axes, bool keepdims) {
  Ints list(axes.begin(), axes.end());
  if (auto normal = NormalizeAxes(axes, x.var.shape().rank()); normal.ok()) {
    list.assign(normal->begin(), normal->end());
  }
  return Apply1(op, {x}, {{"axes", std::move(list)}, {"keepdims", keepdims}});
}

// A reduction that has a name of its own for bools.
Var OfBool(const OpDef& op, const char* name, Operand x, absl::Span<const int64_t> axes,
           bool keepdims) {
  if (x.var.valid() && x.var.dtype() != DType::kBool) {
    return FailAt(
        x, name,
        absl::StrCat("takes bool, but was given ", DTypeName(x.var.dtype()), "; compare it first"));
  }
  return Reduce(op, x, axes, keepdims);
}

Ints AllAxes(const Operand& x) {
  Ints axes;
  for (int axis = 0; axis < x.var.shape().rank(); ++axis) axes.push_back(axis);
  return axes;
}

std::vector<AttrDecl> ReductionAttrs() {
  return {{"axes", AttrKind::kInts}, {"keepdims", AttrKind::kBool}};
}

// The number of elements that a mean is over, as an operand of its type.
Operand CountOf(Var x, absl::Span<const int> axes) {
  int64_t count = 1;
  Ints list;
  bool known = true;
  for (int axis : axes) {
    list.push_back(axis);
    const Dim d = x.shape().dim(axis);
    known = known && d.is_known();
    if (known) count *= d.value();
  }
  if (known) return Operand(static_cast<double>(count));
  return Operand(SizeOf(x, list, x.dtype()));
}

absl::StatusOr<std::vector<TensorSpec>> InferSum(const InferContext& c) {
  const DType dtype = c.inputs[0].dtype;
  if (!IsFloating(dtype) && dtype != DType::kI32 && dtype != DType::kI64) {
    return absl::InvalidArgumentError(absl::StrCat("takes f32, f64, i32 or i64, but was given ",
                                                   DTypeName(dtype), "; cast it first"));
  }
  return InferReduction(c);
}

// `noun`: what nothing does not have.
absl::StatusOr<std::vector<TensorSpec>> InferExtreme(const InferContext& c, const char* noun) {
  const TensorSpec& x = c.inputs[0];
  ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes, AxesOf(c.attrs, x.shape));
  if (x.dtype == DType::kBool) return InferReduction(c);
  if (!IsFloating(x.dtype) && !IsInteger(x.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat("takes numbers or bool, but was given ",
                                                   DTypeName(x.dtype), "; cast it first"));
  }
  for (int axis : axes) {
    if (x.shape.dim(axis) == Dim(0)) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " of ", x.shape.ToString(),
                                                     " has no elements, and nothing has no ",
                                                     noun));
    }
  }
  return InferReduction(c);
}

absl::StatusOr<std::vector<Cotangent>> ExtremeVjp(const VjpContext& c) {
  const Var x = c.inputs[0];
  ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes, AxesOf(c.attrs, x.shape()));
  const Var equal = Cast(Equal(x, Spread(c.outputs[0], x, axes)), x.dtype());
  const Var ties = Sum(equal, c.attrs.At<Ints>("axes"), c.attrs.At<bool>("keepdims"));
  return std::vector<Cotangent>{equal * Spread(c.cotangents[0] / ties, x, axes)};
}

// The product of all other elements: of those before it times those behind it.
absl::StatusOr<std::vector<Cotangent>> ProdVjp(const VjpContext& c) {
  const Var x = c.inputs[0], g = c.cotangents[0];
  ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes, AxesOf(c.attrs, x.shape()));
  if (axes.empty()) return std::vector<Cotangent>{Reshape(g, x.shape())};
  if (axes.size() == 1) {
    return std::vector<Cotangent>{Spread(g, x, axes) * CumProd(x, axes[0], true) *
                                  CumProd(x, axes[0], true, true)};
  }
  // The reduced axes become one, the last.
  const int rank = x.shape().rank();
  Ints order, inverse(rank);
  Shape rows;
  for (int axis = 0; axis < rank; ++axis) {
    if (std::binary_search(axes.begin(), axes.end(), axis)) continue;
    order.push_back(axis);
    rows.push_back(x.shape().dim(axis));
  }
  order.insert(order.end(), axes.begin(), axes.end());
  for (int i = 0; i < rank; ++i) inverse[order[i]] = i;
  rows.push_back(-1);
  const Var moved = Transpose(x, order);
  const Var flat = Reshape(moved, rows);
  const Var others = CumProd(flat, -1, true) * CumProd(flat, -1, true, true);
  const Var back = Transpose(Reshape(others, moved.shape()), inverse);
  return std::vector<Cotangent>{Spread(g, x, axes) * back};
}

}  // namespace

const OpDef& SumOp() {
  static const OpDef* const op = new OpDef{
      .name = "sum",
      .attrs = ReductionAttrs(),
      .infer = InferSum,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes, AxesOf(c.attrs, c.inputs[0].shape()));
        return std::vector<Cotangent>{Spread(c.cotangents[0], c.inputs[0], axes)};
      },
      .kernels = {{"simd", PrepareSimd<Reduction::kSum>},
                  {"reference", PrepareReference<SumStep, Reduction::kSum>}},
      .onnx_name = "ReduceSum",
  };
  return *op;
}

const OpDef& MeanOp() {
  static const OpDef* const op = new OpDef{
      .name = "mean",
      .attrs = ReductionAttrs(),
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        if (!IsFloating(c.inputs[0].dtype)) {
          return absl::InvalidArgumentError(absl::StrCat(
              "takes f32 or f64, but was given ", DTypeName(c.inputs[0].dtype), "; cast it first"));
        }
        return InferReduction(c);
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const Var x = c.inputs[0];
        ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes, AxesOf(c.attrs, x.shape()));
        return std::vector<Cotangent>{Spread(c.cotangents[0] / CountOf(x, axes), x, axes)};
      },
      .kernels = {{"simd", PrepareSimd<Reduction::kMean>},
                  {"reference", PrepareReference<SumStep, Reduction::kMean>}},
      .onnx_name = "ReduceMean",
  };
  return *op;
}

const OpDef& ReduceMaxOp() {
  static const OpDef* const op = new OpDef{
      .name = "reduce_max",
      .attrs = ReductionAttrs(),
      .infer = [](const InferContext& c) { return InferExtreme(c, "maximum"); },
      .vjp = ExtremeVjp,
      .kernels = {{"simd", PrepareSimd<Reduction::kMax>},
                  {"reference", PrepareReference<MaxStep, Reduction::kMax>}},
      .onnx_name = "ReduceMax",
  };
  return *op;
}

const OpDef& ReduceMinOp() {
  static const OpDef* const op = new OpDef{
      .name = "reduce_min",
      .attrs = ReductionAttrs(),
      .infer = [](const InferContext& c) { return InferExtreme(c, "minimum"); },
      .vjp = ExtremeVjp,
      .kernels = {{"simd", PrepareSimd<Reduction::kMin>},
                  {"reference", PrepareReference<MinStep, Reduction::kMin>}},
      .onnx_name = "ReduceMin",
  };
  return *op;
}

const OpDef& ReduceProdOp() {
  static const OpDef* const op = new OpDef{
      .name = "reduce_prod",
      .attrs = ReductionAttrs(),
      .infer = InferSum,
      .vjp = ProdVjp,
      .kernels = {{"simd", PrepareSimd<Reduction::kProd>},
                  {"reference", PrepareReference<ProdStep, Reduction::kProd>}},
      .onnx_name = "ReduceProd",
  };
  return *op;
}

Var Sum(Operand x, absl::Span<const int64_t> axes, bool keepdims) {
  return Reduce(SumOp(), x, axes, keepdims);
}
Var Sum(Operand x) { return Reduce(SumOp(), x, AllAxes(x), false); }

Var Mean(Operand x, absl::Span<const int64_t> axes, bool keepdims) {
  return Reduce(MeanOp(), x, axes, keepdims);
}
Var Mean(Operand x) { return Reduce(MeanOp(), x, AllAxes(x), false); }

Var ReduceMax(Operand x, absl::Span<const int64_t> axes, bool keepdims) {
  return Reduce(ReduceMaxOp(), x, axes, keepdims);
}
Var ReduceMax(Operand x) { return Reduce(ReduceMaxOp(), x, AllAxes(x), false); }

Var ReduceMin(Operand x, absl::Span<const int64_t> axes, bool keepdims) {
  return Reduce(ReduceMinOp(), x, axes, keepdims);
}
Var ReduceMin(Operand x) { return Reduce(ReduceMinOp(), x, AllAxes(x), false); }

Var ReduceProd(Operand x, absl::Span<const int64_t> axes, bool keepdims) {
  return Reduce(ReduceProdOp(), x, axes, keepdims);
}
Var ReduceProd(Operand x) { return Reduce(ReduceProdOp(), x, AllAxes(x), false); }

Var Any(Operand x, absl::Span<const int64_t> axes, bool keepdims) {
  return OfBool(ReduceMaxOp(), "any", x, axes, keepdims);
}
Var Any(Operand x) { return Any(x, AllAxes(x)); }

Var All(Operand x, absl::Span<const int64_t> axes, bool keepdims) {
  return OfBool(ReduceMinOp(), "all", x, axes, keepdims);
}
Var All(Operand x) { return All(x, AllAxes(x)); }

}  // namespace adjoint::ops
