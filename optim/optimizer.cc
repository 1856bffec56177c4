#include "optim/optimizer.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "optim/extended.h"
#include "optim/factories.h"

namespace adjoint::optim {
namespace {

struct Entry {
  const char* name;
  absl::StatusOr<std::unique_ptr<Optimizer>> (*make)(const OptimizerConfig&);
};

constexpr Entry kOptimizers[] = {
    {"sgd", SgdFrom},       {"rmsprop", RmsPropFrom}, {"adam", AdamFrom},
    {"adamw", AdamWFrom},   {"adagrad", AdagradFrom}, {"adadelta", AdadeltaFrom},
    {"adamax", AdamaxFrom}, {"nadam", NadamFrom},     {"ftrl", FtrlFrom},
    {"lion", LionFrom},     {"lamb", LambFrom},       {"lbfgs", LbfgsFrom}};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(absl::string_view name) {
  return MakeOptimizer(OptimizerConfig{.name = std::string(name), .values = {}});
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(const OptimizerConfig& config) {
  OptimizerConfig named = config;
  named.name = absl::AsciiStrToLower(config.name);
  for (const Entry& entry : kOptimizers) {
    if (named.name == entry.name) {
      ADJOINT_ASSIGN_OR_RETURN(const Extensions extensions, TakeExtensions(&named));
      return Extended(entry.make(named), extensions);
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no optimizer '", config.name, "'; there are ",
      absl::StrJoin(kOptimizers, ", ",
                    [](std::string* out, const Entry& e) { absl::StrAppend(out, e.name); })));
}

}  // namespace adjoint::optim
