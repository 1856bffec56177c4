#include "graph/onnx/lower/helpers.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/bits.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/rounding.h"
#include "ops/shape_ops.h"

// Operators on single elements. Those that an op's record names (OpDef::onnx_name) need no row.

namespace adjoint::onnx {
namespace {

using ops::Var;

Values Identity(NodeContext& c) { return {c.InValue(0)}; }

// Sizes stay sizes in another integer type.
Var CastTo(NodeContext& c, Var x, DType dtype) {
  const Var y = ops::Cast(x, dtype);
  if (IsInteger(dtype)) {
    if (auto dims = c.FindDims(x)) c.SetDims(y, *std::move(dims));
  }
  return y;
}

Values Cast(NodeContext& c) {
  if (!c.HasAttr("to")) return One(c.Fail("attribute 'to' is missing"));
  return One(CastTo(c, c.In(0), c.DTypeAttr("to", DType::kF32)));
}

Values CastLike(NodeContext& c) { return One(CastTo(c, c.In(0), c.In(1).dtype())); }

// Of any number of operands, from the left.
template <Var (*kFn)(ops::Operand, ops::Operand)>
Values Fold(NodeContext& c) {
  std::vector<Var> operands = c.Ins();
  Var result = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) result = kFn(result, operands[i]);
  return One(result);
}

Values Mean(NodeContext& c) {
  const Var sum = Fold<ops::Add>(c)[0].var;
  return One(ops::Div(sum, static_cast<double>(c.num_inputs())));
}

// The exponent may have another type; the result has the base's.
Values Pow(NodeContext& c) {
  const Var base = c.In(0), exponent = c.In(1);
  if (base.dtype() == exponent.dtype()) return One(ops::Pow(base, exponent));
  if (IsFloating(exponent.dtype()) && !IsFloating(base.dtype())) {
    const Var power = ops::Pow(ops::Cast(base, DType::kF64), ops::Cast(exponent, DType::kF64));
    return One(ops::Cast(power, base.dtype()));
  }
  return One(ops::Pow(base, ops::Cast(exponent, base.dtype())));
}

Values Relu(NodeContext& c) {
  const Var x = c.In(0);
  return One(IsFloating(x.dtype()) ? ops::Relu(x) : ops::Maximum(x, 0));
}

// Bounds are attributes before version 11 and inputs, which may be missing, from then on.
Values Clip(NodeContext& c) {
  Var y = c.In(0);
  const DType dtype = y.dtype();
  if (c.version() < 11) {
    if (c.HasAttr("min")) y = ops::Maximum(y, c.ScalarOf(dtype, c.Float("min", 0)));
    if (c.HasAttr("max")) y = ops::Minimum(y, c.ScalarOf(dtype, c.Float("max", 0)));
    return One(y);
  }
  if (c.Has(1)) y = ops::Maximum(y, c.In(1));
  if (c.Has(2)) y = ops::Minimum(y, c.In(2));
  return One(y);
}

Values Reciprocal(NodeContext& c) {
  const Var x = c.In(0);
  return One(ops::Div(c.ScalarOf(x.dtype(), 1), x));
}

Values Xor(NodeContext& c) { return One(ops::NotEqual(c.In(0), c.In(1))); }

Values LeakyRelu(NodeContext& c) {
  const Var x = c.In(0);
  return One(ops::Where(ops::Less(x, 0), ops::Mul(x, c.Float("alpha", 0.01f)), x));
}

// The slope broadcasts to x alone.
Values PRelu(NodeContext& c) {
  const Var x = c.In(0), slope = c.In(1);
  return One(ops::Where(ops::Less(x, 0), ops::Mul(x, slope), x));
}

Values ThresholdedRelu(NodeContext& c) {
  const Var x = c.In(0);
  return One(ops::Where(ops::Greater(x, c.Float("alpha", 1.0f)), x, 0));
}

Values HardSigmoid(NodeContext& c) {
  const Var y = ops::Add(ops::Mul(c.In(0), c.Float("alpha", 0.2f)), c.Float("beta", 0.5f));
  return One(ops::Minimum(ops::Maximum(y, 0), 1));
}

Values HardSwish(NodeContext& c) {
  const Var x = c.In(0);
  const Var gate = ops::Add(ops::Mul(x, 1.0 / 6), 0.5);
  return One(ops::Mul(x, ops::Minimum(ops::Maximum(gate, 0), 1)));
}

// alpha (e^x - 1) below 0; the exponential of what is not chosen stays finite.
Var EluOf(Var x, double alpha, double beta) {
  const Var low = ops::Minimum(x, 0);
  return ops::Where(ops::Less(x, 0), ops::Mul(ops::Sub(ops::Exp(ops::Mul(low, beta)), 1), alpha),
                    x);
}

Values Elu(NodeContext& c) { return One(EluOf(c.In(0), c.Float("alpha", 1), 1)); }

Values Celu(NodeContext& c) {
  const double alpha = c.Float("alpha", 1);
  return One(EluOf(c.In(0), alpha, 1 / alpha));
}

Values Selu(NodeContext& c) {
  const double alpha = c.Float("alpha", 1.67326319217681884765625f);
  const double gamma = c.Float("gamma", 1.05070102214813232421875f);
  return One(ops::Mul(EluOf(c.In(0), alpha, 1), gamma));
}

Values Softsign(NodeContext& c) {
  const Var x = c.In(0);
  return One(ops::Div(x, ops::Add(ops::Abs(x), 1)));
}

Values Shrink(NodeContext& c) {
  const float bias = c.Float("bias", 0), lambda = c.Float("lambd", 0.5f);
  return One(Via(c.In(0), DType::kF64, kFloatTypes, [&](Var x) {
    return ops::Where(ops::Less(x, -lambda), ops::Add(x, bias),
                      ops::Where(ops::Greater(x, lambda), ops::Sub(x, bias), 0));
  }));
}

Values IsNaN(NodeContext& c) {
  const Var x = c.In(0);
  return One(ops::NotEqual(x, x));
}

Values IsInf(NodeContext& c) {
  const Var x = c.In(0);
  const bool negative = c.Flag("detect_negative", true);
  const bool positive = c.Flag("detect_positive", true);
  const Var low = ops::Equal(x, c.ScalarOf(x.dtype(), -INFINITY));
  const Var high = ops::Equal(x, c.ScalarOf(x.dtype(), INFINITY));
  if (negative && positive) return One(ops::LogicalOr(low, high));
  if (negative) return One(low);
  if (positive) return One(high);
  return One(ops::LogicalAnd(low, high));
}

// The sign is that of the divisor, or, with fmod, of the dividend.
Values Mod(NodeContext& c) {
  const bool fmod = c.Flag("fmod", false);
  if (!fmod && IsFloating(c.In(0).dtype())) {
    return One(c.Fail("floating operands need attribute 'fmod' of 1"));
  }
  return One(fmod ? ops::Fmod(c.In(0), c.In(1)) : ops::Mod(c.In(0), c.In(1)));
}

Values BitShift(NodeContext& c) {
  const bool left = c.Choice("direction", "", {"LEFT", "RIGHT"}) == "LEFT";
  return One(left ? ops::ShiftLeft(c.In(0), c.In(1)) : ops::ShiftRight(c.In(0), c.In(1)));
}

constexpr Lowering kRows[] = {
    {"Identity", 1, 1, 1, Identity, Takes::kValues},
    {"Cast", 6, 1, 1, Cast, Takes::kAny},
    {"CastLike", 15, 2, 2, CastLike, Takes::kAny},
    {"Max", 1, 1, kVariadic, Fold<ops::Maximum>},
    {"Min", 1, 1, kVariadic, Fold<ops::Minimum>},
    {"Sum", 1, 1, kVariadic, Fold<ops::Add>},
    {"Mean", 1, 1, kVariadic, Mean},
    {"Pow", 1, 2, 2, Pow},
    {"Mod", 10, 2, 2, Mod},
    {"BitShift", 11, 2, 2, BitShift},
    {"Relu", 1, 1, 1, Relu},
    {"Clip", 1, 1, 3, Clip},
    {"Reciprocal", 1, 1, 1, Reciprocal},
    {"Xor", 1, 2, 2, Xor},
    {"LeakyRelu", 1, 1, 1, LeakyRelu},
    {"PRelu", 7, 2, 2, PRelu},
    {"ThresholdedRelu", 10, 1, 1, ThresholdedRelu},
    {"HardSigmoid", 1, 1, 1, HardSigmoid},
    {"HardSwish", 14, 1, 1, HardSwish},
    {"Elu", 1, 1, 1, Elu},
    {"Celu", 12, 1, 1, Celu},
    {"Selu", 1, 1, 1, Selu},
    {"Softsign", 1, 1, 1, Softsign},
    {"Shrink", 9, 1, 1, Shrink},
    {"IsNaN", 9, 1, 1, IsNaN},
    {"IsInf", 10, 1, 1, IsInf},
};

}  // namespace

absl::Span<const Lowering> ElementwiseLowerings() { return kRows; }

}  // namespace adjoint::onnx
