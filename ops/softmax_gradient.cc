#include "ops/softmax_gradient.h"

#include <cmath>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/simd.h"
#include "ops/softmax_rows.h"
#include "ops/stream.h"

namespace adjoint::ops {
namespace {

using namespace softmax_rows;  // NOLINT: helpers of this family alone

// p g, of which p = q scale goes to dx.
struct ProductTerm {
  const float* q;
  float scale;
  const float* __restrict g;
  float* dx;
  ADJOINT_INLINE float operator()(int64_t i) const {
    const float p = q[i] * scale;
    dx[i] = p;
    return p * g[i];
  }
};

// Asks for a later row while this one is computed; nothing for null.
struct Prefetch {
  static constexpr int64_t kLine = 16;
  const float* x;
  const float* g;
  ADJOINT_INLINE void operator()(int64_t begin, int64_t end) const {
    if (x == nullptr) return;
    for (int64_t i = begin; i < end; i += kLine) {
      __builtin_prefetch(x + i);
      __builtin_prefetch(g + i);
    }
  }
};

// A row of dx; `ahead` is the distance of the row to be asked for, 0 for none.
template <bool kOfLogits>
struct GradientRow {
  static ADJOINT_INLINE void Run(const float* __restrict x, const float* __restrict g,
                                 float* __restrict dx, int64_t n, int64_t ahead) {
    const Prefetch prefetch = {ahead > 0 ? x + ahead : nullptr, g + ahead};
    float mean;
    if constexpr (kOfLogits) {
      const double total = SumExp<true>(x, MaxOf(x, n), n, dx, prefetch);
      const float scale = static_cast<float>(1.0 / total);
      mean = static_cast<float>(SumOf(n, ProductTerm{dx, scale, g, dx}));
    } else {
      mean = static_cast<float>(SumOf(n, ProductTerm{x, 1.0f, g, dx}, prefetch));
    }
    for (int64_t i = 0; i < n; ++i) dx[i] = dx[i] * (g[i] - mean);
  }
};

struct Rows {
  int64_t rows, n;
};

Rows RowsOf(const KernelRequest& r) {
  const Shape& shape = r.outputs[0].shape;
  const int64_t n = shape[shape.rank() - 1];
  return {n == 0 ? 0 : shape.NumElements() / n, n};
}

template <class Row>
std::unique_ptr<Kernel> RowKernel(const Rows& l) {
  static const auto row_of = Simd<Row>::Select();
  return MakeKernel([l](const KernelArgs& args) {
    const auto make = [&](int64_t first, int64_t count, float* dx) {
      for (int64_t row = first; row < first + count; ++row, dx += l.n) {
        row_of(In<float>(args, 0) + row * l.n, In<float>(args, 1) + row * l.n, dx, l.n,
               row + 1 < l.rows ? l.n : 0);
      }
    };
    ParallelRows(Out<float>(args), l.rows, l.n, kGrain, make);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareSimd(const KernelRequest& r) {
  const Rows l = RowsOf(r);
  if (r.inputs[0].dtype != DType::kF32 || l.n == 0) return std::unique_ptr<Kernel>();
  return r.attrs.At<bool>("of_logits") ? RowKernel<GradientRow<true>>(l)
                                       : RowKernel<GradientRow<false>>(l);
}

template <typename T>
std::unique_ptr<Kernel> Reference(const Rows& l, bool of_logits) {
  return MakeKernel([l, of_logits](const KernelArgs& args) {
    std::vector<double> p(static_cast<size_t>(l.n));
    for (int64_t row = 0; row < l.rows; ++row) {
      const T* const x = In<T>(args, 0) + row * l.n;
      const T* const g = In<T>(args, 1) + row * l.n;
      const double max = of_logits ? ReferenceMax(x, l.n, 1) : 0;
      const double sum = of_logits ? ReferenceSumExp(x, max, l.n, 1) : 1;
      double mean = 0;
      for (int64_t i = 0; i < l.n; ++i) {
        const double v = static_cast<double>(x[i]);
        p[i] = of_logits ? std::exp(v - max) / sum : v;
        mean += p[i] * static_cast<double>(g[i]);
      }
      for (int64_t i = 0; i < l.n; ++i) {
        Out<T>(args)[row * l.n + i] = static_cast<T>(p[i] * (static_cast<double>(g[i]) - mean));
      }
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& r) {
  return VisitFloating(r.inputs[0].dtype, [&](auto tag) {
    return Reference<typename decltype(tag)::type>(RowsOf(r), r.attrs.At<bool>("of_logits"));
  });
}

absl::StatusOr<std::vector<TensorSpec>> Infer(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  if (!IsFloating(x.dtype) || x.shape.rank() == 0 || c.inputs[1] != x) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes two of one spec, f32 or f64 with an axis, but was given ", x.ToString(),
                     " and ", c.inputs[1].ToString()));
  }
  return std::vector<TensorSpec>{x};
}

}  // namespace

const OpDef& SoftmaxGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "softmax_gradient",
      .traits = {.internal = true},
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"of_logits", AttrKind::kBool}},
      .infer = Infer,
      .kernels = {{"simd", PrepareSimd}, {"reference", PrepareReference}},
  };
  return *op;
}

}  // namespace adjoint::ops
