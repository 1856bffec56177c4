#ifndef ADJOINT_TESTS_OPS_GOLDEN_CASES_H_
#define ADJOINT_TESTS_OPS_GOLDEN_CASES_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "ops/var.h"

namespace adjoint::testing {

// Makes the outputs of a golden case from its inputs.
using GoldenBuild = std::function<std::vector<ops::Var>(absl::Span<const ops::Var>)>;

// What the cases of tests/golden/ops_numpy.json are in ops, by name; "einsum ..." cases aside.
std::map<std::string, GoldenBuild> NumPyCases();
GoldenBuild GoldenEinsum(std::string equation);

// Those of tests/golden/losses_torch.json.
std::map<std::string, GoldenBuild> TorchLossCases();
// What the cases of tests/golden/reductions_torch.json are.
std::map<std::string, GoldenBuild> ReductionCases();

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPS_GOLDEN_CASES_H_
