#include "ops/normalization.h"
#include "ops/softmax.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Positive(Shape shape) {
  return {.spec = {DType::kF32, std::move(shape)}, .low = 0.5, .high = 2};
}

Sample Of(std::string op, std::string label, std::vector<SampleArg> args,
          std::function<Result(Vars)> build, std::string fast_kernel = {}) {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = std::move(args),
          .build = std::move(build),
          .f32_tolerance = 3e-5,
          .fast_kernel = std::move(fast_kernel)};
}

std::vector<Sample> LayerNormSamples() {
  const std::string op = "layer_norm", simd = "simd";
  std::vector<Sample> samples = {
      Of(
          op, "plain", {Floats({4, 7})}, [](Vars v) { return Result{ops::LayerNorm(v[0])}; }, simd),
      Of(
          op, "scaled", {Floats({4, 7}), Floats({7})},
          [](Vars v) { return Result{ops::LayerNorm(v[0], v[1])}; }, simd),
      Of(
          op, "scaled_and_shifted", {Floats({3, 37}), Floats({37}), Floats({37})},
          [](Vars v) { return Result{ops::LayerNorm(v[0], v[1], v[2])}; }, simd),
      Of(
          op, "two_axes", {Floats({2, 3, 4}), Floats({3, 4}), Floats({3, 4})},
          [](Vars v) { return Result{ops::LayerNorm(v[0], v[1], v[2], 1)}; }, simd),
      Of(
          op, "all_axes", {Floats({3, 4})},
          [](Vars v) { return Result{ops::LayerNorm(v[0], {}, {}, 0)}; }, simd),
      Of(
          op, "broadcast_scale", {Floats({2, 3, 4}), Floats({4}), Floats({3, 1})},
          [](Vars v) { return Result{ops::LayerNorm(v[0], v[1], v[2], -2)}; }, simd),
      Of(
          op, "bias_alone", {Floats({4, 7}), Floats({7})},
          [](Vars v) { return Result{ops::LayerNorm(v[0], {}, v[1])}; }, simd),
      Of(
          op, "moments", {Floats({4, 7}), Floats({7})},
          [](Vars v) {
            const auto [y, mean, inv_std] = ops::LayerNormWithMoments(v[0], v[1], {}, 1, 0.1);
            return Result{y, mean, inv_std};
          },
          simd),
      Of(
          op, "rms", {Floats({4, 7}), Floats({7})},
          [](Vars v) { return Result{ops::RmsNorm(v[0], v[1])}; }, simd),
      Of(
          op, "rms_plain", {Floats({2, 3, 5})},
          [](Vars v) { return Result{ops::RmsNorm(v[0], {}, 1, 1e-3)}; }, simd),
      Of(
          op, "no_rows", {Floats({0, 7}), Floats({7})},
          [](Vars v) { return Result{ops::LayerNorm(v[0], v[1])}; }, simd),
      Of(op, "no_elements", {Floats({3, 0})}, [](Vars v) { return Result{ops::LayerNorm(v[0])}; }),
      Of(
          "layer_norm_grad", "free_moments",
          {Floats({3, 5}), Floats({3, 1}), Positive({3, 1}), Floats({3, 5})},
          [](Vars v) {
            return Result{ops::Apply1(ops::LayerNormGradOp(), {v[0], v[1], v[2], v[3]},
                                      {{"axis", int64_t{1}}, {"centered", true}})};
          },
          simd),
      Of(
          "layer_norm_grad", "uncentered",
          {Floats({3, 5}), Floats({3, 1}), Positive({3, 1}), Floats({3, 5})},
          [](Vars v) {
            return Result{ops::Apply1(ops::LayerNormGradOp(), {v[0], v[1], v[2], v[3]},
                                      {{"axis", int64_t{-1}}, {"centered", false}})};
          },
          simd),
  };
  // A mean that is far from 0 against the deviations.
  Sample far = Of(
      op, "far_from_0", {{.spec = {DType::kF32, {2, 50}}, .low = 1000, .high = 1002}},
      [](Vars v) { return Result{ops::LayerNorm(v[0])}; }, simd);
  far.gradient = false;
  far.f32_tolerance = 2e-4;
  samples.push_back(std::move(far));
  for (auto [label, shape] :
       {std::pair("long_rows", Shape{3, 5000}), std::pair("many_rows", Shape{3000, 33})}) {
    Sample large = Of(
        op, label, {Floats(shape), Floats({shape[1]}), Floats({shape[1]})},
        [](Vars v) { return Result{ops::LayerNorm(v[0], v[1], v[2])}; }, simd);
    large.gradient = false;
    samples.push_back(std::move(large));
  }
  return samples;
}

std::vector<Sample> Compositions() {
  std::vector<Sample> samples = {
      Of("mean", "batch_norm", {Floats({4, 3}), Floats({3}), Floats({3})},
         [](Vars v) {
           const auto [y, mean, variance] = ops::BatchNormTraining(v[0], v[1], v[2]);
           return Result{y, mean, variance};
         }),
      Of("mean", "batch_norm_images", {Floats({2, 3, 2, 2}), Floats({3}), Floats({3})},
         [](Vars v) { return Result{ops::BatchNormTraining(v[0], v[1], v[2]).y}; }),
      Of("mean", "batch_norm_channels_last", {Floats({2, 2, 3})},
         [](Vars v) { return Result{ops::BatchNormTraining(v[0], {}, {}, -1, 0.1).y}; }),
      Of("mul", "batch_norm_inference",
         {Floats({2, 3, 4}), Floats({3}), Positive({3}), Floats({3}), Floats({3})},
         [](Vars v) { return Result{ops::BatchNormInference(v[0], v[1], v[2], v[3], v[4])}; }),
      Of("mul", "batch_norm_inference_plain", {Floats({2, 4, 3}), Floats({3}), Positive({3})},
         [](Vars v) {
           return Result{ops::BatchNormInference(v[0], v[1], v[2], {}, {}, -1, 1e-3)};
         }),
      Of(
          "layer_norm", "groups", {Floats({2, 6, 3}), Floats({6}), Floats({6})},
          [](Vars v) { return Result{ops::GroupNorm(v[0], 3, v[1], v[2])}; }, "simd"),
      Of("mean", "groups_channels_last", {Floats({2, 3, 4}), Floats({4}), Floats({4})},
         [](Vars v) { return Result{ops::GroupNorm(v[0], 2, v[1], v[2], -1)}; }),
      Of(
          "layer_norm", "instances", {Floats({2, 3, 2, 2}), Floats({3}), Floats({3})},
          [](Vars v) { return Result{ops::InstanceNorm(v[0], v[1], v[2])}; }, "simd"),
      Of("pow", "local_response", {Floats({2, 5, 3})},
         [](Vars v) { return Result{ops::LocalResponseNorm(v[0], 3, 0.5, 0.75, 1.5)}; }),
      Of("pow", "local_response_even", {Floats({2, 5})},
         [](Vars v) { return Result{ops::LocalResponseNorm(v[0], 4, 1, 0.5, 1)}; }),
      Of("pow", "local_response_wide", {Floats({2, 3})},
         [](Vars v) { return Result{ops::LocalResponseNorm(v[0], 99, 9, 0.5, 1)}; }),
      Of("sum", "lp_normalize", {Floats({3, 4})},
         [](Vars v) { return Result{ops::LpNormalize(v[0])}; }),
      Of("sum", "lp_normalize_1", {Floats({3, 4})},
         [](Vars v) { return Result{ops::LpNormalize(v[0], 1, 0)}; }),
  };
  Sample zeros =
      Of("sum", "lp_normalize_zeros", {{.spec = {DType::kF32, {2, 2}}, .values = {0, 0, 3, 4}}},
         [](Vars v) { return Result{ops::LpNormalize(v[0])}; });
  zeros.gradient = false;
  samples.push_back(std::move(zeros));
  return samples;
}

// Off the last axis, wider than one strip and longer than one run.
std::vector<Sample> SoftmaxColumns() {
  std::vector<Sample> samples;
  for (auto [op, fn] :
       {std::pair("softmax", &ops::Softmax), std::pair("log_softmax", &ops::LogSoftmax)}) {
    for (auto [label, shape, axis] : {std::tuple("long_columns", Shape{200, 37}, 0),
                                      std::tuple("wide_columns", Shape{3, 11, 600}, 1)}) {
      Sample sample = Of(
          op, label, {Floats(shape)},
          [fn = fn, axis = axis](Vars v) { return Result{fn(v[0], axis)}; }, "simd");
      sample.gradient = false;
      samples.push_back(std::move(sample));
    }
    samples.push_back(Of(
        op, "large_columns",
        {{.spec = {DType::kF32, {3, 2}}, .values = {1000, -1000, 999, -1001, 0, -2000}}},
        [fn = fn](Vars v) { return Result{fn(v[0], 0)}; }, "simd"));
  }
  return samples;
}

}  // namespace

std::vector<Sample> NormalizationSamples() {
  std::vector<Sample> all;
  for (const std::vector<Sample>& part : {LayerNormSamples(), Compositions(), SoftmaxColumns()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::vector<ErrorSample> NormalizationErrors() {
  const auto error = [](std::string op, std::vector<SampleArg> args, std::function<Var(Vars)> fn,
                        std::string message) {
    return ErrorSample{.op = std::move(op),
                       .args = std::move(args),
                       .build = [fn = std::move(fn)](Vars v) { return Result{fn(v)}; },
                       .message = std::move(message)};
  };
  return {
      error(
          "layer_norm", {Floats({2, 3})}, [](Vars v) { return ops::LayerNorm(v[0], {}, {}, 2); },
          "axis 2 is outside -2..1"),
      error(
          "layer_norm", {{.spec = {DType::kI32, {2, 3}}}},
          [](Vars v) { return ops::LayerNorm(v[0]); },
          "takes f32 or f64, but was given i32; cast it first"),
      error(
          "layer_norm", {Floats({2, 3})},
          [](Vars v) { return ops::LayerNorm(v[0], {}, {}, -1, -1.0); },
          "epsilon is -1; it must be at least 0"),
      error(
          "layer_norm", {Floats({2, 3}), Floats({4})},
          [](Vars v) { return ops::LayerNorm(v[0], v[1]); },
          "shapes [2,3] and [4] do not broadcast"),
      error(
          "layer_norm", {Floats({1, 3}), Floats({2, 3})},
          [](Vars v) { return ops::LayerNorm(v[0], v[1]); },
          "scale and bias must broadcast to the operand; with them the result has shape [2,3]"),
      error(
          "mean", {Floats({2, 3, 4}), Floats({4})},
          [](Vars v) { return ops::BatchNormTraining(v[0], v[1]).y; },
          "scale has shape [4], the channels ask for [3]"),
      error(
          "mean", {Floats({2})}, [](Vars v) { return ops::BatchNormTraining(v[0]).y; },
          "takes an operand of rank 2 at least, not 1"),
      error(
          "layer_norm", {Floats({2, 6, 4})}, [](Vars v) { return ops::GroupNorm(v[0], 4); },
          "4 groups do not divide 6 channels into equal parts"),
      error(
          "layer_norm", {Floats({2, 6, 4})}, [](Vars v) { return ops::GroupNorm(v[0], 0); },
          "0 groups do not divide 6 channels into equal parts"),
      error(
          "pow", {Floats({2, 6, 4})}, [](Vars v) { return ops::LocalResponseNorm(v[0], 0); },
          "the size is 0; it must be at least 1"),
  };
}

}  // namespace adjoint::testing
