#include "benchmarks/report/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace adjoint::benchmarks {
namespace {

// In the child: never returns.
[[noreturn]] void Become(const Command& command, int out) {
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  for (const auto& [name, value] : command.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (const std::string& argument : command.argv) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  if (command.folder.empty() || chdir(command.folder.c_str()) == 0) execv(argv[0], argv.data());
  const std::string why = absl::StrCat(command.argv[0], ": ", std::strerror(errno), "\n");
  static_cast<void>(!write(STDERR_FILENO, why.data(), why.size()));
  _exit(127);
}

absl::string_view LastLine(absl::string_view text) {
  text = absl::StripTrailingAsciiWhitespace(text);
  const size_t at = text.rfind('\n');
  return at == absl::string_view::npos ? text : text.substr(at + 1);
}

}  // namespace

absl::StatusOr<std::string> RunToEnd(const Command& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("no pipe to ", command.argv[0], ": ", strerror(errno)));
  }
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    return absl::InternalError(
        absl::StrCat("cannot start ", command.argv[0], ": ", strerror(errno)));
  }
  if (child == 0) Become(command, ends[1]);
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = read(ends[0], buffer, sizeof buffer);
    if (n > 0) text.append(buffer, n);
    if (n == 0 || (n < 0 && errno != EINTR)) break;
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
  const std::string how = WIFEXITED(status) ? absl::StrCat("exit code ", WEXITSTATUS(status))
                                            : absl::StrCat("signal ", WTERMSIG(status));
  return absl::UnknownError(
      absl::StrCat(command.argv[0], " ended with ", how, ": ", LastLine(text)));
}

}  // namespace adjoint::benchmarks
