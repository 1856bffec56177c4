#ifndef ADJOINT_OPS_ELEMENTWISE_H_
#define ADJOINT_OPS_ELEMENTWISE_H_

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/simd.h"
#include "ops/op_def.h"
#include "ops/shape_ops.h"
#include "ops/tile_engine.h"

// For authors of elementwise ops: shape rules, tile functions and reference kernels.

namespace adjoint::ops {

using Cotangents = absl::StatusOr<std::vector<Cotangent>>;

// Element types that an op takes. None but kAll has the storage types bf16 and f16.
enum class TypeSet {
  kFloats,      // f32 and f64
  kIntegers,    // signed and unsigned, of 8 to 64 bits
  kNumbers,     // both of these
  kBools,       // bool
  kComparable,  // numbers and bool
  kAll,
};

// Shape rules -----------------------------------------------------------------------------------

// One operand whose type is in the set; the result is like it.
template <TypeSet kTypes>
absl::StatusOr<std::vector<TensorSpec>> InferUnary(const InferContext& c);

// Two operands of one type in the set, which broadcast; the result has that type, or is bool.
template <TypeSet kTypes>
absl::StatusOr<std::vector<TensorSpec>> InferBinary(const InferContext& c);
template <TypeSet kTypes>
absl::StatusOr<std::vector<TensorSpec>> InferComparison(const InferContext& c);

// An error when the type is not in the set: what the op takes, and what `what` ("lhs") is.
absl::Status CheckType(TypeSet types, DType dtype, const char* what);

template <TypeSet kTypes>
absl::StatusOr<std::vector<TensorSpec>> InferUnary(const InferContext& c) {
  const absl::Status status = CheckType(kTypes, c.inputs[0].dtype, "the operand");
  if (!status.ok()) return status;
  return std::vector<TensorSpec>{c.inputs[0]};
}

namespace internal {
absl::StatusOr<std::vector<TensorSpec>> InferBroadcast(TypeSet types, bool to_bool,
                                                       const InferContext& c);
}  // namespace internal

template <TypeSet kTypes>
absl::StatusOr<std::vector<TensorSpec>> InferBinary(const InferContext& c) {
  return internal::InferBroadcast(kTypes, /*to_bool=*/false, c);
}
template <TypeSet kTypes>
absl::StatusOr<std::vector<TensorSpec>> InferComparison(const InferContext& c) {
  return internal::InferBroadcast(kTypes, /*to_bool=*/true, c);
}

// Gradient rules --------------------------------------------------------------------------------

// What `rule` returns, summed over the axes along which input `i` was broadcast; zero, without
// asking, when nobody needs it.
template <class Rule>
Cotangent ForInput(const VjpContext& c, int i, Rule rule) {
  if (!c.needs[i]) return Cotangent::Zero();
  return SumTo(rule(), c.inputs[i].shape());
}

// The rule of an op whose gradient is zero by definition.
inline Cotangents ZeroCotangents(const VjpContext& c) {
  return std::vector<Cotangent>(c.inputs.size(), Cotangent::Zero());
}

// Tile functions --------------------------------------------------------------------------------
//
// An op's arithmetic is a struct F with a static template, or overloads, F::Of(x) or F::Of(a, b),
// ADJOINT_INLINE and free of branches. Loops over f32 are compiled for every instruction set, those
// over other types for the baseline. Bools are read and written as bytes, 0 or 1.

namespace internal {

template <typename T, bool = std::is_integral_v<T>>
struct ModularOf {
  using type = T;
};
// Not narrower than int, which narrower types are promoted to, and in which a product may overflow.
template <typename T>
struct ModularOf<T, true> {
  using type = std::conditional_t<(sizeof(T) < sizeof(int)), unsigned, std::make_unsigned_t<T>>;
};

template <typename T, bool = std::is_integral_v<T> && !std::is_same_v<T, bool>>
struct UnsignedOf {
  using type = T;
};
template <typename T>
struct UnsignedOf<T, true> {
  using type = std::make_unsigned_t<T>;
};

}  // namespace internal

// The type in which arithmetic of T wraps around: unsigned for integers, T itself when floating.
template <typename T>
using Modular = typename internal::ModularOf<T>::type;

namespace internal {

template <typename T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

// The type to compute in for a tensor of T: an unsigned one for integers where the sign does not
// matter to the bits of the result, which halves the instances.
template <typename T, bool kSignless>
using Computed =
    typename UnsignedOf<T, kSignless && std::is_integral_v<T> && !std::is_same_v<T, bool>>::type;

// `ivdep`: an output may equal an input, element for element, which no other iteration touches.
template <class F, typename X, typename Y>
struct UnaryLoop {
  static ADJOINT_INLINE void Run(const TileArgs& args) {
    const X* x = static_cast<const X*>(args.in[0]);
    Y* y = static_cast<Y*>(args.out);
    const int64_t n = args.n;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = F::Of(x[i]);
  }
};

template <class F, typename X, typename Y, bool kScalarA, bool kScalarB>
struct BinaryLoop {
  static ADJOINT_INLINE void Run(const TileArgs& args) {
    const X* a = static_cast<const X*>(args.in[0]);
    const X* b = static_cast<const X*>(args.in[1]);
    Y* y = static_cast<Y*>(args.out);
    const int64_t n = args.n;
    const X first_a = *a, first_b = *b;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      y[i] = F::Of(kScalarA ? first_a : a[i], kScalarB ? first_b : b[i]);
    }
  }
};

// Of any strides, 0 or 1, which are the tile's parameters.
template <class F, typename X, typename Y>
struct StridedBinaryLoop {
  static void Run(const TileArgs& args) {
    const X* a = static_cast<const X*>(args.in[0]);
    const X* b = static_cast<const X*>(args.in[1]);
    Y* y = static_cast<Y*>(args.out);
    const int64_t step_a = args.params[0] != 0, step_b = args.params[1] != 0, n = args.n;
    for (int64_t i = 0; i < n; ++i) y[i] = F::Of(a[i * step_a], b[i * step_b]);
  }
};

template <class F, typename X, typename Y>
Tile SimdBinary(unsigned scalar_mask) {
  switch (scalar_mask) {
    case 0:
      return {Simd<BinaryLoop<F, X, Y, false, false>>::Select()};
    case 1:
      return {Simd<BinaryLoop<F, X, Y, true, false>>::Select()};
    case 2:
      return {Simd<BinaryLoop<F, X, Y, false, true>>::Select()};
    default:
      return {};
  }
}

template <class F, typename X, typename Y>
Tile PlainBinary(unsigned scalar_mask) {
  return {StridedBinaryLoop<F, Stored<X>, Stored<Y>>::Run,
          {scalar_mask & 1 ? 0.0 : 1.0, scalar_mask & 2 ? 0.0 : 1.0}};
}

template <TypeSet kTypes, typename T>
constexpr bool Takes() {
  constexpr bool kBool = std::is_same_v<T, bool>;
  switch (kTypes) {
    case TypeSet::kFloats:
      return std::is_floating_point_v<T>;
    case TypeSet::kIntegers:
      return std::is_integral_v<T> && !kBool;
    case TypeSet::kNumbers:
      return std::is_arithmetic_v<T> && !kBool;
    case TypeSet::kBools:
      return kBool;
    case TypeSet::kComparable:
      return std::is_arithmetic_v<T>;
    case TypeSet::kAll:
      break;
  }
  return true;
}

template <class F, typename X, typename Y>
Tile UnaryTileOf() {
  using Loop = UnaryLoop<F, Stored<X>, Stored<Y>>;
  if constexpr (std::is_same_v<X, float>) return {Simd<Loop>::Select()};
  return {Simd<Loop>::Baseline};
}

}  // namespace internal

// kSignless, below: for integers the op's result has the same bits whether they are signed or not.

// The tile functions of an op of one operand, with a result of its type (kToBool: of bool).
template <class F, TypeSet kTypes, bool kToBool = false, bool kSignless = false>
Tile UnaryTile(const TileRequest& r) {
  if (r.scalar_mask != 0) return {};
  return VisitDType(r.inputs[0], [&](auto tag) -> Tile {
    using T = internal::Computed<typename decltype(tag)::type, kSignless>;
    if constexpr (internal::Takes<kTypes, T>()) {
      return internal::UnaryTileOf<F, T, std::conditional_t<kToBool, bool, T>>();
    }
    return {};
  });
}

// Of two operands of one type, with a result of that type (kToBool: of bool).
template <class F, TypeSet kTypes, bool kToBool = false, bool kSignless = false>
Tile BinaryTile(const TileRequest& r) {
  return VisitDType(r.inputs[0], [&](auto tag) -> Tile {
    using T = internal::Computed<typename decltype(tag)::type, kSignless>;
    using Y = std::conditional_t<kToBool, uint8_t, internal::Stored<T>>;
    if constexpr (!internal::Takes<kTypes, T>()) {
      return {};
    } else if constexpr (std::is_same_v<T, float>) {
      return internal::SimdBinary<F, T, Y>(r.scalar_mask);
    } else {
      return internal::PlainBinary<F, T, Y>(r.scalar_mask);
    }
  });
}

// Reference kernels -----------------------------------------------------------------------------

namespace internal {

// Where each input's element for an element of the output lies.
class BroadcastIndex {
 public:
  explicit BroadcastIndex(const KernelRequest& request);

  int64_t size() const { return size_; }
  int64_t Of(int input, int64_t element) const;

 private:
  int64_t size_;
  std::vector<int64_t> extents_;
  std::vector<std::vector<int64_t>> strides_;  // of each input, aligned with extents_
};

template <typename Y, typename... X, class Fn, size_t... kInput>
std::unique_ptr<Kernel> ReferenceLoop(const KernelRequest& request, Fn fn,
                                      std::index_sequence<kInput...>) {
  // Small rather than fast: there is one for each op and type, and tiles for nearly all of them.
  return MakeKernel(
      [ index = BroadcastIndex(request), fn ](const KernelArgs& args) __attribute__((cold)) {
        Y* out = Out<Y>(args);
        for (int64_t i = 0; i < index.size(); ++i) {
          out[i] = static_cast<Y>(fn(In<X>(args, kInput)[index.Of(kInput, i)]...));
        }
        return absl::OkStatus();
      });
}

}  // namespace internal

// A kernel that calls fn(X...) for each element and stores its result as Y.
template <typename Y, typename... X, class Fn>
std::unique_ptr<Kernel> ReferenceLoop(const KernelRequest& request, Fn fn) {
  return internal::ReferenceLoop<Y, X...>(request, fn, std::index_sequence_for<X...>());
}

// The kernel "reference" of an op whose operands have one type: `fn` takes that type in each
// argument; the result has the output's type. A plain loop: independent of the tile functions.
template <TypeSet kTypes, bool kToBool = false, bool kSignless = false, class Fn>
KernelDef Reference1(Fn fn) {
  return {"reference", [fn](const KernelRequest& request) {
            return VisitDType(
                request.inputs[0].dtype, [&](auto tag) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                  using T = internal::Computed<typename decltype(tag)::type, kSignless>;
                  if constexpr (internal::Takes<kTypes, T>()) {
                    return ReferenceLoop<std::conditional_t<kToBool, bool, T>, T>(request, fn);
                  }
                  return std::unique_ptr<Kernel>();
                });
          }};
}

template <TypeSet kTypes, bool kToBool = false, bool kSignless = false, class Fn>
KernelDef Reference2(Fn fn) {
  return {"reference", [fn](const KernelRequest& request) {
            return VisitDType(
                request.inputs[0].dtype, [&](auto tag) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                  using T = internal::Computed<typename decltype(tag)::type, kSignless>;
                  if constexpr (internal::Takes<kTypes, T>()) {
                    return ReferenceLoop<std::conditional_t<kToBool, bool, T>, T, T>(request, fn);
                  }
                  return std::unique_ptr<Kernel>();
                });
          }};
}

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ELEMENTWISE_H_
