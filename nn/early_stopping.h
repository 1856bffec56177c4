#ifndef ADJOINT_NN_EARLY_STOPPING_H_
#define ADJOINT_NN_EARLY_STOPPING_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "nn/callbacks.h"
#include "nn/monitor.h"

namespace adjoint::nn {

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0;                 // a smaller change does not count as better
  int patience = 0;                     // epochs without anything better, after which training ends
  int verbose = 0;                      // 1: tells standard output
  std::string mode = "auto";            // nn/monitor.h
  std::optional<double> baseline = {};  // what the first epochs must be better than
  bool restore_best_weights = false;
};

// Ends training when a number has stopped becoming better, as keras.callbacks.EarlyStopping of
// Keras 2.4 does (tensorflow/python/keras/callbacks.py): the weights of the best epoch are restored
// when training is ended by it, not when it runs to its last epoch.
class EarlyStoppingCallback final : public Callback {
 public:
  explicit EarlyStoppingCallback(EarlyStoppingOptions options);

  void OnTrainBegin(Model& model) override;
  void OnEpochEnd(Model& model, int epoch, Logs& logs) override;
  void OnTrainEnd(Model& model, const Logs& logs) override;
  std::string SaveState() const override;
  absl::Status RestoreState(absl::string_view bytes) override;

  // The epoch after which training was ended, 0 when it was not.
  int stopped_epoch() const { return stopped_epoch_; }
  double best() const { return best_; }

 private:
  const EarlyStoppingOptions options_;
  Monitor monitor_;
  double best_ = 0;
  int wait_ = 0;
  int stopped_epoch_ = 0;
  std::vector<Tensor> best_weights_;
};

std::shared_ptr<EarlyStoppingCallback> EarlyStopping(EarlyStoppingOptions options = {});

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_EARLY_STOPPING_H_
