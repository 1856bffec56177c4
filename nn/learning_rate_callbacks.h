#ifndef ADJOINT_NN_LEARNING_RATE_CALLBACKS_H_
#define ADJOINT_NN_LEARNING_RATE_CALLBACKS_H_

#include <functional>
#include <memory>
#include <string>

#include "nn/callbacks.h"
#include "nn/monitor.h"

namespace adjoint::nn {

// Both are as in Keras 2.4 (tensorflow/python/keras/callbacks.py) and put the rate into the logs as
// "lr". An optimizer with a schedule of its own (optim/schedule.h) lets nobody else set the rate;
// training then ends with an error.

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;        // below 1: what the rate is multiplied by
  int patience = 10;          // epochs without anything better, after which that is done
  int verbose = 0;            // 1: tells standard output
  std::string mode = "auto";  // nn/monitor.h
  double min_delta = 1e-4;    // a smaller change does not count as better
  int cooldown = 0;           // epochs after a change that do not count
  double min_lr = 0;          // the rate goes no lower
};

class ReduceLROnPlateauCallback final : public Callback {
 public:
  explicit ReduceLROnPlateauCallback(ReduceLROnPlateauOptions options);

  void OnTrainBegin(Model& model) override;
  void OnEpochEnd(Model& model, int epoch, Logs& logs) override;
  std::string SaveState() const override;
  absl::Status RestoreState(absl::string_view bytes) override;

 private:
  const ReduceLROnPlateauOptions options_;
  Monitor monitor_;
  double best_ = 0;
  int wait_ = 0;
  int cooldown_ = 0;
};

std::shared_ptr<Callback> ReduceLROnPlateau(ReduceLROnPlateauOptions options = {});

// Sets the rate before every epoch to what `schedule` makes of the epoch, counted from 0, and the
// rate so far.
std::shared_ptr<Callback> LearningRateScheduler(
    std::function<double(int epoch, double rate)> schedule, int verbose = 0);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_LEARNING_RATE_CALLBACKS_H_
