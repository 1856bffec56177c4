#ifndef ADJOINT_APPS_CONSOLE_H_
#define ADJOINT_APPS_CONSOLE_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

// What the programs have in common as programs: where they stand, and what they say to whom.

namespace adjoint::apps {

// Relative paths are meant from where the user stands; `bazel run` changes the folder.
absl::Status EnterUsersFolder();

// Flushes standard output. An error when it cannot be written, such as when its reader is gone.
absl::Status FlushOutput();

// Whether a file can come to be at `path`; makes its folder where that is missing. For finding out
// before an hour of training rather than after it.
absl::Status CheckWritable(const std::string& path);

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace adjoint::apps

#endif  // ADJOINT_APPS_CONSOLE_H_
