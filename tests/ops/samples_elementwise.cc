#include "tests/ops/samples_elementwise.h"

#include <string>
#include <utility>
#include <vector>

#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "tests/ops/samples_of_functions.h"

namespace adjoint::testing {
namespace {

using ops::Operand;
using ops::Var;
using Vars = std::vector<Var>;
using Args = absl::Span<const Var>;

SampleArg Values(const Shape& shape, std::vector<double> values) {
  return {.spec = {DType::kF32, shape}, .values = std::move(values)};
}

// Shapes that broadcast in every way: the same, a row, a column, both sides, numbers, nothing.
void AddBinary(const char* op, Binary f, double low, double high, bool gradient,
               std::vector<Sample>* samples) {
  const auto arg = [&](const Shape& shape) { return Float(shape, low, high); };
  std::vector<Sample> all = {
      Of2(op, "same", f, arg({3, 5}), arg({3, 5})),
      Of2(op, "row", f, arg({4, 3}), arg({3})),
      Of2(op, "column", f, arg({4, 1}), arg({4, 3})),
      Of2(op, "outer", f, arg({3, 1}), arg({1, 4})),
      Of2(op, "middle_axis", f, arg({2, 1, 3}), arg({2, 3, 3})),
      Of2(op, "scalar", f, arg({}), arg({2, 3})),
      Of2(op, "two_scalars", f, arg({}), arg({})),
      Of2(op, "zero_size", f, arg({0, 3}), arg({3})),
  };
  for (Sample& sample : all) {
    sample.gradient = gradient;
    samples->push_back(std::move(sample));
  }
  Sample number{.op = op,
                .label = "number",
                .args = {arg({2, 3})},
                .build = [f](Args v) { return Vars{f(v[0], 1.5)}; },
                .gradient = gradient,
                .fast_kernel = "simd"};
  samples->push_back(std::move(number));
}

void AddUnary(const char* op, Unary f, double low, double high, std::vector<Sample>* samples) {
  samples->push_back(Of1(op, "matrix", f, Float({3, 7}, low, high)));
  samples->push_back(Of1(op, "scalar", f, Float({}, low, high)));
  samples->push_back(Of1(op, "zero_size", f, Float({2, 0}, low, high)));
}

ErrorSample Bad2(const char* op, Binary f, SampleArg a, SampleArg b, const char* message) {
  return {.op = op,
          .args = {std::move(a), std::move(b)},
          .build = [f](Args v) { return Vars{f(v[0], v[1])}; },
          .message = message};
}

ErrorSample Bad1(const char* op, Unary f, SampleArg x, const char* message) {
  return {.op = op,
          .args = {std::move(x)},
          .build = [f](Args v) { return Vars{f(v[0])}; },
          .message = message};
}

void AddArithmetic(std::vector<Sample>* out) {
  AddBinary("add", ops::Add, -2, 2, true, out);
  AddBinary("sub", ops::Sub, -2, 2, true, out);
  AddBinary("mul", ops::Mul, -2, 2, true, out);
  AddBinary("div", ops::Div, 0.5, 2, true, out);
  AddBinary("pow", ops::Pow, 0.5, 2, true, out);
  AddBinary("maximum", ops::Maximum, -2, 2, true, out);
  AddBinary("minimum", ops::Minimum, -2, 2, true, out);
  AddUnary("neg", ops::Neg, -2, 2, out);
  AddUnary("square", ops::Square, -2, 2, out);
  AddUnary("abs", ops::Abs, -2, 2, out);
  AddUnary("sqrt", ops::Sqrt, 0.5, 3, out);
  AddUnary("exp", ops::Exp, -2, 2, out);
  AddUnary("log", ops::Log, 0.5, 3, out);
  out->push_back(WithoutGradient(Of1("sign", "matrix", ops::Sign, Float({3, 7}))));
  // A base may be negative where the exponent is whole, and is then differentiable in the base.
  out->push_back({.op = "pow",
                  .label = "negative_base",
                  .args = {Values({4}, {-2, -1, 0.5, 3})},
                  .build = [](Args v) { return Vars{ops::Pow(v[0], 3.0)}; },
                  .fast_kernel = "simd"});
  out->push_back(
      {.op = "mul", .label = "same_operand_twice", .args = {Float({5})}, .build = [](Args v) {
         return Vars{v[0] * v[0] + v[0] - v[0] / 2.0};
       }});
  for (const auto& [op, f] : std::vector<std::pair<const char*, Binary>>{{"add", ops::Add},
                                                                         {"sub", ops::Sub},
                                                                         {"mul", ops::Mul},
                                                                         {"div", ops::Div},
                                                                         {"maximum", ops::Maximum},
                                                                         {"minimum", ops::Minimum},
                                                                         {"pow", ops::Pow}}) {
    const auto i32 = DType::kI32, i64 = DType::kI64, u8 = DType::kU8;
    out->push_back(Fixed(Of2(op, "i8", f, Of(DType::kI8, {3, 4}, -128, 127), Of(DType::kI8, {4}))));
    out->push_back(
        Fixed(Of2(op, "u16", f, Of(DType::kU16, {9}, 0, 65535), Of(DType::kU16, {9}, 0, 65535))));
    out->push_back(
        Fixed(Of2(op, "u64", f, Of(DType::kU64, {3}, 0, 1e19), Of(DType::kU64, {}, 0, 9))));
    out->push_back(Fixed(Of2(op, "i32", f, Of(i32, {3, 4}), Of(i32, {4}))));
    out->push_back(Fixed(Of2(op, "i64", f, Of(i64, {3, 1}), Of(i64, {3, 4}))));
    out->push_back(Fixed(Of2(op, "u8", f, Of(u8, {6}, 0, 255), Of(u8, {6}, 0, 255))));
  }
  // Beyond one part of the tile engine.
  out->push_back(WithoutGradient(Of2("add", "large", ops::Add, Float({300, 257}), Float({257}))));
  out->push_back(WithoutGradient(Of1("exp", "large", ops::Exp, Float({70001}))));
}

void AddComparison(std::vector<Sample>* out) {
  const std::vector<std::pair<const char*, Binary>> comparisons = {
      {"equal", ops::Equal},     {"not_equal", ops::NotEqual},
      {"less", ops::Less},       {"less_equal", ops::LessEqual},
      {"greater", ops::Greater}, {"greater_equal", ops::GreaterEqual}};
  for (const auto& [op, f] : comparisons) {
    out->push_back(WithoutGradient(
        Of2(op, "ties", f, Values({2, 3}, {1, 2, 3, 1, 2, 3}), Values({3}, {2, 2, 2}))));
    out->push_back(WithoutGradient(Of2(op, "scalar", f, Float({}), Float({9}))));
    out->push_back(WithoutGradient(Of2(op, "zero_size", f, Float({0}), Float({0}))));
    out->push_back(
        Fixed(Of2(op, "i64", f, Of(DType::kI64, {20}, 0, 3), Of(DType::kI64, {}, 1, 1))));
    out->push_back(Fixed(Of2(op, "bool", f, Of(DType::kBool, {20}), Of(DType::kBool, {20}))));
  }
  const auto yes = DType::kBool;
  out->push_back(Fixed(Of2("logical_and", "row", ops::LogicalAnd, Of(yes, {5, 4}), Of(yes, {4}))));
  out->push_back(Fixed(Of2("logical_or", "row", ops::LogicalOr, Of(yes, {5, 4}), Of(yes, {4}))));
  out->push_back(Fixed(Of1("logical_not", "matrix", ops::LogicalNot, Of(yes, {5, 4}))));

  const auto where = [&](const char* label, SampleArg c, SampleArg a, SampleArg b) {
    out->push_back({.op = "where",
                    .label = label,
                    .args = {std::move(c), std::move(a), std::move(b)},
                    .build = [](Args v) { return Vars{ops::Where(v[0], v[1], v[2])}; },
                    .fast_kernel = "simd"});
  };
  where("same", Of(yes, {3, 4}), Float({3, 4}), Float({3, 4}));
  where("condition_column", Of(yes, {3, 1}), Float({3, 4}), Float({4}));
  where("scalar_condition", Of(yes, {}), Float({3, 4}), Float({}));
  where("scalar_branches", Of(yes, {3, 4}), Float({}), Float({}));
  where("zero_size", Of(yes, {0}), Float({}), Float({0}));
  out->push_back(
      {.op = "where", .label = "numbers", .args = {Of(yes, {6}), Float({6})}, .build = [](Args v) {
         return Vars{ops::Where(v[0], 1.0, v[1]) + ops::Where(v[0], v[1], 0.5)};
       }});
}

void AddOthers(std::vector<Sample>* out) {
  AddUnary("relu", ops::Relu, -2, 2, out);
  AddUnary("tanh", ops::Tanh, -3, 3, out);
  AddUnary("sigmoid", ops::Sigmoid, -5, 5, out);
  AddUnary("softplus", ops::Softplus, -5, 5, out);
  AddUnary("erf", ops::Erf, -2.5, 2.5, out);
  AddUnary("gelu", ops::Gelu, -3, 3, out);
  out->push_back(WithoutGradient(Of1("tanh", "large", ops::Tanh, Float({70001}, -12, 12))));
  // The gradient is zero by definition at every order, which differences do not know.
  out->push_back(WithoutGradient(Of1("stop_gradient", "matrix", ops::StopGradient, Float({3, 4}))));

  for (const DType dtype : kAllDTypes) {
    const auto cast = [dtype](Args v) { return Vars{ops::Cast(v[0], dtype)}; };
    const std::string label = std::string(DTypeName(dtype));
    if (IsHalf(dtype)) {
      // A gradient passes a storage type; the second use of it is added up in f32.
      out->push_back({.op = "cast",
                      .label = "through_" + label,
                      .args = {Values({2, 3}, {-1.5, 0, 0.25, 1.75, -8, 3})},
                      .build =
                          [dtype](Args v) {
                            const Var h = ops::Cast(v[0], dtype);
                            return Vars{ops::Cast(h, v[0].dtype()) *
                                        ops::Cast(ops::Cast(h, DType::kF32), v[0].dtype())};
                          },
                      .gradient = false});
    }
    if (dtype != DType::kF32 && dtype != DType::kF64) {
      out->push_back({.op = "cast",
                      .label = "to_" + label,
                      .args = {Values({2, 3}, {-1.5, 0, 0.25, 1.75, 3e9, -1e20})},
                      .build = cast,
                      .gradient = false});
      out->push_back({.op = "cast",
                      .label = "from_" + label,
                      .args = {Of(dtype, {3, 5}, 0, 5)},
                      .build = [](Args v) { return Vars{ops::Cast(v[0], DType::kF32)}; },
                      .gradient = false,
                      .in_f64 = false});
    }
  }
  // There and back, so that a gradient passes in f64.
  out->push_back({.op = "cast", .label = "f64", .args = {Float({4, 3})}, .build = [](Args v) {
                    return Vars{ops::Square(ops::Cast(v[0], DType::kF64))};
                  }});
}

}  // namespace

std::vector<Sample> ElementwiseSamples() {
  std::vector<Sample> samples;
  AddArithmetic(&samples);
  AddComparison(&samples);
  AddOthers(&samples);
  for (Sample& sample : FunctionSamples()) samples.push_back(std::move(sample));
  for (Sample& sample : QuantizeSamples()) samples.push_back(std::move(sample));
  return samples;
}

std::vector<ErrorSample> ElementwiseErrors() {
  const auto f32 = DType::kF32, i32 = DType::kI32, yes = DType::kBool;
  std::vector<ErrorSample> errors = {
      Bad2("add", ops::Add, Of(f32, {2, 3}), Of(f32, {4}),
           "shapes [2,3] and [4] do not broadcast: axis -1 has 3 and 4, which are neither equal "
           "nor 1"),
      Bad2("mul", ops::Mul, Of(i32, {3}), Of(DType::kI64, {3}),
           "element types differ: lhs is i32, rhs is i64; Cast one of them"),
      Bad2("sub", ops::Sub, Of(yes, {3}), Of(yes, {3}),
           "takes f32, f64 or an integer type, but lhs is bool; Cast converts"),
      Bad2("less", ops::Less, Of(i32, {2}), Of(i32, {3}), "axis -1 has 2 and 3"),
      Bad2("logical_and", ops::LogicalAnd, Of(i32, {3}), Of(i32, {3}),
           "takes bool, but lhs is i32; Cast converts"),
      Bad1("exp", ops::Exp, Of(i32, {3}),
           "takes f32 or f64, but the operand is i32; Cast converts"),
      Bad1("relu", ops::Relu, Of(i32, {3}), "takes f32 or f64, but the operand is i32"),
      Bad1("logical_not", ops::LogicalNot, Of(i32, {3}), "takes bool, but the operand is i32"),
  };
  const auto where = [](Args v) { return Vars{ops::Where(v[0], v[1], v[2])}; };
  errors.push_back({.op = "where",
                    .args = {Of(i32, {3}), Of(f32, {3}), Of(f32, {3})},
                    .build = where,
                    .message = "takes bool, but the condition is i32; Cast converts"});
  errors.push_back({.op = "where",
                    .args = {Of(yes, {3}), Of(f32, {3}), Of(i32, {3})},
                    .build = where,
                    .message = "element types of the branches differ: f32 and i32"});
  errors.push_back({.op = "where",
                    .args = {Of(yes, {2}), Of(f32, {3}), Of(f32, {3})},
                    .build = where,
                    .message = "shapes [2] and [3] do not broadcast: axis -1 has 2 and 3"});
  for (ErrorSample& error : FunctionErrors()) errors.push_back(std::move(error));
  for (ErrorSample& error : QuantizeErrors()) errors.push_back(std::move(error));
  return errors;
}

}  // namespace adjoint::testing
