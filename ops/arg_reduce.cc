#include "ops/arg_reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/elementwise.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr int64_t kLanes = 32;
constexpr int64_t kStrip = 512;      // columns walked together
constexpr int64_t kGrain = 1 << 16;  // elements a part, about

// [outer, n, inner], searched along n.
struct Layout {
  int64_t outer = 1, n = 1, inner = 1;
  bool last = false;
};

absl::StatusOr<Layout> LayoutOf(const KernelRequest& r) {
  const Shape& shape = r.inputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(r.attrs.At<int64_t>("axis"), shape.rank()));
  Layout layout;
  for (int k = 0; k < shape.rank(); ++k) {
    (k < axis ? layout.outer : k == axis ? layout.n : layout.inner) *= shape[k];
  }
  layout.last = r.attrs.At<bool>("select_last_index");
  return layout;
}

// The greater (smaller) of two, NaN where either is.
template <typename T, bool kMin>
ADJOINT_INLINE T Best(T a, T x) {
  return (kMin ? x < a : x > a) | (x != x) ? x : a;
}

// The position in x[0 .. n-1], n >= 1: finds the greatest element, then where it is.
template <typename T, bool kMin>
struct RowSearch {
  static ADJOINT_INLINE int64_t Run(const T* __restrict x, int64_t n, bool last) {
    T best[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) best[lane] = x[0];
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) {
        best[lane] = Best<T, kMin>(best[lane], x[i + lane]);
      }
    }
    for (int lane = 0; i + lane < n; ++lane) best[lane] = Best<T, kMin>(best[lane], x[i + lane]);
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) {
        best[lane] = Best<T, kMin>(best[lane], best[lane + width]);
      }
    }
    const T value = best[0];
    const bool nan = value != value;
    if (last) {
      for (int64_t k = n - 1; k > 0; --k) {
        if ((x[k] == value) | (nan & (x[k] != x[k]))) return k;
      }
      return 0;
    }
    int64_t first = 0;
    for (; first + kLanes <= n; first += kLanes) {
      int hits = 0;
      for (int lane = 0; lane < kLanes; ++lane) {
        const T v = x[first + lane];
        hits |= static_cast<int>((v == value) | (nan & (v != v)));
      }
      if (hits != 0) break;
    }
    while (!((x[first] == value) | (nan & (x[first] != x[first])))) ++first;
    return first;
  }
};

// The positions in each of `width` <= kStrip columns of n >= 1 rows; n < 2^31.
template <typename T, bool kMin, bool kLast>
struct ColumnSearch {
  static ADJOINT_INLINE void Run(const T* __restrict x, int64_t stride, int64_t n, int64_t width,
                                 int64_t* __restrict to) {
    T best[kStrip];
    int32_t at[kStrip];
    for (int64_t j = 0; j < width; ++j) best[j] = x[j];
    for (int64_t j = 0; j < width; ++j) at[j] = 0;
    for (int64_t k = 1; k < n; ++k) {
      const T* __restrict row = x + k * stride;
      const int32_t here = static_cast<int32_t>(k);
      for (int64_t j = 0; j < width; ++j) {
        const T v = row[j], b = best[j];
        const int32_t was = at[j];
        bool better;
        if constexpr (kLast) {
          better = (kMin ? v <= b : v >= b) | (v != v);
        } else {
          better = (kMin ? v < b : v > b) | ((v != v) & (b == b));
        }
        best[j] = better ? v : b;
        at[j] = better ? here : was;
      }
    }
    for (int64_t j = 0; j < width; ++j) to[j] = at[j];
  }
};

template <typename T, bool kMin>
MaybeKernel MakeSimd(const Layout& l) {
  if (l.inner == 1) {
    static const auto search = Simd<RowSearch<T, kMin>>::Select();
    return MakeKernel([l](const KernelArgs& args) {
      const T* x = In<T>(args, 0);
      int64_t* y = Out<int64_t>(args);
      const int64_t grain = std::max<int64_t>(1, kGrain / l.n);
      ParallelForRange(l.outer, grain, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) y[row] = search(x + row * l.n, l.n, l.last);
      });
      return absl::OkStatus();
    });
  }
  static const auto first = Simd<ColumnSearch<T, kMin, false>>::Select();
  static const auto last = Simd<ColumnSearch<T, kMin, true>>::Select();
  return MakeKernel([l](const KernelArgs& args) {
    const auto search = l.last ? last : first;
    const int64_t strip = std::min(l.inner, kStrip);
    const int64_t strips = (l.inner + strip - 1) / strip;
    const int64_t grain = std::max<int64_t>(1, kGrain / (l.n * strip));
    ParallelForRange(l.outer * strips, grain, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        const int64_t o = part / strips, column = part % strips * strip;
        search(In<T>(args, 0) + o * l.n * l.inner + column, l.inner, l.n,
               std::min(strip, l.inner - column), Out<int64_t>(args) + o * l.inner + column);
      }
    });
    return absl::OkStatus();
  });
}

template <bool kMin>
MaybeKernel PrepareSimd(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  if (l.n == 0 || l.n > std::numeric_limits<int32_t>::max() || l.outer * l.inner == 0) {
    return std::unique_ptr<Kernel>();
  }
  switch (r.inputs[0].dtype) {
    case DType::kF32:
      return MakeSimd<float, kMin>(l);
    case DType::kF64:
      return MakeSimd<double, kMin>(l);
    case DType::kI32:
      return MakeSimd<int32_t, kMin>(l);
    case DType::kI64:
      return MakeSimd<int64_t, kMin>(l);
    case DType::kU8:
      return MakeSimd<uint8_t, kMin>(l);
    default:
      return std::unique_ptr<Kernel>();
  }
}

// True where v takes the place of `best`, which came before it.
template <typename T>
bool Replaces(T v, T best, bool min, bool last) {
  if (v != v) return last || best == best;
  if (best != best) return false;
  if (v == best) return last;
  return min ? v < best : v > best;
}

template <bool kMin>
MaybeKernel PrepareReference(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  return VisitDType(r.inputs[0].dtype, [&](auto tag) -> MaybeKernel {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_arithmetic_v<T> || std::is_same_v<T, bool>) {
      return std::unique_ptr<Kernel>();
    } else {
      return MakeKernel([l](const KernelArgs& args) {
        for (int64_t line = 0; line < l.outer * l.inner; ++line) {
          const T* x = In<T>(args, 0) + line / l.inner * l.n * l.inner + line % l.inner;
          int64_t at = 0;
          for (int64_t k = 1; k < l.n; ++k) {
            if (Replaces<T>(x[k * l.inner], x[at * l.inner], kMin, l.last)) at = k;
          }
          Out<int64_t>(args)[line] = at;
        }
        return absl::OkStatus();
      });
    }
  });
}

absl::StatusOr<std::vector<TensorSpec>> InferArg(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  if (!IsFloating(x.dtype) && !IsInteger(x.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes numbers, but was given ", DTypeName(x.dtype), "; cast it first"));
  }
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape.rank()));
  if (x.shape.dim(axis) == Dim(0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis, " of ", x.shape.ToString(), " has no elements to choose from"));
  }
  Shape shape;
  for (int k = 0; k < x.shape.rank(); ++k) {
    if (k != axis) {
      shape.push_back(x.shape.dim(k));
    } else if (c.attrs.At<bool>("keepdims")) {
      shape.push_back(1);
    }
  }
  return std::vector<TensorSpec>{{DType::kI64, std::move(shape)}};
}

std::vector<AttrDecl> ArgAttrs() {
  return {{"axis", AttrKind::kInt},
          {"keepdims", AttrKind::kBool},
          {"select_last_index", AttrKind::kBool}};
}

Var Search(const OpDef& op, Operand x, int64_t axis, bool keepdims, bool last) {
  if (auto normal = NormalizeAxis(axis, x.var.shape().rank()); normal.ok()) axis = *normal;
  return Apply1(op, {x}, {{"axis", axis}, {"keepdims", keepdims}, {"select_last_index", last}});
}

}  // namespace

const OpDef& ArgMaxOp() {
  static const OpDef* const op = new OpDef{
      .name = "argmax",
      .attrs = ArgAttrs(),
      .infer = InferArg,
      .vjp = ZeroCotangents,
      .kernels = {{"simd", PrepareSimd<false>}, {"reference", PrepareReference<false>}},
      .onnx_name = "ArgMax",
  };
  return *op;
}

const OpDef& ArgMinOp() {
  static const OpDef* const op = new OpDef{
      .name = "argmin",
      .attrs = ArgAttrs(),
      .infer = InferArg,
      .vjp = ZeroCotangents,
      .kernels = {{"simd", PrepareSimd<true>}, {"reference", PrepareReference<true>}},
      .onnx_name = "ArgMin",
  };
  return *op;
}

Var ArgMax(Operand x, int64_t axis, bool keepdims, bool select_last_index) {
  return Search(ArgMaxOp(), x, axis, keepdims, select_last_index);
}
Var ArgMin(Operand x, int64_t axis, bool keepdims, bool select_last_index) {
  return Search(ArgMinOp(), x, axis, keepdims, select_last_index);
}

}  // namespace adjoint::ops
