#include "ops/elementary.h"

#include <cmath>
#include <utility>
#include <vector>

#include "core/simd.h"
#include "core/vec_math.h"
#include "core/vec_math_wide.h"
#include "ops/arithmetic.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

using List = std::vector<Cotangent>;

constexpr double kLn2 = 0.69314718055994530942;
constexpr double kLn10 = 2.30258509299404568402;

// Functions of core/vec_math.h and core/vec_math_wide.h by name.
#define ADJOINT_VECTOR_FN(Name)       \
  struct Name##Fn {                   \
    template <typename T>             \
    static ADJOINT_INLINE T Of(T x) { \
      return vec::Name(x);            \
    }                                 \
  }
ADJOINT_VECTOR_FN(Expm1);
ADJOINT_VECTOR_FN(Log1p);
ADJOINT_VECTOR_FN(Exp2);
ADJOINT_VECTOR_FN(Log2);
ADJOINT_VECTOR_FN(Log10);
ADJOINT_VECTOR_FN(Asin);
ADJOINT_VECTOR_FN(Acos);
ADJOINT_VECTOR_FN(Atan);
ADJOINT_VECTOR_FN(Sinh);
ADJOINT_VECTOR_FN(Cosh);
ADJOINT_VECTOR_FN(Asinh);
ADJOINT_VECTOR_FN(Acosh);
ADJOINT_VECTOR_FN(Atanh);
#undef ADJOINT_VECTOR_FN

struct SinFn {
  static ADJOINT_INLINE float Fast(float x) { return vec::SinModerate(x); }
  static float Any(float x) { return __builtin_sinf(x); }
  static ADJOINT_INLINE double Of(double x) { return __builtin_sin(x); }
};

struct CosFn {
  static ADJOINT_INLINE float Fast(float x) { return vec::CosModerate(x); }
  static float Any(float x) { return __builtin_cosf(x); }
  static ADJOINT_INLINE double Of(double x) { return __builtin_cos(x); }
};

struct TanFn {
  static ADJOINT_INLINE float Fast(float x) { return vec::TanModerate(x); }
  static float Any(float x) { return __builtin_tanf(x); }
  static ADJOINT_INLINE double Of(double x) { return __builtin_tan(x); }
};

// Angles of many turns, which are rare, go to the C library. Which way an element goes depends on
// it alone.
template <class F>
struct AngleLoop {
  static ADJOINT_INLINE void Run(const TileArgs& args) {
    constexpr int64_t kChunk = 256;
    const float* x = static_cast<const float*>(args.in[0]);
    float* y = static_cast<float*>(args.out);
    for (int64_t begin = 0; begin < args.n; begin += kChunk) {
      const int64_t n = args.n - begin < kChunk ? args.n - begin : kChunk;
      uint32_t large = 0;
      for (int64_t i = 0; i < n; ++i) large |= vec::Abs(x[begin + i]) > vec::kModerateAngle;
      if (large == 0) {
#pragma GCC ivdep
        for (int64_t i = begin; i < begin + n; ++i) y[i] = F::Fast(x[i]);
        continue;
      }
      for (int64_t i = begin; i < begin + n; ++i) {
        y[i] = vec::Abs(x[i]) > vec::kModerateAngle ? F::Any(x[i]) : F::Fast(x[i]);
      }
    }
  }
};

template <class F>
Tile AngleTile(const TileRequest& r) {
  if (r.scalar_mask != 0) return {};
  if (r.output == DType::kF32) return {Simd<AngleLoop<F>>::Select()};
  return {Simd<internal::UnaryLoop<F, double, double>>::Baseline};
}

struct Atan2Fn {
  template <typename T>
  static ADJOINT_INLINE T Of(T y, T x) {
    return vec::Atan2(y, x);
  }
};

// A record of one floating operand. `slope` is the derivative as a function of input and output.
template <class Reference>
OpDef FunctionOp(const char* name, const OpDef& (*self)(), TileFnTable tile, Reference reference,
                 Var (*slope)(Var x, Var out), const char* onnx_name) {
  return OpDef{
      .name = name,
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [slope](const VjpContext& c) -> Cotangents {
        return List{Mul(c.cotangents[0], slope(c.inputs[0], c.outputs[0]))};
      },
      .kernels = {TileKernel(self), Reference1<TypeSet::kFloats>(reference)},
      .tile = std::move(tile),
      .onnx_name = onnx_name,
  };
}

// 1 - x^2 without cancellation near 1.
Var OneMinusSquare(Var x) { return Mul(Sub(1.0, x), Add(1.0, x)); }

}  // namespace

Var Expm1(Operand x) { return Apply1(Expm1Op(), {x}); }
Var Log1p(Operand x) { return Apply1(Log1pOp(), {x}); }
Var Exp2(Operand x) { return Apply1(Exp2Op(), {x}); }
Var Log2(Operand x) { return Apply1(Log2Op(), {x}); }
Var Log10(Operand x) { return Apply1(Log10Op(), {x}); }
Var Reciprocal(Operand x) { return Div(Operand(1.0, x.location), x); }
Var Rsqrt(Operand x) { return Div(1.0, Sqrt(x)); }
Var Sin(Operand x) { return Apply1(SinOp(), {x}); }
Var Cos(Operand x) { return Apply1(CosOp(), {x}); }
Var Tan(Operand x) { return Apply1(TanOp(), {x}); }
Var Asin(Operand x) { return Apply1(AsinOp(), {x}); }
Var Acos(Operand x) { return Apply1(AcosOp(), {x}); }
Var Atan(Operand x) { return Apply1(AtanOp(), {x}); }
Var Atan2(Operand y, Operand x) { return Apply1(Atan2Op(), {y, x}); }
Var Sinh(Operand x) { return Apply1(SinhOp(), {x}); }
Var Cosh(Operand x) { return Apply1(CoshOp(), {x}); }
Var Asinh(Operand x) { return Apply1(AsinhOp(), {x}); }
Var Acosh(Operand x) { return Apply1(AcoshOp(), {x}); }
Var Atanh(Operand x) { return Apply1(AtanhOp(), {x}); }

const OpDef& Expm1Op() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "expm1", Expm1Op, UnaryTile<Expm1Fn, TypeSet::kFloats>, [](auto x) { return std::expm1(x); },
      [](Var, Var out) { return Add(out, 1.0); }, ""));
  return *op;
}

const OpDef& Log1pOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "log1p", Log1pOp, UnaryTile<Log1pFn, TypeSet::kFloats>, [](auto x) { return std::log1p(x); },
      [](Var x, Var) { return Div(1.0, Add(x, 1.0)); }, ""));
  return *op;
}

const OpDef& Exp2Op() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "exp2", Exp2Op, UnaryTile<Exp2Fn, TypeSet::kFloats>, [](auto x) { return std::exp2(x); },
      [](Var, Var out) { return Mul(out, kLn2); }, ""));
  return *op;
}

const OpDef& Log2Op() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "log2", Log2Op, UnaryTile<Log2Fn, TypeSet::kFloats>, [](auto x) { return std::log2(x); },
      [](Var x, Var) { return Div(1 / kLn2, x); }, ""));
  return *op;
}

const OpDef& Log10Op() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "log10", Log10Op, UnaryTile<Log10Fn, TypeSet::kFloats>, [](auto x) { return std::log10(x); },
      [](Var x, Var) { return Div(1 / kLn10, x); }, ""));
  return *op;
}

const OpDef& SinOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "sin", SinOp, AngleTile<SinFn>, [](auto x) { return std::sin(x); },
      [](Var x, Var) { return Cos(x); }, "Sin"));
  return *op;
}

const OpDef& CosOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "cos", CosOp, AngleTile<CosFn>, [](auto x) { return std::cos(x); },
      [](Var x, Var) { return Neg(Sin(x)); }, "Cos"));
  return *op;
}

const OpDef& TanOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "tan", TanOp, AngleTile<TanFn>, [](auto x) { return std::tan(x); },
      [](Var, Var out) { return Add(Square(out), 1.0); }, "Tan"));
  return *op;
}

const OpDef& AsinOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "asin", AsinOp, UnaryTile<AsinFn, TypeSet::kFloats>, [](auto x) { return std::asin(x); },
      [](Var x, Var) { return Rsqrt(OneMinusSquare(x)); }, "Asin"));
  return *op;
}

const OpDef& AcosOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "acos", AcosOp, UnaryTile<AcosFn, TypeSet::kFloats>, [](auto x) { return std::acos(x); },
      [](Var x, Var) { return Neg(Rsqrt(OneMinusSquare(x))); }, "Acos"));
  return *op;
}

const OpDef& AtanOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "atan", AtanOp, UnaryTile<AtanFn, TypeSet::kFloats>, [](auto x) { return std::atan(x); },
      [](Var x, Var) { return Reciprocal(Add(Square(x), 1.0)); }, "Atan"));
  return *op;
}

const OpDef& SinhOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "sinh", SinhOp, UnaryTile<SinhFn, TypeSet::kFloats>, [](auto x) { return std::sinh(x); },
      [](Var x, Var) { return Cosh(x); }, "Sinh"));
  return *op;
}

const OpDef& CoshOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "cosh", CoshOp, UnaryTile<CoshFn, TypeSet::kFloats>, [](auto x) { return std::cosh(x); },
      [](Var x, Var) { return Sinh(x); }, "Cosh"));
  return *op;
}

const OpDef& AsinhOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "asinh", AsinhOp, UnaryTile<AsinhFn, TypeSet::kFloats>, [](auto x) { return std::asinh(x); },
      [](Var x, Var) { return Rsqrt(Add(Square(x), 1.0)); }, "Asinh"));
  return *op;
}

const OpDef& AcoshOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "acosh", AcoshOp, UnaryTile<AcoshFn, TypeSet::kFloats>, [](auto x) { return std::acosh(x); },
      [](Var x, Var) { return Rsqrt(Mul(Sub(x, 1.0), Add(x, 1.0))); }, "Acosh"));
  return *op;
}

const OpDef& AtanhOp() {
  static const OpDef* const op = new OpDef(FunctionOp(
      "atanh", AtanhOp, UnaryTile<AtanhFn, TypeSet::kFloats>, [](auto x) { return std::atanh(x); },
      [](Var x, Var) { return Reciprocal(OneMinusSquare(x)); }, "Atanh"));
  return *op;
}

const OpDef& Atan2Op() {
  static const OpDef* const op = new OpDef{
      .name = "atan2",
      .traits = {.elementwise = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        const Var y = c.inputs[0], x = c.inputs[1];
        const Var scaled = Div(c.cotangents[0], Add(Square(x), Square(y)));
        return List{ForInput(c, 0, [&] { return Mul(scaled, x); }),
                    ForInput(c, 1, [&] { return Neg(Mul(scaled, y)); })};
      },
      .kernels = {TileKernel(Atan2Op),
                  Reference2<TypeSet::kFloats>([](auto y, auto x) { return std::atan2(y, x); })},
      .tile = BinaryTile<Atan2Fn, TypeSet::kFloats>,
  };
  return *op;
}

}  // namespace adjoint::ops
