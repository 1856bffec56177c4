#include "apps/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::apps {

int Fail(absl::string_view program, absl::string_view message, int code) {
  std::cout.flush();
  std::cerr << program << ": " << absl::StrReplaceAll(message, {{"\n", "; "}}) << std::endl;
  return code;
}

int ExitCode(absl::string_view program, const absl::Status& status) {
  return status.ok() ? 0 : Fail(program, status.message());
}

int PrintHelp(absl::string_view text) {
  std::cout << text << std::flush;
  return std::cout ? 0 : kExitFailed;
}

int RunMain(absl::string_view program, int argc, char** argv,
            absl::FunctionRef<int(std::vector<std::string>)> run) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << std::endl;
    return kExitFailed;
  }
}

absl::Status EnterUsersFolder() {
  const char* const folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr || chdir(folder) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot enter '", folder, "'"));
}

absl::Status FlushOutput() {
  errno = 0;
  if (std::cout.flush()) return absl::OkStatus();
  constexpr char kMessage[] = "cannot write to standard output";
  // A stream that failed earlier has forgotten why.
  return errno == 0 ? absl::UnavailableError(kMessage) : absl::ErrnoToStatus(errno, kMessage);
}

absl::Status CheckWritable(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) ADJOINT_RETURN_IF_ERROR(io::MakeFolders(folder.string()));
  return io::AtomicFileWriter::Create(path).status();
}

}  // namespace adjoint::apps
