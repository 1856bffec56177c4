#ifndef ADJOINT_NN_CHECKPOINT_H_
#define ADJOINT_NN_CHECKPOINT_H_

#include <cstdint>
#include <string>

namespace adjoint::nn {

// Keeps a training such that it can be resumed after it was killed at any moment: a training that
// was interrupted and resumed ends with the weights, bit for bit, and the history of one that was
// not.
//
// A checkpoint holds weights, the optimizer's state, step, epoch, the place in the epoch with the
// sums so far, the history, and the states of callbacks (Callback::SaveState); the order of samples
// and the randomness of dropout follow from seed, epoch and step. It is one file with a SHA-256 of
// all its bytes, "checkpoint-<steps>.adjoint", which is there whole or not at all.
struct CheckpointOptions {
  std::string dir = {};     // empty: no checkpoints. Made when it is missing
  int every_epochs = 1;     // after so many epochs, and after the last; 0: not after epochs
  int64_t every_steps = 0;  // within epochs, after so many steps; 0: not within epochs
  int keep = 2;             // so many files, the newest; at least 1
  // Goes on from the newest checkpoint in `dir`; from the beginning where there is none. A damaged
  // file is named on standard error, and the one before it is used. The data must be those of the
  // training that made it, and so must layers with all their settings, losses, metrics, the
  // optimizer's settings, class weights, seed, batch size and shuffling: another one is an error
  // that names it with both values. Epochs may be more. Hooks of epochs and batches that were begun
  // before are not called again. Without `resume` a `dir` that has checkpoints is an error.
  bool resume = false;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CHECKPOINT_H_
