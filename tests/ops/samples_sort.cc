#include <limits>

#include "ops/nonzero.h"
#include "ops/sort.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Whole(DType dtype, Shape shape, double low = 0, double high = 9) {
  return {.spec = {dtype, std::move(shape)}, .low = low, .high = high};
}

Sample Of(std::string op, std::string label, SampleArg arg, std::function<Result(Var)> build,
          std::string kernel = {}) {
  const bool floating = arg.spec.dtype == DType::kF32;
  return {.op = std::move(op),
          .label = std::move(label),
          .args = {std::move(arg)},
          .build = [build = std::move(build)](Vars v) { return build(v[0]); },
          .gradient = floating,
          .in_f64 = floating,
          .fast_kernel = std::move(kernel)};
}

}  // namespace

std::vector<Sample> SortSamples() {
  std::vector<Sample> samples;
  for (bool down : {false, true}) {
    const auto sort = [&](std::string label, SampleArg arg, int64_t axis) {
      samples.push_back(Of(
          "argsort", label + (down ? "_descending" : ""), std::move(arg),
          [=](Var x) {
            return Result{ops::Sort(x, axis, down), ops::ArgSort(x, axis, down)};
          },
          "rows"));
    };
    sort("rows", Floats({3, 7}), -1);
    sort("columns", Floats({7, 3}), 0);
    sort("middle", Floats({2, 5, 3}), 1);
    sort("none", Floats({3, 0}), 1);
    for (DType dtype : {DType::kI32, DType::kI64, DType::kU8, DType::kI8, DType::kBool}) {
      sort("ties", Whole(dtype, {3, 40}, dtype == DType::kU8 ? 0 : -4, 4), -1);
    }
    SampleArg odd{.spec = {DType::kF32, {2, 6}},
                  .values = {1, kNan, -kInf, 0, -0.0, kInf, kNan, -1, kNan, kInf, 0, -kInf}};
    sort("special", odd, 1);
    samples.back().gradient = false;
    const auto top = [&](std::string label, SampleArg arg, int64_t k, int64_t axis) {
      samples.push_back(Of(
          "top_k_indices", label + (down ? "_largest" : "_smallest"), std::move(arg),
          [=](Var x) {
            const auto [values, indices] = ops::TopK(x, k, axis, down);
            return Result{values, indices};
          },
          "rows"));
    };
    top("rows", Floats({3, 17}), 4, -1);
    top("columns", Floats({9, 3}), 2, 0);
    top("all", Floats({3, 5}), 5, 1);
    top("none", Floats({3, 5}), 0, 1);
    top("ties", Whole(DType::kI32, {3, 100}, 0, 5), 30, 1);
    top("ties", Whole(DType::kI64, {3, 100}, 0, 5), 30, 1);
    top("special", odd, 3, 1);
    samples.back().gradient = false;
    Sample large = Of(
        "top_k_indices", "large", Floats({40, 3000}),
        [=](Var x) {
          const auto [values, indices] = ops::TopK(x, 50, 1, down);
          return Result{values, indices, ops::Sort(x, 1, down)};
        },
        "rows");
    large.gradient = false;
    samples.push_back(std::move(large));
  }
  const auto plain = [&](std::string op, std::string label, SampleArg arg,
                         std::function<Result(Var)> build) {
    samples.push_back(Of(std::move(op), std::move(label), std::move(arg), std::move(build)));
    samples.back().gradient = false;
  };
  for (int64_t size : {0, 3, 30}) {
    plain("nonzero", "size", Whole(DType::kI32, {4, 5}, -1, 1), [size](Var x) {
      const auto [indices, count] = ops::NonZero(x, size);
      return Result{indices, count};
    });
    for (bool sorted : {false, true}) {
      samples.push_back(Of("unique", sorted ? "sorted" : "unsorted",
                           {.spec = {DType::kF32, {7}}, .values = {3, 1, 3, -2, 1, 1, 7}},
                           [=](Var x) {
                             const auto u = ops::Unique(x, size, sorted, -1);
                             return Result{u.values, u.first, u.inverse, u.counts, u.count};
                           }));
      samples.back().gradient = false;  // differences part what is equal
      plain("unique", "whole", Whole(DType::kI64, {4, 5}, -3, 3), [=](Var x) {
        const auto u = ops::Unique(x, size, sorted);
        return Result{u.values, u.first, u.inverse, u.counts, u.count};
      });
    }
    samples.push_back({.op = "nonzero",
                       .label = "compress",
                       .args = {Floats({3, 5, 2}), Whole(DType::kBool, {5})},
                       .build = [size](Vars v) {
                         const auto [values, count] = ops::Compress(v[0], v[1], size, 1);
                         return Result{values, count};
                       }});
  }
  samples.push_back(Of("unique", "distinct", Floats({2, 3}),
                       [](Var x) { return Result{ops::Unique(x, 8).values}; }));
  plain("nonzero", "scalar", Floats(Shape::Of({})), [](Var x) {
    return Result{ops::NonZero(x, 2).indices, ops::NonZero(x, 2).count};
  });
  plain("nonzero", "empty", Floats({0, 3}), [](Var x) {
    return Result{ops::NonZero(x, 2, 7).indices, ops::NonZero(x, 2).count};
  });
  return samples;
}

std::vector<ErrorSample> SortErrors() {
  const auto error = [](std::string op, std::vector<SampleArg> args, std::function<Var(Vars)> fn,
                        std::string message) {
    return ErrorSample{.op = std::move(op),
                       .args = std::move(args),
                       .build = [fn = std::move(fn)](Vars v) { return Result{fn(v)}; },
                       .message = std::move(message)};
  };
  return {
      error(
          "argsort", {Floats({3, 4})}, [](Vars v) { return ops::Sort(v[0], 2); },
          "axis 2 is outside -2..1"),
      error(
          "argsort", {Floats(Shape::Of({}))}, [](Vars v) { return ops::ArgSort(v[0]); },
          "axis -1 of a scalar, which has no axes"),
      error(
          "argsort", {Whole(DType::kBF16, {4})}, [](Vars v) { return ops::ArgSort(v[0]); },
          "takes numbers or bool, but was given bf16; cast it first"),
      error(
          "top_k_indices", {Floats({3, 4})}, [](Vars v) { return ops::TopK(v[0], 5).values; },
          "k is 5, but the axis has 4 elements"),
      error(
          "top_k_indices", {Floats({3, 4})}, [](Vars v) { return ops::TopK(v[0], -1).values; },
          "k is -1, but the axis has 4 elements"),
      error(
          "nonzero", {Floats({3})}, [](Vars v) { return ops::NonZero(v[0], -2).count; },
          "the size is -2; it must be at least 0"),
      error(
          "nonzero", {Floats({3, 4}), Whole(DType::kBool, {3})},
          [](Vars v) { return ops::Compress(v[0], v[1], 2, 1).values; },
          "the mask is bool[3]; axis 1 asks for bool[4]"),
      error(
          "unique", {Floats({3})}, [](Vars v) { return ops::Unique(v[0], -1).values; },
          "the size is -1; it must be at least 0"),
  };
}

}  // namespace adjoint::testing
