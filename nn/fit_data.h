#ifndef ADJOINT_NN_FIT_DATA_H_
#define ADJOINT_NN_FIT_DATA_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "graph/variables.h"
#include "nn/batch_source.h"
#include "nn/checkpoint_folder.h"
#include "nn/compiled_step.h"
#include "nn/history.h"
#include "nn/model.h"
#include "nn/programs.h"
#include "nn/totals.h"

// For Model's own files.

namespace adjoint::nn {

// Batches, and what a program for them is built from.
struct Model::Feeding {
  std::unique_ptr<BatchSource> batches;
  std::vector<ValueSpec> inputs;
  TargetSpecs targets;
};

// All that Fit prepares before the first step.
struct Model::FitData {
  CompiledStep* train;
  std::unique_ptr<BatchSource> batches;
  CompiledStep* validate = nullptr;  // null without validation
  std::unique_ptr<BatchSource> validation_batches = {};
  uint64_t seed;
  bool shuffle;         // of data in memory
  int64_t first_epoch;  // in the model's life
  Totals totals;
  History history = {};
  std::optional<CheckpointFolder> checkpoints = {};
  // Where the training stands.
  int epoch = 0;
  int64_t batch = 0;
  bool epoch_begun = false;  // its first hooks have been called
  double epoch_seconds = 0;  // that the last whole epoch took here; 0: none has

  int64_t Steps(const graph::VariableStore& variables) const {
    return variables.Find(kStepVariable)->item<int64_t>();
  }
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_FIT_DATA_H_
