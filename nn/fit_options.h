#ifndef ADJOINT_NN_FIT_OPTIONS_H_
#define ADJOINT_NN_FIT_OPTIONS_H_

#include <cstdint>
#include <iostream>
#include <ostream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nn/progress_bar.h"

// For Model's own files: options that training, evaluation and prediction share.

namespace adjoint::nn {

inline absl::Status Invalid(absl::string_view what, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", message));
}

inline absl::Status CheckBatchSize(absl::string_view what, absl::string_view option, int64_t size) {
  if (size >= 1) return absl::OkStatus();
  return Invalid(what, absl::StrCat(option, " must be at least 1, but is ", size));
}

inline absl::Status CheckVerbose(absl::string_view what, int verbose) {
  if (verbose >= 0 && verbose <= 2) return absl::OkStatus();
  return Invalid(what, absl::StrCat("verbose must be 0, 1 or 2, but is ", verbose));
}

// `steps` is 0 when it is not known.
inline ProgressBar MakeBar(int64_t steps, int verbose, std::ostream* out,
                           const ProgressBar::Run& run = {}) {
  return ProgressBar(
      steps, {.out = out != nullptr ? out : &std::cout,
              .verbosity = static_cast<Verbosity>(verbose),
              .in_place = (out == nullptr || out == &std::cout) && StandardOutputIsTerminal(),
              .run = run});
}

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_FIT_OPTIONS_H_
