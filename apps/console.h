#ifndef ADJOINT_APPS_CONSOLE_H_
#define ADJOINT_APPS_CONSOLE_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// What the programs have in common as programs: where they stand, and what they say to whom.

namespace adjoint::apps {

// What a program's process ends with: 0, or one of these.
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;  // a mistake in the command line

// Says "program: message" on standard error, as one line; returns `code`.
int Fail(absl::string_view program, absl::string_view message, int code = kExitFailed);

// The exit code of what a program has done; says an error.
int ExitCode(absl::string_view program, const absl::Status& status);

// Prints what was asked for by --help; returns the exit code.
int PrintHelp(absl::string_view text);

// What main() does: `run` with the arguments behind the program's name. Something thrown, which is
// mostly that there is no memory, is an error like others.
int RunMain(absl::string_view program, int argc, char** argv,
            absl::FunctionRef<int(std::vector<std::string>)> run);

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
