#ifndef ADJOINT_CORE_DTYPE_H_
#define ADJOINT_CORE_DTYPE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/half.h"

namespace adjoint {

// The element type of a tensor. The numbers are written into model files: append, never renumber.
// bf16 and f16 (core/half.h) are storage types: they are moved, compared for nothing and computed
// with by casting them to f32.
enum class DType : uint8_t {
  kF32 = 1,
  kF64 = 2,
  kI32 = 3,
  kI64 = 4,
  kU8 = 5,
  kBool = 6,
  kI8 = 7,
  kI16 = 8,
  kU16 = 9,
  kU32 = 10,
  kU64 = 11,
  kBF16 = 12,
  kF16 = 13,
};

inline constexpr DType kAllDTypes[] = {
    DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8,   DType::kBool, DType::kI8,
    DType::kI16, DType::kU16, DType::kU32, DType::kU64, DType::kBF16, DType::kF16};

// "f32", "f64", "i32", "i64", "u8", "bool", "i8", "i16", "u16", "u32", "u64", "bf16", "f16".
absl::string_view DTypeName(DType dtype);
absl::StatusOr<DType> DTypeFromName(absl::string_view name);

// Bytes an element takes in memory; a bool takes one.
size_t DTypeSize(DType dtype);

// f32 and f64: what is computed with, and has gradients.
inline bool IsFloating(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF64; }
// bf16 and f16.
inline bool IsHalf(DType dtype) { return dtype == DType::kBF16 || dtype == DType::kF16; }
// Signed or unsigned, of any width; bool is none.
inline bool IsInteger(DType dtype) {
  return !IsFloating(dtype) && !IsHalf(dtype) && dtype != DType::kBool;
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
template <>
struct DTypeOfImpl<int8_t> {
  static constexpr DType value = DType::kI8;
};
template <>
struct DTypeOfImpl<int16_t> {
  static constexpr DType value = DType::kI16;
};
template <>
struct DTypeOfImpl<uint16_t> {
  static constexpr DType value = DType::kU16;
};
template <>
struct DTypeOfImpl<uint32_t> {
  static constexpr DType value = DType::kU32;
};
template <>
struct DTypeOfImpl<uint64_t> {
  static constexpr DType value = DType::kU64;
};
template <>
struct DTypeOfImpl<BFloat16> {
  static constexpr DType value = DType::kBF16;
};
template <>
struct DTypeOfImpl<Float16> {
  static constexpr DType value = DType::kF16;
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
    case DType::kI8:
      return fn(TypeTag<int8_t>{});
    case DType::kI16:
      return fn(TypeTag<int16_t>{});
    case DType::kU16:
      return fn(TypeTag<uint16_t>{});
    case DType::kU32:
      return fn(TypeTag<uint32_t>{});
    case DType::kU64:
      return fn(TypeTag<uint64_t>{});
    case DType::kBF16:
      return fn(TypeTag<BFloat16>{});
    case DType::kF16:
      return fn(TypeTag<Float16>{});
    case DType::kBool:
      break;
  }
  return fn(TypeTag<bool>{});
}

// The same with the unsigned integer that has the size of an element, for work that moves elements
// as bits: four instances of fn rather than one a type.
template <typename Fn>
decltype(auto) VisitWord(DType dtype, Fn&& fn) {
  switch (DTypeSize(dtype)) {
    case 1:
      return fn(TypeTag<uint8_t>{});
    case 2:
      return fn(TypeTag<uint16_t>{});
    case 4:
      return fn(TypeTag<uint32_t>{});
    default:
      return fn(TypeTag<uint64_t>{});
  }
}

// The same for a type known to be f32 or f64.
template <typename Fn>
decltype(auto) VisitFloating(DType dtype, Fn&& fn) {
  if (dtype == DType::kF64) return fn(TypeTag<double>{});
  return fn(TypeTag<float>{});
}

}  // namespace adjoint

#endif  // ADJOINT_CORE_DTYPE_H_
