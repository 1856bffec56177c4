#ifndef ADJOINT_NN_MONITOR_H_
#define ADJOINT_NN_MONITOR_H_

#include <string>

#include "absl/status/status.h"
#include "nn/history.h"

namespace adjoint::nn {

// For callbacks that watch a number of the logs: whether it has become better than its best so far.
class Monitor {
 public:
  // `mode`: "min", "max", or "auto", which is "max" for names with "acc" or that begin with
  // "fmeasure", and "min" for others, as in Keras 2.4. A change counts from min_delta on.
  Monitor(std::string name, std::string mode, double min_delta);

  // An error when there is no such mode, or min_delta is not a number of at least 0.
  const absl::Status& status() const { return status_; }
  const std::string& name() const { return name_; }
  bool maximizes() const { return maximizes_; }
  // What everything is better than.
  double Worst() const;
  bool IsBetter(double current, double best) const {
    return maximizes_ ? current - min_delta_ > best : current + min_delta_ < best;
  }

  // The number; tells standard error, once, in Keras' words, when the logs have none.
  // `what`: "Early stopping conditioned on".
  std::optional<double> Read(const Logs& logs, const char* what);

 private:
  std::string name_;
  bool maximizes_;
  double min_delta_;
  absl::Status status_;
  bool told_ = false;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_MONITOR_H_
