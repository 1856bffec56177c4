#ifndef ADJOINT_NN_OBJECTIVE_H_
#define ADJOINT_NN_OBJECTIVE_H_

#include <vector>

#include "nn/losses.h"
#include "nn/metrics.h"

namespace adjoint::nn {

// What a model is compiled for, an entry a model output. Metrics of an output follow each other.
struct Objective {
  std::vector<Loss> losses;
  std::vector<std::vector<Metric>> metrics;
  // Those that weigh samples as the loss does; the others weigh them alike. May be left empty.
  std::vector<std::vector<Metric>> weighted_metrics = {};
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_OBJECTIVE_H_
