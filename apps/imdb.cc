// The IMDB classifier of chapter 3 of Chollet's "Deep Learning with Python", from raw reviews to
// predictions.

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/console.h"
#include "apps/imdb/commands.h"
#include "apps/imdb/notebook.h"
#include "apps/imdb/options.h"
#include "apps/imdb/output.h"
#include "apps/measured.h"
#include "core/parallel.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr char kProgram[] = "imdb";

absl::Status RunCommand(const Options& options) {
  switch (options.command) {
    case Command::kTrain:
      return RunTrain(options);
    case Command::kEvaluate:
      return RunEvaluate(options);
    case Command::kPredict:
      return RunPredict(options);
    case Command::kExplain:
      return RunExplain(options);
    case Command::kServe:
      return RunServe(options);
    case Command::kExperiments:
      return RunExperiments(options);
    case Command::kDecode:
      return RunDecode(options);
    case Command::kNotebook:
      break;
  }
  return options.network == "mlp" ? RunNotebook(options) : RunTrain(options);
}

absl::Status Run(const Options& options) {
  ADJOINT_RETURN_IF_ERROR(EnterUsersFolder());
  if (options.threads > 0) SetNumThreads(options.threads);
  return RunMeasured({.trace = options.trace, .autotune = options.autotune},
                     [&] { return RunCommand(options); });
}

int Main(std::vector<std::string> args) {
  // A reader that is gone is an error of writing, not the end of the process amid a file.
  std::signal(SIGPIPE, SIG_IGN);
  // Standard input is asked what it has at hand, which only its own buffer knows.
  std::ios::sync_with_stdio(false);
  const absl::StatusOr<CommandLine> line = ParseCommandLine(std::move(args));
  if (!line.ok()) return Fail(kProgram, line.status().message(), kExitUsage);
  if (!line->help.empty()) return PrintHelp(line->help);
  return ExitCode(kProgram, Run(line->options));
}

}  // namespace
}  // namespace adjoint::apps::imdb

int main(int argc, char** argv) {
  using namespace adjoint::apps;
  return RunMain(imdb::kProgram, argc, argv, imdb::Main);
}
