#include "ops/elementary.h"

#include <cmath>
#include <utility>
#include <vector>

#include "core/simd.h"
#include "core/vec_math.h"
#include "ops/arithmetic.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

using List = std::vector<Cotangent>;

constexpr double kLn2 = 0.69314718055994530942;
constexpr double kLn10 = 2.30258509299404568402;

// Functions of core/vec_math.h, and of the C library, by name.
#define ADJOINT_VECTOR_FN(Name)       \
  struct Name##Fn {                   \
    template <typename T>             \
    static ADJOINT_INLINE T Of(T x) { \
      return vec::Name(x);            \
    }                                 \
  }
#define ADJOINT_LIBM_FN(Name, function)                                            \
  struct Name##Fn {                                                                \
    static ADJOINT_INLINE float Of(float x) { return __builtin_##function##f(x); } \
    static ADJOINT_INLINE double Of(double x) { return __builtin_##function(x); }  \
  }
ADJOINT_VECTOR_FN(Expm1);
ADJOINT_VECTOR_FN(Log1p);
ADJOINT_LIBM_FN(Exp2, exp2);
ADJOINT_LIBM_FN(Log2, log2);
ADJOINT_LIBM_FN(Log10, log10);
ADJOINT_LIBM_FN(Tan, tan);
ADJOINT_LIBM_FN(Asin, asin);
ADJOINT_LIBM_FN(Acos, acos);
ADJOINT_LIBM_FN(Atan, atan);
ADJOINT_LIBM_FN(Sinh, sinh);
ADJOINT_LIBM_FN(Cosh, cosh);
ADJOINT_LIBM_FN(Asinh, asinh);
ADJOINT_LIBM_FN(Acosh, acosh);
ADJOINT_LIBM_FN(Atanh, atanh);
#undef ADJOINT_VECTOR_FN
#undef ADJOINT_LIBM_FN

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

// For functions of the C library: they gain nothing from copies for other instruction sets.
template <class F>
Tile LibmTile(const TileRequest& r) {
  if (r.scalar_mask != 0) return {};
  return {VisitFloating(r.output, [](auto tag) {
    using T = typename decltype(tag)::type;
    return Simd<internal::UnaryLoop<F, T, T>>::Baseline;
  })};
}

struct Atan2Fn {
  static ADJOINT_INLINE float Of(float y, float x) { return __builtin_atan2f(y, x); }
  static ADJOINT_INLINE double Of(double y, double x) { return __builtin_atan2(y, x); }
};

Tile Atan2Tile(const TileRequest& r) {
  return VisitFloating(r.output, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return internal::PlainBinary<Atan2Fn, T, T>(r.scalar_mask);
  });
}

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

// Tiles that call the C library for each element: the kernel says so.
KernelDef LibmKernel(const OpDef& (*op)()) {
  KernelDef kernel = TileKernel(op);
  kernel.name = "libm";
  return kernel;
}

template <class Reference>
OpDef LibmOp(const char* name, const OpDef& (*self)(), TileFnTable tile, Reference reference,
             Var (*slope)(Var x, Var out), const char* onnx_name) {
  OpDef op = FunctionOp(name, self, std::move(tile), reference, slope, onnx_name);
  op.kernels[0] = LibmKernel(self);
  return op;
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
  static const OpDef* const op = new OpDef(LibmOp(
      "exp2", Exp2Op, LibmTile<Exp2Fn>, [](auto x) { return std::exp2(x); },
      [](Var, Var out) { return Mul(out, kLn2); }, ""));
  return *op;
}

const OpDef& Log2Op() {
  static const OpDef* const op = new OpDef(LibmOp(
      "log2", Log2Op, LibmTile<Log2Fn>, [](auto x) { return std::log2(x); },
      [](Var x, Var) { return Div(1 / kLn2, x); }, ""));
  return *op;
}

const OpDef& Log10Op() {
  static const OpDef* const op = new OpDef(LibmOp(
      "log10", Log10Op, LibmTile<Log10Fn>, [](auto x) { return std::log10(x); },
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
  static const OpDef* const op = new OpDef(LibmOp(
      "tan", TanOp, LibmTile<TanFn>, [](auto x) { return std::tan(x); },
      [](Var, Var out) { return Add(Square(out), 1.0); }, "Tan"));
  return *op;
}

const OpDef& AsinOp() {
  static const OpDef* const op = new OpDef(LibmOp(
      "asin", AsinOp, LibmTile<AsinFn>, [](auto x) { return std::asin(x); },
      [](Var x, Var) { return Rsqrt(OneMinusSquare(x)); }, "Asin"));
  return *op;
}

const OpDef& AcosOp() {
  static const OpDef* const op = new OpDef(LibmOp(
      "acos", AcosOp, LibmTile<AcosFn>, [](auto x) { return std::acos(x); },
      [](Var x, Var) { return Neg(Rsqrt(OneMinusSquare(x))); }, "Acos"));
  return *op;
}

const OpDef& AtanOp() {
  static const OpDef* const op = new OpDef(LibmOp(
      "atan", AtanOp, LibmTile<AtanFn>, [](auto x) { return std::atan(x); },
      [](Var x, Var) { return Reciprocal(Add(Square(x), 1.0)); }, "Atan"));
  return *op;
}

const OpDef& SinhOp() {
  static const OpDef* const op = new OpDef(LibmOp(
      "sinh", SinhOp, LibmTile<SinhFn>, [](auto x) { return std::sinh(x); },
      [](Var x, Var) { return Cosh(x); }, "Sinh"));
  return *op;
}

const OpDef& CoshOp() {
  static const OpDef* const op = new OpDef(LibmOp(
      "cosh", CoshOp, LibmTile<CoshFn>, [](auto x) { return std::cosh(x); },
      [](Var x, Var) { return Sinh(x); }, "Cosh"));
  return *op;
}

const OpDef& AsinhOp() {
  static const OpDef* const op = new OpDef(LibmOp(
      "asinh", AsinhOp, LibmTile<AsinhFn>, [](auto x) { return std::asinh(x); },
      [](Var x, Var) { return Rsqrt(Add(Square(x), 1.0)); }, "Asinh"));
  return *op;
}

const OpDef& AcoshOp() {
  static const OpDef* const op = new OpDef(LibmOp(
      "acosh", AcoshOp, LibmTile<AcoshFn>, [](auto x) { return std::acosh(x); },
      [](Var x, Var) { return Rsqrt(Mul(Sub(x, 1.0), Add(x, 1.0))); }, "Acosh"));
  return *op;
}

const OpDef& AtanhOp() {
  static const OpDef* const op = new OpDef(LibmOp(
      "atanh", AtanhOp, LibmTile<AtanhFn>, [](auto x) { return std::atanh(x); },
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
      .kernels = {LibmKernel(Atan2Op),
                  Reference2<TypeSet::kFloats>([](auto y, auto x) { return std::atan2(y, x); })},
      .tile = Atan2Tile,
  };
  return *op;
}

}  // namespace adjoint::ops
