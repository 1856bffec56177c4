#ifndef ADJOINT_NN_CALLBACK_STATE_H_
#define ADJOINT_NN_CALLBACK_STATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace adjoint::nn {

// What a callback keeps from epoch to epoch, as bytes for a checkpoint.
struct CallbackState {
  std::vector<double> numbers;
  std::vector<Tensor> tensors = {};

  std::string Serialize() const;
  // Errors name the callback: bytes that Serialize did not write, or another number of numbers.
  static absl::StatusOr<CallbackState> Parse(absl::string_view callback, absl::string_view bytes,
                                             size_t num_numbers);
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CALLBACK_STATE_H_
