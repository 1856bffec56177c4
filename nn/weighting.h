#ifndef ADJOINT_NN_WEIGHTING_H_
#define ADJOINT_NN_WEIGHTING_H_

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "nn/data.h"
#include "nn/value.h"

// How much samples and steps count in losses and metrics.

namespace adjoint::nn {

// For one output of a model. Either may be not valid: then all count alike.
struct Weighting {
  Var weights = {};  // numbers, [batch] or [batch, time]
  Var mask = {};     // bool, as nn/value.h has it; false does not count at all

  bool empty() const { return !weights.valid() && !mask.valid(); }
};

// The weight of each element of a tensor of shape `shape`, whose first axes are those of the
// weights: f32, 0 where the mask is false. Requires !weighting.empty(). Errors, at `builder`:
// weights or a mask for other axes.
Var WeightsFor(const Weighting& weighting, const Shape& shape);

// The mean over all elements that the mask leaves of numbers times weights. As Keras since 2.11:
// weights do not change what is divided by, masks do (Keras 2.4 divides by the number of all
// elements). 0 where the mask leaves nothing.
Var WeightedLoss(Var numbers, const Weighting& weighting);

// Whether weights are tensors for `rows` samples, one an output: finite numbers, [rows] or
// [rows, time]. `what` begins the message.
absl::Status CheckWeights(absl::string_view what, const DataList& weights, int64_t rows,
                          size_t num_outputs);

// The weight of each sample by its class, times `sample_weight` if that has elements. Classes are
// numbers ([rows] or [rows,1]) or one-hot rows, as in Keras. Errors: classes that are not 0 ..
// n - 1, a class of y that has no weight, y of more axes. `what` begins the message.
absl::StatusOr<Tensor> ClassWeights(absl::string_view what,
                                    const std::map<int64_t, double>& class_weight, const Tensor& y,
                                    const DataList& sample_weight);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_WEIGHTING_H_
