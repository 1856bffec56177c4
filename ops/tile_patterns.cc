#include "ops/tile_patterns.h"

#include <algorithm>
#include <cstdint>

#include "core/simd.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"

namespace adjoint::ops {
namespace {

// A pattern is a type, an expression of the types below: matched against a tape, and compiled as
// the body of a loop.

struct Leaves {
  const float* vectors[kMaxTileOperands];
  float scalars[kMaxTileOperands];
};

struct Matcher {
  absl::Span<const PatternValue> values;
  absl::InlinedVector<int, kMaxTileOperands> operands;

  bool Bind(size_t leaf, int value) {
    if (values[value].dtype != DType::kF32) return false;
    if (leaf < operands.size()) return operands[leaf] == value;  // seen before in the pattern
    operands.push_back(value);
    return true;
  }
  // Whether `value` is the result of `op`, of which nothing else has need.
  bool Inner(int value, const OpDef& op) const {
    return values[value].op == &op && values[value].absorbable;
  }
};

// Leaf k: an array, or one element. Leaves are numbered in the order in which they are written.
template <int k>
struct V {
  static constexpr int kLeaves = k + 1;
  static bool Match(Matcher& m, int value) { return !m.values[value].scalar && m.Bind(k, value); }
  static ADJOINT_INLINE float At(const Leaves& leaves, int64_t i) { return leaves.vectors[k][i]; }
};

template <int k>
struct S {
  static constexpr int kLeaves = k + 1;
  static bool Match(Matcher& m, int value) { return m.values[value].scalar && m.Bind(k, value); }
  static ADJOINT_INLINE float At(const Leaves& leaves, int64_t) { return leaves.scalars[k]; }
};

template <class A, class B>
bool MatchTwo(Matcher& m, int a, int b) {
  const size_t before = m.operands.size();
  if (A::Match(m, a) && B::Match(m, b)) return true;
  m.operands.resize(before);
  return false;
}

// An inner node has Match, which wants it absorbable; a root is matched by MatchOperands alone.
#define ADJOINT_UNARY_PATTERN(Name, Op, expression)                   \
  template <class X>                                                  \
  struct Name {                                                       \
    static constexpr int kLeaves = X::kLeaves;                        \
    static const OpDef& op() { return Op(); }                         \
    static bool MatchOperands(Matcher& m, int value) {                \
      return X::Match(m, m.values[value].operands[0]);                \
    }                                                                 \
    static bool Match(Matcher& m, int value) {                        \
      return m.Inner(value, op()) && MatchOperands(m, value);         \
    }                                                                 \
    static ADJOINT_INLINE float At(const Leaves& leaves, int64_t i) { \
      const float x = X::At(leaves, i);                               \
      return expression;                                              \
    }                                                                 \
  }

#define ADJOINT_BINARY_PATTERN(Name, Op, Result, expression)                                  \
  template <class A, class B>                                                                 \
  struct Name {                                                                               \
    static constexpr int kLeaves = std::max(A::kLeaves, B::kLeaves);                          \
    static const OpDef& op() { return Op(); }                                                 \
    static bool MatchOperands(Matcher& m, int value) {                                        \
      const int a = m.values[value].operands[0], b = m.values[value].operands[1];             \
      return MatchTwo<A, B>(m, a, b) || (op().traits.commutative && MatchTwo<A, B>(m, b, a)); \
    }                                                                                         \
    static bool Match(Matcher& m, int value) {                                                \
      return m.Inner(value, op()) && MatchOperands(m, value);                                 \
    }                                                                                         \
    static ADJOINT_INLINE Result At(const Leaves& leaves, int64_t i) {                        \
      const float a = A::At(leaves, i), b = B::At(leaves, i);                                 \
      return expression;                                                                      \
    }                                                                                         \
  }

ADJOINT_UNARY_PATTERN(SquareOf, SquareOp, x* x);
ADJOINT_UNARY_PATTERN(SqrtOf, SqrtOp, __builtin_sqrtf(x));
ADJOINT_UNARY_PATTERN(ReluOf, ReluOp, x <= 0.0f ? 0.0f : x);
ADJOINT_BINARY_PATTERN(Plus, AddOp, float, a + b);
ADJOINT_BINARY_PATTERN(Minus, SubOp, float, a - b);
ADJOINT_BINARY_PATTERN(Times, MulOp, float, a* b);
ADJOINT_BINARY_PATTERN(Over, DivOp, float, a / b);
ADJOINT_BINARY_PATTERN(Exceeds, GreaterOp, bool, a > b);

#undef ADJOINT_UNARY_PATTERN
#undef ADJOINT_BINARY_PATTERN

template <class C, class A, class B>
struct Choice {
  static constexpr int kLeaves = std::max({C::kLeaves, A::kLeaves, B::kLeaves});
  static const OpDef& op() { return WhereOp(); }
  static bool MatchOperands(Matcher& m, int value) {
    const auto& operands = m.values[value].operands;
    return C::Match(m, operands[0]) && A::Match(m, operands[1]) && B::Match(m, operands[2]);
  }
  static ADJOINT_INLINE float At(const Leaves& leaves, int64_t i) {
    const float a = A::At(leaves, i), b = B::At(leaves, i);
    return C::At(leaves, i) ? a : b;
  }
};

template <class Expression>
struct PatternLoop {
  static ADJOINT_INLINE void Run(const TileArgs& args) {
    Leaves leaves = {};
    for (int k = 0; k < Expression::kLeaves; ++k) {
      leaves.vectors[k] = static_cast<const float*>(args.in[k]);
      leaves.scalars[k] = *leaves.vectors[k];
    }
    float* out = static_cast<float*>(args.out);
    const int64_t n = args.n;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = Expression::At(leaves, i);
  }
};

template <class Expression>
PatternMatch Try(absl::Span<const PatternValue> values, int root) {
  static_assert(Expression::kLeaves <= kMaxTileOperands);
  Matcher m{values, {}};
  if (values[root].op != &Expression::op() || !Expression::MatchOperands(m, root)) return {};
  return {Simd<PatternLoop<Expression>>::Select(), m.operands};
}

// The first of the expressions that matches.
template <class... Expressions>
PatternMatch First(absl::Span<const PatternValue> values, int root) {
  PatternMatch match;
  ((match = Try<Expressions>(values, root), match.fn != nullptr) || ...);
  return match;
}

}  // namespace

PatternMatch MatchPattern(absl::Span<const PatternValue> values, int root) {
  return First<
      // RMSprop, Adam, Adagrad: w - rate * g / (sqrt(v) + epsilon).
      Minus<V<0>, Over<Times<S<1>, V<2>>, Plus<SqrtOf<V<3>>, S<4>>>>,
      Over<Times<S<0>, V<1>>, Plus<SqrtOf<V<2>>, S<3>>>, Over<V<0>, Plus<SqrtOf<V<1>>, S<2>>>,
      // Moving averages, of squares and of values.
      Plus<Times<S<0>, V<1>>, Times<S<2>, SquareOf<V<3>>>>,
      Plus<Times<S<0>, V<1>>, Times<S<2>, V<3>>>,
      // Steps and momentum.
      Minus<V<0>, Times<S<1>, V<2>>>,  //
      Minus<Times<S<0>, V<1>>, V<2>>,  //
      Plus<V<0>, Times<S<1>, V<2>>>,   //
      Plus<V<0>, SquareOf<V<1>>>,
      // Gradients of sigmoid, tanh and relu, given their outputs.
      Times<V<0>, Times<V<1>, Minus<S<2>, V<1>>>>, Times<V<0>, Minus<S<1>, SquareOf<V<2>>>>,
      Choice<Exceeds<V<0>, S<1>>, V<2>, S<3>>,
      // A bias and its activation.
      ReluOf<Plus<V<0>, V<1>>>>(values, root);
}

}  // namespace adjoint::ops
