#include "graph/autotune_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/io/file.h"

namespace adjoint::graph {

absl::StatusOr<std::unique_ptr<AutotuneSession>> AutotuneSession::Start(
    std::string path, std::function<void(const std::string& line)> print) {
  std::unique_ptr<AutotuneSession> session(new AutotuneSession);
  if (!path.empty()) {
    const absl::StatusOr<std::string> text = io::ReadFile(path);
    if (text.ok()) {
      const absl::Status status = session->tuner_.AddText(*text);
      if (!status.ok()) {
        return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
      }
    } else if (!absl::IsNotFound(text.status())) {
      return text.status();
    }
  }
  session->path_ = std::move(path);
  if (print) {
    session->tuner_.set_observer([print = std::move(print)](const ops::Autotuner::Timing& timing) {
      print(absl::StrCat("autotune: ", timing.ToString()));
    });
  }
  session->scope_.emplace(&session->tuner_);
  return session;
}

absl::Status AutotuneSession::Save() const {
  if (path_.empty()) return absl::OkStatus();
  return io::WriteFileAtomically(path_, tuner_.ToText());
}

}  // namespace adjoint::graph
