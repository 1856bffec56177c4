#include "nn/learning_rate_callbacks.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "nn/callback_state.h"
#include "nn/model.h"

namespace adjoint::nn {
namespace {

constexpr char kRate[] = "lr";

void SetRate(Model& model, const char* callback, double rate) {
  if (absl::Status s = model.SetLearningRate(rate); !s.ok()) {
    model.StopTraining(absl::Status(s.code(), absl::StrCat(callback, ": ", s.message())));
  }
}

class Scheduler final : public Callback {
 public:
  Scheduler(std::function<double(int, double)> schedule, int verbose)
      : schedule_(std::move(schedule)), verbose_(verbose) {}

  void OnEpochBegin(Model& model, int epoch) override {
    if (schedule_ == nullptr) {
      return model.StopTraining(
          absl::InvalidArgumentError("LearningRateScheduler: the schedule is a null function"));
    }
    const double rate = schedule_(epoch, model.learning_rate());
    SetRate(model, "LearningRateScheduler", rate);
    if (verbose_ > 0) {
      std::cout << absl::StrFormat(
          "\nEpoch %05d: LearningRateScheduler reducing learning rate to %g.\n", epoch + 1, rate);
    }
  }
  void OnEpochEnd(Model& model, int, Logs& logs) override {
    logs.Set(kRate, model.learning_rate());
  }

 private:
  const std::function<double(int, double)> schedule_;
  const int verbose_;
};

}  // namespace

ReduceLROnPlateauCallback::ReduceLROnPlateauCallback(ReduceLROnPlateauOptions options)
    : options_(std::move(options)), monitor_(options_.monitor, options_.mode, options_.min_delta) {}

void ReduceLROnPlateauCallback::OnTrainBegin(Model& model) {
  const auto refuse = [&](absl::string_view what) {
    model.StopTraining(absl::InvalidArgumentError(absl::StrCat("ReduceLROnPlateau: ", what)));
  };
  if (!monitor_.status().ok()) return refuse(monitor_.status().message());
  if (!(options_.factor >= 0 && options_.factor < 1)) {
    return refuse(
        absl::StrCat("factor is ", options_.factor, "; it must be at least 0 and less than 1"));
  }
  if (!(options_.min_lr >= 0)) {
    return refuse(absl::StrCat("min_lr is ", options_.min_lr, "; it must be at least 0"));
  }
  best_ = monitor_.Worst();
  wait_ = cooldown_ = 0;
}

void ReduceLROnPlateauCallback::OnEpochEnd(Model& model, int epoch, Logs& logs) {
  const double rate = model.learning_rate();
  logs.Set(kRate, rate);
  const std::optional<double> current = monitor_.Read(logs, "Reduce LR on plateau conditioned on");
  if (!current.has_value()) return;
  if (cooldown_ > 0) {
    --cooldown_;
    wait_ = 0;
  }
  if (monitor_.IsBetter(*current, best_)) {
    best_ = *current;
    wait_ = 0;
    return;
  }
  if (cooldown_ > 0 || ++wait_ < options_.patience || rate <= options_.min_lr) return;
  const double lower = std::max(rate * options_.factor, options_.min_lr);
  SetRate(model, "ReduceLROnPlateau", lower);
  if (options_.verbose > 0) {
    std::cout << absl::StrFormat("\nEpoch %05d: ReduceLROnPlateau reducing learning rate to %g.\n",
                                 epoch + 1, lower);
  }
  cooldown_ = options_.cooldown;
  wait_ = 0;
}

std::string ReduceLROnPlateauCallback::SaveState() const {
  return CallbackState{{best_, static_cast<double>(wait_), static_cast<double>(cooldown_)}}
      .Serialize();
}

absl::Status ReduceLROnPlateauCallback::RestoreState(absl::string_view bytes) {
  ADJOINT_ASSIGN_OR_RETURN(const CallbackState state,
                           CallbackState::Parse("ReduceLROnPlateau", bytes, 3));
  best_ = state.numbers[0];
  wait_ = static_cast<int>(state.numbers[1]);
  cooldown_ = static_cast<int>(state.numbers[2]);
  return absl::OkStatus();
}

std::shared_ptr<Callback> ReduceLROnPlateau(ReduceLROnPlateauOptions options) {
  return std::make_shared<ReduceLROnPlateauCallback>(std::move(options));
}

std::shared_ptr<Callback> LearningRateScheduler(std::function<double(int, double)> schedule,
                                                int verbose) {
  return std::make_shared<Scheduler>(std::move(schedule), verbose);
}

}  // namespace adjoint::nn
