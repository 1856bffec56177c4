#ifndef ADJOINT_TESTS_OPS_SAMPLES_ELEMENTWISE_H_
#define ADJOINT_TESTS_OPS_SAMPLES_ELEMENTWISE_H_

#include <vector>

#include "tests/ops/samples.h"

namespace adjoint::testing {

// Parts of ElementwiseSamples() and ElementwiseErrors() with files of their own.
std::vector<Sample> FunctionSamples();  // elementary functions, rounding, bits, activations
std::vector<ErrorSample> FunctionErrors();
std::vector<Sample> QuantizeSamples();  // 8-bit quantization and products
std::vector<ErrorSample> QuantizeErrors();

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPS_SAMPLES_ELEMENTWISE_H_
