// Runs every benchmark beside its rivals, in turns, and writes benchmarks/RESULTS.md: the goals,
// met and missed, cost against size, and every figure.
//
//   bazel run //benchmarks:report -- [--turns=3] [--only=mlp,products] [--data=PATH] [--out=PATH]
//
// The rivals need Debian's libopenblas-dev, libeigen3-dev, libtorch-dev and python3-torch; those
// that are not there are left out, and the report says so.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/report/contests.h"
#include "benchmarks/report/figures.h"
#include "benchmarks/report/machine.h"
#include "benchmarks/report/process.h"
#include "benchmarks/report/text.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::benchmarks {
namespace {

namespace fs = std::filesystem;

struct Flags {
  int turns = 3;
  int threads = 2;
  double min_time = 0.1;
  std::vector<std::string> only;
  std::string data;
  std::string out;
};

class Report {
 public:
  // `programs` is the folder of the benchmarks' binaries, `workspace` that of the sources.
  Report(Flags flags, fs::path programs, fs::path workspace)
      : flags_(std::move(flags)),
        programs_(std::move(programs)),
        workspace_(std::move(workspace)),
        scratch_(fs::temp_directory_path() / absl::StrCat("adjoint_report_", getpid())) {}
  ~Report() {
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
  }

  absl::Status Run() {
    ADJOINT_RETURN_IF_ERROR(io::MakeFolders(scratch_.string()));
    BuildRivals();
    for (const Round& round : AllRounds()) {
      if (!flags_.only.empty() && !absl::c_linear_search(flags_.only, round.name)) continue;
      for (int turn = 0; turn < std::min(flags_.turns, round.most_turns); ++turn) {
        for (const Contestant& contestant : round.contestants) TakeTurn(round, contestant, turn);
      }
    }
    ReportContext context{.machine = DescribeMachine(workspace_.string()),
                          .turns = flags_.turns,
                          .threads = flags_.threads,
                          .binary_bytes = StrippedBytes(),
                          .misses = misses_};
    const std::string text = ReportText(figures_, AllContests(), AllGrowths(), context);
    ADJOINT_RETURN_IF_ERROR(io::WriteFileAtomically(flags_.out, text));
    std::cout << text.substr(0, text.find("\n## Every figure")) << "\nWritten to " << flags_.out
              << "\n";
    return absl::OkStatus();
  }

 private:
  void Miss(const std::string& what, const std::string& why) {
    const std::string line = absl::StrCat(what, ": ", why);
    if (!absl::c_linear_search(misses_, line)) misses_.push_back(line);
    std::cerr << line << "\n";
  }

  // They are no part of the build: they want packages of their own.
  void BuildRivals() {
    const std::pair<const char*, const char*> rivals[] = {
        {"openblas", "libopenblas-dev"}, {"eigen", "libeigen3-dev"}, {"libtorch", "libtorch-dev"}};
    for (const auto& [rival, package] : rivals) {
      std::cerr << "building //benchmarks/rivals:" << rival << "\n";
      const auto built = RunToEnd({.argv = {(workspace_ / "bazelw").string(), "build",
                                            absl::StrCat("//benchmarks/rivals:", rival)},
                                   .folder = workspace_.string(),
                                   .environment = {}});
      if (!built.ok()) {
        Miss(rival, absl::StrCat("cannot be built; is Debian's ", package, " installed?"));
      }
    }
  }

  Command CommandOf(const Contestant& contestant, const fs::path& json) const {
    Command command;
    if (contestant.kind == Contestant::kPyTorch) {
      command.argv = {"/usr/bin/python3",
                      (workspace_ / "benchmarks/compare_pytorch.py").string(),
                      "--work=" + contestant.program,
                      "--repeat=1",
                      absl::StrCat("--threads=", flags_.threads),
                      "--json=" + json.string()};
      if (contestant.program == "notebook" && !flags_.data.empty()) {
        command.argv.push_back("--data=" + flags_.data);
      }
    } else {
      const fs::path folder =
          contestant.kind == Contestant::kRival ? programs_ / "rivals" : programs_;
      command.argv = {(folder / contestant.program).string(),
                      absl::StrFormat("--benchmark_min_time=%g", flags_.min_time),
                      "--benchmark_out_format=json", "--benchmark_out=" + json.string()};
      if (contestant.program == "imdb" && !flags_.data.empty()) {
        command.argv.push_back("--data=" + flags_.data);
      }
      command.argv.insert(command.argv.end(), contestant.arguments.begin(),
                          contestant.arguments.end());
    }
    const std::string threads = absl::StrCat(flags_.threads);
    command.environment = {{"OMP_NUM_THREADS", threads}, {"OPENBLAS_NUM_THREADS", threads}};
    return command;
  }

  void TakeTurn(const Round& round, const Contestant& contestant, int turn) {
    const bool torch = contestant.kind == Contestant::kPyTorch;
    const std::string who = (torch ? "PyTorch " : "") + contestant.program;
    const fs::path json = scratch_ / "figures.json";
    std::cerr << round.name << ", turn " << turn + 1 << ": " << who << std::flush;
    const absl::Time begin = absl::Now();
    absl::Status status = RunToEnd(CommandOf(contestant, json)).status();
    if (status.ok()) {
      const absl::StatusOr<std::string> text = io::ReadFile(json.string());
      status = !text.ok() ? text.status()
               : torch    ? figures_.AddPyTorch(turn, *text)
                          : figures_.AddGoogleBenchmark(turn, *text);
    }
    std::cerr << absl::StrFormat(" (%.1f s)\n", absl::ToDoubleSeconds(absl::Now() - begin));
    if (!status.ok()) Miss(who, std::string(status.message()));
    std::error_code ignored;
    fs::remove(json, ignored);
  }

  int64_t StrippedBytes() {
    const fs::path stripped = scratch_ / "imdb";
    const auto done = RunToEnd(
        {.argv = {"/usr/bin/strip", "-o", stripped.string(), (programs_ / "../apps/imdb").string()},
         .folder = "",
         .environment = {}});
    std::error_code error;
    const auto size = done.ok() ? fs::file_size(stripped, error) : 0;
    if (!done.ok() || error) {
      Miss("the size of imdb", done.ok() ? error.message() : std::string(done.status().message()));
      return -1;
    }
    return static_cast<int64_t>(size);
  }

  const Flags flags_;
  const fs::path programs_, workspace_, scratch_;
  Figures figures_;
  std::vector<std::string> misses_;
};

int Main(int argc, char** argv) {
  Flags flags;
  std::vector<std::string> rounds;
  for (const Round& round : AllRounds()) rounds.push_back(round.name);
  CLI::App app("Every benchmark beside its rivals; writes benchmarks/RESULTS.md.");
  app.add_option("--turns", flags.turns, "how often each contestant runs")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "of every contestant")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--min_time", flags.min_time, "seconds that a benchmark runs in a turn")
      ->check(CLI::Range(0.001, 60.0))
      ->capture_default_str();
  app.add_option("--only", flags.only, "rounds to run, by name: all others are left out")
      ->delimiter(',')
      ->check(CLI::IsMember(rounds));
  app.add_option("--data", flags.data, "Keras' imdb.npz; without it, $ADJOINT_DATA/imdb/imdb.npz");
  app.add_option("--out", flags.out, "the report; benchmarks/RESULTS.md where it is not given");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const char* const from_bazel = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  std::error_code error;
  const fs::path workspace = from_bazel != nullptr ? fs::path(from_bazel) : fs::current_path(error);
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (!fs::exists(workspace / "benchmarks/compare_pytorch.py", error)) {
    std::cerr << "benchmarks/report: " << workspace.string()
              << " is not the project's folder; run it by: bazel run //benchmarks:report\n";
    return 1;
  }
  if (flags.out.empty()) flags.out = (workspace / "benchmarks/RESULTS.md").string();
  if (flags.data.empty()) {
    const char* const folder = std::getenv("ADJOINT_DATA");
    const fs::path npz = fs::path(folder == nullptr ? "" : folder) / "imdb/imdb.npz";
    if (folder != nullptr && fs::exists(npz, error)) flags.data = npz.string();
  }
  const absl::Status status = Report(flags, self.parent_path(), workspace).Run();
  if (!status.ok()) std::cerr << "benchmarks/report: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) { return adjoint::benchmarks::Main(argc, argv); }
