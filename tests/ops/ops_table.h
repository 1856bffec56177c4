#ifndef ADJOINT_TESTS_OPS_OPS_TABLE_H_
#define ADJOINT_TESTS_OPS_OPS_TABLE_H_

#include <string>

namespace adjoint::testing {

// docs/ops.md: a row an op of the list, from its record and from its samples, which the tests run.
std::string OpsTable();

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPS_OPS_TABLE_H_
