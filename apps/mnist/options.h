#ifndef ADJOINT_APPS_MNIST_OPTIONS_H_
#define ADJOINT_APPS_MNIST_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace adjoint::apps::mnist {

enum class Command { kTrain, kEvaluate, kPredict };

// What the command line says, checked: every value is in its range and every name is known.
struct Options {
  Command command = Command::kTrain;

  std::string data;  // empty: see datasets/mnist.h, LoadOptions
  std::string network = "dense";
  int epochs = 0;  // never 0 once parsed: 5 for dense, 8 for conv
  int64_t batch_size = 128;
  int64_t validation = 0;  // training images kept for validation, the last ones
  uint64_t seed = 1;
  int threads = 0;  // 0: as many as there are cores

  std::string out = "mnist_out";
  std::string model;  // the file; never empty
  bool model_given = false;
  std::string trace;     // apps/measured.h
  std::string autotune;  // likewise

  // predict
  std::vector<int64_t> indices;  // of test images
  std::vector<std::string> images;
};

struct CommandLine {
  Options options;
  // Not empty when help was asked for: what to print in place of running.
  std::string help;
};

// `args` without the program's name. Errors are one line for the user, a hint included.
absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> args);

}  // namespace adjoint::apps::mnist

#endif  // ADJOINT_APPS_MNIST_OPTIONS_H_
