#include "ops/cast.h"

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
    if constexpr (kToBool) {
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
// every instruction set.
template <typename X, typename Y>
inline constexpr bool kHot = std::is_same_v<Y, float> && !std::is_same_v<X, double>;

template <typename X>
Tile CastTileFrom(DType to) {
  return VisitDType(to, [](auto tag) -> Tile {
    using Y = typename decltype(tag)::type;
    using From = internal::Stored<X>;
    using To = internal::Stored<Y>;
    using Loop = internal::UnaryLoop<CastFn<To, std::is_same_v<Y, bool>>, From, To>;
    if constexpr (kHot<X, Y>) {
      return {Simd<Loop>::Select()};
    } else {
      return {Simd<Loop>::Baseline};
    }
  });
}

Tile CastTile(const TileRequest& r) {
  if (r.scalar_mask != 0) return {};
  return VisitDType(r.inputs[0],
                    [&](auto tag) { return CastTileFrom<typename decltype(tag)::type>(r.output); });
}

template <typename X, typename Y>
Y ReferenceCast(X x) {
  if constexpr (std::is_same_v<Y, bool>) {
    return x != X{0};
  } else if constexpr (std::is_floating_point_v<X> && std::is_integral_v<Y>) {
    if (std::isnan(x)) return 0;
    // In long double every integer up to 64 bits is exact.
    const long double whole = std::trunc(static_cast<long double>(x));
    if (whole > static_cast<long double>(std::numeric_limits<Y>::max())) {
      return std::numeric_limits<Y>::max();
    }
    if (whole < static_cast<long double>(std::numeric_limits<Y>::min())) {
      return std::numeric_limits<Y>::min();
    }
    return static_cast<Y>(whole);
  } else {
    return static_cast<Y>(x);
  }
}

absl::StatusOr<std::unique_ptr<Kernel>> ReferenceCastKernel(const KernelRequest& request) {
  return VisitDType(request.inputs[0].dtype, [&](auto from) {
    return VisitDType(request.outputs[0].dtype, [&](auto to) {
      using X = typename decltype(from)::type;
      using Y = typename decltype(to)::type;
      return ReferenceLoop<Y, X>(request, ReferenceCast<X, Y>);
    });
  });
}

struct IdentityFn {
  template <typename T>
  static ADJOINT_INLINE T Of(T x) {
    return x;
  }
};

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
        if (!IsFloating(from) || !IsFloating(c.outputs[0].dtype())) return ZeroCotangents(c);
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
      .kernels = {TileKernel(StopGradientOp), Reference1<TypeSet::kAll>([](auto x) { return x; })},
      .tile = UnaryTile<IdentityFn, TypeSet::kAll>,
  };
  return *op;
}

}  // namespace adjoint::ops
