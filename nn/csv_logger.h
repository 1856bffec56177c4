#ifndef ADJOINT_NN_CSV_LOGGER_H_
#define ADJOINT_NN_CSV_LOGGER_H_

#include <memory>
#include <string>

#include "nn/callbacks.h"

namespace adjoint::nn {

struct CSVLoggerOptions {
  std::string filename = {};
  std::string separator = ",";
  bool append = false;  // to what the file has; the head is written where it has nothing
};

// Writes a line an epoch, as keras.callbacks.CSVLogger: "epoch", counted from 0, and the logs of
// the first epoch in alphabetical order; a log that a later epoch has not is "NA". Every line is in
// the file when its epoch ends. A training that is resumed goes on where its checkpoint was made.
std::shared_ptr<Callback> CSVLogger(CSVLoggerOptions options);

// Ends the training, with a line to standard output, after a batch that made the loss NaN or
// infinite, as keras.callbacks.TerminateOnNaN.
std::shared_ptr<Callback> TerminateOnNaN();

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CSV_LOGGER_H_
