#include "ops/softmax.h"

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
#include "core/vec_math.h"
#include "ops/arithmetic.h"
#include "ops/index_check.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax_rows.h"
#include "ops/stream.h"

namespace adjoint::ops {
namespace {

using namespace softmax_rows;  // NOLINT: helpers of this family alone

constexpr int64_t kStrip = 256;  // columns walked together
constexpr int64_t kRows = 64;    // of a column, added in f32 before they join a sum in double

struct SoftmaxRows {
  static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t rows,
                                 int64_t n) {
    for (int64_t row = 0; row < rows; ++row) {
      const float* __restrict from = x + row * n;
      float* __restrict to = y + row * n;
      const float scale = static_cast<float>(1.0 / SumExp<true>(from, MaxOf(from, n), n, to));
      for (int64_t i = 0; i < n; ++i) to[i] *= scale;
    }
  }
};

// What is done while a row's exponentials are computed: the row before is written, the row after
// asked for.
struct StreamRowBefore {
  static constexpr int64_t kLine = 16;
  const float* x_after;
  const float* before;  // exponentials, to be multiplied by `factor`
  float factor;
  float* y;
  ADJOINT_INLINE void operator()(int64_t begin, int64_t end) const {
    if (x_after != nullptr) {
      for (int64_t i = begin; i < end; i += kLine) __builtin_prefetch(x_after + i);
    }
    if (before != nullptr) StreamScaled(y + begin, before + begin, factor, end - begin);
  }
};

// rows >= 1; `buffers` holds two rows of n elements, a multiple of 4.
struct StreamedSoftmaxRows {
  static bool Takes(int64_t rows, int64_t n) {
    return StreamsRows<float>(rows, n) && n % 4 == 0 && 2 * n * 4 <= kStreamRowBytes;
  }

  static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t rows,
                                 int64_t n, float* __restrict buffers) {
    StreamRowBefore meanwhile = {};
    for (int64_t row = 0; row < rows; ++row) {
      const float* __restrict from = x + row * n;
      float* __restrict to = buffers + row % 2 * n;
      meanwhile.x_after = row + 1 < rows ? from + n : nullptr;
      const double sum = SumExp<true>(from, MaxOf(from, n), n, to, meanwhile);
      meanwhile.before = to;
      meanwhile.factor = static_cast<float>(1.0 / sum);
      meanwhile.y = y + row * n;
    }
    StreamScaled(meanwhile.y, meanwhile.before, meanwhile.factor, n);
  }
};

struct LogSoftmaxRows {
  static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t rows,
                                 int64_t n) {
    for (int64_t row = 0; row < rows; ++row) {
      const float* __restrict from = x + row * n;
      float* __restrict to = y + row * n;
      const float max = MaxOf(from, n);
      const float log_sum = vec::Log(static_cast<float>(SumExp<false>(from, max, n, nullptr)));
      for (int64_t i = 0; i < n; ++i) to[i] = (from[i] - max) - log_sum;
    }
  }
};

// The softmax (kLog: its logarithm) down each of `width` <= kStrip columns of n >= 1 rows.
template <bool kLog>
struct SoftmaxColumns {
  static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t stride,
                                 int64_t n, int64_t width) {
    float max[kStrip], sum[kStrip];
    double total[kStrip];
    for (int64_t j = 0; j < width; ++j) max[j] = x[j];
    for (int64_t k = 1; k < n; ++k) {
      const float* __restrict from = x + k * stride;
      for (int64_t j = 0; j < width; ++j) {
        const float v = from[j], m = max[j];
        max[j] = (v > m) | (v != v) ? v : m;
      }
    }
    for (int64_t j = 0; j < width; ++j) total[j] = 0;
    for (int64_t first = 0; first < n; first += kRows) {
      const int64_t last = first + kRows < n ? first + kRows : n;
      for (int64_t j = 0; j < width; ++j) sum[j] = 0;
      for (int64_t k = first; k < last; ++k) {
        const float* __restrict from = x + k * stride;
        float* __restrict to = y + k * stride;
        for (int64_t j = 0; j < width; ++j) {
          const float e = vec::Exp(from[j] - max[j]);
          if constexpr (!kLog) to[j] = e;
          sum[j] += e;
        }
      }
      for (int64_t j = 0; j < width; ++j) total[j] += static_cast<double>(sum[j]);
    }
    for (int64_t j = 0; j < width; ++j) {
      sum[j] = kLog ? vec::Log(static_cast<float>(total[j])) : static_cast<float>(1.0 / total[j]);
    }
    for (int64_t k = 0; k < n; ++k) {
      const float* __restrict from = x + k * stride;
      float* __restrict to = y + k * stride;
      for (int64_t j = 0; j < width; ++j) {
        to[j] = kLog ? (from[j] - max[j]) - sum[j] : to[j] * sum[j];
      }
    }
  }
};

// y[row] = log(sum(exp(row of x))) - x[row, label].
template <typename Label>
struct CrossEntropyRows {
  static ADJOINT_INLINE void Run(const float* __restrict x, const Label* __restrict labels,
                                 float* __restrict y, int64_t rows, int64_t n) {
    for (int64_t row = 0; row < rows; ++row) {
      const float* __restrict from = x + row * n;
      const float max = MaxOf(from, n);
      const float log_sum = vec::Log(static_cast<float>(SumExp<false>(from, max, n, nullptr)));
      y[row] = log_sum - (from[labels[row]] - max);
    }
  }
};

// [outer, n, inner] with the softmax along n.
struct RowLayout {
  int64_t outer = 1, n = 1, inner = 1;
};

absl::StatusOr<RowLayout> LayoutOf(const KernelRequest& r) {
  const Shape& shape = r.inputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(r.attrs.At<int64_t>("axis"), shape.rank()));
  RowLayout layout;
  for (int k = 0; k < shape.rank(); ++k) {
    (k < axis ? layout.outer : k == axis ? layout.n : layout.inner) *= shape[k];
  }
  return layout;
}

template <typename T, bool kLog>
std::unique_ptr<Kernel> ReferenceSoftmax(const RowLayout& l) {
  return MakeKernel([l](const KernelArgs& args) {
    for (int64_t row = 0; row < l.outer * l.inner; ++row) {
      const int64_t start = row / l.inner * l.n * l.inner + row % l.inner;
      const T* x = In<T>(args, 0) + start;
      T* y = Out<T>(args) + start;
      const double max = ReferenceMax(x, l.n, l.inner);
      const double sum = ReferenceSumExp(x, max, l.n, l.inner);
      for (int64_t i = 0; i < l.n; ++i) {
        const double d = static_cast<double>(x[i * l.inner]) - max;
        y[i * l.inner] = static_cast<T>(kLog ? d - std::log(sum) : std::exp(d) / sum);
      }
    }
    return absl::OkStatus();
  });
}

template <bool kLog>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(RowLayout layout, LayoutOf(r));
  if (r.inputs[0].dtype == DType::kF64) return ReferenceSoftmax<double, kLog>(layout);
  return ReferenceSoftmax<float, kLog>(layout);
}

// f32: rows where the axis is the last (or nothing lies behind it), strips of columns elsewhere.
template <bool kLog>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareSimd(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(RowLayout l, LayoutOf(r));
  if (r.inputs[0].dtype != DType::kF32 || l.n * l.inner == 0) return std::unique_ptr<Kernel>();
  if (!kLog && l.inner == 1 && StreamedSoftmaxRows::Takes(l.outer, l.n)) {
    static const auto rows = Simd<StreamedSoftmaxRows>::Select();
    return MakeKernel([l](const KernelArgs& args) {
      const float* const x = In<float>(args, 0);
      float* const y = Out<float>(args);
      ParallelForRange(l.outer, std::max<int64_t>(1, kGrain / l.n),
                       [&](int64_t begin, int64_t end) {
                         alignas(64) float buffers[kStreamRowBytes / sizeof(float)];
                         rows(x + begin * l.n, y + begin * l.n, end - begin, l.n, buffers);
                         StreamFence();
                       });
      return absl::OkStatus();
    });
  }
  if (l.inner == 1) {
    static const auto rows = Simd<std::conditional_t<kLog, LogSoftmaxRows, SoftmaxRows>>::Select();
    return MakeKernel([l](const KernelArgs& args) {
      const float* const x = In<float>(args, 0);
      const auto make = [&](int64_t row, int64_t count, float* to) {
        rows(x + row * l.n, to, count, l.n);
      };
      ParallelRows(Out<float>(args), l.outer, l.n, kGrain, make);
      return absl::OkStatus();
    });
  }
  static const auto columns = Simd<SoftmaxColumns<kLog>>::Select();
  return MakeKernel([l](const KernelArgs& args) {
    const int64_t strip = std::min(l.inner, kStrip);
    const int64_t strips = (l.inner + strip - 1) / strip;
    const int64_t grain = std::max<int64_t>(1, kGrain / (l.n * strip));
    ParallelForRange(l.outer * strips, grain, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        const int64_t column = part % strips * strip;
        const int64_t offset = part / strips * l.n * l.inner + column;
        columns(In<float>(args, 0) + offset, Out<float>(args) + offset, l.inner, l.n,
                std::min(strip, l.inner - column));
      }
    });
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TensorSpec>> InferSoftmax(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  if (!IsFloating(x.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes f32 or f64, but was given ", DTypeName(x.dtype), "; cast it first"));
  }
  ADJOINT_RETURN_IF_ERROR(NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape.rank()).status());
  return std::vector<TensorSpec>{x};
}

Var AlongAxis(const OpDef& op, Operand x, int64_t axis) {
  if (auto normal = NormalizeAxis(axis, x.var.shape().rank()); normal.ok()) axis = *normal;
  return Apply1(op, {x}, {{"axis", axis}});
}

absl::StatusOr<std::vector<TensorSpec>> InferCrossEntropy(const InferContext& c) {
  const TensorSpec& logits = c.inputs[0];
  const TensorSpec& labels = c.inputs[1];
  if (!IsFloating(logits.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("logits must be f32 or f64, but are ", DTypeName(logits.dtype)));
  }
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("labels", labels));
  if (logits.shape.rank() == 0) {
    return absl::InvalidArgumentError("logits are a scalar; their last axis is the classes");
  }
  const Shape samples(logits.shape.dims().subspan(0, logits.shape.rank() - 1));
  if (labels.shape != samples) {
    return absl::InvalidArgumentError(absl::StrCat("labels have shape ", labels.shape.ToString(),
                                                   ", logits without their last "
                                                   "axis have ",
                                                   samples.ToString()));
  }
  const Dim classes = logits.shape.dim(logits.shape.rank() - 1);
  if (!classes.is_known()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the number of classes must be a number, but is ", classes.ToString()));
  }
  return std::vector<TensorSpec>{{logits.dtype, samples}};
}

absl::StatusOr<std::vector<Cotangent>> CrossEntropyVjp(const VjpContext& c) {
  const Var logits = c.inputs[0];
  const int64_t classes = logits.shape()[logits.shape().rank() - 1];
  const Var residual = Softmax(logits) - OneHot(c.inputs[1], classes, logits.dtype());
  return std::vector<Cotangent>{residual * ExpandDims(c.cotangents[0], -1), Cotangent::Zero()};
}

struct CrossEntropyLayout {
  Shape samples;
  int64_t rows, classes;

  template <typename Label>
  absl::Status Check(const Label* labels) const {
    return CheckIndices("sparse_softmax_cross_entropy", "label", labels, samples, rows, classes,
                        "the classes");
  }
};

CrossEntropyLayout CrossEntropyLayoutOf(const KernelRequest& r) {
  const Shape& shape = r.inputs[0].shape;
  return {r.inputs[1].shape, r.inputs[1].shape.NumElements(), shape[shape.rank() - 1]};
}

template <typename T, typename Label>
std::unique_ptr<Kernel> ReferenceCrossEntropy(const CrossEntropyLayout& l) {
  return MakeKernel([l](const KernelArgs& args) {
    const Label* labels = In<Label>(args, 1);
    ADJOINT_RETURN_IF_ERROR(l.Check(labels));
    for (int64_t row = 0; row < l.rows; ++row) {
      const T* x = In<T>(args, 0) + row * l.classes;
      const double max = ReferenceMax(x, l.classes, 1);
      const double sum = ReferenceSumExp(x, max, l.classes, 1);
      const double own = static_cast<double>(x[labels[row]]);
      Out<T>(args)[row] = static_cast<T>(std::log(sum) - (own - max));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReferenceCrossEntropy(const KernelRequest& r) {
  const CrossEntropyLayout l = CrossEntropyLayoutOf(r);
  const bool wide = r.inputs[1].dtype == DType::kI64;
  if (r.inputs[0].dtype == DType::kF64) {
    return wide ? ReferenceCrossEntropy<double, int64_t>(l)
                : ReferenceCrossEntropy<double, int32_t>(l);
  }
  return wide ? ReferenceCrossEntropy<float, int64_t>(l) : ReferenceCrossEntropy<float, int32_t>(l);
}

template <typename Label>
std::unique_ptr<Kernel> SimdCrossEntropy(const CrossEntropyLayout& l) {
  static const auto rows = Simd<CrossEntropyRows<Label>>::Select();
  return MakeKernel([l](const KernelArgs& args) {
    const Label* labels = In<Label>(args, 1);
    ADJOINT_RETURN_IF_ERROR(l.Check(labels));
    const float* x = In<float>(args, 0);
    float* y = Out<float>(args);
    const int64_t grain = std::max<int64_t>(1, kGrain / l.classes);
    ParallelForRange(l.rows, grain, [&](int64_t begin, int64_t end) {
      rows(x + begin * l.classes, labels + begin, y + begin, end - begin, l.classes);
    });
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareSimdCrossEntropy(const KernelRequest& r) {
  const CrossEntropyLayout l = CrossEntropyLayoutOf(r);
  if (r.inputs[0].dtype != DType::kF32 || l.classes == 0) return std::unique_ptr<Kernel>();
  return r.inputs[1].dtype == DType::kI64 ? SimdCrossEntropy<int64_t>(l)
                                          : SimdCrossEntropy<int32_t>(l);
}

}  // namespace

const OpDef& SoftmaxOp() {
  static const OpDef* const op = new OpDef{
      .name = "softmax",
      .attrs = {{"axis", AttrKind::kInt}},
      .infer = InferSoftmax,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const Var y = c.outputs[0], g = c.cotangents[0];
        return std::vector<Cotangent>{y * (g - Sum(g * y, {c.attrs.At<int64_t>("axis")}, true))};
      },
      .kernels = {{"simd", PrepareSimd<false>}, {"reference", PrepareReference<false>}},
      .onnx_name = "Softmax",
  };
  return *op;
}

const OpDef& LogSoftmaxOp() {
  static const OpDef* const op = new OpDef{
      .name = "log_softmax",
      .attrs = {{"axis", AttrKind::kInt}},
      .infer = InferSoftmax,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const Var g = c.cotangents[0];
        return std::vector<Cotangent>{g - Exp(c.outputs[0]) *
                                              Sum(g, {c.attrs.At<int64_t>("axis")}, true)};
      },
      .kernels = {{"simd", PrepareSimd<true>}, {"reference", PrepareReference<true>}},
      .onnx_name = "LogSoftmax",
  };
  return *op;
}

const OpDef& SparseSoftmaxCrossEntropyOp() {
  static const OpDef* const op = new OpDef{
      .name = "sparse_softmax_cross_entropy",
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferCrossEntropy,
      .vjp = CrossEntropyVjp,
      .kernels = {{"simd", PrepareSimdCrossEntropy}, {"reference", PrepareReferenceCrossEntropy}},
  };
  return *op;
}

Var Softmax(Operand x, int64_t axis) { return AlongAxis(SoftmaxOp(), x, axis); }
Var LogSoftmax(Operand x, int64_t axis) { return AlongAxis(LogSoftmaxOp(), x, axis); }

Var SparseSoftmaxCrossEntropy(Operand logits, Operand labels) {
  return Apply1(SparseSoftmaxCrossEntropyOp(), {logits, labels});
}

}  // namespace adjoint::ops
