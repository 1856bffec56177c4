#ifndef ADJOINT_TESTS_OPS_SAMPLES_CONTROL_FLOW_H_
#define ADJOINT_TESTS_OPS_SAMPLES_CONTROL_FLOW_H_

#include <vector>

#include "tests/ops/samples.h"

namespace adjoint::testing {

// Samples of the ops in graph/, those with bodies, and of the ops made for them (ops/barrier.h).
std::vector<Sample> ControlFlowSamples();
std::vector<ErrorSample> ControlFlowErrors();

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPS_SAMPLES_CONTROL_FLOW_H_
