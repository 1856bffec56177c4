#ifndef ADJOINT_APPS_MNIST_COMMANDS_H_
#define ADJOINT_APPS_MNIST_COMMANDS_H_

#include "absl/status/status.h"
#include "apps/mnist/options.h"

namespace adjoint::apps::mnist {

// The program's commands. They write to standard output; a standard output that is gone ends them
// with an error.

// Trains, shows the curves, evaluates on the test images, writes charts, mistakes and model into
// options.out, and loads the model again to see that it predicts the same.
absl::Status RunTrain(const Options& options);
absl::Status RunEvaluate(const Options& options);
absl::Status RunPredict(const Options& options);

}  // namespace adjoint::apps::mnist

#endif  // ADJOINT_APPS_MNIST_COMMANDS_H_
