#ifndef ADJOINT_TESTS_OPS_SAMPLE_INPUTS_H_
#define ADJOINT_TESTS_OPS_SAMPLE_INPUTS_H_

#include <vector>

#include "core/dtype.h"
#include "core/tensor.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {

// Operands for a sample, always the same, with its floating ones in f64 or f32; the latter are the
// former rounded.
std::vector<Tensor> InputsOf(const Sample& sample, DType floating);

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPS_SAMPLE_INPUTS_H_
