#include "ops/bits.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/simd.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

struct AndFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    return a & b;
  }
};

struct OrFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    return a | b;
  }
};

struct XorFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    return a ^ b;
  }
};

struct NotFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return static_cast<T>(~x);
  }
};

// The places to shift by: all of them where the count is out of range.
template <typename T>
ADJOINT_INLINE unsigned Places(T count, unsigned all) {
  const auto places = static_cast<std::make_unsigned_t<T>>(count);
  return places < all ? static_cast<unsigned>(places) : all;
}

struct LeftFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x, T count) {
    constexpr unsigned kBits = 8 * sizeof(T);
    const unsigned places = Places(count, kBits);
    return places < kBits ? static_cast<T>(static_cast<uint64_t>(x) << places) : T{0};
  }
};

struct RightFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x, T count) {
    constexpr unsigned kLast = 8 * sizeof(T) - 1;
    // The last place of a signed number is its sign.
    const unsigned places = Places(count, kLast + 1);
    const T shifted = static_cast<T>(x >> (places < kLast ? places : kLast));
    return !std::is_signed_v<T> && places > kLast ? T{0} : shifted;
  }
};

// kSignless as in ops/elementwise.h.
template <class F, bool kSignless, class Reference>
OpDef BitsOp(const char* name, bool commutative, const OpDef& (*self)(), Reference reference,
             const char* onnx_name) {
  return OpDef{
      .name = name,
      .traits = {.elementwise = true, .commutative = commutative},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kIntegers>,
      .vjp = ZeroCotangents,
      .kernels = {TileKernel(self), Reference2<TypeSet::kIntegers, false, kSignless>(reference)},
      .tile = BinaryTile<F, TypeSet::kIntegers, false, kSignless>,
      .onnx_name = onnx_name,
  };
}

// x 2^count for a negative or positive count, by one place at a time.
template <typename T>
T Shifted(T x, T count, bool left) {
  const T bits = 8 * sizeof(T);
  const T places = std::is_signed_v<T> && count < T{0} ? bits : std::min(count, bits);
  for (T i = 0; i < places; ++i) {
    const T odd = static_cast<T>(x & 1);
    x = left ? static_cast<T>(static_cast<std::make_unsigned_t<T>>(x) * 2u)
             : static_cast<T>((x - odd) / 2);
  }
  return x;
}

}  // namespace

Var BitwiseAnd(Operand a, Operand b) { return Apply1(BitwiseAndOp(), {a, b}); }
Var BitwiseOr(Operand a, Operand b) { return Apply1(BitwiseOrOp(), {a, b}); }
Var BitwiseXor(Operand a, Operand b) { return Apply1(BitwiseXorOp(), {a, b}); }
Var BitwiseNot(Operand x) { return Apply1(BitwiseNotOp(), {x}); }
Var ShiftLeft(Operand x, Operand count) { return Apply1(ShiftLeftOp(), {x, count}); }
Var ShiftRight(Operand x, Operand count) { return Apply1(ShiftRightOp(), {x, count}); }

const OpDef& BitwiseAndOp() {
  static const OpDef* const op = new OpDef(BitsOp<AndFn, true>(
      "bitwise_and", true, BitwiseAndOp, [](auto a, auto b) { return a & b; }, "BitwiseAnd"));
  return *op;
}

const OpDef& BitwiseOrOp() {
  static const OpDef* const op = new OpDef(BitsOp<OrFn, true>(
      "bitwise_or", true, BitwiseOrOp, [](auto a, auto b) { return a | b; }, "BitwiseOr"));
  return *op;
}

const OpDef& BitwiseXorOp() {
  static const OpDef* const op = new OpDef(BitsOp<XorFn, true>(
      "bitwise_xor", true, BitwiseXorOp, [](auto a, auto b) { return a ^ b; }, "BitwiseXor"));
  return *op;
}

const OpDef& BitwiseNotOp() {
  static const OpDef* const op = new OpDef{
      .name = "bitwise_not",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kIntegers>,
      .vjp = ZeroCotangents,
      .kernels = {TileKernel(BitwiseNotOp), Reference1<TypeSet::kIntegers, false, true>([](auto x) {
                    return std::numeric_limits<decltype(x)>::max() - x;
                  })},
      .tile = UnaryTile<NotFn, TypeSet::kIntegers, false, true>,
      .onnx_name = "BitwiseNot",
  };
  return *op;
}

const OpDef& ShiftLeftOp() {
  static const OpDef* const op = new OpDef(BitsOp<LeftFn, true>(
      "shift_left", false, ShiftLeftOp, [](auto x, auto n) { return Shifted(x, n, true); },
      "BitShift"));
  return *op;
}

const OpDef& ShiftRightOp() {
  static const OpDef* const op = new OpDef(BitsOp<RightFn, false>(
      "shift_right", false, ShiftRightOp, [](auto x, auto n) { return Shifted(x, n, false); },
      "BitShift"));
  return *op;
}

}  // namespace adjoint::ops
