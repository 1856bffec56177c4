#ifndef ADJOINT_NN_TENSORBOARD_H_
#define ADJOINT_NN_TENSORBOARD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "nn/callbacks.h"

namespace adjoint::nn {

struct TensorBoardOptions {
  std::string log_dir = "logs";
  int histogram_freq = 0;   // histograms of the weights after so many epochs; 0: none
  bool write_graph = true;  // the training program, when the first epoch ends
  // 0: epochs alone. Else the means over the epoch so far as well, after so many batches.
  int64_t update_freq = 0;
};

// Writes event files that TensorBoard shows (https://www.tensorflow.org/tensorboard), as
// keras.callbacks.TensorBoard of Keras 2.4 does: below log_dir/train "epoch_loss", "epoch_<metric>"
// and "batch_loss", ..., below log_dir/validation the numbers of validation under the same names;
// "epoch_learning_rate"; histograms under the weights' names, of 30 buckets of equal width; and the
// graph, a node for each node, inside its layers' names. Steps are epochs, counted from 0, and for
// "batch_" the optimizer's. Events are in the file when their epoch ends. A folder that cannot be
// written ends the training with the error.
std::shared_ptr<Callback> TensorBoard(TensorBoardOptions options = {});

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_TENSORBOARD_H_
