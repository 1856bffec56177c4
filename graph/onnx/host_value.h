#ifndef ADJOINT_GRAPH_ONNX_HOST_VALUE_H_
#define ADJOINT_GRAPH_ONNX_HOST_VALUE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace adjoint::onnx {

// What ONNX counts as a value: a tensor, a sequence of values, or an optional that may lack one.
struct HostValue {
  enum class Kind { kTensor, kSequence, kOptional };

  Kind kind = Kind::kTensor;
  Tensor tensor;                    // of a kTensor
  std::vector<HostValue> elements;  // of a sequence; an optional has one or none

  HostValue() = default;
  HostValue(Tensor value) : tensor(std::move(value)) {}  // NOLINT: implicit
  static HostValue Sequence(std::vector<HostValue> elements);
  static HostValue Optional(std::vector<HostValue> element);
};

// A file of the ONNX test format. `bytes` are a TensorProto, SequenceProto or OptionalProto, as
// `kind` says.
absl::StatusOr<HostValue> ParseValue(absl::string_view bytes, HostValue::Kind kind);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_HOST_VALUE_H_
