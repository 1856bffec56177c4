#include "benchmarks/report/figures.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"

namespace adjoint::benchmarks {
namespace {

using Json = nlohmann::json;

// "mlp/adjoint/min_time:0.010/manual_time" -> "mlp/adjoint".
std::string WithoutSuffixes(std::string name) {
  for (;;) {
    const size_t slash = name.rfind('/');
    if (slash == std::string::npos) return name;
    const std::string last = name.substr(slash + 1);
    const bool suffix = last == "real_time" || last == "manual_time" ||
                        absl::StartsWith(last, "min_time:") ||
                        absl::StartsWith(last, "iterations:") || absl::StartsWith(last, "repeats:");
    if (!suffix) return name;
    name.resize(slash);
  }
}

double Unit(const std::string& name) {
  if (name == "ns") return 1e-9;
  if (name == "us") return 1e-6;
  return name == "ms" ? 1e-3 : 1;
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

absl::Status Figures::AddGoogleBenchmark(int turn, absl::string_view json) {
  const Json root = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("benchmarks") || !root["benchmarks"].is_array()) {
    return absl::InvalidArgumentError("not the JSON of a Google Benchmark");
  }
  std::map<std::string, std::vector<double>> seconds;
  for (const Json& row : root["benchmarks"]) {
    if (!row.is_object() || row.value("run_type", "") != "iteration" ||
        row.value("error_occurred", false)) {
      continue;
    }
    const std::string name = WithoutSuffixes(row.value("run_name", row.value("name", "")));
    seconds[name].push_back(row.value("real_time", 0.0) * Unit(row.value("time_unit", "ns")));
    if (row.contains("GFLOP/s")) flops_[name][turn] = 1e9 * row.value("GFLOP/s", 0.0);
  }
  for (auto& [name, values] : seconds) seconds_[name][turn] = Median(std::move(values));
  return absl::OkStatus();
}

absl::Status Figures::AddPyTorch(int turn, absl::string_view json) {
  const Json root = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("results") || !root["results"].is_array()) {
    return absl::InvalidArgumentError("not the JSON of compare_pytorch.py");
  }
  for (const Json& row : root["results"]) {
    if (!row.is_object() || !row.contains("median_seconds")) continue;  // could not run
    const std::string name = absl::StrCat(row.value("name", ""), "/pytorch");
    const double seconds = row.value("median_seconds", 0.0);
    const auto [at, fresh] = seconds_[name].emplace(turn, seconds);
    if (!fresh) at->second = std::min(at->second, seconds);
  }
  return absl::OkStatus();
}

const std::map<int, double>& Figures::Seconds(const std::string& name) const {
  static const auto* const none = new std::map<int, double>;
  const auto found = seconds_.find(name);
  return found == seconds_.end() ? *none : found->second;
}

namespace {

std::optional<double> MedianOf(const std::map<std::string, std::map<int, double>>& table,
                               const std::string& name) {
  const auto found = table.find(name);
  if (found == table.end() || found->second.empty()) return std::nullopt;
  std::vector<double> values;
  for (const auto& [turn, value] : found->second) values.push_back(value);
  return Median(std::move(values));
}

}  // namespace

std::optional<double> Figures::MedianSeconds(const std::string& name) const {
  return MedianOf(seconds_, name);
}

std::optional<double> Figures::MedianFlops(const std::string& name) const {
  return MedianOf(flops_, name);
}

std::optional<Figures::Ratio> Figures::TimesFastest(const std::string& name,
                                                    const std::vector<std::string>& rivals) const {
  std::vector<double> ratios;
  std::map<std::string, int> wins;
  for (const auto& [turn, ours] : Seconds(name)) {
    const std::string* fastest = nullptr;
    double least = 0;
    for (const std::string& rival : rivals) {
      const auto& theirs = Seconds(rival);
      const auto found = theirs.find(turn);
      if (found == theirs.end() || (fastest != nullptr && found->second >= least)) continue;
      fastest = &rival;
      least = found->second;
    }
    if (fastest == nullptr || least <= 0) continue;
    ratios.push_back(ours / least);
    ++wins[*fastest];
  }
  if (ratios.empty()) return std::nullopt;
  const auto most = std::max_element(
      wins.begin(), wins.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return Ratio{Median(std::move(ratios)), most->first};
}

std::vector<std::string> Figures::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, turns] : seconds_) names.push_back(name);
  return names;
}

}  // namespace adjoint::benchmarks
