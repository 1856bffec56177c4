// Trains a small network with checkpoints and writes what came out: the program that
// checkpoint_test.cc kills. Usage: checkpoint_child <folder or "-"> <result>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/io/hash.h"
#include "core/parallel.h"
#include "nn/nn.h"
#include "optim/adam.h"
#include "optim/extended.h"
#include "tests/nn/toy_data.h"

int main(int argc, char** argv) {
  using namespace adjoint;      // NOLINT
  using namespace adjoint::nn;  // NOLINT
  if (argc != 3) return 2;
  const std::string folder = argv[1];
  SetNumThreads(1);
  const ToyData data(600, 30), validation(100, 30, 2);
  Sequential model(
      {Dense(32, {.activation = "relu"}), Dropout(0.3), Dense(1, {.activation = "sigmoid"})},
      {.seed = 3});
  // Everything that has a state: slots, averages, a sum of gradients, a schedule, sums of metrics.
  absl::Status compiled = model.Compile(
      optim::Extended(optim::MakeAdam(),
                      {.global_clipnorm = 1,
                       .ema_momentum = 0.9,
                       .gradient_accumulation_steps = 3,
                       .schedule = "warm_up(5, 0.1, cosine_decay_restarts(0.01, 10))"}),
      "binary_crossentropy", {"accuracy", "AUC"});
  if (!compiled.ok()) {
    std::cerr << compiled << "\n";
    return 1;
  }
  FitOptions options{.epochs = 12,
                     .batch_size = 32,
                     .validation_data = {validation.x, validation.y},
                     .verbose = 0};
  options.callbacks = {
      EarlyStopping({.min_delta = 10, .patience = 9, .restore_best_weights = true}),
      CSVLogger({.filename = absl::StrCat(argv[2], ".csv")})};
  if (folder != "-") {
    options.checkpoint = {.dir = folder, .every_steps = 7, .resume = true};
  }
  auto history = model.Fit(data.x, data.y, options);
  if (!history.ok()) {
    std::cerr << history.status() << "\n";
    return 1;
  }
  std::string bytes;
  for (const std::string& name : model.variables().Names()) {
    const Tensor* const value = model.variables().Find(name);
    bytes.append(static_cast<const char*>(value->raw()), static_cast<size_t>(value->bytes()));
  }
  std::string result = absl::StrCat(io::Sha256Hex(bytes), "\n", history->num_epochs(), "\n");
  for (const auto& [name, values] : history->entries()) {
    char text[32];
    absl::StrAppend(&result, name);
    for (double value : values) {
      std::snprintf(text, sizeof(text), " %a", value);
      result += text;
    }
    result += "\n";
  }
  std::ofstream(argv[2]) << result;
  return 0;
}
