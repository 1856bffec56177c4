#include "nn/early_stopping.h"

#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "nn/callback_state.h"
#include "nn/model.h"

namespace adjoint::nn {

EarlyStoppingCallback::EarlyStoppingCallback(EarlyStoppingOptions options)
    : options_(std::move(options)), monitor_(options_.monitor, options_.mode, options_.min_delta) {}

void EarlyStoppingCallback::OnTrainBegin(Model& model) {
  if (!monitor_.status().ok()) {
    model.StopTraining(
        absl::InvalidArgumentError(absl::StrCat("EarlyStopping: ", monitor_.status().message())));
  }
  wait_ = stopped_epoch_ = 0;
  best_ = options_.baseline.value_or(monitor_.Worst());
  best_weights_.clear();
}

void EarlyStoppingCallback::OnEpochEnd(Model& model, int epoch, Logs& logs) {
  const std::optional<double> current = monitor_.Read(logs, "Early stopping conditioned on");
  if (!current.has_value()) return;
  if (monitor_.IsBetter(*current, best_)) {
    best_ = *current;
    wait_ = 0;
    if (options_.restore_best_weights) best_weights_ = model.GetWeights();
    return;
  }
  if (++wait_ < options_.patience) return;
  stopped_epoch_ = epoch;
  model.StopTraining();
  if (!options_.restore_best_weights || best_weights_.empty()) return;
  if (options_.verbose > 0) {
    std::cout << "Restoring model weights from the end of the best epoch.\n";
  }
  if (absl::Status s = model.SetWeights(best_weights_); !s.ok()) model.StopTraining(s);
}

void EarlyStoppingCallback::OnTrainEnd(Model&, const Logs&) {
  if (stopped_epoch_ > 0 && options_.verbose > 0) {
    std::cout << absl::StrFormat("Epoch %05d: early stopping\n", stopped_epoch_ + 1);
  }
}

std::string EarlyStoppingCallback::SaveState() const {
  return CallbackState{{best_, static_cast<double>(wait_), static_cast<double>(stopped_epoch_)},
                       best_weights_}
      .Serialize();
}

absl::Status EarlyStoppingCallback::RestoreState(absl::string_view bytes) {
  ADJOINT_ASSIGN_OR_RETURN(CallbackState state, CallbackState::Parse("EarlyStopping", bytes, 3));
  best_ = state.numbers[0];
  wait_ = static_cast<int>(state.numbers[1]);
  stopped_epoch_ = static_cast<int>(state.numbers[2]);
  best_weights_ = std::move(state.tensors);
  return absl::OkStatus();
}

std::shared_ptr<EarlyStoppingCallback> EarlyStopping(EarlyStoppingOptions options) {
  return std::make_shared<EarlyStoppingCallback>(std::move(options));
}

}  // namespace adjoint::nn
