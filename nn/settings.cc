#include "nn/settings.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace adjoint::nn {
namespace {

// The shortest decimal that reads back to the number.
std::string NumberText(double x) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof(text), x).ptr);
}

std::string ValueText(const Attrs::Entry& entry) {
  if (const double* const number = std::get_if<double>(&entry.second)) return NumberText(*number);
  // "{name=value}" without what is around the value.
  const std::string text = Attrs{entry}.ToString();
  const size_t begin = entry.first.size() + 2;
  return text.substr(begin, text.size() - begin - 1);
}

const std::string* Find(absl::Span<const Setting> settings, const std::string& name) {
  for (const Setting& setting : settings) {
    if (setting.name == name) return &setting.value;
  }
  return nullptr;
}

}  // namespace

std::vector<Setting> TrainingSettings(const Network& network, const Objective& objective,
                                      const optim::Optimizer& optimizer,
                                      const std::map<int64_t, double>& class_weight) {
  std::vector<Setting> settings;
  for (const Network::Part& part : network.parts()) {
    const std::string of = absl::StrCat(" of layer '", part.name, "'");
    settings.push_back({"the class" + of, part.layer->ClassName()});
    const absl::StatusOr<Attrs> config = part.layer->Config();
    if (!config.ok()) continue;
    for (const Attrs::Entry& entry : config->entries()) {
      settings.push_back({entry.first + of, ValueText(entry)});
    }
  }
  settings.push_back({"weight_dtype", std::string(DTypeName(network.weight_dtype()))});
  const auto value_text = [](const Network::ValueId& id) {
    return id.output == 0 ? absl::StrCat(id.call) : absl::StrCat(id.call, ":", id.output);
  };
  const auto append = [&](std::string* out, const Network::ValueId& id) {
    absl::StrAppend(out, value_text(id));
  };
  std::string connections;
  for (const Network::Call& call : network.calls()) {
    absl::StrAppend(&connections, network.parts()[call.part].name, "(",
                    absl::StrJoin(call.inputs, ", ", append), "); ");
  }
  settings.push_back(
      {"layers connected as", connections + absl::StrJoin(network.outputs(), ", ", append)});
  const auto function_text = [](const auto& function) {
    return function.is_users_own() ? absl::StrCat(function.text(), ", a function of your own")
                                   : function.text();
  };
  const auto list_text = [&](const std::vector<Metric>& metrics) {
    return absl::StrCat("[",
                        absl::StrJoin(metrics, ", ",
                                      [&](std::string* out, const Metric& metric) {
                                        absl::StrAppend(out, function_text(metric));
                                      }),
                        "]");
  };
  const bool several = objective.losses.size() > 1;
  for (size_t i = 0; i < objective.losses.size(); ++i) {
    const std::string of =
        several ? absl::StrCat(" of output '", network.OutputName(static_cast<int>(i)), "'") : "";
    settings.push_back({"loss" + of, function_text(objective.losses[i])});
    settings.push_back({"metrics" + of, list_text(objective.metrics[i])});
    settings.push_back({"weighted_metrics" + of, list_text(objective.weighted_metrics[i])});
  }
  const optim::OptimizerConfig config = optimizer.Config();
  settings.push_back({"optimizer", config.name});
  for (const auto& [name, value] : config.values) {
    settings.push_back({absl::StrCat(name, " of the optimizer"), NumberText(value)});
  }
  if (!config.schedule.empty()) {
    settings.push_back({"schedule of the optimizer", config.schedule});
  }
  if (!class_weight.empty()) {
    settings.push_back(
        {"class_weight", absl::StrCat("{",
                                      absl::StrJoin(class_weight, ", ",
                                                    [](std::string* out, const auto& entry) {
                                                      absl::StrAppend(out, entry.first, ": ",
                                                                      NumberText(entry.second));
                                                    }),
                                      "}")});
  }
  return settings;
}

std::optional<SettingDifference> FirstDifference(absl::Span<const Setting> had,
                                                 absl::Span<const Setting> has) {
  for (const Setting& setting : has) {
    const std::string* const before = Find(had, setting.name);
    if (before == nullptr) return SettingDifference{setting.name, "none", setting.value};
    if (*before != setting.value) return SettingDifference{setting.name, *before, setting.value};
  }
  for (const Setting& setting : had) {
    if (Find(has, setting.name) == nullptr) {
      return SettingDifference{setting.name, setting.value, "none"};
    }
  }
  return std::nullopt;
}

}  // namespace adjoint::nn
