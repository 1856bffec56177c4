#include "ops/scatter.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/cumulative.h"
#include "ops/index_check.h"
#include "ops/scatter_kernels.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

// Rules for one index an element.
absl::Status CheckAlong(const TensorSpec& x, const TensorSpec& indices, int axis) {
  if (indices.shape.rank() != x.shape.rank()) {
    return absl::InvalidArgumentError(absl::StrCat("the operand has rank ", x.shape.rank(),
                                                   ", indices have rank ", indices.shape.rank()));
  }
  for (int k = 0; k < x.shape.rank(); ++k) {
    const Dim have = x.shape.dim(k), want = indices.shape.dim(k);
    if (k == axis || have == want) continue;
    if (have.is_known() && want.is_known() && want.value() < have.value()) continue;
    return absl::InvalidArgumentError(absl::StrCat("indices have ", want.ToString(), " along axis ",
                                                   k, ", the operand has ", have.ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorSpec>> InferTake(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("indices", c.inputs[1]));
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape.rank()));
  ADJOINT_RETURN_IF_ERROR(CheckAlong(x, c.inputs[1], axis));
  return std::vector<TensorSpec>{{x.dtype, c.inputs[1].shape}};
}

template <bool kAlong>
absl::StatusOr<std::vector<TensorSpec>> InferScatter(const InferContext& c) {
  const TensorSpec& base = c.inputs[0];
  const TensorSpec& indices = c.inputs[1];
  const TensorSpec& updates = c.inputs[2];
  ADJOINT_ASSIGN_OR_RETURN(ScatterMode mode, ScatterModeOf(c.attrs));
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("indices", indices));
  if (mode != ScatterMode::kSet && !IsFloating(base.dtype) && !IsInteger(base.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes f32, f64 or an integer type for the mode ", ScatterModeName(mode),
                     ", but was given ", DTypeName(base.dtype), "; cast it first"));
  }
  if (updates.dtype != base.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("element types differ: base has ",
                                                   DTypeName(base.dtype), ", updates have ",
                                                   DTypeName(updates.dtype)));
  }
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), base.shape.rank()));
  Shape want = indices.shape;
  if (kAlong) {
    ADJOINT_RETURN_IF_ERROR(CheckAlong(base, indices, axis));
  } else {
    want = Shape(base.shape.dims().subspan(0, static_cast<size_t>(axis)));
    for (Dim d : indices.shape.dims()) want.push_back(d);
    for (Dim d : base.shape.dims().subspan(static_cast<size_t>(axis) + 1)) want.push_back(d);
  }
  if (updates.shape != want) {
    return absl::InvalidArgumentError(absl::StrCat("updates have shape ", updates.shape.ToString(),
                                                   ", base and indices ask for ", want.ToString()));
  }
  return std::vector<TensorSpec>{base};
}

// 1, 2, 3, ... in row-major order, i64.
Var Counting(Var like, const Shape& shape) {
  const Var ones = BroadcastTo(Cast(ScalarLike(like, 1), DType::kI64), shape);
  return Reshape(CumSum(Reshape(ones, {-1}), 0), shape);
}

template <bool kAlong>
absl::StatusOr<std::vector<Cotangent>> ScatterVjp(const VjpContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(ScatterMode mode, ScatterModeOf(c.attrs));
  const int64_t axis = c.attrs.At<int64_t>("axis");
  const Var base = c.inputs[0], indices = c.inputs[1], updates = c.inputs[2];
  const Var g = c.cotangents[0], out = c.outputs[0];
  const DType dtype = g.dtype();
  const auto take = [&](Var x) {
    return kAlong ? TakeAlongAxis(x, indices, axis) : Gather(x, indices, axis);
  };
  const auto put = [&](Var to, Var what, ScatterMode how) {
    return kAlong ? ScatterAlongAxis(to, indices, what, axis, how)
                  : Scatter(to, indices, what, axis, how);
  };
  std::vector<Cotangent> result(3, Cotangent::Zero());
  switch (mode) {
    case ScatterMode::kSet:
      if (c.needs[0]) result[0] = put(g, ZerosLike(g, updates.shape()), ScatterMode::kSet);
      if (c.needs[2]) {
        // An update counts where its number is the one that stayed.
        const Var number = Counting(g, updates.shape());
        const Var last = take(put(ZerosLike(number, base.shape()), number, ScatterMode::kSet));
        result[2] = take(g) * Cast(Equal(last, number), dtype);
      }
      break;
    case ScatterMode::kAdd:
      result[0] = g;
      if (c.needs[2]) result[2] = take(g);
      break;
    case ScatterMode::kMul: {
      if (c.needs[0]) {
        const Var ones = BroadcastTo(ScalarLike(g, 1), base.shape());
        result[0] = g * put(ones, updates, ScatterMode::kMul);
      }
      if (c.needs[2]) {
        // Of the updates that are 0 at each place: how many there are, and their sum, which where
        // it is one is that update itself. So every branch is a product of variables.
        const auto added = [&](Var what) {
          return take(put(ZerosLike(g, base.shape()), what, ScatterMode::kAdd));
        };
        const Var zero = Equal(updates, 0);
        const Var plain = Where(zero, 1, updates);
        const Var zeros = added(Cast(zero, dtype));
        const Var sum = added(Where(zero, updates, 0));
        const Var product = take(g * put(base, plain, ScatterMode::kMul));
        const Var one = Equal(zeros, 1);
        const Var of_zero =
            Where(one, product, Where(Equal(zeros, 2), product * (sum - updates), 0));
        const Var of_plain = product / plain;
        result[2] =
            Where(zero, of_zero, Where(Equal(zeros, 0), of_plain, Where(one, of_plain * sum, 0)));
      }
      break;
    }
    case ScatterMode::kMax:
    case ScatterMode::kMin: {
      const Var by_base = Cast(Equal(base, out), dtype);
      const Var by_update = Cast(Equal(updates, take(out)), dtype);
      const Var share = g / put(by_base, by_update, ScatterMode::kAdd);
      result[0] = by_base * share;
      result[2] = by_update * take(share);
      break;
    }
  }
  return result;
}

template <auto kPrepare, bool kAlong>
absl::StatusOr<std::unique_ptr<Kernel>> Prepared(const KernelRequest& r) {
  return kPrepare(r, kAlong);
}

Attrs ScatterAttrs(int64_t axis, const Operand& x, ScatterMode mode) {
  if (auto normal = NormalizeAxis(axis, x.var.shape().rank()); normal.ok()) axis = *normal;
  return {{"axis", axis}, {"mode", std::string(ScatterModeName(mode))}};
}

}  // namespace

absl::string_view ScatterModeName(ScatterMode mode) {
  switch (mode) {
    case ScatterMode::kSet:
      return "set";
    case ScatterMode::kAdd:
      return "add";
    case ScatterMode::kMul:
      return "mul";
    case ScatterMode::kMax:
      return "max";
    case ScatterMode::kMin:
      break;
  }
  return "min";
}

const OpDef& ScatterOp() {
  static const OpDef* const op = new OpDef{
      .name = "scatter",
      .min_inputs = 3,
      .max_inputs = 3,
      .attrs = {{"axis", AttrKind::kInt}, {"mode", AttrKind::kString}},
      .infer = InferScatter<false>,
      .vjp = ScatterVjp<false>,
      .kernels = {{"runs", Prepared<PrepareScatterRuns, false>},
                  {"reference", Prepared<PrepareReferenceScatter, false>}},
      .aliases = {{0, 0}},
      .onnx_name = "ScatterND",
  };
  return *op;
}

const OpDef& TakeAlongAxisOp() {
  static const OpDef* const op = new OpDef{
      .name = "take_along_axis",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"axis", AttrKind::kInt}},
      .infer = InferTake,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const Var g = c.cotangents[0];
        return std::vector<Cotangent>{
            ScatterAlongAxis(ZerosLike(g, c.inputs[0].shape()), c.inputs[1], g,
                             c.attrs.At<int64_t>("axis"), ScatterMode::kAdd),
            Cotangent::Zero()};
      },
      .kernels = {{"runs", PrepareTakeRuns}, {"reference", PrepareReferenceTake}},
      .onnx_name = "GatherElements",
  };
  return *op;
}

const OpDef& ScatterAlongAxisOp() {
  static const OpDef* const op = new OpDef{
      .name = "scatter_along_axis",
      .min_inputs = 3,
      .max_inputs = 3,
      .attrs = {{"axis", AttrKind::kInt}, {"mode", AttrKind::kString}},
      .infer = InferScatter<true>,
      .vjp = ScatterVjp<true>,
      .kernels = {{"runs", Prepared<PrepareScatterRuns, true>},
                  {"reference", Prepared<PrepareReferenceScatter, true>}},
      .aliases = {{0, 0}},
      .onnx_name = "ScatterElements",
  };
  return *op;
}

Var Scatter(Operand base, Operand indices, Operand updates, int64_t axis, ScatterMode mode) {
  if (mode == ScatterMode::kAdd) return ScatterAdd(base, indices, updates, axis);
  return Apply1(ScatterOp(), {base, indices, updates}, ScatterAttrs(axis, base, mode));
}

Var TakeAlongAxis(Operand x, Operand indices, int64_t axis) {
  if (auto normal = NormalizeAxis(axis, x.var.shape().rank()); normal.ok()) axis = *normal;
  return Apply1(TakeAlongAxisOp(), {x, indices}, {{"axis", axis}});
}

Var ScatterAlongAxis(Operand base, Operand indices, Operand updates, int64_t axis,
                     ScatterMode mode) {
  return Apply1(ScatterAlongAxisOp(), {base, indices, updates}, ScatterAttrs(axis, base, mode));
}

}  // namespace adjoint::ops
