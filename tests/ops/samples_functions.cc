// Elementary functions, rounding and remainders, bits, activations beyond the first, clipping.

#include <string>
#include <utility>
#include <vector>

#include "ops/arithmetic.h"
#include "ops/bits.h"
#include "ops/cast.h"
#include "ops/clip.h"
#include "ops/comparison.h"
#include "ops/elementary.h"
#include "ops/more_activations.h"
#include "ops/rounding.h"
#include "tests/ops/samples_elementwise.h"
#include "tests/ops/samples_of_functions.h"

namespace adjoint::testing {
namespace {

using ops::Operand;
using ops::Var;
using Vars = std::vector<Var>;
using Args = absl::Span<const Var>;

SampleArg Values(std::vector<double> values, DType dtype = DType::kF32) {
  const int64_t n = static_cast<int64_t>(values.size());
  return {.spec = {dtype, {n}}, .values = std::move(values)};
}

// A composition; `op` is an op that it has a node of.
Sample Composed(const char* op, const char* label, SampleArg x, std::function<Var(Var)> f) {
  return {.op = op, .label = label, .args = {std::move(x)}, .build = [f](Args v) {
            return Vars{f(v[0])};
          }};
}

void AddFunctions(std::vector<Sample>* out) {
  const auto add = [&](const char* op, Unary f, double low, double high) {
    for (const auto& [label, shape] :
         {std::pair{"matrix", Shape{3, 7}}, {"scalar", Shape{}}, {"zero_size", Shape{2, 0}}}) {
      out->push_back(Of1(op, label, f, Float(shape, low, high)));
      out->back().fast_kernel = "simd";
    }
  };
  add("expm1", ops::Expm1, -2, 2);
  add("log1p", ops::Log1p, -0.5, 3);
  add("exp2", ops::Exp2, -3, 3);
  add("log2", ops::Log2, 0.25, 3);
  add("log10", ops::Log10, 0.25, 3);
  add("sin", ops::Sin, -7, 7);
  add("cos", ops::Cos, -7, 7);
  add("tan", ops::Tan, -1.2, 1.2);
  add("asin", ops::Asin, -0.9, 0.9);
  add("acos", ops::Acos, -0.9, 0.9);
  add("atan", ops::Atan, -3, 3);
  add("sinh", ops::Sinh, -2, 2);
  add("cosh", ops::Cosh, -2, 2);
  add("asinh", ops::Asinh, -3, 3);
  add("acosh", ops::Acosh, 1.2, 4);
  add("atanh", ops::Atanh, -0.9, 0.9);
  // Accurate relative to the result also where it is small, which a tolerance of 1e-5 of 1 does not
  // show: as multiples of it.
  const SampleArg small = Values({1e-5, -3e-6, 1e-7, 2e-9, 0});
  out->push_back(Composed("expm1", "small", small, [](Var x) { return ops::Expm1(x) * 1e6; }));
  out->push_back(Composed("log1p", "small", small, [](Var x) { return ops::Log1p(x) * 1e6; }));
  out->push_back(
      WithoutGradient(Composed("sin", "small", small, [](Var x) { return ops::Sin(x) * 1e6; })));
  // Many turns take another way; both in one array.
  const SampleArg turns = Values({1e6, -3e7, 0.5, 1e20, -1048577, 100, 3e38, -2});
  out->push_back(WithoutGradient(Of1("sin", "turns", ops::Sin, turns)));
  out->push_back(WithoutGradient(Of1("cos", "turns", ops::Cos, turns)));
  out->push_back(WithoutGradient(Of1("tan", "turns", ops::Tan, turns)));
  out->push_back(WithoutGradient(Of1("sin", "large", ops::Sin, Float({70001}, -1e7, 1e7))));
  out->push_back(WithoutGradient(Of1("log1p", "large", ops::Log1p, Float({70001}, -0.9, 50))));
  out->push_back(Composed("div", "reciprocal", Float({3, 4}, 0.5, 2), ops::Reciprocal));
  out->push_back(Composed("sqrt", "rsqrt", Float({3, 4}, 0.5, 2), ops::Rsqrt));

  const auto quadrants = [](const Shape& shape) { return Float(shape, 0.3, 2); };
  out->push_back(Of2("atan2", "same", ops::Atan2, quadrants({3, 4}), quadrants({3, 4})));
  out->push_back(Of2("atan2", "outer", ops::Atan2, quadrants({3, 1}), quadrants({4})));
  out->push_back(Of2("atan2", "zero_size", ops::Atan2, quadrants({0, 4}), quadrants({4})));
  out->push_back(Of2("atan2", "every_quadrant", ops::Atan2, Values({1, 1, -1, -1}),
                     Values({0.5, -0.5, 0.5, -0.5})));
}

void AddRounding(std::vector<Sample>* out) {
  const std::vector<std::pair<const char*, Unary>> functions = {
      {"floor", ops::Floor}, {"ceil", ops::Ceil}, {"trunc", ops::Trunc}, {"round", ops::Round}};
  for (const auto& [op, f] : functions) {
    out->push_back(WithoutGradient(Of1(op, "matrix", f, Float({5, 7}, -9, 9))));
    out->push_back(WithoutGradient(
        Of1(op, "edges", f,
            Values({0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, 8388609, 1e30, -1e30, -0.0, 3}))));
    out->push_back(WithoutGradient(Of1(op, "zero_size", f, Float({0, 3}))));
  }
  const std::vector<std::pair<const char*, Binary>> remainders = {{"mod", ops::Mod},
                                                                  {"fmod", ops::Fmod}};
  for (const auto& [op, f] : remainders) {
    // Away from whole quotients.
    out->push_back(Of2(op, "signs", f, Values({5.3, -5.3, 5.3, -5.3, 0.7, 7.5}),
                       Values({3, 3, -3, -3, 2, -2})));
    out->push_back(Of2(op, "row", f, Float({3, 4}, 4.1, 5.9), Values({2, 2, -2, 4})));
    out->push_back(WithoutGradient(Of2(op, "exact", f, Values({6, -6, 0}), Values({3, 3, -3}))));
    out->push_back(WithoutGradient(Of2(op, "zero_size", f, Float({0}), Float({0}))));
    for (const DType dtype : {DType::kI8, DType::kI16, DType::kI32, DType::kI64}) {
      out->push_back(Fixed(Of2(op, "signed", f, Of(dtype, {40}, -100, 100), Of(dtype, {40}))));
    }
    for (const DType dtype : {DType::kU8, DType::kU16, DType::kU32, DType::kU64}) {
      out->push_back(Fixed(Of2(op, "unsigned", f, Of(dtype, {9}, 0, 200), Of(dtype, {9}, 0, 9))));
    }
  }
}

void AddBits(std::vector<Sample>* out) {
  const std::vector<std::pair<const char*, Binary>> binary = {{"bitwise_and", ops::BitwiseAnd},
                                                              {"bitwise_or", ops::BitwiseOr},
                                                              {"bitwise_xor", ops::BitwiseXor},
                                                              {"shift_left", ops::ShiftLeft},
                                                              {"shift_right", ops::ShiftRight}};
  for (const DType dtype : kAllDTypes) {
    if (!IsInteger(dtype)) continue;
    const bool is_signed =
        dtype == DType::kI8 || dtype == DType::kI16 || dtype == DType::kI32 || dtype == DType::kI64;
    const double low = is_signed ? -128 : 0;
    for (const auto& [op, f] : binary) {
      out->push_back(
          Fixed(Of2(op, "same", f, Of(dtype, {30}, low, 127), Of(dtype, {30}, low, 127))));
      out->push_back(Fixed(Of2(op, "row", f, Of(dtype, {6, 5}, low, 127), Of(dtype, {5}, 0, 8))));
    }
    out->push_back(
        Fixed(Of1("bitwise_not", "matrix", ops::BitwiseNot, Of(dtype, {4, 5}, low, 127))));
  }
  const auto u8 = DType::kU8;
  out->push_back(Fixed(Of2("shift_left", "zero_size", ops::ShiftLeft, Of(u8, {0}), Of(u8, {0}))));
}

void AddPredicates(std::vector<Sample>* out) {
  const auto yes = DType::kBool;
  out->push_back(Fixed(Of2("logical_xor", "row", ops::LogicalXor, Of(yes, {5, 4}), Of(yes, {4}))));
  const auto add = [&](const char* label, const char* op, std::function<Var(Var)> f) {
    // Numbers that make NaN and infinities of both signs.
    const auto build = [f](Var x) { return f(x / ops::Abs(x - 1.0) * ops::Abs(x)); };
    out->push_back(WithoutGradient(Composed(op, label, Values({0, 1, -1, 2, 1e300, -5}), build)));
    out->push_back(WithoutGradient(Composed(op, label, Values({0, 1, -1}), [f](Var x) {
      return f(ops::Cast(ops::Log(x), DType::kF16));
    })));
    out->push_back(Fixed(Composed(op, label, Of(DType::kI32, {4}), f)));
  };
  add("is_nan", "not_equal", [](Var x) { return ops::IsNan(x); });
  add("is_inf", "equal", [](Var x) { return ops::IsInf(x); });
  add("is_inf_positive", "equal", [](Var x) { return ops::IsInf(x, false, true); });
  add("is_inf_negative", "equal", [](Var x) { return ops::IsInf(x, true, false); });
  add("is_inf_neither", "less", [](Var x) { return ops::IsInf(x, false, false); });
  add("is_finite", "less", [](Var x) { return ops::IsFinite(x); });

  // The base's type wins.
  const auto pow = [&](const char* label, SampleArg a, SampleArg b) {
    out->push_back(Fixed(Of2("pow", label, ops::PowLikeBase, std::move(a), std::move(b))));
    out->back().fast_kernel = "";
  };
  pow("i32_i64", Of(DType::kI32, {9}), Of(DType::kI64, {9}, 0, 4));
  pow("i64_f32", Values({4, 9, 2, 2}, DType::kI64), Values({0.5, 0.5, 3, -1}));
  pow("f32_i32", Values({4, 9, 2, 2}), Of(DType::kI32, {4}, -2, 3));
}

void AddActivations(std::vector<Sample>* out) {
  // Away from every kink.
  const SampleArg x = Values({-3.7, -2.2, -1.3, -0.8, -0.2, 0.3, 0.6, 1.4, 2.7, 3.3, 7.1});
  const auto add = [&](const char* label, const char* op, std::function<Var(Var)> f) {
    out->push_back(Composed(op, label, x, f));
  };
  add("leaky_relu", "where", [](Var x) { return ops::LeakyRelu(x); });
  add("leaky_relu_steep", "where", [](Var x) { return ops::LeakyRelu(x, 2.5); });
  add("elu", "where", [](Var x) { return ops::Elu(x); });
  add("elu_alpha", "where", [](Var x) { return ops::Elu(x, 0.7); });
  add("selu", "where", [](Var x) { return ops::Selu(x); });
  add("celu", "where", [](Var x) { return ops::Celu(x, 2.0); });
  add("gelu_tanh", "tanh", [](Var x) { return ops::GeluTanh(x); });
  add("silu", "sigmoid", [](Var x) { return ops::Silu(x); });
  add("mish", "softplus", [](Var x) { return ops::Mish(x); });
  add("softsign", "div", [](Var x) { return ops::Softsign(x); });
  add("log_sigmoid", "softplus", [](Var x) { return ops::LogSigmoid(x); });
  add("tanh_shrink", "tanh", [](Var x) { return ops::TanhShrink(x); });
  add("hard_sigmoid", "where", [](Var x) { return ops::HardSigmoid(x); });
  add("hard_sigmoid_torch", "where", [](Var x) { return ops::HardSigmoid(x, 1.0 / 6, 0.5); });
  add("hard_swish", "where", [](Var x) { return ops::HardSwish(x); });
  add("relu6", "where", [](Var x) { return ops::Relu6(x); });
  add("hard_tanh", "where", [](Var x) { return ops::HardTanh(x, -1.5, 2); });
  add("thresholded_relu", "where", [](Var x) { return ops::ThresholdedRelu(x); });
  add("hard_shrink", "where", [](Var x) { return ops::HardShrink(x); });
  add("soft_shrink", "where", [](Var x) { return ops::SoftShrink(x); });
  add("shrink", "where", [](Var x) { return ops::Shrink(x, 1.5, 0.25); });
  // Far out nothing overflows, nor do the gradients.
  const auto far = [&](const char* label, std::function<Var(Var)> f) {
    out->push_back(Composed("where", label, Values({-900, 900}), std::move(f)));
  };
  far("elu_far", [](Var x) { return ops::Elu(x); });
  far("celu_far", [](Var x) { return ops::Celu(x, 0.5); });
  out->push_back(Composed("softplus", "log_sigmoid_far", Values({-900, 900}),
                          [](Var x) { return ops::LogSigmoid(x); }));
  out->push_back({.op = "where",
                  .label = "prelu",
                  .args = {Values({-3, -1.5, 2, -0.5, 1.5}), Float({5}, 0.1, 0.4)},
                  .build = [](Args v) { return Vars{ops::PRelu(v[0], v[1])}; }});
  out->push_back(Fixed(Composed("where", "shrink_i32", Of(DType::kI32, {20}),
                                [](Var x) { return ops::Shrink(x, 2, 1); })));
}

void AddClipping(std::vector<Sample>* out) {
  const SampleArg x = Values({-3.7, -1.3, -0.2, 0.3, 1.4, 2.7});
  out->push_back(Composed("where", "clamp", x, [](Var x) { return ops::Clamp(x, -1, 1.5); }));
  out->push_back(Composed("where", "clamp_min", x, [](Var x) { return ops::ClampMin(x, -1); }));
  out->push_back(Composed("where", "clamp_max", x, [](Var x) { return ops::ClampMax(x, 1.5); }));
  out->push_back({.op = "where",
                  .label = "clamp_vars",
                  .args = {Float({4, 3}, -2, 2), Values({-1, -0.5, 0.1}), Float({}, 0.9, 1)},
                  .build = [](Args v) { return Vars{ops::Clamp(v[0], v[1], v[2])}; }});
  out->push_back(Fixed(Composed("where", "clamp_u8", Of(DType::kU8, {20}, 0, 255),
                                [](Var x) { return ops::Clamp(x, 10, 200); })));
  for (const double norm : {0.5, 50.0}) {
    out->push_back(Composed("sum", "clip_by_norm", Float({3, 4}),
                            [norm](Var x) { return ops::ClipByNorm(x, norm); }));
    out->push_back(Composed("sum", "clip_rows_by_norm", Float({3, 4}),
                            [norm](Var x) { return ops::ClipByNorm(x, norm, {-1}); }));
    out->push_back({.op = "sum",
                    .label = "clip_by_global_norm",
                    .args = {Float({3, 4}), Float({5})},
                    .build = [norm](Args v) { return ops::ClipByGlobalNorm(v, norm); }});
  }
}

}  // namespace

std::vector<Sample> FunctionSamples() {
  std::vector<Sample> samples;
  AddFunctions(&samples);
  AddRounding(&samples);
  AddBits(&samples);
  AddPredicates(&samples);
  AddActivations(&samples);
  AddClipping(&samples);
  return samples;
}

std::vector<ErrorSample> FunctionErrors() {
  const auto f32 = DType::kF32, i32 = DType::kI32;
  const auto bad1 = [](const char* op, SampleArg x, std::function<Var(Var)> f,
                       const char* message) {
    return ErrorSample{.op = op,
                       .args = {std::move(x)},
                       .build = [f](Args v) { return Vars{f(v[0])}; },
                       .message = message};
  };
  const auto bad2 = [](const char* op, SampleArg a, SampleArg b, Binary f, const char* message) {
    return ErrorSample{.op = op,
                       .args = {std::move(a), std::move(b)},
                       .build = [f](Args v) { return Vars{f(v[0], v[1])}; },
                       .message = message};
  };
  return {
      bad1(
          "sin", Of(i32, {3}), [](Var x) { return ops::Sin(x); },
          "takes f32 or f64, but the operand is i32"),
      bad1(
          "round", Of(DType::kF16, {3}), [](Var x) { return ops::Round(x); },
          "takes f32 or f64, but the operand is f16; Cast converts"),
      bad1(
          "bitwise_not", Of(f32, {3}), [](Var x) { return ops::BitwiseNot(x); },
          "takes an integer type, but the operand is f32"),
      bad1(
          "expm1", Of(i32, {3}), [](Var x) { return ops::Elu(x); },
          "elu takes f32 or f64, but the operand is i32[3]; Cast converts"),
      bad1(
          "where", Of(i32, {3}), [](Var x) { return ops::HardSigmoid(x); },
          "hard_sigmoid takes f32 or f64, but the operand is i32[3]"),
      bad1(
          "where", Of(f32, {3}), [](Var x) { return ops::Celu(x, 0); },
          "celu: alpha must not be 0"),
      bad1(
          "sum", Of(f32, {3}), [](Var x) { return ops::ClipByNorm(x, -1); },
          "clip_by_norm: the norm is -1; it must be positive"),
      bad1(
          "sum", Of(f32, {3}), [](Var x) { return ops::ClipByGlobalNorm({x}, 0)[0]; },
          "clip_by_global_norm: the norm is 0; it must be positive"),
      bad2("mod", Of(i32, {3}), Of(DType::kI8, {3}), ops::Mod,
           "element types differ: lhs is i32, rhs is i8"),
      bad2("fmod", Of(DType::kBool, {3}), Of(DType::kBool, {3}), ops::Fmod,
           "takes f32, f64 or an integer type, but lhs is bool"),
      bad2("bitwise_and", Of(f32, {3}), Of(f32, {3}), ops::BitwiseAnd,
           "takes an integer type, but lhs is f32"),
      bad2("shift_left", Of(i32, {3}), Of(i32, {2}), ops::ShiftLeft, "axis -1 has 3 and 2"),
      bad2("atan2", Of(i32, {3}), Of(i32, {3}), ops::Atan2, "takes f32 or f64, but lhs is i32"),
      bad2("logical_xor", Of(i32, {3}), Of(i32, {3}), ops::LogicalXor,
           "takes bool, but lhs is i32"),
      bad2("pow", Of(DType::kBool, {3}), Of(i32, {3}), ops::PowLikeBase,
           "takes f32, f64 or an integer type, but lhs is bool"),
  };
}

}  // namespace adjoint::testing
