#include <limits>

#include "ops/arg_reduce.h"
#include "ops/cumulative.h"
#include "ops/statistics.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Of(DType dtype, Shape shape) {
  return {.spec = {dtype, std::move(shape)}, .low = 0, .high = 9};
}
SampleArg Values(Shape shape, std::vector<double> values) {
  return {.spec = {DType::kF32, std::move(shape)}, .values = std::move(values)};
}

std::vector<Sample> ArgSamples() {
  std::vector<Sample> samples;
  for (auto [op, fn] : {std::pair("argmax", &ops::ArgMax), std::pair("argmin", &ops::ArgMin)}) {
    for (bool last : {false, true}) {
      const auto add = [&, fn = fn](std::string label, SampleArg arg, int64_t axis, bool keepdims,
                                    std::string kernel = "simd") {
        const bool floating = arg.spec.dtype == DType::kF32;
        samples.push_back({.op = op,
                           .label = label + (last ? "_last" : ""),
                           .args = {std::move(arg)},
                           .build = [=](Vars v) { return Result{fn(v[0], axis, keepdims, last)}; },
                           .gradient = false,
                           .in_f64 = floating,
                           .fast_kernel = std::move(kernel)});
      };
      add("rows", Floats({5, 100}), 1, false);
      add("columns", Floats({37, 5}), 0, true);
      add("middle", Floats({3, 9, 4}), -2, false);
      add("vector", Floats({7}), 0, false);
      add("wide", Floats({3, 700}), 0, false);
      add("long", Floats({2, 70001}), 1, false);
      add("of_one", Floats({2, 1, 3}), 1, true);
      add("empty_result", Floats({0, 3}), 1, false, "");
      add("ties", Of(DType::kI32, {4, 50}), 1, false);
      add("tied_columns", Of(DType::kI64, {50, 4}), 0, false);
      add("bytes", Of(DType::kU8, {9, 40}), 1, false);
      add("nan", Values({2, 4}, {1, kNan, 5, kNan, kInf, 2, -kInf, -kInf}), 1, false);
      add("nan_columns", Values({4, 2}, {1, kInf, kNan, 2, 5, -kInf, kNan, -kInf}), 0, false);
    }
  }
  return samples;
}

std::vector<Sample> CumulativeSamples() {
  std::vector<Sample> samples;
  for (auto [op, fn] : {std::pair("cumsum", &ops::CumSum), std::pair("cumprod", &ops::CumProd)}) {
    for (bool exclusive : {false, true}) {
      for (bool reverse : {false, true}) {
        const auto add = [&, fn = fn](std::string label, SampleArg arg, int64_t axis,
                                      std::string kernel = "strips") {
          const bool floating = arg.spec.dtype == DType::kF32;
          samples.push_back(
              {.op = op,
               .label = label + (exclusive ? "_exclusive" : "") + (reverse ? "_reverse" : ""),
               .args = {std::move(arg)},
               .build = [=](Vars v) { return Result{fn(v[0], axis, exclusive, reverse)}; },
               .gradient = floating,
               .in_f64 = floating,
               .fast_kernel = std::move(kernel)});
        };
        add("rows", Floats({3, 7}), 1);
        add("columns", Floats({6, 3}), 0);
        add("middle", Floats({2, 5, 3}), -2);
        add("i32", Of(DType::kI32, {3, 7}), 1);
        if (reverse) continue;
        add("zeros", Values({3, 4}, {2, -1.5, 3, 0.5, 2, 0, 3, 0.5, 0, 1.5, 0, -2}), 1);
        add("i64", Of(DType::kI64, {7, 3}), 0);
        add("no_elements", Floats({3, 0}), 1, "");
        Sample wide{.op = op,
                    .label = "wide",
                    .args = {Floats({70, 1100})},
                    .build = [=, fn = fn](Vars v) { return Result{fn(v[0], 0, exclusive, false)}; },
                    .gradient = false,
                    .fast_kernel = "strips"};
        samples.push_back(std::move(wide));
      }
    }
  }
  for (bool reverse : {false, true}) {
    for (auto [label, shape, axis, kernel] : {std::tuple("rows", Shape{3, 5}, 1, "strips"),
                                              std::tuple("columns", Shape{5, 3}, 0, "strips"),
                                              std::tuple("middle", Shape{2, 4, 3}, -2, "strips"),
                                              std::tuple("no_elements", Shape{0, 3}, 1, "")}) {
      samples.push_back({.op = "linear_recurrence",
                         .label = label,
                         .args = {Floats(shape), Floats(shape)},
                         .build =
                             [axis = axis, reverse](Vars v) {
                               return Result{
                                   ops::ExclusiveLinearRecurrence(v[0], v[1], axis, reverse),
                                   ops::LinearRecurrence(v[0], v[1], axis, reverse)};
                             },
                         .fast_kernel = kernel});
    }
  }
  return samples;
}

std::vector<Sample> Compositions() {
  std::vector<Sample> samples;
  const auto add = [&](std::string op, std::string label, SampleArg arg,
                       std::function<Var(Var)> fn) {
    samples.push_back({.op = std::move(op),
                       .label = std::move(label),
                       .args = {std::move(arg)},
                       .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; }});
  };
  add("mean", "variance", Floats({4, 5}), [](Var x) { return ops::Variance(x, {1}); });
  add("mean", "variance_unbiased", Floats({2, 4, 3}), [](Var x) {
    return ops::Variance(x, {0, -1}, true, 1);
  });
  add("mean", "variance_of_a_batch", Floats({4, 3}),
      [](Var x) { return ops::Variance(x, {0}, false, 1); });
  SampleArg far = Values({1, 4}, {10000, 10001, 10002, 10003});
  add("mean", "variance_far_from_0", far, [](Var x) { return ops::Variance(x, {1}); });
  samples.back().gradient = false;  // differences of 1e-5 of 1e8 are lost
  add("mean", "standard_deviation", Floats({4, 5}),
      [](Var x) { return ops::StandardDeviation(x, {-1}, true, 1); });
  add("sum", "sum_of_squares", Floats({4, 5}), [](Var x) { return ops::SumOfSquares(x, {0}); });
  add("sum", "l1_norm", Floats({4, 5}), [](Var x) { return ops::L1Norm(x, {0}); });
  add("sum", "l2_norm", Floats({4, 5}), [](Var x) { return ops::L2Norm(x, {1}, true); });
  for (double p : {3.0, 1.5, 0.5, -1.0, kInf, -kInf, 2.0, 1.0}) {
    add(p == kInf    ? "reduce_max"
        : p == -kInf ? "reduce_min"
                     : "sum",
        "p_norm", Floats({4, 5}), [p](Var x) { return ops::PNorm(x, p, {1}); });
  }
  add("sum", "p_norm_0", Floats({4, 5}), [](Var x) { return ops::PNorm(x, 0, {1}); });
  samples.back().gradient = false;
  add("sum", "log_sum_exp", Floats({4, 5}), [](Var x) { return ops::LogSumExp(x, {1}); });
  add("sum", "log_sum_exp_keepdims", Floats({4, 5}),
      [](Var x) { return ops::LogSumExp(x, {0}, true); });
  add("sum", "log_sum_exp_large", Values({2, 3}, {1000, 1001, 999, -1000, -1001, -999}),
      [](Var x) { return ops::LogSumExp(x, {1}); });
  add("sum", "log_sum_exp_infinite", Values({3, 2}, {-kInf, -kInf, -kInf, 1, kInf, 1}),
      [](Var x) { return ops::LogSumExp(x, {1}); });
  samples.back().gradient = false;
  add("sum", "log_sum", {.spec = {DType::kF32, {4, 5}}, .low = 0.5, .high = 2},
      [](Var x) { return ops::LogSum(x, {1}); });
  return samples;
}

}  // namespace

std::vector<Sample> StatisticsSamples() {
  std::vector<Sample> all;
  for (const std::vector<Sample>& part : {ArgSamples(), CumulativeSamples(), Compositions()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::vector<ErrorSample> StatisticsErrors() {
  const auto error = [](std::string op, SampleArg arg, std::function<Var(Var)> fn,
                        std::string message) {
    return ErrorSample{.op = std::move(op),
                       .args = {std::move(arg)},
                       .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; },
                       .message = std::move(message)};
  };
  return {
      error(
          "argmax", Floats({2, 0}), [](Var x) { return ops::ArgMax(x, 1); },
          "axis 1 of [2,0] has no elements to choose from"),
      error(
          "argmin", Of(DType::kBool, {2}), [](Var x) { return ops::ArgMin(x, 0); },
          "takes numbers, but was given bool; cast it first"),
      error(
          "argmax", Floats({2, 3}), [](Var x) { return ops::ArgMax(x, 2); },
          "axis 2 is outside -2..1"),
      error(
          "cumsum", Of(DType::kBool, {2}), [](Var x) { return ops::CumSum(x, 0); },
          "takes f32, f64, i32 or i64, but was given bool; cast it first"),
      error(
          "cumprod", Floats({2, 3}), [](Var x) { return ops::CumProd(x, -3); },
          "axis -3 is outside -2..1"),
      error(
          "linear_recurrence", Floats({2, 3}),
          [](Var x) { return ops::ExclusiveLinearRecurrence(x, ops::Sum(x, {0}), 0); },
          "a is f32[2,3] and b is f32[3]; they must be alike"),
      error(
          "mean", Of(DType::kI32, {2}), [](Var x) { return ops::Variance(x, {0}); },
          "variance(i32[2]):\n  takes f32 or f64, but was given i32; cast it first"),
      error(
          "sum", Floats({2}), [](Var x) { return ops::PNorm(x, kNan, {0}); }, "p is NaN"),
  };
}

}  // namespace adjoint::testing
