#ifndef ADJOINT_BENCHMARKS_REPORT_PROCESS_H_
#define ADJOINT_BENCHMARKS_REPORT_PROCESS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace adjoint::benchmarks {

struct Command {
  std::vector<std::string> argv;  // the program's path first
  std::string folder;             // to run in; empty: this process' own
  std::vector<std::pair<std::string, std::string>> environment;  // beside this process' own
};

// Runs a program to its end and returns what it wrote to standard output and standard error.
// Errors: it could not be started; it ended otherwise than with 0, with the last line that it
// wrote.
absl::StatusOr<std::string> RunToEnd(const Command& command);

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_REPORT_PROCESS_H_
