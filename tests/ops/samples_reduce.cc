#include "ops/reduce.h"
#include "ops/softmax.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;
using Axes = std::vector<int64_t>;
using ReduceFn = Var (*)(ops::Operand, absl::Span<const int64_t>, bool);

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Of(DType dtype, Shape shape) {
  return {.spec = {dtype, std::move(shape)}, .low = 0, .high = 9};
}

Sample Reduction(std::string op, ReduceFn fn, std::string label, Shape shape, Axes axes,
                 bool keepdims = false, std::string fast_kernel = "simd") {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = {Floats(std::move(shape))},
          .build = [fn, axes = std::move(axes),
                    keepdims](Vars v) { return Result{fn(v[0], axes, keepdims)}; },
          .fast_kernel = std::move(fast_kernel)};
}

// What every reduction is tried on.
std::vector<Sample> Common(const std::string& op, ReduceFn fn) {
  std::vector<Sample> samples = {
      Reduction(op, fn, "rows", {5, 37}, {1}),
      Reduction(op, fn, "columns", {37, 5}, {0}),
      Reduction(op, fn, "all", {3, 4, 5}, {0, 1, 2}),
      Reduction(op, fn, "middle", {3, 9, 4}, {-2}, true),
      Reduction(op, fn, "ends", {4, 3, 5}, {0, -1}),
      Reduction(op, fn, "alternating", {3, 2, 5, 4, 3}, {0, 2, 4}, true),
      Reduction(op, fn, "nothing", {2, 3}, {}),
      Reduction(op, fn, "of_one", {2, 1, 3}, {1}),
      Reduction(op, fn, "scalar", {}, {}),
      Reduction(op, fn, "empty_result", {0, 3}, {1}, false, ""),
  };
  // Cut into parts, along the reduced axis and along the kept ones.
  for (auto [label, shape, axis] :
       {std::tuple("long_row", Shape{2, 70001}, 1), std::tuple("long_column", Shape{70001, 2}, 0),
        std::tuple("wide", Shape{130, 2050}, 0)}) {
    Sample sample = Reduction(op, fn, label, shape, {axis});
    sample.gradient = false;
    sample.f32_tolerance = 1e-4;  // sums of some 100 in absolute value
    samples.push_back(std::move(sample));
  }
  return samples;
}

ReduceFn const kSum = ops::Sum;
ReduceFn const kMean = ops::Mean;
ReduceFn const kMax = ops::ReduceMax;
ReduceFn const kMin = ops::ReduceMin;
ReduceFn const kProd = ops::ReduceProd;

std::vector<Sample> SoftmaxFamily() {
  std::vector<Sample> samples;
  for (auto [op, fn] :
       {std::pair("softmax", &ops::Softmax), std::pair("log_softmax", &ops::LogSoftmax)}) {
    for (auto [label, shape, axis, kernel] :
         {std::tuple("rows", Shape{4, 37}, -1, "simd"), std::tuple("vector", Shape{5}, 0, "simd"),
          std::tuple("columns", Shape{6, 4}, 0, "simd"),
          std::tuple("middle", Shape{2, 5, 3}, -2, "simd"),
          std::tuple("of_one", Shape{3, 1}, 1, "simd"),
          std::tuple("no_rows", Shape{0, 3}, 1, "simd"),
          std::tuple("no_classes", Shape{3, 0}, 1, "")}) {
      samples.push_back({.op = op,
                         .label = label,
                         .args = {Floats(shape)},
                         .build = [fn = fn, axis = axis](Vars v) { return Result{fn(v[0], axis)}; },
                         .fast_kernel = kernel});
    }
    Sample large = samples.back();
    large.label = "large_values";
    large.args = {{.spec = {DType::kF32, {2, 5}},
                   .values = {1000, 999, 998, 0, -1000, -1000, -1001, -1002, -1003, -2000}}};
    large.fast_kernel = "simd";
    samples.push_back(std::move(large));
  }
  return samples;
}

}  // namespace

std::vector<Sample> ReduceSamples() {
  std::vector<Sample> all;
  for (auto [op, fn] :
       {std::pair("sum", kSum), std::pair("mean", kMean), std::pair("reduce_max", kMax),
        std::pair("reduce_min", kMin), std::pair("reduce_prod", kProd)}) {
    for (Sample& sample : Common(op, fn)) all.push_back(std::move(sample));
  }
  for (Sample& sample : SoftmaxFamily()) all.push_back(std::move(sample));
  all.push_back(Reduction("sum", kSum, "of_nothing", {2, 0}, {1}, false, ""));
  // A mean of nothing is NaN by definition, which no comparison of numbers takes.
  all.push_back(Reduction("reduce_prod", kProd, "of_nothing", {2, 0}, {1}, false, ""));
  // Whole types, on their own loops, over leading and trailing axes.
  for (auto [op, fn, dtype] :
       {std::tuple("sum", kSum, DType::kI32), std::tuple("sum", kSum, DType::kI64),
        std::tuple("reduce_prod", kProd, DType::kI32),
        std::tuple("reduce_prod", kProd, DType::kI64), std::tuple("reduce_max", kMax, DType::kI32),
        std::tuple("reduce_max", kMax, DType::kI64), std::tuple("reduce_max", kMax, DType::kU8),
        std::tuple("reduce_max", kMax, DType::kBool), std::tuple("reduce_min", kMin, DType::kI32),
        std::tuple("reduce_min", kMin, DType::kI64), std::tuple("reduce_min", kMin, DType::kU8),
        std::tuple("reduce_min", kMin, DType::kBool)}) {
    for (int64_t axis : {0, 1}) {
      Sample sample = Reduction(op, fn, std::string(DTypeName(dtype)), {13, 41}, {axis});
      sample.args = {Of(dtype, {13, 41})};
      sample.gradient = false;
      sample.in_f64 = false;
      all.push_back(std::move(sample));
    }
  }
  for (auto [label, fn] : {std::pair("any", static_cast<ReduceFn>(ops::Any)),
                           std::pair("all", static_cast<ReduceFn>(ops::All))}) {
    for (const Shape& shape : {Shape{3, 2}, Shape{3, 0}}) {
      Sample sample = Reduction(label == std::string("any") ? "reduce_max" : "reduce_min", fn,
                                label, shape, {1}, true, "");
      sample.args = {Of(DType::kBool, shape)};
      sample.gradient = false;
      sample.in_f64 = false;
      all.push_back(std::move(sample));
    }
  }
  // Equal elements share the gradient; zeros in a product: none, one and two a row.
  Sample zeros = Reduction("reduce_prod", kProd, "zeros", {3, 4}, {1});
  zeros.args[0].values = {2, -1.5, 3, 0.5, 2, 0, 3, 0.5, 0, 1.5, 0, -2};
  all.push_back(zeros);
  zeros.label = "zeros_of_two_axes";
  zeros.args = {
      {.spec = {DType::kF32, {2, 3, 2}}, .values = {2, -1.5, 3, 0.5, 2, 0, 3, 0.5, 0, 1.5, 0, -2}}};
  zeros.build = [](Vars v) { return Result{ops::ReduceProd(v[0], {0, -1})}; };
  all.push_back(std::move(zeros));
  return all;
}

std::vector<ErrorSample> ReduceErrors() {
  const auto error = [](std::string op, SampleArg arg, std::function<Var(Var)> fn,
                        std::string message) {
    return ErrorSample{.op = std::move(op),
                       .args = {std::move(arg)},
                       .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; },
                       .message = std::move(message)};
  };
  return {
      error(
          "sum", Floats({2, 3}), [](Var x) { return ops::Sum(x, {2}); },
          "axis 2 is outside -2..1, the axes of a tensor of rank 2"),
      error(
          "sum", Floats({2, 3}),
          [](Var x) {
            return ops::Sum(x, {1, -1});
          },
          "axis 1 is named twice"),
      error(
          "sum", Of(DType::kU8, {2}), [](Var x) { return ops::Sum(x); },
          "takes f32, f64, i32 or i64, but was given u8; cast it first"),
      error(
          "mean", Of(DType::kI32, {2}), [](Var x) { return ops::Mean(x); },
          "takes f32 or f64, but was given i32; cast it first"),
      error(
          "reduce_max", Floats({2, 0}), [](Var x) { return ops::ReduceMax(x, {-1}); },
          "axis 1 of [2,0] has no elements, and nothing has no maximum"),
      error(
          "reduce_min", Floats({0, 2}), [](Var x) { return ops::ReduceMin(x); },
          "axis 0 of [0,2] has no elements, and nothing has no minimum"),
      error(
          "reduce_prod", Of(DType::kBool, {2}), [](Var x) { return ops::ReduceProd(x); },
          "takes f32, f64, i32 or i64, but was given bool; cast it first"),
      error(
          "reduce_max", Floats({2}), [](Var x) { return ops::Any(x); },
          "takes bool, but was given f32; compare it first"),
      error(
          "softmax", Floats({2, 3}), [](Var x) { return ops::Softmax(x, -3); },
          "axis -3 is outside -2..1"),
      error(
          "softmax", Floats(Shape::Of({})), [](Var x) { return ops::Softmax(x); },
          "axis -1 of a scalar, which has no axes"),
      error(
          "log_softmax", Of(DType::kI64, {2}), [](Var x) { return ops::LogSoftmax(x); },
          "takes f32 or f64, but was given i64; cast it first"),
  };
}

}  // namespace adjoint::testing
