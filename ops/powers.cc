// Sqrt, Exp, Log and Pow of ops/arithmetic.h.

#include <cmath>
#include <limits>
#include <vector>

#include "core/simd.h"
#include "core/vec_math.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

using List = std::vector<Cotangent>;

struct SqrtFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return vec::Sqrt(x);
  }
};

struct ExpFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return vec::Exp(x);
  }
};

struct LogFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return vec::Log(x);
  }
};

// By squaring, modulo 2^bits.
template <typename T>
T IntegerPow(T base, T exponent) {
  if (std::is_signed_v<T> && exponent < T{0}) {
    if (base == T{1}) return 1;
    if (base == static_cast<T>(-1)) return exponent % 2 == 0 ? 1 : static_cast<T>(-1);
    return 0;
  }
  Modular<T> power = 1;
  Modular<T> square = static_cast<Modular<T>>(base);
  for (Modular<T> e = static_cast<Modular<T>>(exponent); e != 0; e >>= 1) {
    if ((e & 1) != 0) power *= square;
    square *= square;
  }
  return static_cast<T>(power);
}

struct PowFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return vec::Pow(a, b);
    } else {
      return IntegerPow(a, b);
    }
  }
};

Cotangents PowVjp(const VjpContext& c) {
  const Var g = c.cotangents[0], a = c.inputs[0], b = c.inputs[1];
  return List{ForInput(c, 0,
                       [&] {
                         // Where b is 0, any finite power will do in place of a^-1.
                         const Var below = Where(Equal(b, 0.0), 1.0, Sub(b, 1.0));
                         return Mul(g, Mul(b, Pow(a, below)));
                       }),
              ForInput(c, 1, [&] {
                const Var zero = Equal(a, 0.0);
                const Var slope = Mul(c.outputs[0], Log(Where(zero, 1.0, a)));
                return Mul(g, Where(zero, 0.0, slope));
              })};
}

}  // namespace

Var Pow(Operand a, Operand b) { return Apply1(PowOp(), {a, b}); }

Var PowLikeBase(Operand a, Operand b) {
  if (a.is_number || b.is_number || !a.var.valid() || !b.var.valid()) return Pow(a, b);
  const DType base = a.var.dtype(), exponent = b.var.dtype();
  if (base == exponent) return Pow(a, b);
  if (!IsInteger(base)) return Pow(a, Operand(Cast(b, base), b.location));
  const DType wide = IsInteger(exponent) ? DType::kI64 : DType::kF64;
  return Cast(Pow(Operand(Cast(a, wide), a.location), Operand(Cast(b, wide), b.location)), base);
}

Var Sqrt(Operand x) { return Apply1(SqrtOp(), {x}); }
Var Exp(Operand x) { return Apply1(ExpOp(), {x}); }
Var Log(Operand x) { return Apply1(LogOp(), {x}); }

const OpDef& PowOp() {
  static const OpDef* const op = new OpDef{
      .name = "pow",
      .traits = {.elementwise = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kNumbers>,
      .vjp = PowVjp,
      .kernels = {TileKernel(PowOp), Reference2<TypeSet::kNumbers>([](auto a, auto b) {
                    using T = decltype(a);
                    if constexpr (std::is_floating_point_v<T>) {
                      return std::pow(a, b);
                    } else {
                      if (std::is_signed_v<T> && b < T{0}) {
                        const T sign = b % 2 == 0 ? T{1} : a;
                        return a == T{1} || a == static_cast<T>(-1) ? sign : T{0};
                      }
                      // Bit by bit from the top, as one does with pencil and paper.
                      Modular<T> power = 1;
                      for (int bit = std::numeric_limits<T>::digits - 1; bit >= 0; --bit) {
                        power *= power;
                        if ((b >> bit & 1) != 0) power *= static_cast<Modular<T>>(a);
                      }
                      return static_cast<T>(power);
                    }
                  })},
      .tile = BinaryTile<PowFn, TypeSet::kNumbers>,
      .onnx_name = "Pow",
  };
  return *op;
}

const OpDef& SqrtOp() {
  static const OpDef* const op = new OpDef{
      .name = "sqrt",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{Div(Mul(c.cotangents[0], 0.5), c.outputs[0])};
      },
      .kernels = {TileKernel(SqrtOp),
                  Reference1<TypeSet::kFloats>([](auto x) { return std::sqrt(x); })},
      .tile = UnaryTile<SqrtFn, TypeSet::kFloats>,
      .onnx_name = "Sqrt",
  };
  return *op;
}

const OpDef& ExpOp() {
  static const OpDef* const op = new OpDef{
      .name = "exp",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{Mul(c.cotangents[0], c.outputs[0])};
      },
      .kernels = {TileKernel(ExpOp),
                  Reference1<TypeSet::kFloats>([](auto x) { return std::exp(x); })},
      .tile = UnaryTile<ExpFn, TypeSet::kFloats>,
      .onnx_name = "Exp",
  };
  return *op;
}

const OpDef& LogOp() {
  static const OpDef* const op = new OpDef{
      .name = "log",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{Div(c.cotangents[0], c.inputs[0])};
      },
      .kernels = {TileKernel(LogOp),
                  Reference1<TypeSet::kFloats>([](auto x) { return std::log(x); })},
      .tile = UnaryTile<LogFn, TypeSet::kFloats>,
      .onnx_name = "Log",
  };
  return *op;
}

}  // namespace adjoint::ops
