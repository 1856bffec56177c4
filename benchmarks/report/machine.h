#ifndef ADJOINT_BENCHMARKS_REPORT_MACHINE_H_
#define ADJOINT_BENCHMARKS_REPORT_MACHINE_H_

#include <string>
#include <utility>
#include <vector>

namespace adjoint::benchmarks {

// What the figures depend on, as (what, value) for a reader: processor, memory, kernel, compiler
// and the versions of the packages that take part, as far as this machine tells.
std::vector<std::pair<std::string, std::string>> DescribeMachine(const std::string& workspace);

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_REPORT_MACHINE_H_
