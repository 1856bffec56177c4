#ifndef ADJOINT_NN_WEIGHT_FILES_H_
#define ADJOINT_NN_WEIGHT_FILES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace adjoint::nn {

// Files of named weights, whose ending says what they are: ".safetensors" (core/io/safetensors.h),
// ".npz" (core/io/npz.h), and else a model file with variables alone (graph/model_file.h). The
// first two are what PyTorch's and NumPy's users read and write.

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// Writes the file atomically.
absl::Status WriteWeightsFile(const std::string& path, const NamedTensors& weights);
// Of a model file, the variables. Errors name the file.
absl::StatusOr<NamedTensors> ReadWeightsFile(const std::string& path);

// The tensor in another floating type, where every number is the same in both: f16 as f32, f32 that
// was bf16 as bf16. Errors (InvalidArgument): a type that is not floating, a number that would
// change.
absl::StatusOr<Tensor> ConvertExactly(const Tensor& tensor, DType dtype);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_WEIGHT_FILES_H_
