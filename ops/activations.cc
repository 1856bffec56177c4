#include "ops/activations.h"

#include <cmath>
#include <vector>

#include "core/simd.h"
#include "core/vec_math.h"
#include "core/vec_math_wide.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

using List = std::vector<Cotangent>;

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kTwoOverSqrtPi = 1.12837916709551257390;
constexpr double kOneOverSqrtTwoPi = 0.39894228040143267794;

struct ReluFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return x <= T{0} ? T{0} : x;  // NaN fails the comparison
  }
};

struct TanhFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return vec::Tanh(x);
  }
};

struct SigmoidFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return vec::Sigmoid(x);
  }
};

struct SoftplusFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return vec::Softplus(x);
  }
};

struct ErfFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return vec::Erf(x);
  }
};

struct GeluFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return vec::Gelu(x);
  }
};

}  // namespace

Var Relu(Operand x) { return Apply1(ReluOp(), {x}); }
Var Tanh(Operand x) { return Apply1(TanhOp(), {x}); }
Var Sigmoid(Operand x) { return Apply1(SigmoidOp(), {x}); }
Var Softplus(Operand x) { return Apply1(SoftplusOp(), {x}); }
Var Erf(Operand x) { return Apply1(ErfOp(), {x}); }
Var Gelu(Operand x) { return Apply1(GeluOp(), {x}); }

const OpDef& ReluOp() {
  static const OpDef* const op = new OpDef{
      .name = "relu",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{Where(Greater(c.outputs[0], 0.0), c.cotangents[0], 0.0)};
      },
      .kernels = {TileKernel(ReluOp), Reference1<TypeSet::kFloats>([](auto x) {
                    return std::isnan(x) ? x : std::fmax(x, decltype(x){0});
                  })},
      .tile = UnaryTile<ReluFn, TypeSet::kFloats>,
      .post_op = "relu",
      .onnx_name = "Relu",
  };
  return *op;
}

const OpDef& TanhOp() {
  static const OpDef* const op = new OpDef{
      .name = "tanh",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{Mul(c.cotangents[0], Sub(1.0, Square(c.outputs[0])))};
      },
      .kernels = {TileKernel(TanhOp),
                  Reference1<TypeSet::kFloats>([](auto x) { return std::tanh(x); })},
      .tile = UnaryTile<TanhFn, TypeSet::kFloats>,
      .onnx_name = "Tanh",
  };
  return *op;
}

const OpDef& SigmoidOp() {
  static const OpDef* const op = new OpDef{
      .name = "sigmoid",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        const Var out = c.outputs[0];
        return List{Mul(c.cotangents[0], Mul(out, Sub(1.0, out)))};
      },
      .kernels = {TileKernel(SigmoidOp), Reference1<TypeSet::kFloats>([](auto x) {
                    // e^-x may be infinite, and the quotient is then 0, as it should be.
                    return 1 / (1 + std::exp(-x));
                  })},
      .tile = UnaryTile<SigmoidFn, TypeSet::kFloats>,
      .post_op = "sigmoid",
      .onnx_name = "Sigmoid",
  };
  return *op;
}

const OpDef& SoftplusOp() {
  static const OpDef* const op = new OpDef{
      .name = "softplus",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{Mul(c.cotangents[0], Sigmoid(c.inputs[0]))};
      },
      .kernels = {TileKernel(SoftplusOp), Reference1<TypeSet::kFloats>([](auto x) {
                    return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
                  })},
      .tile = UnaryTile<SoftplusFn, TypeSet::kFloats>,
      .onnx_name = "Softplus",
  };
  return *op;
}

const OpDef& ErfOp() {
  static const OpDef* const op = new OpDef{
      .name = "erf",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        const Var slope = Mul(Exp(Neg(Square(c.inputs[0]))), kTwoOverSqrtPi);
        return List{Mul(c.cotangents[0], slope)};
      },
      .kernels = {TileKernel(ErfOp),
                  Reference1<TypeSet::kFloats>([](auto x) { return std::erf(x); })},
      .tile = UnaryTile<ErfFn, TypeSet::kFloats>,
      .onnx_name = "Erf",
  };
  return *op;
}

const OpDef& GeluOp() {
  static const OpDef* const op = new OpDef{
      .name = "gelu",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kFloats>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        // Phi(x) + x phi(x).
        const Var x = c.inputs[0];
        const Var cdf = Mul(Add(Erf(Mul(x, kSqrtHalf)), 1.0), 0.5);
        const Var density = Mul(Exp(Mul(Square(x), -0.5)), kOneOverSqrtTwoPi);
        return List{Mul(c.cotangents[0], Add(cdf, Mul(x, density)))};
      },
      .kernels = {TileKernel(GeluOp), Reference1<TypeSet::kFloats>([](auto x) {
                    const double tail = std::erfc(-kSqrtHalf * static_cast<double>(x));
                    return static_cast<decltype(x)>(tail == 0 ? -0.0 : x / 2 * tail);
                  })},
      .tile = UnaryTile<GeluFn, TypeSet::kFloats>,
      .post_op = "gelu_erf",
  };
  return *op;
}

}  // namespace adjoint::ops
