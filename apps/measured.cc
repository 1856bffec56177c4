#include "apps/measured.h"

#include <iostream>
#include <memory>

#include "apps/console.h"
#include "core/status_macros.h"
#include "graph/autotune_session.h"
#include "graph/profile.h"

namespace adjoint::apps {
namespace {

absl::Status RunTraced(const std::string& path, absl::FunctionRef<absl::Status()> work) {
  if (path.empty()) return work();
  ADJOINT_RETURN_IF_ERROR(CheckWritable(path));
  graph::Profiler profiler;
  {
    const graph::ProfileScope scope(profiler);
    ADJOINT_RETURN_IF_ERROR(work());
  }
  ADJOINT_RETURN_IF_ERROR(profiler.WriteTrace(path));
  std::cout << "\nSteps of all programs, the most expensive first\n"
            << profiler.Table(20) << "Trace written to " << path << "\n";
  return FlushOutput();
}

}  // namespace

absl::Status RunMeasured(const Measures& measures, absl::FunctionRef<absl::Status()> work) {
  if (measures.autotune.empty()) return RunTraced(measures.trace, work);
  ADJOINT_ASSIGN_OR_RETURN(
      const std::unique_ptr<graph::AutotuneSession> session,
      graph::AutotuneSession::Start(measures.autotune,
                                    [](const std::string& line) { std::cout << line << "\n"; }));
  ADJOINT_RETURN_IF_ERROR(session->Save());  // a path that cannot be written is found now
  ADJOINT_RETURN_IF_ERROR(RunTraced(measures.trace, work));
  return session->Save();
}

}  // namespace adjoint::apps
