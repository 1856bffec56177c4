#ifndef ADJOINT_TESTS_OPS_SAMPLES_OF_FUNCTIONS_H_
#define ADJOINT_TESTS_OPS_SAMPLES_OF_FUNCTIONS_H_

#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "ops/var.h"
#include "tests/ops/samples.h"

// For the files of samples of elementwise ops: samples of functions of one operand and of two.

namespace adjoint::testing {

using Unary = ops::Var (*)(ops::Operand);
using Binary = ops::Var (*)(ops::Operand, ops::Operand);

inline SampleArg Float(const Shape& shape, double low = -2, double high = 2) {
  return {.spec = {DType::kF32, shape}, .low = low, .high = high};
}

inline SampleArg Of(DType dtype, const Shape& shape, double low = -5, double high = 5) {
  return {.spec = {dtype, shape}, .low = low, .high = high};
}

inline Sample Of1(const char* op, const char* label, Unary f, SampleArg x) {
  return {.op = op,
          .label = label,
          .args = {std::move(x)},
          .build = [f](absl::Span<const ops::Var> v) { return std::vector<ops::Var>{f(v[0])}; },
          .fast_kernel = "simd"};
}

inline Sample Of2(const char* op, const char* label, Binary f, SampleArg a, SampleArg b) {
  return {
      .op = op,
      .label = label,
      .args = {std::move(a), std::move(b)},
      .build = [f](absl::Span<const ops::Var> v) { return std::vector<ops::Var>{f(v[0], v[1])}; },
      .fast_kernel = "simd"};
}

inline Sample WithoutGradient(Sample sample) {
  sample.gradient = false;
  return sample;
}

// Of operands that are not floating in any run.
inline Sample Fixed(Sample sample) {
  sample.gradient = false;
  sample.in_f64 = false;
  return sample;
}

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPS_SAMPLES_OF_FUNCTIONS_H_
