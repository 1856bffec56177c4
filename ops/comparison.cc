#include "ops/comparison.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/elementwise.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using List = std::vector<Cotangent>;

#define ADJOINT_COMPARISON_FN(Name, operation)   \
  struct Name {                                  \
    template <typename T>                        \
    static ADJOINT_INLINE uint8_t Of(T a, T b) { \
      return a operation b;                      \
    }                                            \
  }
ADJOINT_COMPARISON_FN(EqualFn, ==);
ADJOINT_COMPARISON_FN(NotEqualFn, !=);
ADJOINT_COMPARISON_FN(LessFn, <);
ADJOINT_COMPARISON_FN(LessEqualFn, <=);
ADJOINT_COMPARISON_FN(GreaterFn, >);
ADJOINT_COMPARISON_FN(GreaterEqualFn, >=);
ADJOINT_COMPARISON_FN(AndFn, &);
ADJOINT_COMPARISON_FN(OrFn, |);
ADJOINT_COMPARISON_FN(XorFn, ^);
#undef ADJOINT_COMPARISON_FN

struct NotFn {
  static ADJOINT_INLINE uint8_t Of(uint8_t x) { return x ^ 1; }
};

// A record of two operands and a bool result.
template <class F, TypeSet kTypes, bool kSignless = false, class Reference>
OpDef BoolOp(const char* name, bool commutative, const OpDef& (*self)(), Reference reference,
             const char* onnx_name) {
  return OpDef{
      .name = name,
      .traits = {.elementwise = true, .commutative = commutative},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferComparison<kTypes>,
      .vjp = ZeroCotangents,
      .kernels = {TileKernel(self), Reference2<kTypes, /*kToBool=*/true, kSignless>(reference)},
      .tile = BinaryTile<F, kTypes, /*kToBool=*/true, kSignless>,
      .onnx_name = onnx_name,
  };
}

// Branches are moved, whatever they are, as words of their size.
template <typename Word, bool kScalarA, bool kScalarB>
struct WhereLoop {
  static ADJOINT_INLINE void Run(const TileArgs& args) {
    const uint8_t* condition = static_cast<const uint8_t*>(args.in[0]);
    const Word* a = static_cast<const Word*>(args.in[1]);
    const Word* b = static_cast<const Word*>(args.in[2]);
    Word* y = static_cast<Word*>(args.out);
    const int64_t n = args.n;
    const Word first_a = *a, first_b = *b;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      // Both sides are loaded first, so that the loop has no branch.
      const Word on = kScalarA ? first_a : a[i];
      const Word off = kScalarB ? first_b : b[i];
      y[i] = condition[i] != 0 ? on : off;
    }
  }
};

template <typename Word>
Tile WhereTileOf(unsigned scalar_mask) {
  switch (scalar_mask) {
    case 0:
      return {Simd<WhereLoop<Word, false, false>>::Select()};
    case 2:
      return {Simd<WhereLoop<Word, true, false>>::Select()};
    case 4:
      return {Simd<WhereLoop<Word, false, true>>::Select()};
    case 6:
      return {Simd<WhereLoop<Word, true, true>>::Select()};
    default:
      return {};
  }
}

Tile WhereTile(const TileRequest& r) {
  switch (DTypeSize(r.output)) {
    case 1:
      return WhereTileOf<uint8_t>(r.scalar_mask);
    case 2:
      return WhereTileOf<uint16_t>(r.scalar_mask);
    case 4:
      return WhereTileOf<uint32_t>(r.scalar_mask);
    default:
      return WhereTileOf<uint64_t>(r.scalar_mask);
  }
}

absl::StatusOr<std::vector<TensorSpec>> InferWhere(const InferContext& c) {
  const TensorSpec& a = c.inputs[1];
  const TensorSpec& b = c.inputs[2];
  ADJOINT_RETURN_IF_ERROR(CheckType(TypeSet::kBools, c.inputs[0].dtype, "the condition"));
  if (a.dtype != b.dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("element types of the branches differ: ", DTypeName(a.dtype), " and ",
                     DTypeName(b.dtype), "; Cast one of them"));
  }
  ADJOINT_ASSIGN_OR_RETURN(Shape branches, BroadcastShapes(a.shape, b.shape));
  ADJOINT_ASSIGN_OR_RETURN(Shape shape, BroadcastShapes(c.inputs[0].shape, branches));
  return std::vector<TensorSpec>{{a.dtype, std::move(shape)}};
}

absl::StatusOr<std::unique_ptr<Kernel>> ReferenceWhere(const KernelRequest& request) {
  return VisitWord(request.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return ReferenceLoop<T, bool, T, T>(request, [](bool c, T a, T b) { return c ? a : b; });
  });
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A storage type as f32, which has its NaNs and infinities.
Operand Comparable(Operand x) {
  if (!x.var.valid() || !IsHalf(x.var.dtype())) return x;
  return Operand(Cast(x, DType::kF32), x.location);
}

}  // namespace

Var Equal(Operand a, Operand b) { return Apply1(EqualOp(), {a, b}); }
Var NotEqual(Operand a, Operand b) { return Apply1(NotEqualOp(), {a, b}); }
Var Less(Operand a, Operand b) { return Apply1(LessOp(), {a, b}); }
Var LessEqual(Operand a, Operand b) { return Apply1(LessEqualOp(), {a, b}); }
Var Greater(Operand a, Operand b) { return Apply1(GreaterOp(), {a, b}); }
Var GreaterEqual(Operand a, Operand b) { return Apply1(GreaterEqualOp(), {a, b}); }
Var LogicalAnd(Operand a, Operand b) { return Apply1(LogicalAndOp(), {a, b}); }
Var LogicalOr(Operand a, Operand b) { return Apply1(LogicalOrOp(), {a, b}); }
Var LogicalXor(Operand a, Operand b) { return Apply1(LogicalXorOp(), {a, b}); }
Var LogicalNot(Operand x) { return Apply1(LogicalNotOp(), {x}); }

Var IsNan(Operand x) {
  const Operand v = Comparable(x);
  return NotEqual(v, v);
}

Var IsInf(Operand x, bool negative, bool positive) {
  const Operand v = Comparable(x);
  if (!v.var.valid()) return v.var;
  // Nothing differs from itself but NaN, which is not asked for here.
  if (!IsFloating(v.var.dtype()) || (!negative && !positive)) return Less(v, v);
  if (negative && positive) return Equal(Operand(Abs(v), v.location), kInfinity);
  return Equal(v, positive ? kInfinity : -kInfinity);
}

Var IsFinite(Operand x) {
  const Operand v = Comparable(x);
  if (!v.var.valid()) return v.var;
  if (!IsFloating(v.var.dtype())) return Equal(v, v);
  return Less(Operand(Abs(v), v.location), kInfinity);
}

Var Where(Operand condition, Operand a, Operand b) {
  // Left to Apply1, a number would take the condition's type.
  const auto fix = [&](Operand& branch, const Operand& other) {
    if (!branch.is_number) return;
    const Var like = other.is_number ? condition.var : other.var;
    if (!like.valid()) return;
    const Var number =
        other.is_number ? Constant(*like.builder, Tensor::Scalar(static_cast<float>(branch.number)),
                                   branch.location)
                        : ScalarLike(like, branch.number, branch.location);
    branch = Operand(number, branch.location);
  };
  const Operand original_a = a;
  fix(a, b);
  fix(b, original_a);
  return Apply1(WhereOp(), {condition, a, b});
}

const OpDef& EqualOp() {
  static const OpDef* const op = new OpDef(BoolOp<EqualFn, TypeSet::kComparable, true>(
      "equal", true, EqualOp, [](auto a, auto b) { return a == b; }, "Equal"));
  return *op;
}

const OpDef& NotEqualOp() {
  static const OpDef* const op = new OpDef(BoolOp<NotEqualFn, TypeSet::kComparable, true>(
      "not_equal", true, NotEqualOp, [](auto a, auto b) { return a != b; }, ""));
  return *op;
}

const OpDef& LessOp() {
  static const OpDef* const op = new OpDef(BoolOp<LessFn, TypeSet::kComparable>(
      "less", false, LessOp, [](auto a, auto b) { return a < b; }, "Less"));
  return *op;
}

const OpDef& LessEqualOp() {
  static const OpDef* const op = new OpDef(BoolOp<LessEqualFn, TypeSet::kComparable>(
      "less_equal", false, LessEqualOp, [](auto a, auto b) { return a <= b; }, "LessOrEqual"));
  return *op;
}

const OpDef& GreaterOp() {
  static const OpDef* const op = new OpDef(BoolOp<GreaterFn, TypeSet::kComparable>(
      "greater", false, GreaterOp, [](auto a, auto b) { return a > b; }, "Greater"));
  return *op;
}

const OpDef& GreaterEqualOp() {
  static const OpDef* const op = new OpDef(BoolOp<GreaterEqualFn, TypeSet::kComparable>(
      "greater_equal", false, GreaterEqualOp, [](auto a, auto b) { return a >= b; },
      "GreaterOrEqual"));
  return *op;
}

const OpDef& LogicalAndOp() {
  static const OpDef* const op = new OpDef(BoolOp<AndFn, TypeSet::kBools>(
      "logical_and", true, LogicalAndOp, [](bool a, bool b) { return a && b; }, "And"));
  return *op;
}

const OpDef& LogicalOrOp() {
  static const OpDef* const op = new OpDef(BoolOp<OrFn, TypeSet::kBools>(
      "logical_or", true, LogicalOrOp, [](bool a, bool b) { return a || b; }, "Or"));
  return *op;
}

const OpDef& LogicalXorOp() {
  static const OpDef* const op = new OpDef(BoolOp<XorFn, TypeSet::kBools>(
      "logical_xor", true, LogicalXorOp, [](bool a, bool b) { return a != b; }, "Xor"));
  return *op;
}

const OpDef& LogicalNotOp() {
  static const OpDef* const op = new OpDef{
      .name = "logical_not",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kBools>,
      .vjp = ZeroCotangents,
      .kernels = {TileKernel(LogicalNotOp), Reference1<TypeSet::kBools>([](bool x) { return !x; })},
      .tile = UnaryTile<NotFn, TypeSet::kBools>,
      .onnx_name = "Not",
  };
  return *op;
}

const OpDef& WhereOp() {
  static const OpDef* const op = new OpDef{
      .name = "where",
      .traits = {.elementwise = true},
      .min_inputs = 3,
      .max_inputs = 3,
      .infer = InferWhere,
      .vjp = [](const VjpContext& c) -> Cotangents {
        const Var g = c.cotangents[0], condition = c.inputs[0];
        return List{Cotangent::Zero(), ForInput(c, 1, [&] { return Where(condition, g, 0.0); }),
                    ForInput(c, 2, [&] { return Where(condition, 0.0, g); })};
      },
      .kernels = {TileKernel(WhereOp), {"reference", ReferenceWhere}},
      .tile = WhereTile,
      .onnx_name = "Where",
  };
  return *op;
}

}  // namespace adjoint::ops
