#include "ops/elementwise.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/shape.h"
#include "core/status_macros.h"

namespace adjoint::ops {
namespace {

const char* TypesIn(TypeSet types) {
  switch (types) {
    case TypeSet::kFloats:
      return "f32 or f64";
    case TypeSet::kIntegers:
      return "an integer type";
    case TypeSet::kNumbers:
      return "f32, f64 or an integer type";
    case TypeSet::kBools:
      return "bool";
    case TypeSet::kComparable:
      return "f32, f64, an integer type or bool";
    case TypeSet::kAll:
      break;
  }
  return "any type";
}

bool Takes(TypeSet types, DType dtype) {
  switch (types) {
    case TypeSet::kFloats:
      return IsFloating(dtype);
    case TypeSet::kIntegers:
      return IsInteger(dtype);
    case TypeSet::kNumbers:
      return IsFloating(dtype) || IsInteger(dtype);
    case TypeSet::kBools:
      return dtype == DType::kBool;
    case TypeSet::kComparable:
      return !IsHalf(dtype);
    case TypeSet::kAll:
      break;
  }
  return true;
}

}  // namespace

absl::Status CheckType(TypeSet types, DType dtype, const char* what) {
  if (Takes(types, dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("takes ", TypesIn(types), ", but ", what, " is ",
                                                 DTypeName(dtype), "; Cast converts"));
}

namespace internal {

absl::StatusOr<std::vector<TensorSpec>> InferBroadcast(TypeSet types, bool to_bool,
                                                       const InferContext& c) {
  const TensorSpec& a = c.inputs[0];
  const TensorSpec& b = c.inputs[1];
  ADJOINT_RETURN_IF_ERROR(CheckType(types, a.dtype, "lhs"));
  if (a.dtype != b.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("element types differ: lhs is ",
                                                   DTypeName(a.dtype), ", rhs is ",
                                                   DTypeName(b.dtype), "; Cast one of them"));
  }
  ADJOINT_ASSIGN_OR_RETURN(Shape shape, BroadcastShapes(a.shape, b.shape));
  return std::vector<TensorSpec>{{to_bool ? DType::kBool : a.dtype, std::move(shape)}};
}

BroadcastIndex::BroadcastIndex(const KernelRequest& request)
    : size_(request.outputs[0].shape.NumElements()), extents_(request.outputs[0].shape.Extents()) {
  for (const TensorSpec& input : request.inputs) {
    const std::vector<int64_t> dense = RowMajorStrides(input.shape.Extents());
    std::vector<int64_t> strides(extents_.size(), 0);
    const size_t lead = extents_.size() - dense.size();
    for (size_t axis = 0; axis < dense.size(); ++axis) {
      if (input.shape[static_cast<int>(axis)] != 1) strides[lead + axis] = dense[axis];
    }
    strides_.push_back(std::move(strides));
  }
}

int64_t BroadcastIndex::Of(int input, int64_t element) const {
  int64_t offset = 0;
  for (size_t axis = extents_.size(); axis-- > 0; element /= extents_[axis]) {
    offset += element % extents_[axis] * strides_[input][axis];
  }
  return offset;
}

}  // namespace internal
}  // namespace adjoint::ops
