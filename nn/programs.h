#ifndef ADJOINT_NN_PROGRAMS_H_
#define ADJOINT_NN_PROGRAMS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/program.h"
#include "nn/metrics.h"
#include "nn/network.h"
#include "nn/objective.h"
#include "optim/optimizer.h"

namespace adjoint::nn {

// The programs of a model. All are for a symbolic number of samples, "batch". Their inputs are
// those of the network, "x0" or the sparse "x0.ranges" and so on, then targets "y0", ..., weights
// "w0", ... if there are any, and in training "seed", an i64 scalar.

inline constexpr char kLearningRateVariable[] = "optimizer/learning_rate";  // f32 scalar
inline constexpr char kStepVariable[] = "optimizer/step";                   // i64 scalar

// What training and evaluation are fed besides the network's inputs.
struct TargetSpecs {
  std::vector<TensorSpec> targets;
  std::vector<TensorSpec> weights = {};  // none, or one a target (nn/weighting.h)
};

// A number that a training or evaluation program reports, and the program's outputs it comes from.
struct Reported {
  std::string name;  // "loss", "binary_accuracy"; "dense_1_loss" in models of several outputs
  // The program gives the sum over the batch of this many numbers a sample; 0: it gives the mean.
  double per_sample = 0;
  // Set for metrics that are no means: makes the number of the outputs' sums over batches.
  Metric::Result result = nullptr;
  int num_outputs = 1;

  // The mean over a batch of `samples`, times `samples`.
  double SumOverSamples(double value, int64_t samples) const {
    return per_sample > 0 ? value / per_sample : value * static_cast<double>(samples);
  }
};

struct StepProgram {
  graph::Program program;
  std::vector<Reported> reported;  // in the order of the program's outputs
};

// Outputs "y0", ...
absl::StatusOr<graph::Program> BuildPredictProgram(const Network& network,
                                                   absl::Span<const ValueSpec> inputs);

// Loss and metrics without dropout and updates.
absl::StatusOr<StepProgram> BuildEvaluateProgram(const Network& network, const Objective& objective,
                                                 absl::Span<const ValueSpec> inputs,
                                                 const TargetSpecs& targets);

// One step of training: forward, backward, update of all variables, loss and metrics from before
// the update.
absl::StatusOr<StepProgram> BuildTrainProgram(const Network& network, const Objective& objective,
                                              const optim::Optimizer& optimizer,
                                              absl::Span<const ValueSpec> inputs,
                                              const TargetSpecs& targets);

// A variable of the optimizer, with its name in the model: "optimizer/dense/kernel/rms".
struct SlotVariable {
  std::string path;
  TensorSpec spec;
  double initial;
};
std::vector<SlotVariable> OptimizerSlots(const Network& network, const optim::Optimizer& optimizer);

// The f32 value that the optimizer updates of a variable which is stored in another type:
// "optimizer/dense/kernel/master".
struct MasterVariable {
  std::string path;
  std::string weight;  // "dense/kernel"
  TensorSpec spec;
};
std::vector<MasterVariable> MasterVariables(const Network& network);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_PROGRAMS_H_
