#include "ops/random.h"
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

}  // namespace

std::vector<Sample> RandomSamples() {
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
  };
}

}  // namespace adjoint::testing
