#ifndef ADJOINT_GRAPH_ONNX_TENSOR_PROTO_H_
#define ADJOINT_GRAPH_ONNX_TENSOR_PROTO_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/dtype.h"
#include "core/tensor.h"

namespace adjoint::onnx {

namespace pb = ::onnx;

// "FLOAT", "STRING"; "type 99" for a number that ONNX does not have.
std::string ElementTypeName(int32_t onnx_type);

// Errors name the type: strings and complex numbers have no counterpart.
absl::StatusOr<DType> DTypeFromOnnx(int32_t onnx_type);
int32_t OnnxFromDType(DType dtype);

// All encodings of a tensor: raw_data, the typed fields (two bytes of an int32_data entry for
// the halves), and external data, which are read from files in `folder` and below; an empty folder
// refuses them. Errors name the tensor: sizes that overflow or differ from the data's, a location
// that leads out of the folder, bytes beyond the end of the file.
absl::StatusOr<Tensor> FromProto(const pb::TensorProto& message, const std::string& folder);

// The tensor with raw_data.
pb::TensorProto ToProto(const Tensor& tensor, absl::string_view name);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_TENSOR_PROTO_H_
