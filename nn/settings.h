#ifndef ADJOINT_NN_SETTINGS_H_
#define ADJOINT_NN_SETTINGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "nn/network.h"
#include "nn/objective.h"
#include "optim/optimizer.h"

namespace adjoint::nn {

// Something that was chosen for a training, by which trainings are told apart.
struct Setting {
  std::string name;   // "rate of layer 'dropout'"
  std::string value;  // "0.5": equal texts for equal values alone
};

// All of them. Of a function of the user's, and of a layer class without Config, the name alone is
// known.
std::vector<Setting> TrainingSettings(const Network& network, const Objective& objective,
                                      const optim::Optimizer& optimizer,
                                      const std::map<int64_t, double>& class_weight);

struct SettingDifference {
  std::string name, had, has;
};

// The first setting, in the order of `has`, that is another; "none" stands for one that is missing.
std::optional<SettingDifference> FirstDifference(absl::Span<const Setting> had,
                                                 absl::Span<const Setting> has);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_SETTINGS_H_
