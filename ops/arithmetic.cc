#include "ops/arithmetic.h"

#include <cmath>
#include <limits>
#include <vector>

#include "core/simd.h"
#include "core/vec_math.h"
#include "ops/comparison.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

using List = std::vector<Cotangent>;

// Tile functions. Integers compute in the unsigned type, which wraps around.

struct AddFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    return static_cast<T>(static_cast<Modular<T>>(a) + static_cast<Modular<T>>(b));
  }
};

struct SubFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    return static_cast<T>(static_cast<Modular<T>>(a) - static_cast<Modular<T>>(b));
  }
};

struct MulFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    return static_cast<T>(static_cast<Modular<T>>(a) * static_cast<Modular<T>>(b));
  }
};

struct DivFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a / b;
    } else {
      if (b == 0) return 0;
      if (std::is_signed_v<T> && b == static_cast<T>(-1)) return SubFn::Of(T{0}, a);
      return static_cast<T>(a / b);
    }
  }
};

struct NegFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return static_cast<T>(-static_cast<Modular<T>>(x));
  }
};

struct AbsFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    if constexpr (std::is_floating_point_v<T>) {
      return vec::Abs(x);
    } else {
      return x < T{0} ? NegFn::Of(x) : x;
    }
  }
};

struct SquareFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return MulFn::Of(x, x);
  }
};

struct SignFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    if constexpr (std::is_floating_point_v<T>) {
      const T sign = x < T{0} ? T{-1} : x * T{0};  // 0, or NaN
      return x > T{0} ? T{1} : sign;
    } else {
      return static_cast<T>((x > T{0}) - (std::is_signed_v<T> && x < T{0}));
    }
  }
};

// A NaN in b fails the comparison and is chosen; one in a is asked for.
struct MaximumFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    return (a > b) | (a != a) ? a : b;
  }
};

struct MinimumFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T a, T b) {
    return (a < b) | (a != a) ? a : b;
  }
};

// Where the sides are equal, each has half of the cotangent.
Cotangents ExtremumVjp(const VjpContext& c, Var (*wins)(Operand, Operand)) {
  const Var g = c.cotangents[0], a = c.inputs[0], b = c.inputs[1];
  const auto share = [&](Var side, Var other) {
    return Where(Equal(side, other), Mul(g, 0.5), Where(wins(side, other), g, 0.0));
  };
  return List{ForInput(c, 0, [&] { return share(a, b); }),
              ForInput(c, 1, [&] { return share(b, a); })};
}

}  // namespace

Var Add(Operand a, Operand b) { return Apply1(AddOp(), {a, b}); }
Var Sub(Operand a, Operand b) { return Apply1(SubOp(), {a, b}); }
Var Mul(Operand a, Operand b) { return Apply1(MulOp(), {a, b}); }
Var Div(Operand a, Operand b) { return Apply1(DivOp(), {a, b}); }
Var Neg(Operand x) { return Apply1(NegOp(), {x}); }
Var Abs(Operand x) { return Apply1(AbsOp(), {x}); }
Var Square(Operand x) { return Apply1(SquareOp(), {x}); }
Var Sign(Operand x) { return Apply1(SignOp(), {x}); }
Var Maximum(Operand a, Operand b) { return Apply1(MaximumOp(), {a, b}); }
Var Minimum(Operand a, Operand b) { return Apply1(MinimumOp(), {a, b}); }

const OpDef& AddOp() {
  static const OpDef* const op = new OpDef{
      .name = "add",
      .traits = {.elementwise = true, .commutative = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        const auto pass = [&] { return c.cotangents[0]; };
        return List{ForInput(c, 0, pass), ForInput(c, 1, pass)};
      },
      .kernels = {TileKernel(AddOp), Reference2<TypeSet::kNumbers, false, true>([](auto a, auto b) {
                    using M = Modular<decltype(a)>;
                    return static_cast<M>(a) + static_cast<M>(b);
                  })},
      .tile = BinaryTile<AddFn, TypeSet::kNumbers, false, true>,
      .onnx_name = "Add",
  };
  return *op;
}

const OpDef& SubOp() {
  static const OpDef* const op = new OpDef{
      .name = "sub",
      .traits = {.elementwise = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{ForInput(c, 0, [&] { return c.cotangents[0]; }),
                    ForInput(c, 1, [&] { return Neg(c.cotangents[0]); })};
      },
      .kernels = {TileKernel(SubOp), Reference2<TypeSet::kNumbers, false, true>([](auto a, auto b) {
                    using M = Modular<decltype(a)>;
                    return static_cast<M>(a) - static_cast<M>(b);
                  })},
      .tile = BinaryTile<SubFn, TypeSet::kNumbers, false, true>,
      .onnx_name = "Sub",
  };
  return *op;
}

const OpDef& MulOp() {
  static const OpDef* const op = new OpDef{
      .name = "mul",
      .traits = {.elementwise = true, .commutative = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{ForInput(c, 0, [&] { return Mul(c.cotangents[0], c.inputs[1]); }),
                    ForInput(c, 1, [&] { return Mul(c.cotangents[0], c.inputs[0]); })};
      },
      .kernels = {TileKernel(MulOp), Reference2<TypeSet::kNumbers, false, true>([](auto a, auto b) {
                    using M = Modular<decltype(a)>;
                    return static_cast<M>(a) * static_cast<M>(b);
                  })},
      .tile = BinaryTile<MulFn, TypeSet::kNumbers, false, true>,
      .onnx_name = "Mul",
  };
  return *op;
}

const OpDef& DivOp() {
  static const OpDef* const op = new OpDef{
      .name = "div",
      .traits = {.elementwise = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        const Var b = c.inputs[1];
        return List{ForInput(c, 0, [&] { return Div(c.cotangents[0], b); }), ForInput(c, 1, [&] {
                      return Neg(Div(Mul(c.cotangents[0], c.outputs[0]), b));
                    })};
      },
      .kernels = {TileKernel(DivOp), Reference2<TypeSet::kNumbers>([](auto a, auto b) {
                    using T = decltype(a);
                    if constexpr (std::is_integral_v<T>) {
                      if (b == 0) return T{0};
                      if (a == std::numeric_limits<T>::min() && b == static_cast<T>(-1)) return a;
                    }
                    return static_cast<T>(a / b);
                  })},
      .tile = BinaryTile<DivFn, TypeSet::kNumbers>,
      .onnx_name = "Div",
  };
  return *op;
}

const OpDef& NegOp() {
  static const OpDef* const op = new OpDef{
      .name = "neg",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) -> Cotangents { return List{Neg(c.cotangents[0])}; },
      .kernels = {TileKernel(NegOp), Reference1<TypeSet::kNumbers, false, true>([](auto x) {
                    return -static_cast<Modular<decltype(x)>>(x);
                  })},
      .tile = UnaryTile<NegFn, TypeSet::kNumbers, false, true>,
      .onnx_name = "Neg",
  };
  return *op;
}

const OpDef& AbsOp() {
  static const OpDef* const op = new OpDef{
      .name = "abs",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{Mul(c.cotangents[0], Sign(c.inputs[0]))};
      },
      .kernels = {TileKernel(AbsOp), Reference1<TypeSet::kNumbers>([](auto x) {
                    using T = decltype(x);
                    if constexpr (std::is_floating_point_v<T>) {
                      return std::fabs(x);
                    } else {
                      return x < T{0} ? Modular<T>{0} - static_cast<Modular<T>>(x)
                                      : static_cast<Modular<T>>(x);
                    }
                  })},
      .tile = UnaryTile<AbsFn, TypeSet::kNumbers>,
      .onnx_name = "Abs",
  };
  return *op;
}

const OpDef& SquareOp() {
  static const OpDef* const op = new OpDef{
      .name = "square",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) -> Cotangents {
        return List{Mul(c.cotangents[0], Mul(c.inputs[0], 2.0))};
      },
      .kernels = {TileKernel(SquareOp), Reference1<TypeSet::kNumbers, false, true>([](auto x) {
                    using M = Modular<decltype(x)>;
                    return static_cast<M>(x) * static_cast<M>(x);
                  })},
      .tile = UnaryTile<SquareFn, TypeSet::kNumbers, false, true>,
  };
  return *op;
}

const OpDef& SignOp() {
  static const OpDef* const op = new OpDef{
      .name = "sign",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kNumbers>,
      .vjp = ZeroCotangents,
      .kernels = {TileKernel(SignOp), Reference1<TypeSet::kNumbers>([](auto x) {
                    using T = decltype(x);
                    if (x != x) return x;
                    return static_cast<T>(x > T{0} ? 1 : x < T{0} ? -1 : 0);
                  })},
      .tile = UnaryTile<SignFn, TypeSet::kNumbers>,
      .onnx_name = "Sign",
  };
  return *op;
}

const OpDef& MaximumOp() {
  static const OpDef* const op = new OpDef{
      .name = "maximum",
      .traits = {.elementwise = true, .commutative = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) { return ExtremumVjp(c, Greater); },
      .kernels = {TileKernel(MaximumOp), Reference2<TypeSet::kNumbers>([](auto a, auto b) {
                    if (a != a) return a;
                    if (b != b) return b;
                    return a > b ? a : b;
                  })},
      .tile = BinaryTile<MaximumFn, TypeSet::kNumbers>,
      .onnx_name = "Max",
  };
  return *op;
}

const OpDef& MinimumOp() {
  static const OpDef* const op = new OpDef{
      .name = "minimum",
      .traits = {.elementwise = true, .commutative = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferBinary<TypeSet::kNumbers>,
      .vjp = [](const VjpContext& c) { return ExtremumVjp(c, Less); },
      .kernels = {TileKernel(MinimumOp), Reference2<TypeSet::kNumbers>([](auto a, auto b) {
                    if (a != a) return a;
                    if (b != b) return b;
                    return a < b ? a : b;
                  })},
      .tile = BinaryTile<MinimumFn, TypeSet::kNumbers>,
      .onnx_name = "Min",
  };
  return *op;
}

}  // namespace adjoint::ops
