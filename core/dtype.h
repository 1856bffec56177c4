#ifndef ADJOINT_CORE_DTYPE_H_
#define ADJOINT_CORE_DTYPE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adjoint {

// The element type of a tensor. The numbers are written into model files: append, never renumber.
enum class DType : uint8_t { kF32 = 1, kF64 = 2, kI32 = 3, kI64 = 4, kU8 = 5, kBool = 6 };

inline constexpr DType kAllDTypes[] = {DType::kF32, DType::kF64, DType::kI32,
                                       DType::kI64, DType::kU8,  DType::kBool};

// "f32", "f64", "i32", "i64", "u8", "bool".
absl::string_view DTypeName(DType dtype);
absl::StatusOr<DType> DTypeFromName(absl::string_view name);

// Bytes an element takes in memory; a bool takes one.
size_t DTypeSize(DType dtype);

inline bool IsFloating(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF64; }
inline bool IsInteger(DType dtype) {
  return dtype == DType::kI32 || dtype == DType::kI64 || dtype == DType::kU8;
}

namespace internal {
template <typename T>
struct DTypeOfImpl;
template <>
struct DTypeOfImpl<float> {
  static constexpr DType value = DType::kF32;
};
template <>
struct DTypeOfImpl<double> {
  static constexpr DType value = DType::kF64;
};
template <>
struct DTypeOfImpl<int32_t> {
  static constexpr DType value = DType::kI32;
};
template <>
struct DTypeOfImpl<int64_t> {
  static constexpr DType value = DType::kI64;
};
template <>
struct DTypeOfImpl<uint8_t> {
  static constexpr DType value = DType::kU8;
};
template <>
struct DTypeOfImpl<bool> {
  static constexpr DType value = DType::kBool;
};
}  // namespace internal

// DTypeOf<float> == DType::kF32.
template <typename T>
inline constexpr DType DTypeOf = internal::DTypeOfImpl<T>::value;

// A type as a value, for VisitDType.
template <typename T>
struct TypeTag {
  using type = T;
};

// Calls fn(TypeTag<T>{}) with the C++ type of `dtype` and returns its result, which has the same
// type for every T.
template <typename Fn>
decltype(auto) VisitDType(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::kF32:
      return fn(TypeTag<float>{});
    case DType::kF64:
      return fn(TypeTag<double>{});
    case DType::kI32:
      return fn(TypeTag<int32_t>{});
    case DType::kI64:
      return fn(TypeTag<int64_t>{});
    case DType::kU8:
      return fn(TypeTag<uint8_t>{});
    case DType::kBool:
      break;
  }
  return fn(TypeTag<bool>{});
}

}  // namespace adjoint

#endif  // ADJOINT_CORE_DTYPE_H_
