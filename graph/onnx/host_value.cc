#include "graph/onnx/host_value.h"

// The tensors' messages first: the next header needs them.
#include <onnx/onnx_pb.h>
//
#include <onnx/onnx-data_pb.h>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/onnx/tensor_proto.h"

namespace adjoint::onnx {
namespace {

absl::StatusOr<HostValue> HostFromProto(const pb::SequenceProto& message);
absl::StatusOr<HostValue> HostFromProto(const pb::OptionalProto& message);

absl::StatusOr<HostValue> TensorFromProto(const pb::TensorProto& message) {
  ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, FromProto(message, /*folder=*/""));
  return HostValue(std::move(tensor));
}

absl::Status Unsupported(absl::string_view holder, absl::string_view type) {
  return absl::UnimplementedError(
      absl::StrCat(holder, " of elements of type ", type, " are not supported"));
}

absl::StatusOr<HostValue> HostFromProto(const pb::SequenceProto& message) {
  std::vector<HostValue> elements;
  const auto add = [&](absl::StatusOr<HostValue> value) -> absl::Status {
    ADJOINT_RETURN_IF_ERROR(value.status());
    elements.push_back(*std::move(value));
    return absl::OkStatus();
  };
  switch (message.elem_type()) {
    case pb::SequenceProto::UNDEFINED:
    case pb::SequenceProto::TENSOR:
      for (const pb::TensorProto& t : message.tensor_values()) {
        ADJOINT_RETURN_IF_ERROR(add(TensorFromProto(t)));
      }
      break;
    case pb::SequenceProto::SEQUENCE:
      for (const pb::SequenceProto& s : message.sequence_values()) {
        ADJOINT_RETURN_IF_ERROR(add(HostFromProto(s)));
      }
      break;
    case pb::SequenceProto::OPTIONAL:
      for (const pb::OptionalProto& o : message.optional_values()) {
        ADJOINT_RETURN_IF_ERROR(add(HostFromProto(o)));
      }
      break;
    default:
      return Unsupported("sequences",
                         pb::SequenceProto::DataType_Name(
                             static_cast<pb::SequenceProto::DataType>(message.elem_type())));
  }
  return HostValue::Sequence(std::move(elements));
}

absl::StatusOr<HostValue> HostFromProto(const pb::OptionalProto& message) {
  std::vector<HostValue> element;
  if (message.has_tensor_value()) {
    ADJOINT_ASSIGN_OR_RETURN(HostValue value, TensorFromProto(message.tensor_value()));
    element.push_back(std::move(value));
  } else if (message.has_sequence_value()) {
    ADJOINT_ASSIGN_OR_RETURN(HostValue value, HostFromProto(message.sequence_value()));
    element.push_back(std::move(value));
  } else if (message.has_optional_value()) {
    ADJOINT_ASSIGN_OR_RETURN(HostValue value, HostFromProto(message.optional_value()));
    element.push_back(std::move(value));
  } else if (message.has_sparse_tensor_value() || message.has_map_value()) {
    return Unsupported("optionals", message.has_map_value() ? "MAP" : "SPARSE_TENSOR");
  }
  return HostValue::Optional(std::move(element));
}

template <class Message>
absl::StatusOr<Message> Parse(absl::string_view bytes) {
  Message message;
  if (bytes.size() > INT32_MAX || !message.ParseFromArray(bytes.data(), bytes.size())) {
    return absl::DataLossError("the bytes are not those of an ONNX value");
  }
  return message;
}

}  // namespace

HostValue HostValue::Sequence(std::vector<HostValue> elements) {
  HostValue value;
  value.kind = Kind::kSequence;
  value.elements = std::move(elements);
  return value;
}

HostValue HostValue::Optional(std::vector<HostValue> element) {
  HostValue value;
  value.kind = Kind::kOptional;
  value.elements = std::move(element);
  return value;
}

absl::StatusOr<HostValue> ParseValue(absl::string_view bytes, HostValue::Kind kind) {
  switch (kind) {
    case HostValue::Kind::kSequence: {
      ADJOINT_ASSIGN_OR_RETURN(const auto message, Parse<pb::SequenceProto>(bytes));
      return HostFromProto(message);
    }
    case HostValue::Kind::kOptional: {
      ADJOINT_ASSIGN_OR_RETURN(const auto message, Parse<pb::OptionalProto>(bytes));
      return HostFromProto(message);
    }
    case HostValue::Kind::kTensor:
      break;
  }
  ADJOINT_ASSIGN_OR_RETURN(const auto message, Parse<pb::TensorProto>(bytes));
  return TensorFromProto(message);
}

}  // namespace adjoint::onnx
