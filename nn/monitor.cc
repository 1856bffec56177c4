#include "nn/monitor.h"

#include <cmath>
#include <iostream>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace adjoint::nn {

Monitor::Monitor(std::string name, std::string mode, double min_delta)
    : name_(std::move(name)), min_delta_(std::abs(min_delta)) {
  const bool by_name = absl::StrContains(name_, "acc") || absl::StartsWith(name_, "fmeasure");
  maximizes_ = mode == "max" || (mode == "auto" && by_name);
  if (mode != "min" && mode != "max" && mode != "auto") {
    status_ = absl::InvalidArgumentError(
        absl::StrCat("mode is '", mode, "'; it must be min, max or auto"));
  } else if (!std::isfinite(min_delta)) {
    status_ = absl::InvalidArgumentError(
        absl::StrCat("min_delta is ", min_delta, "; it must be a finite number"));
  }
}

double Monitor::Worst() const {
  const double infinity = std::numeric_limits<double>::infinity();
  return maximizes_ ? -infinity : infinity;
}

std::optional<double> Monitor::Read(const Logs& logs, const char* what) {
  const std::optional<double> value = logs.Find(name_);
  if (!value.has_value() && !told_) {
    told_ = true;
    std::cerr << "WARNING: " << what << " metric `" << name_
              << "` which is not available. Available metrics are: "
              << absl::StrJoin(logs.entries(), ",",
                               [](std::string* out, const Logs::Entry& entry) {
                                 absl::StrAppend(out, entry.first);
                               })
              << "\n";
  }
  return value;
}

}  // namespace adjoint::nn
