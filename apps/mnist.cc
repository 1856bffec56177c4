// Handwritten digits: the dense network of chapter 2 of Chollet's "Deep Learning with Python" and a
// convolutional one, from MNIST's files to a picture of their mistakes.

#include <csignal>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/console.h"
#include "apps/measured.h"
#include "apps/mnist/commands.h"
#include "apps/mnist/options.h"
#include "core/parallel.h"
#include "core/status_macros.h"

namespace adjoint::apps::mnist {
namespace {

constexpr char kProgram[] = "mnist";

absl::Status RunCommand(const Options& options) {
  switch (options.command) {
    case Command::kEvaluate:
      return RunEvaluate(options);
    case Command::kPredict:
      return RunPredict(options);
    case Command::kTrain:
      break;
  }
  return RunTrain(options);
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
  const absl::StatusOr<CommandLine> line = ParseCommandLine(std::move(args));
  if (!line.ok()) return Fail(kProgram, line.status().message(), kExitUsage);
  if (!line->help.empty()) return PrintHelp(line->help);
  return ExitCode(kProgram, Run(line->options));
}

}  // namespace
}  // namespace adjoint::apps::mnist

int main(int argc, char** argv) {
  using namespace adjoint::apps;
  return RunMain(mnist::kProgram, argc, argv, mnist::Main);
}
