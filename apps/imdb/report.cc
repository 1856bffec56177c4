#include "apps/imdb/report.h"

#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "apps/imdb/network.h"
#include "core/io/file.h"

namespace adjoint::apps::imdb {
namespace {

using Json = nlohmann::ordered_json;

double PeakRssMegabytes() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;  // Linux counts in kilobytes
}

}  // namespace

void Report::AddKernels(const nn::Model& model) {
  for (const auto& [name, runs] : model.KernelCounts()) kernels[name] += runs;
}

std::string Report::ToJson() const {
  Json json;
  for (const char* prefix : {"", "val_"}) {
    for (const char* name : {"loss", kAccuracy}) {
      const std::string key = absl::StrCat(prefix, name);
      json["history"][key] = history[key];
    }
  }
  if (evaluation.has_value()) {
    json["evaluate"] = {{"loss", (*evaluation)["loss"]}, {"accuracy", (*evaluation)[kAccuracy]}};
  } else {
    json["evaluate"] = nullptr;
  }
  json["seconds"] = {{"load", seconds.load},         {"vectorize", seconds.vectorize},
                     {"train", seconds.train},       {"retrain", seconds.retrain},
                     {"evaluate", seconds.evaluate}, {"total", since_start.Seconds()}};
  json["peak_rss_mb"] = PeakRssMegabytes();
  json["kernels"] = kernels;
  json["data"] = {{"source", source},
                  {"synthetic", synthetic},
                  {"train_samples", train_samples},
                  {"test_samples", test_samples}};
  if (weights_sha256.empty()) {
    json["weights_sha256"] = nullptr;
  } else {
    json["weights_sha256"] = weights_sha256;
  }
  // Paths need not be UTF-8, JSON must.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::Status WriteReport(const Report& report, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  return io::WriteFileAtomically(path, report.ToJson());
}

}  // namespace adjoint::apps::imdb
