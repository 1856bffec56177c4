#include "optim/optimizer.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "optim/factories.h"

namespace adjoint::optim {
namespace {

struct Entry {
  const char* name;
  absl::StatusOr<std::unique_ptr<Optimizer>> (*make)(const OptimizerConfig&);
};

constexpr Entry kOptimizers[] = {{"sgd", SgdFrom},
                                 {"rmsprop", RmsPropFrom},
                                 {"adam", AdamFrom},
                                 {"adamw", AdamWFrom},
                                 {"adagrad", AdagradFrom}};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(absl::string_view name) {
  return MakeOptimizer(OptimizerConfig{.name = std::string(name), .values = {}});
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(const OptimizerConfig& config) {
  OptimizerConfig named = config;
  named.name = absl::AsciiStrToLower(config.name);
  for (const Entry& entry : kOptimizers) {
    if (named.name == entry.name) return entry.make(named);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no optimizer '", config.name, "'; there are ",
      absl::StrJoin(kOptimizers, ", ",
                    [](std::string* out, const Entry& e) { absl::StrAppend(out, e.name); })));
}

}  // namespace adjoint::optim
