#ifndef ADJOINT_NN_CALLBACKS_H_
#define ADJOINT_NN_CALLBACKS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "nn/history.h"

namespace adjoint::nn {

class Model;

// Code of the user's that Fit calls; the hooks are Keras'. `model` is the one that trains: a hook
// may read and set its variables and learning rate, evaluate it, and stop the training
// (Model::StopTraining). Epochs count from FitOptions::initial_epoch, batches from 0.
class Callback {
 public:
  virtual ~Callback() = default;

  virtual void OnTrainBegin(Model& /*model*/) {}
  virtual void OnTrainEnd(Model& /*model*/, const Logs& /*logs*/) {}
  virtual void OnEpochBegin(Model& /*model*/, int /*epoch*/) {}
  // `logs`: the epoch's means, those of validation included.
  virtual void OnEpochEnd(Model& /*model*/, int /*epoch*/, const Logs& /*logs*/) {}
  virtual void OnTrainBatchBegin(Model& /*model*/, int64_t /*batch*/) {}
  // `logs`: means over the epoch so far.
  virtual void OnTrainBatchEnd(Model& /*model*/, int64_t /*batch*/, const Logs& /*logs*/) {}
};

// Hooks as functions; those not set do nothing.
struct LambdaHooks {
  std::function<void(Model&)> on_train_begin = {};
  std::function<void(Model&, const Logs&)> on_train_end = {};
  std::function<void(Model&, int epoch)> on_epoch_begin = {};
  std::function<void(Model&, int epoch, const Logs&)> on_epoch_end = {};
  std::function<void(Model&, int64_t batch)> on_train_batch_begin = {};
  std::function<void(Model&, int64_t batch, const Logs&)> on_train_batch_end = {};
};
std::shared_ptr<Callback> LambdaCallback(LambdaHooks hooks);

// Writes down every epoch, over several calls of Fit if it is given to them.
class HistoryCallback final : public Callback {
 public:
  void OnEpochEnd(Model&, int, const Logs& logs) override { history_.Append(logs); }
  const History& history() const { return history_; }

 private:
  History history_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CALLBACKS_H_
