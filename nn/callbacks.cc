#include "nn/callbacks.h"

namespace adjoint::nn {
namespace {

class HookCallback final : public Callback {
 public:
  explicit HookCallback(LambdaHooks hooks) : hooks_(std::move(hooks)) {}

  void OnTrainBegin(Model& model) override {
    if (hooks_.on_train_begin) hooks_.on_train_begin(model);
  }
  void OnTrainEnd(Model& model, const Logs& logs) override {
    if (hooks_.on_train_end) hooks_.on_train_end(model, logs);
  }
  void OnEpochBegin(Model& model, int epoch) override {
    if (hooks_.on_epoch_begin) hooks_.on_epoch_begin(model, epoch);
  }
  void OnEpochEnd(Model& model, int epoch, Logs& logs) override {
    if (hooks_.on_epoch_end) hooks_.on_epoch_end(model, epoch, logs);
  }
  void OnTrainBatchBegin(Model& model, int64_t batch) override {
    if (hooks_.on_train_batch_begin) hooks_.on_train_batch_begin(model, batch);
  }
  void OnTrainBatchEnd(Model& model, int64_t batch, const Logs& logs) override {
    if (hooks_.on_train_batch_end) hooks_.on_train_batch_end(model, batch, logs);
  }

 private:
  const LambdaHooks hooks_;
};

}  // namespace

std::shared_ptr<Callback> LambdaCallback(LambdaHooks hooks) {
  return std::make_shared<HookCallback>(std::move(hooks));
}

}  // namespace adjoint::nn
