#include "ops/arithmetic.h"
#include "ops/draws.h"
#include "ops/random.h"
#include "ops/shape_ops.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Number(double value) { return {.spec = {DType::kI64, {}}, .values = {value}}; }

Sample Drop(std::string label, Shape shape, double rate, int64_t stream) {
  return {.op = "dropout",
          .label = std::move(label),
          .args = {Floats(std::move(shape)), Number(42), Number(7)},
          .build =
              [rate, stream](Vars v) {
                return Result{ops::Dropout(v[0], rate, v[1], v[2], {.stream = stream})};
              },
          .fast_kernel = "simd"};
}

std::vector<Sample> DropoutSamples() {
  return {
      Drop("half", {7, 11}, 0.5, 1),
      Drop("seldom", {130}, 0.1, -1),
      Drop("groups", {4, 64}, 0.25, 3),
      Drop("scalar", {}, 0.5, 4),
      Drop("zero_size", {0, 3}, 0.5, 5),
      {.op = "dropout",
       .label = "offset",
       .args = {Floats({9, 21}), Number(42), Number(7), Number(13)},
       .build =
           [](Vars v) {
             return Result{ops::Dropout(v[0], 0.5, v[1], v[2], {.stream = 1, .offset = v[3]})};
           },
       .fast_kernel = "simd"},
  };
}

// A draw from a seed and a step, or also an offset.
Sample Draws(std::string op, std::string label, std::function<Var(Vars)> fn,
             std::string fast_kernel = "", bool offset = false) {
  Sample sample{.op = std::move(op),
                .label = std::move(label),
                .args = {Number(42), Number(7)},
                .build = [fn = std::move(fn)](Vars v) { return Result{fn(v)}; },
                .gradient = false,
                .in_f64 = false,
                .fast_kernel = std::move(fast_kernel)};
  if (offset) sample.args.push_back(Number(13));
  return sample;
}

std::vector<Sample> DrawSamples() {
  const auto f64 = [](int64_t stream) {
    return ops::DrawOptions{.dtype = DType::kF64, .stream = stream};
  };
  return {
      Draws(
          "random_uniform", "f32",
          [](Vars v) {
            return ops::RandomUniform({7, 41}, v[0], v[1], 0, 1, {.stream = 1});
          },
          "simd"),
      Draws("random_uniform", "f64",
            [=](Vars v) {
              return ops::RandomUniform({7, 11}, v[0], v[1], 0, 1, f64(2));
            }),
      Draws(
          "random_uniform", "bounds",
          [](Vars v) { return ops::RandomUniform({70}, v[0], v[1], -2, 5, {.stream = 3}); },
          "simd"),
      Draws(
          "random_uniform", "offset",
          [](Vars v) {
            return ops::RandomUniform({300}, v[0], v[1], 0, 1, {.stream = 4, .offset = v[2]});
          },
          "simd", true),
      Draws("random_uniform", "zero_size",
            [](Vars v) {
              return ops::RandomUniform({0, 3}, v[0], v[1], 0, 1, {.stream = 5});
            }),
      Draws("random_uniform", "bernoulli",
            [](Vars v) {
              const Var p = ops::BroadcastTo(
                  ops::Constant(*v[0].builder, Tensor::Of<float>({3}, {0.1f, 0.5f, 0.9f})),
                  {20, 3});
              return ops::RandomBernoulli(p, v[0], v[1], {.dtype = DType::kBool, .stream = 6});
            }),
      Draws(
          "random_normal", "f32",
          [](Vars v) { return ops::RandomNormal({1000}, v[0], v[1], 0, 1, {.stream = 1}); },
          "simd"),
      Draws("random_normal", "f64",
            [=](Vars v) {
              return ops::RandomNormal({7, 11}, v[0], v[1], 3, 2, f64(2));
            }),
      Draws(
          "random_normal", "truncated",
          [](Vars v) {
            return ops::RandomTruncatedNormal({500}, v[0], v[1], 1, 0.5, 2, {.stream = 3});
          },
          "simd"),
      Draws("random_integers", "i64",
            [](Vars v) {
              return ops::RandomIntegers({50}, -7, 100, v[0], v[1],
                                         {.dtype = DType::kI64, .stream = 1});
            }),
      Draws("random_integers", "i32",
            [](Vars v) {
              return ops::RandomIntegers({5, 0}, 0, 2, v[0], v[1],
                                         {.dtype = DType::kI32, .stream = 1});
            }),
      Draws("random_permutation", "i64",
            [](Vars v) {
              return ops::RandomPermutation(100, v[0], v[1], {.dtype = DType::kI64, .stream = 1});
            }),
      Draws("random_permutation", "none",
            [](Vars v) {
              return ops::RandomPermutation(0, v[0], v[1], {.dtype = DType::kI32, .stream = 1});
            }),
      // Its shape is that of an operand, whose first extent may be a symbol; a gradient goes
      // through the scale.
      {.op = "random_normal",
       .label = "scaled",
       .args = {Floats({5, 3}), Number(42), Number(7)},
       .build =
           [](Vars v) {
             return Result{v[0] * ops::RandomNormal(v[0].shape(), v[1], v[2], 0, 1,
                                                    {.dtype = v[0].dtype(), .stream = 8})};
           },
       .f32_tolerance = 1e-4},  // f64 draws more bits
      {.op = "random_categorical",
       .label = "rows",
       .args = {Floats({3, 4}), Number(42), Number(7)},
       .build =
           [](Vars v) {
             return Result{
                 ops::RandomCategorical(v[0], 9, v[1], v[2], {.dtype = DType::kI64, .stream = 1})};
           },
       .gradient = false},
      {.op = "random_categorical",
       .label = "i32_vector",
       .args = {Floats({4}), Number(42), Number(7)},
       .build =
           [](Vars v) {
             return Result{
                 ops::RandomCategorical(v[0], 2, v[1], v[2], {.dtype = DType::kI32, .stream = 1})};
           },
       .gradient = false},
  };
}

ErrorSample DrawError(std::string op, std::function<Var(Vars)> fn, std::string message) {
  return {.op = std::move(op),
          .args = {Number(42), Number(7)},
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v)}; },
          .message = std::move(message)};
}

}  // namespace

std::vector<Sample> RandomSamples() {
  std::vector<Sample> all = DrawSamples();
  for (Sample& sample : DropoutSamples()) all.push_back(std::move(sample));
  return all;
}
std::vector<ErrorSample> RandomErrors() {
  const auto drop = [](double rate) {
    return [rate](Vars v) { return Result{ops::Dropout(v[0], rate, v[1], v[2])}; };
  };
  return {
      {.op = "dropout",
       .args = {Floats({3}), Number(1), Number(1)},
       .build = drop(1),
       .message = "the rate is 1; it must be at least 0 and below 1"},
      {.op = "dropout",
       .args = {Floats({3}), Number(1), Number(1)},
       .build = drop(-0.5),
       .message = "the rate is -0.5; it must be at least 0 and below 1"},
      {.op = "dropout",
       .args = {Floats({3}), Floats(Shape::Of({})), Number(1)},
       .build = drop(0.5),
       .message = "the seed must be i64[], but is f32[]"},
      {.op = "dropout",
       .args = {Floats({3}), Number(1), {.spec = {DType::kI64, {1}}}},
       .build = drop(0.5),
       .message = "the step must be i64[], but is i64[1]"},
      {.op = "dropout",
       .args = {Number(3), Number(1), Number(1)},
       .build = drop(0.5),
       .message = "takes f32 or f64, but was given i64; cast it first"},
      {.op = "dropout",
       .args = {Floats({3})},
       .build = [](Vars v) { return Result{ops::Dropout(v[0], 0.5, 0.5, 1)}; },
       .message = "the seed and the step must be integers of at most 2^53, but one is 0.5"},
      DrawError(
          "random_uniform", [](Vars v) { return ops::RandomUniform({2}, v[0], v[1], 2, 1); },
          "the bounds are 2 and 1; they must be finite and in order"),
      DrawError(
          "random_uniform",
          [](Vars v) { return ops::RandomUniform({2}, v[0], v[1], 0, 1, {.dtype = DType::kI32}); },
          "draws f32 or f64, but was asked for i32; cast the result"),
      DrawError(
          "random_uniform", [](Vars v) { return ops::RandomUniform({2}, v[0], 0.5); },
          "the seed and the step must be integers of at most 2^53, but one is 0.5"),
      DrawError(
          "random_normal",
          [](Vars v) { return ops::RandomTruncatedNormal({2}, v[0], v[1], 0, 1, 0); },
          "the bound is -1; it must be a number above 0"),
      DrawError(
          "random_integers", [](Vars v) { return ops::RandomIntegers({2}, 3, 3, v[0], v[1]); },
          "there are no integers from 3 to below 3"),
      DrawError(
          "random_integers",
          [](Vars v) {
            return ops::RandomIntegers({2}, 0, int64_t{1} << 40, v[0], v[1],
                                       {.dtype = DType::kI32});
          },
          "integers from 0 to below 1099511627776 do not fit the type i32"),
      DrawError(
          "random_permutation", [](Vars v) { return ops::RandomPermutation(-1, v[0], v[1]); },
          "n is -1; it must be 0 to 2^31 - 1"),
      DrawError(
          "random_categorical", [](Vars v) { return ops::RandomCategorical(v[0], 1, v[0], v[1]); },
          "logits must be f32 or f64, but are i64"),
      {.op = "random_categorical",
       .args = {Floats({2, 0}), Number(1), Number(1)},
       .build = [](Vars v) { return Result{ops::RandomCategorical(v[0], 3, v[1], v[2])}; },
       .message = "cannot draw 3 samples from logits of shape [2,0]"},
  };
}

}  // namespace adjoint::testing
