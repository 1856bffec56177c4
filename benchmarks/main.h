#ifndef ADJOINT_BENCHMARKS_MAIN_H_
#define ADJOINT_BENCHMARKS_MAIN_H_

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "benchmark/benchmark.h"
#include "graph/autotune_session.h"

namespace adjoint::benchmarks {

// The argument `flag`, or `flag`=VALUE, taken out of the list: whether it is there, and its value.
struct TakenFlag {
  bool given = false;
  std::string value;
};
inline TakenFlag TakeFlag(int* argc, char** argv, std::string_view flag) {
  TakenFlag taken;
  const auto is_flag = [&](const char* argument) {
    const std::string_view text = argument;
    if (text.substr(0, flag.size()) != flag) return false;
    if (text.size() > flag.size() && text[flag.size()] != '=') return false;
    taken.given = true;
    taken.value = text.substr(std::min(text.size(), flag.size() + 1));
    return true;
  };
  *argc = static_cast<int>(std::remove_if(argv + 1, argv + *argc, is_flag) - argv);
  argv[*argc] = nullptr;
  return taken;
}

// main() of the benchmarks that `register_all` registers, with the library's flags and one of ours:
// --autotune[=PATH] times the plans of every product on the spot, says which it takes, and keeps
// them in PATH, whose choices a later run takes without timing.
template <typename Register>
int RunBenchmarks(int argc, char** argv, Register register_all) {
  const TakenFlag autotune = TakeFlag(&argc, argv, "--autotune");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::unique_ptr<graph::AutotuneSession> session;
  const auto failed = [](const absl::Status& status) {
    std::fprintf(stderr, "--autotune: %s\n", std::string(status.message()).c_str());
    return 1;
  };
  if (autotune.given) {
    auto started = graph::AutotuneSession::Start(autotune.value, [](const std::string& line) {
      std::fprintf(stderr, "%s\n", line.c_str());
    });
    if (!started.ok()) return failed(started.status());
    session = *std::move(started);
    if (absl::Status s = session->Save(); !s.ok()) return failed(s);
  }
  register_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (session != nullptr) {
    if (absl::Status s = session->Save(); !s.ok()) return failed(s);
  }
  return 0;
}

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_MAIN_H_
