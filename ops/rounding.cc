#include "ops/rounding.h"

#include <cmath>
#include <vector>

#include "core/simd.h"
#include "core/vec_math.h"
#include "ops/arithmetic.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

using List = std::vector<Cotangent>;

#define ADJOINT_ROUNDING_FN(Name, function)                                        \
  struct Name##Fn {                                                                \
    static ADJOINT_INLINE float Of(float x) { return __builtin_##function##f(x); } \
    static ADJOINT_INLINE double Of(double x) { return __builtin_##function(x); }  \
  }
ADJOINT_ROUNDING_FN(Floor, floor);
ADJOINT_ROUNDING_FN(Ceil, ceil);
ADJOINT_ROUNDING_FN(Trunc, trunc);
ADJOINT_ROUNDING_FN(Round, rint);
#undef ADJOINT_ROUNDING_FN

struct FmodFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    if constexpr (std::is_same_v<T, float>) {
      return __builtin_fmodf(a, b);
    } else if constexpr (std::is_same_v<T, double>) {
      return __builtin_fmod(a, b);
    } else {
      // The most negative number % -1 is undefined in C, as its quotient overflows.
      const bool none = b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1));
      return none ? T{0} : static_cast<T>(a % b);
    }
  }
};

struct ModFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    const T rest = FmodFn::Of(a, b);
    if constexpr (std::is_unsigned_v<T>) {
      return rest;
    } else {
      const bool other_side = rest != T{0} && (rest < T{0}) != (b < T{0});
      return other_side ? static_cast<T>(rest + b) : rest;
    }
  }
};

template <class Reference>
OpDef RoundingOp(const char* name, const OpDef& (*self)(), TileFnTable tile, Reference reference,
                 const char* onnx_name) {
  return OpDef{
      .name = name,
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = ZeroCotangents,
      .kernels = {TileKernel(self), Reference1<TypeSet::kFloats>(reference)},
      .tile = std::move(tile),
      .onnx_name = onnx_name,
  };
}

// One loop for each type, of any strides: fmod is no vector code, and neither is a remainder.
template <class F>
Tile RemainderTile(const TileRequest& r) {
  return VisitDType(r.output, [&](auto tag) -> Tile {
    using T = typename decltype(tag)::type;
    if constexpr (internal::Takes<TypeSet::kNumbers, T>()) {
      return internal::PlainBinary<F, T, T>(r.scalar_mask);
    }
    return {};
  });
}

// Both remainders are a - b q with a whole q, which is found again without error from the output.
Cotangents RemainderVjp(const VjpContext& c) {
  const Var g = c.cotangents[0], a = c.inputs[0], b = c.inputs[1];
  return List{ForInput(c, 0, [&] { return g; }),
              ForInput(c, 1, [&] { return Mul(g, Round(Div(Sub(c.outputs[0], a), b))); })};
}

template <class Reference>
OpDef RemainderOp(const char* name, const OpDef& (*self)(), TileFnTable tile, Reference reference) {
  return OpDef{
      .name = name,
      .traits = {.elementwise = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kNumbers>,
      .vjp = RemainderVjp,
      .kernels = {TileKernel(self), Reference2<TypeSet::kNumbers>(reference)},
      .tile = std::move(tile),
      .onnx_name = "Mod",
  };
}

}  // namespace

Var Floor(Operand x) { return Apply1(FloorOp(), {x}); }
Var Ceil(Operand x) { return Apply1(CeilOp(), {x}); }
Var Trunc(Operand x) { return Apply1(TruncOp(), {x}); }
Var Round(Operand x) { return Apply1(RoundOp(), {x}); }
Var Mod(Operand a, Operand b) { return Apply1(ModOp(), {a, b}); }
Var Fmod(Operand a, Operand b) { return Apply1(FmodOp(), {a, b}); }

const OpDef& FloorOp() {
  static const OpDef* const op = new OpDef(RoundingOp(
      "floor", FloorOp, UnaryTile<FloorFn, TypeSet::kFloats>, [](auto x) { return std::floor(x); },
      "Floor"));
  return *op;
}

const OpDef& CeilOp() {
  static const OpDef* const op = new OpDef(RoundingOp(
      "ceil", CeilOp, UnaryTile<CeilFn, TypeSet::kFloats>, [](auto x) { return std::ceil(x); },
      "Ceil"));
  return *op;
}

const OpDef& TruncOp() {
  static const OpDef* const op = new OpDef(RoundingOp(
      "trunc", TruncOp, UnaryTile<TruncFn, TypeSet::kFloats>, [](auto x) { return std::trunc(x); },
      ""));
  return *op;
}

const OpDef& RoundOp() {
  static const OpDef* const op = new OpDef(RoundingOp(
      "round", RoundOp, UnaryTile<RoundFn, TypeSet::kFloats>,
      [](auto x) {
        const auto down = std::floor(x);
        const auto rest = x - down;
        const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(down, 2) != 0);
        return up ? down + 1 : down;
      },
      "Round"));
  return *op;
}

const OpDef& ModOp() {
  static const OpDef* const op =
      new OpDef(RemainderOp("mod", ModOp, RemainderTile<ModFn>, [](auto a, auto b) {
        using T = decltype(a);
        if constexpr (std::is_floating_point_v<T>) {
          const T rest = std::fmod(a, b);
          return rest != 0 && std::signbit(rest) != std::signbit(b) ? rest + b : rest;
        } else {
          if (b == 0) return T{0};
          if constexpr (std::is_unsigned_v<T>) return static_cast<T>(a % b);
          // In a wider type nothing overflows.
          const __int128 wide = b, rest = static_cast<__int128>(a) % wide;
          return static_cast<T>((rest + wide) % wide);
        }
      }));
  return *op;
}

const OpDef& FmodOp() {
  static const OpDef* const op =
      new OpDef(RemainderOp("fmod", FmodOp, RemainderTile<FmodFn>, [](auto a, auto b) {
        using T = decltype(a);
        if constexpr (std::is_floating_point_v<T>) {
          return std::fmod(a, b);
        } else {
          if (b == 0) return T{0};
          return static_cast<T>(static_cast<__int128>(a) % static_cast<__int128>(b));
        }
      }));
  return *op;
}

}  // namespace adjoint::ops
