#include "ops/losses.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;
using LossFn = Var (*)(ops::Operand, ops::Operand);

SampleArg Floats(Shape shape, double low = -2, double high = 2) {
  return {.spec = {DType::kF32, std::move(shape)}, .low = low, .high = high};
}
SampleArg Values(std::vector<double> values) {
  return {.spec = {DType::kF32, {static_cast<int64_t>(values.size())}},
          .values = std::move(values)};
}
SampleArg Labels(Shape shape, int64_t classes, DType dtype) {
  return {.spec = {dtype, std::move(shape)}, .low = 0, .high = static_cast<double>(classes - 1)};
}

Sample Loss(std::string op, std::string label, LossFn fn, SampleArg prediction, SampleArg target) {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = {std::move(prediction), std::move(target)},
          .build = [fn](Vars v) { return Result{fn(v[0], v[1])}; }};
}

constexpr char kSparse[] = "sparse_softmax_cross_entropy";

}  // namespace

std::vector<Sample> LossSamples() {
  std::vector<Sample> samples = {
      Loss("square", "squared_error", ops::SquaredError, Floats({4, 3}), Floats({4, 3})),
      Loss("abs", "absolute_error", ops::AbsoluteError, Floats({4, 3}), Floats({1, 3}, 3, 4)),
      Loss("log", "binary_cross_entropy", ops::BinaryCrossEntropy, Floats({5, 2}, 0.05, 0.95),
           Floats({5, 2}, 0, 1)),
      // Clipped: the values are finite and the gradient of the probability is zero.
      Loss("log", "binary_cross_entropy_clipped", ops::BinaryCrossEntropy,
           Values({-1, -0.5, 1.5, 2}), Values({0, 1, 0, 1})),
      Loss("softplus", "binary_cross_entropy_from_logits", ops::BinaryCrossEntropyFromLogits,
           Floats({5, 2}), Floats({5, 2}, 0, 1)),
      Loss("softplus", "binary_cross_entropy_from_large_logits", ops::BinaryCrossEntropyFromLogits,
           Values({-300, -50, 50, 300}), Values({0, 1, 0, 1})),
      Loss("log_softmax", "softmax_cross_entropy", ops::SoftmaxCrossEntropyFromLogits,
           Floats({4, 5}), Floats({4, 5}, 0, 1)),
      Loss(kSparse, "i64", ops::SparseSoftmaxCrossEntropy, Floats({4, 37}),
           Labels({4}, 37, DType::kI64)),
      Loss(kSparse, "tokens", ops::SparseSoftmaxCrossEntropy, Floats({2, 3, 5}),
           Labels({2, 3}, 5, DType::kI32)),
      Loss(kSparse, "one", ops::SparseSoftmaxCrossEntropy, Floats({5}),
           Labels(Shape::Of({}), 5, DType::kI32)),
      Loss(kSparse, "zero_size", ops::SparseSoftmaxCrossEntropy, Floats({0, 5}),
           Labels({0}, 5, DType::kI32)),
  };
  for (Sample& sample : samples) {
    if (sample.op == kSparse) sample.fast_kernel = "simd";
  }
  // f32 rounds the clip's upper bound, 1 - 1e-7, by 2e-8, a fifth of what the logarithm sees.
  samples[3].f32_tolerance = 0.2;
  return samples;
}

std::vector<ErrorSample> LossErrors() {
  const auto error = [](std::string op, LossFn fn, SampleArg prediction, SampleArg target,
                        std::string message) {
    return ErrorSample{.op = std::move(op),
                       .args = {std::move(prediction), std::move(target)},
                       .build = [fn](Vars v) { return Result{fn(v[0], v[1])}; },
                       .message = std::move(message)};
  };
  return {
      error("square", ops::SquaredError, Floats({4, 3}), Floats({4, 2}), "do not broadcast"),
      error("log_softmax", ops::SoftmaxCrossEntropyFromLogits, Floats({4, 3}), Floats({4}),
            "logits have shape [4,3], targets have [4]; they must be equal"),
      error(kSparse, ops::SparseSoftmaxCrossEntropy, Floats({4, 3}), Labels({4, 1}, 3, DType::kI32),
            "labels have shape [4,1], logits without their last axis have [4]"),
      error(kSparse, ops::SparseSoftmaxCrossEntropy, Floats({4, 3}), Floats({4}),
            "labels must be of type i32 or i64, but are f32[4]"),
      error(kSparse, ops::SparseSoftmaxCrossEntropy, Floats({4, Dim::Symbol("classes")}),
            Labels({4}, 3, DType::kI32), "the number of classes must be a number, but is classes"),
  };
}

}  // namespace adjoint::testing
