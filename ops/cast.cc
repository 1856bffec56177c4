#include "ops/cast.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "core/simd.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

using List = std::vector<Cotangent>;

// To Y, which is stored as uint8_t where kToBool.
template <typename Y, bool kToBool>
struct CastFn {
  template <typename X>
  static ADJOINT_INLINE Y Of(X x) {
    if constexpr (kToBool && kIsHalf<X>) {
      return (x.bits & 0x7fff) != 0;
    } else if constexpr (kToBool) {
      return x != X{0};
    } else if constexpr (std::is_floating_point_v<X> && std::is_integral_v<Y>) {
      // 2^digits is the least value above the range, and exact in X.
      constexpr X kAbove = X{2} * static_cast<X>(std::numeric_limits<Y>::max() / 2 + 1);
      constexpr X kLowest = static_cast<X>(std::numeric_limits<Y>::min());
      if (x >= kAbove) return std::numeric_limits<Y>::max();
      if (x <= kLowest) return std::numeric_limits<Y>::min();
      return x == x ? static_cast<Y>(x) : Y{0};
    } else {
      return static_cast<Y>(x);
    }
  }
};

// Only conversions that data on its way into a network, and a mask in one, take are compiled for
// every instruction set, and those that storage types are used by.
template <typename X, typename Y>
inline constexpr bool kHot = (std::is_same_v<Y, float> && !std::is_same_v<X, double>) ||
                             (std::is_same_v<X, float> && kIsHalf<Y>);

template <typename X>
inline constexpr bool kIsInt = std::is_integral_v<X>;

template <typename X, typename Y>
TileFn CastLoop();

// By way of Mid, some elements at a time.
template <typename X, typename Mid, typename Y>
struct TwoSteps {
  static void Run(const TileArgs& args) {
    constexpr int64_t kChunk = 256;
    alignas(64) Mid middle[kChunk];
    static const TileFn first = CastLoop<X, Mid>(), second = CastLoop<Mid, Y>();
    for (int64_t i = 0; i < args.n; i += kChunk) {
      const int64_t n = std::min(kChunk, args.n - i);
      first({.in = {static_cast<const X*>(args.in[0]) + i}, .out = middle, .n = n, .params = {}});
      second({.in = {middle}, .out = static_cast<Y*>(args.out) + i, .n = n, .params = {}});
    }
  }
};

// X and Y are the types as stored; a bool counts as uint8_t.
template <typename X, typename Y, bool kToBool>
TileFn OneStep() {
  using Loop = internal::UnaryLoop<CastFn<Y, kToBool>, X, Y>;
  if constexpr (kHot<X, Y>) return Simd<Loop>::Select();
  return Simd<Loop>::Baseline;
}

// The pairs share loops where they can: only widening an integer, and turning it into a floating
// number, depends on its sign.
template <typename From, typename To>
TileFn CastLoop() {
  using X = internal::Stored<From>;
  using Y = internal::Stored<To>;
  if constexpr (std::is_same_v<To, bool>) {
    return OneStep<internal::Computed<X, true>, uint8_t, true>();
  } else if constexpr (std::is_same_v<X, Y> && !kIsInt<X>) {
    return OneStep<std::conditional_t<kIsHalf<X>, uint16_t, X>,
                   std::conditional_t<kIsHalf<X>, uint16_t, X>, false>();
  } else if constexpr (kIsInt<X> && kIsInt<Y>) {
    using Source = internal::Computed<X, (sizeof(Y) <= sizeof(X))>;
    return OneStep<Source, internal::Computed<Y, true>, false>();
  } else if constexpr (kIsHalf<X> && (kIsInt<Y> || kIsHalf<Y>)) {
    return TwoSteps<X, float, Y>::Run;
  } else if constexpr (kIsInt<X> && kIsHalf<Y>) {
    return TwoSteps<X, double, Y>::Run;
  } else {
    return OneStep<X, Y, false>();
  }
}

Tile CastTile(const TileRequest& r) {
  if (r.scalar_mask != 0) return {};
  return VisitDType(r.inputs[0], [&](auto from) {
    return VisitDType(r.output, [&](auto to) {
      return Tile{CastLoop<typename decltype(from)::type, typename decltype(to)::type>()};
    });
  });
}

// The reference takes an element apart and puts it together again, so that it needs no code for
// each pair. A long double holds every number of every type.
struct Element {
  bool integer;
  uint64_t low_bits;  // of an integer
  long double number;
};

template <typename X>
Element ReadElement(const void* from, int64_t i) {
  const X x = static_cast<const X*>(from)[i];
  if constexpr (std::is_integral_v<X>) {
    return {true, static_cast<uint64_t>(x), static_cast<long double>(x)};
  } else if constexpr (kIsHalf<X>) {
    return {false, 0, static_cast<long double>(static_cast<float>(x))};
  } else {
    return {false, 0, static_cast<long double>(x)};
  }
}

// The nearest number with `digits` significant bits that is a multiple of 2^lowest.
long double Nearest(long double x, int digits, int lowest) {
  if (x == 0 || !std::isfinite(x)) return x;
  const int unit = std::max(std::ilogb(x) - (digits - 1), lowest);
  return std::ldexp(std::rint(std::ldexp(x, -unit)), unit);
}

template <typename Y>
void WriteElement(const Element& e, void* to, int64_t i) {
  Y& y = static_cast<Y*>(to)[i];
  if constexpr (std::is_same_v<Y, bool>) {
    y = e.number != 0;
  } else if constexpr (std::is_integral_v<Y>) {
    const long double whole = std::trunc(e.number);
    if (e.integer) {
      y = static_cast<Y>(e.low_bits);
    } else if (std::isnan(e.number)) {
      y = 0;
    } else if (whole > static_cast<long double>(std::numeric_limits<Y>::max())) {
      y = std::numeric_limits<Y>::max();
    } else if (whole < static_cast<long double>(std::numeric_limits<Y>::min())) {
      y = std::numeric_limits<Y>::min();
    } else {
      y = static_cast<Y>(whole);
    }
  } else if constexpr (std::is_same_v<Y, BFloat16>) {
    const long double wide = e.integer ? static_cast<double>(e.number) : e.number;
    y = BFloat16(static_cast<float>(Nearest(wide, 8, -133)));
  } else if constexpr (std::is_same_v<Y, Float16>) {
    y = Float16(static_cast<float>(Nearest(e.number, 11, -24)));
  } else {
    y = static_cast<Y>(e.number);
  }
}

absl::StatusOr<std::unique_ptr<Kernel>> ReferenceCastKernel(const KernelRequest& request) {
  const auto read = VisitDType(request.inputs[0].dtype,
                               [](auto tag) { return ReadElement<typename decltype(tag)::type>; });
  const auto write = VisitDType(request.outputs[0].dtype, [](auto tag) {
    return WriteElement<typename decltype(tag)::type>;
  });
  return MakeKernel(
      [read, write, index = internal::BroadcastIndex(request)](const KernelArgs& args) {
        for (int64_t i = 0; i < index.size(); ++i) {
          write(read(args.inputs[0], index.Of(0, i)), args.outputs[0], i);
        }
        return absl::OkStatus();
      });
}

struct IdentityFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return x;
  }
};

Tile CopyTile(const TileRequest& r) {
  if (r.scalar_mask != 0) return {};
  return VisitWord(r.output, [](auto tag) {
    using T = typename decltype(tag)::type;
    return Tile{Simd<internal::UnaryLoop<IdentityFn, T, T>>::Baseline};
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> ReferenceCopy(const KernelRequest& request) {
  return VisitWord(request.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return ReferenceLoop<T, T>(request, [](T x) { return x; });
  });
}

bool HasGradient(DType dtype) { return IsFloating(dtype) || IsHalf(dtype); }

}  // namespace

Var Cast(Operand x, DType dtype) {
  if (!x.is_number && x.var.valid() && x.var.dtype() == dtype) return x.var;
  return Apply1(CastOp(), {x}, Attrs{{"dtype", dtype}});
}

Var StopGradient(Operand x) { return Apply1(StopGradientOp(), {x}); }

const OpDef& CastOp() {
  static const OpDef* const op = new OpDef{
      .name = "cast",
      .traits = {.elementwise = true},
      .attrs = {{"dtype", AttrKind::kDType}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        return std::vector<TensorSpec>{{c.attrs.At<DType>("dtype"), c.inputs[0].shape}};
      },
      .vjp = [](const VjpContext& c) -> Cotangents {
        const DType from = c.inputs[0].dtype();
        if (!HasGradient(from) || !HasGradient(c.outputs[0].dtype())) return ZeroCotangents(c);
        return List{Cast(c.cotangents[0], from)};
      },
      .kernels = {TileKernel(CastOp), {"reference", ReferenceCastKernel}},
      .tile = CastTile,
      .onnx_name = "Cast",
  };
  return *op;
}

const OpDef& StopGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "stop_gradient",
      .traits = {.elementwise = true},
      .infer = InferUnary<TypeSet::kAll>,
      .vjp = ZeroCotangents,
      .kernels = {TileKernel(StopGradientOp), {"reference", ReferenceCopy}},
      .tile = CopyTile,
  };
  return *op;
}

}  // namespace adjoint::ops
