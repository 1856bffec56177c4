#include "apps/imdb/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_format.h"

namespace adjoint::apps::imdb {
namespace {

// Bytes of the machine, or of the container that this is in.
double PresentMemory() {
  double present =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    double limit;
    if (std::ifstream(path) >> limit) present = std::min(present, limit);
  }
  return present;
}

}  // namespace

absl::Status CheckMemory(double bytes, absl::string_view what, absl::string_view advice) {
  constexpr double kForTheRest = 0.2;
  const double present = PresentMemory();
  if (bytes <= (1 - kForTheRest) * present) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat(
      "%s takes %.1f GB and this machine has %.1f; %s", what, bytes / 1e9, present / 1e9, advice));
}

}  // namespace adjoint::apps::imdb
