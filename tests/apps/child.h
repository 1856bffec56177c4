#ifndef ADJOINT_TESTS_APPS_CHILD_H_
#define ADJOINT_TESTS_APPS_CHILD_H_

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace adjoint::apps {

// A program that runs beside the test, which reads what it prints on standard output.
class Child {
 public:
  // `environment` in place of the test's own; `errors` is the file for standard error.
  Child(const std::vector<std::string>& args, const std::vector<std::string>& environment,
        const std::string& errors) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return;
    std::vector<char*> argv, envp;
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    for (const std::string& entry : environment) envp.push_back(const_cast<char*>(entry.c_str()));
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      setpgid(0, 0);                     // so that its own children can be ended with it
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // should the test end before it
      const int from = open("/dev/null", O_RDONLY);
      const int to = open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      if (dup2(from, 0) < 0 || dup2(pipe_ends[1], 1) < 0 || dup2(to, 2) < 0) _exit(126);
      close(pipe_ends[0]);
      execve(argv[0], argv.data(), envp.data());
      _exit(127);
    }
    close(pipe_ends[1]);
    out_ = pipe_ends[0];
  }
  // Kills it, should it still run.
  ~Child() {
    if (pid_ > 0 && !ended_) {
      kill(-pid_, SIGKILL);
      Wait(10);
    }
    if (out_ >= 0) close(out_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next line of its output, without the line break; "" when none comes in `seconds`.
  std::string ReadLine(int seconds = 60) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    size_t end;
    while ((end = text_.find('\n')) == std::string::npos) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          until - std::chrono::steady_clock::now());
      pollfd wanted = {.fd = out_, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || poll(&wanted, 1, static_cast<int>(left.count())) <= 0) return "";
      char piece[4096];
      const ssize_t got = read(out_, piece, sizeof(piece));
      if (got <= 0) return "";
      text_.append(piece, static_cast<size_t>(got));
    }
    const std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return line;
  }

  void Signal(int number) { kill(pid_, number); }

  // Its exit code, 128 and more for a signal; -1 when it does not end in `seconds`.
  int Wait(int seconds = 60) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > until) return -1;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  bool ended_ = false;
  std::string text_;
};

}  // namespace adjoint::apps

#endif  // ADJOINT_TESTS_APPS_CHILD_H_
