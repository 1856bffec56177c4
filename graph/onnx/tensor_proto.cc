#include "graph/onnx/tensor_proto.h"

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace adjoint::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

using Type = pb::TensorProto;

struct TypePair {
  int32_t onnx;
  DType dtype;
};
constexpr TypePair kTypes[] = {
    {Type::FLOAT, DType::kF32},     {Type::DOUBLE, DType::kF64}, {Type::FLOAT16, DType::kF16},
    {Type::BFLOAT16, DType::kBF16}, {Type::INT8, DType::kI8},    {Type::INT16, DType::kI16},
    {Type::INT32, DType::kI32},     {Type::INT64, DType::kI64},  {Type::UINT8, DType::kU8},
    {Type::UINT16, DType::kU16},    {Type::UINT32, DType::kU32}, {Type::UINT64, DType::kU64},
    {Type::BOOL, DType::kBool},
};

absl::Status Damaged(const pb::TensorProto& message, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("tensor '", message.name(), "': ", what));
}

absl::StatusOr<TensorSpec> SpecOf(const pb::TensorProto& message) {
  TensorSpec spec;
  absl::StatusOr<DType> dtype = DTypeFromOnnx(message.data_type());
  if (!dtype.ok()) {
    return absl::Status(dtype.status().code(),
                        absl::StrCat("tensor '", message.name(), "': ", dtype.status().message()));
  }
  spec.dtype = *dtype;
  for (int64_t extent : message.dims()) {
    if (extent < 0) return Damaged(message, absl::StrCat("an extent is ", extent));
    spec.shape.push_back(extent);
  }
  if (absl::Status status = spec.CheckExtents(); !status.ok()) {
    return Damaged(message, status.message());
  }
  return spec;
}

absl::Status CopyBytes(const pb::TensorProto& message, absl::string_view bytes, Tensor* to) {
  if (bytes.size() != static_cast<size_t>(to->bytes())) {
    return Damaged(message, absl::StrCat(to->spec().ToString(), " takes ", to->bytes(),
                                         " bytes, but there are ", bytes.size()));
  }
  if (to->dtype() == DType::kBool) {
    bool* const out = to->mutable_data<bool>().data();
    for (size_t i = 0; i < bytes.size(); ++i) out[i] = bytes[i] != 0;
  } else if (!bytes.empty()) {
    std::memcpy(to->mutable_raw(), bytes.data(), bytes.size());
  }
  return absl::OkStatus();
}

// The elements of a typed field, each cast to Y; halves are the low two bytes.
template <typename Y, class Field>
absl::Status CopyField(const pb::TensorProto& message, const Field& field, Tensor* to) {
  if (field.size() != to->size()) {
    return Damaged(message, absl::StrCat(to->spec().ToString(), " takes ", to->size(),
                                         " elements, but there are ", field.size()));
  }
  Y* const out = static_cast<Y*>(to->mutable_raw());
  for (int i = 0; i < field.size(); ++i) out[i] = static_cast<Y>(field[i]);
  return absl::OkStatus();
}

absl::Status CopyFields(const pb::TensorProto& m, Tensor* to) {
  switch (to->dtype()) {
    case DType::kF32:
      return CopyField<float>(m, m.float_data(), to);
    case DType::kF64:
      return CopyField<double>(m, m.double_data(), to);
    case DType::kI64:
      return CopyField<int64_t>(m, m.int64_data(), to);
    case DType::kU64:
      return CopyField<uint64_t>(m, m.uint64_data(), to);
    case DType::kU32:
      return CopyField<uint32_t>(m, m.uint64_data(), to);
    case DType::kI32:
      return CopyField<int32_t>(m, m.int32_data(), to);
    case DType::kI16:
      return CopyField<int16_t>(m, m.int32_data(), to);
    case DType::kU16:
    case DType::kF16:
    case DType::kBF16:
      return CopyField<uint16_t>(m, m.int32_data(), to);
    case DType::kI8:
      return CopyField<int8_t>(m, m.int32_data(), to);
    case DType::kU8:
      return CopyField<uint8_t>(m, m.int32_data(), to);
    case DType::kBool:
      return CopyField<bool>(m, m.int32_data(), to);
  }
  return Damaged(m, "its element type is unknown");
}

struct ExternalPlace {
  std::string location;
  int64_t offset = 0;
  int64_t length = -1;  // -1: to be taken from the spec
};

absl::StatusOr<ExternalPlace> PlaceOf(const pb::TensorProto& message) {
  ExternalPlace place;
  for (const pb::StringStringEntryProto& entry : message.external_data()) {
    if (entry.key() == "location") place.location = entry.value();
    if (entry.key() != "offset" && entry.key() != "length") continue;
    int64_t number = 0;
    if (!absl::SimpleAtoi(entry.value(), &number) || number < 0) {
      return Damaged(message, absl::StrCat("its external ", entry.key(), " is '", entry.value(),
                                           "', which is no size"));
    }
    (entry.key() == "offset" ? place.offset : place.length) = number;
  }
  if (place.location.empty()) return Damaged(message, "its external data have no location");
  return place;
}

absl::Status ReadExternal(const pb::TensorProto& message, const std::string& folder, Tensor* to) {
  namespace fs = std::filesystem;
  ADJOINT_ASSIGN_OR_RETURN(const ExternalPlace place, PlaceOf(message));
  if (folder.empty()) {
    return Damaged(message, absl::StrCat("its data lie in another file, '", place.location,
                                         "', but the model was not read from a folder"));
  }
  if (place.length >= 0 && place.length != to->bytes()) {
    return Damaged(message, absl::StrCat(to->spec().ToString(), " takes ", to->bytes(),
                                         " bytes, but its external data have ", place.length));
  }
  std::error_code error;
  const fs::path base = fs::weakly_canonical(folder, error);
  const fs::path path = error ? fs::path() : fs::weakly_canonical(base / place.location, error);
  const fs::path inside = error ? fs::path() : path.lexically_relative(base);
  if (error || inside.empty() || *inside.begin() == ".." ||
      fs::path(place.location).is_absolute()) {
    return Damaged(message, absl::StrCat("its data's location '", place.location,
                                         "' leads out of the model's folder"));
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    return absl::NotFoundError(absl::StrCat("tensor '", message.name(), "': cannot read '",
                                            path.string(), "', where its data lie"));
  }
  const int64_t size = static_cast<int64_t>(file.tellg());
  if (place.offset > size || to->bytes() > size - place.offset) {
    return Damaged(message, absl::StrCat("it takes bytes ", place.offset, " and ", to->bytes(),
                                         " more of '", path.string(), "', which has ", size));
  }
  file.seekg(place.offset);
  file.read(static_cast<char*>(to->mutable_raw()), static_cast<std::streamsize>(to->bytes()));
  if (!file) return Damaged(message, absl::StrCat("'", path.string(), "' cannot be read"));
  if (to->dtype() == DType::kBool) {
    unsigned char* const bytes = static_cast<unsigned char*>(to->mutable_raw());
    for (int64_t i = 0; i < to->size(); ++i) bytes[i] = bytes[i] != 0;
  }
  return absl::OkStatus();
}

}  // namespace

std::string ElementTypeName(int32_t onnx_type) {
  const std::string& name =
      pb::TensorProto_DataType_Name(static_cast<pb::TensorProto_DataType>(onnx_type));
  return name.empty() ? absl::StrCat("type ", onnx_type) : name;
}

absl::StatusOr<DType> DTypeFromOnnx(int32_t onnx_type) {
  for (const TypePair& pair : kTypes) {
    if (pair.onnx == onnx_type) return pair.dtype;
  }
  return absl::UnimplementedError(
      absl::StrCat("elements of type ", ElementTypeName(onnx_type), " are not supported"));
}

int32_t OnnxFromDType(DType dtype) {
  for (const TypePair& pair : kTypes) {
    if (pair.dtype == dtype) return pair.onnx;
  }
  return Type::UNDEFINED;
}

absl::StatusOr<Tensor> FromProto(const pb::TensorProto& message, const std::string& folder) {
  if (message.has_segment()) {
    return absl::UnimplementedError(
        absl::StrCat("tensor '", message.name(), "': it is stored in segments"));
  }
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec spec, SpecOf(message));
  // Before memory is asked for: a few bytes of a damaged file may name any extents.
  const bool external = message.data_location() == pb::TensorProto::EXTERNAL;
  ADJOINT_ASSIGN_OR_RETURN(const int64_t bytes, spec.ByteSize());
  if (!external && bytes > 0 &&
      static_cast<uint64_t>(bytes) / 8 > static_cast<uint64_t>(message.ByteSizeLong())) {
    return Damaged(message, absl::StrCat(spec.ToString(), " takes ", bytes,
                                         " bytes, more than the message holds"));
  }
  ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(spec));
  if (external) {
    ADJOINT_RETURN_IF_ERROR(ReadExternal(message, folder, &tensor));
  } else if (message.has_raw_data()) {
    ADJOINT_RETURN_IF_ERROR(CopyBytes(message, message.raw_data(), &tensor));
  } else {
    ADJOINT_RETURN_IF_ERROR(CopyFields(message, &tensor));
  }
  return tensor;
}

pb::TensorProto ToProto(const Tensor& tensor, absl::string_view name) {
  pb::TensorProto message;
  message.set_name(std::string(name));
  message.set_data_type(OnnxFromDType(tensor.dtype()));
  for (Dim d : tensor.shape().dims()) message.add_dims(d.value());
  message.set_raw_data(
      std::string(static_cast<const char*>(tensor.raw()), static_cast<size_t>(tensor.bytes())));
  return message;
}

}  // namespace adjoint::onnx
