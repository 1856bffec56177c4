#include "benchmarks/report/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "benchmarks/report/process.h"
#include "core/simd.h"

namespace adjoint::benchmarks {
namespace {

std::string Processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "model name")) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (parts.size() == 2) return std::string(absl::StripAsciiWhitespace(parts[1]));
  }
  return "unknown";
}

// "libdnnl-dev 2.6.3-1, ..." of those that are installed.
std::string Packages() {
  const absl::StatusOr<std::string> text = RunToEnd(
      {.argv =
           {"/bin/sh", "-c",
            "dpkg-query --show --showformat='${db:Status-Status} ${Package} ${Version}\\n' "
            "libdnnl-dev libopenblas-dev libeigen3-dev libtorch-dev python3-torch libbenchmark-dev "
            "2>/dev/null; true"},
       .folder = "",
       .environment = {}});
  std::vector<std::string> packages;
  if (!text.ok()) return "unknown";
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (absl::ConsumePrefix(&line, "installed ")) packages.emplace_back(line);
  }
  return absl::StrJoin(packages, ", ");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DescribeMachine(const std::string& workspace) {
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back(
      "processor", absl::StrCat(Processor(), ", ", std::thread::hardware_concurrency(), " cores, ",
                                IsaName(CurrentIsa()), " kernels"));
  const double bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  facts.emplace_back("memory", absl::StrFormat("%.0f GiB", bytes / (1 << 30)));
  if (utsname name; uname(&name) == 0) {
    facts.emplace_back("system", absl::StrCat(name.sysname, " ", name.release));
  }
  facts.emplace_back("compiler", absl::StrCat("g++ ", __VERSION__));
  facts.emplace_back("packages", Packages());
  const absl::StatusOr<std::string> commit =
      RunToEnd({.argv = {"/usr/bin/git", "describe", "--always", "--dirty"},
                .folder = workspace,
                .environment = {}});
  if (commit.ok()) facts.emplace_back("commit", absl::StripAsciiWhitespace(*commit));
  return facts;
}

}  // namespace adjoint::benchmarks
