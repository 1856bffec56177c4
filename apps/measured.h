#ifndef ADJOINT_APPS_MEASURED_H_
#define ADJOINT_APPS_MEASURED_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace adjoint::apps {

// What the flags --trace and --autotune ask for; empty paths: neither.
struct Measures {
  std::string trace;
  std::string autotune;
};

// Does the work while every step of every program is timed, and then prints the most expensive ones
// and writes the trace; and with kernels chosen by timing them, which are printed and kept in the
// file `autotune`, where those of an earlier run are found. Errors: the work's, a file that cannot
// be written (found before the work begins), a damaged file of choices.
absl::Status RunMeasured(const Measures& measures, absl::FunctionRef<absl::Status()> work);

}  // namespace adjoint::apps

#endif  // ADJOINT_APPS_MEASURED_H_
