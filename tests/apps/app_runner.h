#ifndef ADJOINT_TESTS_APPS_APP_RUNNER_H_
#define ADJOINT_TESTS_APPS_APP_RUNNER_H_

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace adjoint::apps {

inline std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

inline void WriteAll(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

struct RunResult {
  int code = -1;  // 128 and more: ended by a signal
  std::string out, err;
};

// A folder where a user stands, with an empty home, no data and no network.
class Place {
 public:
  explicit Place(const std::string& name) : folder_(Root() / name) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "home");
    std::filesystem::create_directories(folder_ / "here");
  }

  std::filesystem::path here() const { return folder_ / "here"; }

  // Names of all files in here(), folders included.
  std::set<std::string> Files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(here())) {
      names.insert(std::filesystem::relative(entry.path(), here()).string());
    }
    return names;
  }

  // Runs the program as `bazel run` does: elsewhere, and told where the user stands. `out_path` is
  // the file that standard output goes to.
  RunResult Run(const std::string& program, const std::vector<std::string>& args,
                const std::string& input = "", const std::string& out_path = "") const {
    const std::string in = (folder_ / "stdin").string(), err = (folder_ / "stderr").string();
    const std::string out = out_path.empty() ? (folder_ / "stdout").string() : out_path;
    WriteAll(in, input);
    std::vector<std::string> environment = {
        "HOME=" + (folder_ / "home").string(),
        "BUILD_WORKING_DIRECTORY=" + here().string(),
        "PATH=/usr/bin:/bin",
        // Nothing listens there, so a machine with a network fails as fast as one without.
        "ADJOINT_DOWNLOAD_URL=http://127.0.0.1:9",
    };
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> envp;
    for (const std::string& entry : environment) envp.push_back(const_cast<char*>(entry.c_str()));
    envp.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      const int from = open(in.c_str(), O_RDONLY);
      const int to = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      const int errors = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      if (dup2(from, 0) < 0 || dup2(to, 1) < 0 || dup2(errors, 2) < 0) _exit(126);
      execve(program.c_str(), argv.data(), envp.data());
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    RunResult result;
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (out_path.empty()) result.out = ReadAll(out);
    result.err = ReadAll(err);
    return result;
  }

 private:
  static std::filesystem::path Root() {
    const char* const root = std::getenv("TEST_TMPDIR");
    return root != nullptr ? root : std::filesystem::temp_directory_path() / "adjoint_apps_test";
  }

  const std::filesystem::path folder_;
};

}  // namespace adjoint::apps

#endif  // ADJOINT_TESTS_APPS_APP_RUNNER_H_
