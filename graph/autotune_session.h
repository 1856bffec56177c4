#ifndef ADJOINT_GRAPH_AUTOTUNE_SESSION_H_
#define ADJOINT_GRAPH_AUTOTUNE_SESSION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ops/autotune.h"

namespace adjoint::graph {

// What a program's flag --autotune[=PATH] does: while the session lives, kernels of programs that
// this thread compiles are chosen by timing (ops/autotune.h), or by the choices that a file at
// `path` holds.
class AutotuneSession {
 public:
  // `print` gets a line for each choice made by timing; may be empty. An empty path: nothing is
  // loaded or saved. A file that is not there yet is no error, a damaged one is.
  static absl::StatusOr<std::unique_ptr<AutotuneSession>> Start(
      std::string path, std::function<void(const std::string& line)> print);

  // Writes all choices, loaded and made, to the path.
  absl::Status Save() const;

 private:
  AutotuneSession() = default;

  std::string path_;
  ops::Autotuner tuner_;
  std::optional<ops::AutotuneScope> scope_;
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_AUTOTUNE_SESSION_H_
