#ifndef ADJOINT_NN_MODEL_CHECKPOINT_H_
#define ADJOINT_NN_MODEL_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nn/callbacks.h"
#include "nn/monitor.h"

namespace adjoint::nn {

struct ModelCheckpointOptions {
  // Where to save; names in braces are replaced (FormatPath).
  std::string filepath = {};
  std::string monitor = "val_loss";
  int verbose = 0;  // 1: tells standard output
  bool save_best_only = false;
  bool save_weights_only = false;  // Model::SaveWeights in place of Model::Save
  std::string mode = "auto";       // nn/monitor.h
  int64_t save_freq = 0;           // 0: after every epoch; else after so many batches
};

// Saves the model as it trains, as keras.callbacks.ModelCheckpoint of Keras 2.4 does
// (tensorflow/python/keras/callbacks.py). A file that cannot be written ends the training with the
// error. Such files hold a model, not a training: to resume after a crash see
// FitOptions::checkpoint.
class ModelCheckpointCallback final : public Callback {
 public:
  explicit ModelCheckpointCallback(ModelCheckpointOptions options);

  void OnTrainBegin(Model& model) override;
  void OnEpochBegin(Model& model, int epoch) override;
  void OnTrainBatchEnd(Model& model, int64_t batch, const Logs& logs) override;
  void OnEpochEnd(Model& model, int epoch, Logs& logs) override;
  std::string SaveState() const override;
  absl::Status RestoreState(absl::string_view bytes) override;

  double best() const { return best_; }

 private:
  void Save(Model& model, int epoch, const Logs& logs);

  const ModelCheckpointOptions options_;
  Monitor monitor_;
  double best_;
  int epoch_ = 0;
  int64_t batches_ = 0;  // since the last save
};

std::shared_ptr<ModelCheckpointCallback> ModelCheckpoint(ModelCheckpointOptions options);

// The template with {epoch}, counted from 1, and the names of logs replaced by their numbers, in
// Python's format language: "{epoch:02d}-{val_loss:.2f}". After the colon may stand 0 and a width,
// a precision, and d, e, f, g or %; "{{" and "}}" are braces. Errors: a name that the logs have
// not, a format that is not of these.
absl::StatusOr<std::string> FormatPath(absl::string_view path, int epoch, const Logs& logs);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_MODEL_CHECKPOINT_H_
