// Handwritten digits: the dense network of chapter 2 of Chollet's "Deep Learning with Python" and a
// convolutional one, from MNIST's files to a picture of their mistakes.

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_replace.h"
#include "apps/console.h"
#include "apps/mnist/commands.h"
#include "apps/mnist/options.h"
#include "core/parallel.h"
#include "core/status_macros.h"

namespace adjoint::apps::mnist {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

absl::Status Run(const Options& options) {
  ADJOINT_RETURN_IF_ERROR(EnterUsersFolder());
  if (options.threads > 0) SetNumThreads(options.threads);
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

int Fail(absl::string_view message, int code) {
  std::cout.flush();
  std::cerr << "mnist: " << absl::StrReplaceAll(message, {{"\n", "; "}}) << std::endl;
  return code;
}

int Main(std::vector<std::string> args) {
  // A reader that is gone is an error of writing, not the end of the process amid a file.
  std::signal(SIGPIPE, SIG_IGN);
  const absl::StatusOr<CommandLine> line = ParseCommandLine(std::move(args));
  if (!line.ok()) return Fail(line.status().message(), kUsage);
  if (!line->help.empty()) {
    std::cout << line->help << std::flush;
    return std::cout ? 0 : kFailed;
  }
  const absl::Status status = Run(line->options);
  return status.ok() ? 0 : Fail(status.message(), kFailed);
}

}  // namespace
}  // namespace adjoint::apps::mnist

int main(int argc, char** argv) {
  try {
    return adjoint::apps::mnist::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {  // no memory, mostly
    std::cerr << "mnist: " << error.what() << std::endl;
    return 1;
  }
}
