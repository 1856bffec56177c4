#ifndef ADJOINT_NN_CALLBACKS_H_
#define ADJOINT_NN_CALLBACKS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nn/history.h"

namespace adjoint::nn {

class Model;

// Code of the user's that Fit calls; the hooks are Keras'. `model` is the one that trains: a hook
// may read and set its variables and learning rate, evaluate it, and stop the training
// (Model::StopTraining), also with an error. Epochs count from FitOptions::initial_epoch, batches
// from 0. Ready-made ones have headers of their own: EarlyStopping, ModelCheckpoint,
// ReduceLROnPlateau and LearningRateScheduler, CSVLogger and TerminateOnNaN, TensorBoard.
class Callback {
 public:
  virtual ~Callback() = default;

  virtual void OnTrainBegin(Model& /*model*/) {}
  virtual void OnTrainEnd(Model& /*model*/, const Logs& /*logs*/) {}
  virtual void OnEpochBegin(Model& /*model*/, int /*epoch*/) {}
  // `logs`: the epoch's means, those of validation included. What a hook adds or changes is seen by
  // the hooks after it and by the history.
  virtual void OnEpochEnd(Model& /*model*/, int /*epoch*/, Logs& /*logs*/) {}
  virtual void OnTrainBatchBegin(Model& /*model*/, int64_t /*batch*/) {}
  // `logs`: means over the epoch so far.
  virtual void OnTrainBatchEnd(Model& /*model*/, int64_t /*batch*/, const Logs& /*logs*/) {}

  // For checkpoints (FitOptions::checkpoint): what the callback keeps from one hook to the next, as
  // bytes. A training that resumes calls OnTrainBegin and then RestoreState.
  virtual std::string SaveState() const { return ""; }
  virtual absl::Status RestoreState(absl::string_view /*bytes*/) { return absl::OkStatus(); }
};

// Hooks as functions; those not set do nothing.
struct LambdaHooks {
  std::function<void(Model&)> on_train_begin = {};
  std::function<void(Model&, const Logs&)> on_train_end = {};
  std::function<void(Model&, int epoch)> on_epoch_begin = {};
  std::function<void(Model&, int epoch, Logs&)> on_epoch_end = {};
  std::function<void(Model&, int64_t batch)> on_train_batch_begin = {};
  std::function<void(Model&, int64_t batch, const Logs&)> on_train_batch_end = {};
};
std::shared_ptr<Callback> LambdaCallback(LambdaHooks hooks);

// Writes down every epoch, over several calls of Fit if it is given to them.
class HistoryCallback final : public Callback {
 public:
  void OnEpochEnd(Model&, int, Logs& logs) override { history_.Append(logs); }
  const History& history() const { return history_; }

 private:
  History history_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CALLBACKS_H_
