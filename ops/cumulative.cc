#include "ops/cumulative.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr int64_t kStrip = 256;      // columns walked together
constexpr int64_t kGrain = 1 << 15;  // elements a part, about

// [outer, n, inner], run along n; `step` is 1, or -1 from the last.
struct Layout {
  int64_t outer = 1, n = 1, inner = 1;
  bool exclusive = false, reverse = false;

  int64_t size() const { return outer * n * inner; }
};

absl::StatusOr<Layout> LayoutOf(const KernelRequest& r) {
  const Shape& shape = r.outputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(r.attrs.At<int64_t>("axis"), shape.rank()));
  Layout layout;
  for (int k = 0; k < shape.rank(); ++k) {
    (k < axis ? layout.outer : k == axis ? layout.n : layout.inner) *= shape[k];
  }
  layout.exclusive = r.attrs.GetOr<bool>("exclusive", true);
  layout.reverse = r.attrs.At<bool>("reverse");
  return layout;
}

// What is carried on: floats in double, integers as unsigned ones, which wrap around.
template <typename T, bool = std::is_integral_v<T>>
struct CarryOf {
  using type = double;
};
template <typename T>
struct CarryOf<T, true> {
  using type = std::make_unsigned_t<T>;
};

template <typename T>
struct Plus {
  using Carry = typename CarryOf<T>::type;
  static constexpr Carry kFirst = 0;
  static ADJOINT_INLINE Carry Next(Carry c, T x) { return c + static_cast<Carry>(x); }
};
template <typename T>
struct Times {
  using Carry = typename CarryOf<T>::type;
  static constexpr Carry kFirst = 1;
  static ADJOINT_INLINE Carry Next(Carry c, T x) { return c * static_cast<Carry>(x); }
};

// Columns 0 .. width-1 <= kStrip of n rows that lie `stride` apart (negative from the last).
template <typename T, class Step, bool kExclusive>
struct CumulativeLoop {
  static ADJOINT_INLINE void Run(const T* __restrict x, T* __restrict y, int64_t n, int64_t stride,
                                 int64_t width) {
    if (width == 1) {
      typename Step::Carry carry = Step::kFirst;
      for (int64_t k = 0; k < n; ++k) {
        const typename Step::Carry next = Step::Next(carry, x[k * stride]);
        y[k * stride] = static_cast<T>(kExclusive ? carry : next);
        carry = next;
      }
      return;
    }
    typename Step::Carry carry[kStrip];
    for (int64_t j = 0; j < width; ++j) carry[j] = Step::kFirst;
    for (int64_t k = 0; k < n; ++k) {
      const T* __restrict from = x + k * stride;
      T* __restrict to = y + k * stride;
      for (int64_t j = 0; j < width; ++j) {
        const typename Step::Carry next = Step::Next(carry[j], from[j]);
        to[j] = static_cast<T>(kExclusive ? carry[j] : next);
        carry[j] = next;
      }
    }
  }
};

template <typename T>
struct RecurrenceLoop {
  static ADJOINT_INLINE void Run(const T* __restrict a, const T* __restrict b, T* __restrict y,
                                 int64_t n, int64_t stride, int64_t width) {
    if (width == 1) {
      double carry = 0;
      for (int64_t k = 0; k < n; ++k) {
        y[k * stride] = static_cast<T>(carry);
        carry = static_cast<double>(a[k * stride]) * carry + static_cast<double>(b[k * stride]);
      }
      return;
    }
    double carry[kStrip];
    for (int64_t j = 0; j < width; ++j) carry[j] = 0;
    for (int64_t k = 0; k < n; ++k) {
      const T* __restrict rates = a + k * stride;
      const T* __restrict terms = b + k * stride;
      T* __restrict to = y + k * stride;
      for (int64_t j = 0; j < width; ++j) {
        to[j] = static_cast<T>(carry[j]);
        carry[j] = static_cast<double>(rates[j]) * carry[j] + static_cast<double>(terms[j]);
      }
    }
  }
};

// Calls fn(offset of the first element, stride, width) for each strip of columns.
template <typename Fn>
void ForStrips(const Layout& l, Fn fn) {
  const int64_t strip = std::min(l.inner, kStrip);
  const int64_t strips = (l.inner + strip - 1) / strip;
  const int64_t grain = std::max<int64_t>(1, kGrain / (l.n * strip));
  const int64_t start = l.reverse ? (l.n - 1) * l.inner : 0;
  ParallelForRange(l.outer * strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t column = part % strips * strip;
      fn(part / strips * l.n * l.inner + start + column, l.reverse ? -l.inner : l.inner,
         std::min(strip, l.inner - column));
    }
  });
}

template <typename T, class Step>
MaybeKernel MakeStrips(const Layout& l) {
  static const auto inclusive = Simd<CumulativeLoop<T, Step, false>>::Select();
  static const auto exclusive = Simd<CumulativeLoop<T, Step, true>>::Select();
  return MakeKernel([l](const KernelArgs& args) {
    const T* x = In<T>(args, 0);
    T* y = Out<T>(args);
    ForStrips(l, [&](int64_t offset, int64_t stride, int64_t width) {
      (l.exclusive ? exclusive : inclusive)(x + offset, y + offset, l.n, stride, width);
    });
    return absl::OkStatus();
  });
}

template <template <typename> class Step>
MaybeKernel PrepareStrips(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  if (l.size() == 0) return std::unique_ptr<Kernel>();
  switch (r.inputs[0].dtype) {
    case DType::kF32:
      return MakeStrips<float, Step<float>>(l);
    case DType::kF64:
      return MakeStrips<double, Step<double>>(l);
    case DType::kI32:
      return MakeStrips<int32_t, Step<int32_t>>(l);
    default:
      return MakeStrips<int64_t, Step<int64_t>>(l);
  }
}

template <typename T>
MaybeKernel MakeRecurrenceStrips(const Layout& l) {
  static const auto loop = Simd<RecurrenceLoop<T>>::Select();
  return MakeKernel([l](const KernelArgs& args) {
    ForStrips(l, [&](int64_t offset, int64_t stride, int64_t width) {
      loop(In<T>(args, 0) + offset, In<T>(args, 1) + offset, Out<T>(args) + offset, l.n, stride,
           width);
    });
    return absl::OkStatus();
  });
}

MaybeKernel PrepareRecurrenceStrips(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  if (l.size() == 0) return std::unique_ptr<Kernel>();
  if (r.inputs[0].dtype == DType::kF64) return MakeRecurrenceStrips<double>(l);
  return MakeRecurrenceStrips<float>(l);
}

// One line after the other. `next(carry, i)` carries on past element i.
template <typename T, typename Carry, typename Next>
void ReferenceLines(const Layout& l, Carry first, T* y, Next next) {
  for (int64_t line = 0; line < l.outer * l.inner; ++line) {
    Carry carry = first;
    for (int64_t k = 0; k < l.n; ++k) {
      const int64_t row = l.reverse ? l.n - 1 - k : k;
      const int64_t i = (line / l.inner * l.n + row) * l.inner + line % l.inner;
      const Carry after = next(carry, i);
      y[i] = static_cast<T>(l.exclusive ? carry : after);
      carry = after;
    }
  }
}

template <bool kProduct>
MaybeKernel PrepareReference(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  return VisitDType(r.inputs[0].dtype, [&](auto tag) -> MaybeKernel {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_arithmetic_v<T> || std::is_same_v<T, bool>) {
      return std::unique_ptr<Kernel>();
    } else {
      return MakeKernel([l](const KernelArgs& args) {
        using Carry = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
        const T* x = In<T>(args, 0);
        ReferenceLines<T, Carry>(l, kProduct ? 1 : 0, Out<T>(args), [x](Carry c, int64_t i) {
          return kProduct ? c * static_cast<Carry>(x[i]) : c + static_cast<Carry>(x[i]);
        });
        return absl::OkStatus();
      });
    }
  });
}

template <typename T>
MaybeKernel ReferenceRecurrence(const Layout& l) {
  return MakeKernel([l](const KernelArgs& args) {
    const T* a = In<T>(args, 0);
    const T* b = In<T>(args, 1);
    ReferenceLines<T, double>(l, 0, Out<T>(args), [a, b](double c, int64_t i) {
      return static_cast<double>(a[i]) * c + static_cast<double>(b[i]);
    });
    return absl::OkStatus();
  });
}

MaybeKernel PrepareReferenceRecurrence(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  if (r.inputs[0].dtype == DType::kF64) return ReferenceRecurrence<double>(l);
  return ReferenceRecurrence<float>(l);
}

absl::StatusOr<std::vector<TensorSpec>> InferCumulative(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  if (!IsFloating(x.dtype) && x.dtype != DType::kI32 && x.dtype != DType::kI64) {
    return absl::InvalidArgumentError(absl::StrCat("takes f32, f64, i32 or i64, but was given ",
                                                   DTypeName(x.dtype), "; cast it first"));
  }
  ADJOINT_RETURN_IF_ERROR(NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape.rank()).status());
  return std::vector<TensorSpec>{x};
}

absl::StatusOr<std::vector<TensorSpec>> InferRecurrence(const InferContext& c) {
  const TensorSpec& a = c.inputs[0];
  const TensorSpec& b = c.inputs[1];
  if (!IsFloating(a.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes f32 or f64, but was given ", DTypeName(a.dtype), "; cast it first"));
  }
  if (a != b) {
    return absl::InvalidArgumentError(
        absl::StrCat("a is ", a.ToString(), " and b is ", b.ToString(), "; they must be alike"));
  }
  ADJOINT_RETURN_IF_ERROR(NormalizeAxis(c.attrs.At<int64_t>("axis"), a.shape.rank()).status());
  return std::vector<TensorSpec>{a};
}

int64_t Normal(int64_t axis, const Operand& x) {
  const auto normal = NormalizeAxis(axis, x.var.shape().rank());
  return normal.ok() ? *normal : axis;
}

std::vector<AttrDecl> CumulativeAttrs() {
  return {{"axis", AttrKind::kInt}, {"exclusive", AttrKind::kBool}, {"reverse", AttrKind::kBool}};
}

}  // namespace

const OpDef& CumSumOp() {
  static const OpDef* const op = new OpDef{
      .name = "cumsum",
      .attrs = CumulativeAttrs(),
      .infer = InferCumulative,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{CumSum(c.cotangents[0], c.attrs.At<int64_t>("axis"),
                                             c.attrs.At<bool>("exclusive"),
                                             !c.attrs.At<bool>("reverse"))};
      },
      .kernels = {{"strips", PrepareStrips<Plus>}, {"reference", PrepareReference<false>}},
      .onnx_name = "CumSum",
  };
  return *op;
}

const OpDef& CumProdOp() {
  static const OpDef* const op = new OpDef{
      .name = "cumprod",
      .attrs = CumulativeAttrs(),
      .infer = InferCumulative,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const int64_t axis = c.attrs.At<int64_t>("axis");
        const bool exclusive = c.attrs.At<bool>("exclusive");
        const bool reverse = c.attrs.At<bool>("reverse");
        const Var x = c.inputs[0], g = c.cotangents[0];
        const Var before = exclusive ? c.outputs[0] : CumProd(x, axis, true, reverse);
        const Var later = ExclusiveLinearRecurrence(x, exclusive ? g : Mul(x, g), axis, !reverse);
        return std::vector<Cotangent>{before * (exclusive ? later : g + later)};
      },
      .kernels = {{"strips", PrepareStrips<Times>}, {"reference", PrepareReference<true>}},
  };
  return *op;
}

const OpDef& LinearRecurrenceOp() {
  static const OpDef* const op = new OpDef{
      .name = "linear_recurrence",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"axis", AttrKind::kInt}, {"reverse", AttrKind::kBool}},
      .infer = InferRecurrence,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const Var r =
            ExclusiveLinearRecurrence(c.inputs[0], c.cotangents[0], c.attrs.At<int64_t>("axis"),
                                      !c.attrs.At<bool>("reverse"));
        return std::vector<Cotangent>{r * c.outputs[0], r};
      },
      .kernels = {{"strips", PrepareRecurrenceStrips}, {"reference", PrepareReferenceRecurrence}},
  };
  return *op;
}

Var CumSum(Operand x, int64_t axis, bool exclusive, bool reverse) {
  return Apply1(CumSumOp(), {x},
                {{"axis", Normal(axis, x)}, {"exclusive", exclusive}, {"reverse", reverse}});
}

Var CumProd(Operand x, int64_t axis, bool exclusive, bool reverse) {
  return Apply1(CumProdOp(), {x},
                {{"axis", Normal(axis, x)}, {"exclusive", exclusive}, {"reverse", reverse}});
}

Var ExclusiveLinearRecurrence(Operand a, Operand b, int64_t axis, bool reverse) {
  return Apply1(LinearRecurrenceOp(), {a, b}, {{"axis", Normal(axis, a)}, {"reverse", reverse}});
}

Var LinearRecurrence(Operand a, Operand b, int64_t axis, bool reverse) {
  return Add(Mul(a, ExclusiveLinearRecurrence(a, b, axis, reverse)), b);
}

}  // namespace adjoint::ops
