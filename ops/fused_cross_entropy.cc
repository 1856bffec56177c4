#include "ops/fused_cross_entropy.h"

#include <cmath>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "core/vec_math.h"
#include "ops/index_check.h"
#include "ops/softmax_rows.h"
#include "ops/stream.h"

namespace adjoint::ops {
namespace {

using namespace softmax_rows;  // NOLINT: helpers of this family alone

// A row of x, of n >= 1. `p` may be null.
template <typename Label>
struct LabelRow {
  static ADJOINT_INLINE void Run(const float* __restrict x, const Label* __restrict label,
                                 float factor, float* __restrict y, float* __restrict dx,
                                 float* __restrict p, int64_t n) {
    const float max = MaxOf(x, n);
    const double total = SumExp<true>(x, max, n, dx);
    const float scale = static_cast<float>(1.0 / total);
    const int64_t own = static_cast<int64_t>(*label);
    *y = vec::Log(static_cast<float>(total)) - (x[own] - max);
    const float own_gradient = (dx[own] * scale - 1.0f) * factor;
    if (p != nullptr) {
      for (int64_t i = 0; i < n; ++i) p[i] = dx[i] * scale;
    }
    for (int64_t i = 0; i < n; ++i) dx[i] = dx[i] * scale * factor;
    dx[own] = own_gradient;
  }
};

// sum(target log p) and sum(target factor), in runs and lanes as in reduce_simd.h.
struct TargetSums {
  double likelihood = 0, mass = 0;
};
ADJOINT_INLINE TargetSums SumsOf(const float* __restrict x, const float* __restrict target,
                                 float factor, float max, float log_sum, int64_t n) {
  TargetSums sums;
  if (n < kLanes) {
    // To begin and join the lanes would take longer than the sums.
    float likelihood = 0, mass = 0;
    for (int64_t i = 0; i < n; ++i) {
      likelihood += target[i] * ((x[i] - max) - log_sum);
      mass += target[i] * factor;
    }
    return {static_cast<double>(likelihood), static_cast<double>(mass)};
  }
  for (int64_t first = 0; first < n; first += kRun) {
    const int64_t last = first + kRun < n ? first + kRun : n;
    float likelihood[kLanes] = {}, mass[kLanes] = {};
    int64_t i = first;
    for (; i + kLanes <= last; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) {
        likelihood[lane] += target[i + lane] * ((x[i + lane] - max) - log_sum);
        mass[lane] += target[i + lane] * factor;
      }
    }
    for (int lane = 0; i + lane < last; ++lane) {
      likelihood[lane] += target[i + lane] * ((x[i + lane] - max) - log_sum);
      mass[lane] += target[i + lane] * factor;
    }
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) {
        likelihood[lane] += likelihood[lane + width];
        mass[lane] += mass[lane + width];
      }
    }
    sums.likelihood += static_cast<double>(likelihood[0]);
    sums.mass += static_cast<double>(mass[0]);
  }
  return sums;
}

struct TargetRow {
  static ADJOINT_INLINE void Run(const float* __restrict x, const float* __restrict target,
                                 float factor, float* __restrict y, float* __restrict dx,
                                 float* __restrict p, int64_t n) {
    const float max = MaxOf(x, n);
    const double total = SumExp<true>(x, max, n, dx);
    const float scale = static_cast<float>(1.0 / total);
    const float log_sum = vec::Log(static_cast<float>(total));
    const TargetSums sums = SumsOf(x, target, factor, max, log_sum, n);
    *y = static_cast<float>(sums.likelihood);
    if (p != nullptr) {
      for (int64_t i = 0; i < n; ++i) p[i] = dx[i] * scale;
    }
    const float mass = static_cast<float>(sums.mass);
    for (int64_t i = 0; i < n; ++i) dx[i] = target[i] * factor - dx[i] * scale * mass;
  }
};

struct Layout {
  Shape samples;
  int64_t rows, n;
  bool one_factor;
  bool probabilities;
};

Layout LayoutOf(const KernelRequest& r) {
  const int64_t factors = r.inputs[2].shape.NumElements();
  const Shape& x = r.inputs[0].shape;
  const Shape samples = r.outputs[0].shape;
  return {samples, samples.NumElements(), x[x.rank() - 1], factors == 1, r.outputs.size() > 2};
}

// Labels of another type than a target's are checked.
template <typename Target>
absl::Status CheckTarget(const Target* labels, const Layout& l) {
  if constexpr (std::is_integral_v<Target>) {
    return CheckIndices("sparse_softmax_cross_entropy", "label", labels, l.samples, l.rows, l.n,
                        "the classes");
  }
  return absl::OkStatus();
}

template <typename T, typename Target>
std::unique_ptr<Kernel> Reference(const Layout& l) {
  return MakeKernel([l](const KernelArgs& args) {
    const Target* const targets = In<Target>(args, 1);
    ADJOINT_RETURN_IF_ERROR(CheckTarget(targets, l));
    for (int64_t row = 0; row < l.rows; ++row) {
      const T* const x = In<T>(args, 0) + row * l.n;
      const double factor = static_cast<double>(In<T>(args, 2)[l.one_factor ? 0 : row]);
      const double max = ReferenceMax(x, l.n, 1);
      const double sum = ReferenceSumExp(x, max, l.n, 1);
      const auto target = [&](int64_t i) {
        if constexpr (std::is_integral_v<Target>) return targets[row] == i ? 1.0 : 0.0;
        return static_cast<double>(targets[row * l.n + i]);
      };
      double likelihood = 0, mass = 0;
      for (int64_t i = 0; i < l.n; ++i) {
        if (target(i) != 0 || !std::is_integral_v<Target>) {
          likelihood += target(i) * (static_cast<double>(x[i]) - max - std::log(sum));
        }
        mass += target(i) * factor;
      }
      const double sign = std::is_integral_v<Target> ? -1 : 1;
      Out<T>(args)[row] = static_cast<T>(sign * likelihood);
      for (int64_t i = 0; i < l.n; ++i) {
        const double p = std::exp(static_cast<double>(x[i]) - max) / sum;
        Out<T>(args, 1)[row * l.n + i] = static_cast<T>(sign * (target(i) * factor - p * mass));
        if (l.probabilities) Out<T>(args, 2)[row * l.n + i] = static_cast<T>(p);
      }
    }
    return absl::OkStatus();
  });
}

template <class Row, typename Target>
std::unique_ptr<Kernel> RowKernel(const Layout& l) {
  static const auto row_of = Simd<Row>::Select();
  return MakeKernel([l](const KernelArgs& args) {
    const Target* const targets = In<Target>(args, 1);
    ADJOINT_RETURN_IF_ERROR(CheckTarget(targets, l));
    const int64_t target_row = std::is_integral_v<Target> ? 1 : l.n;
    const auto make = [&](int64_t first, int64_t count, float* dx) {
      for (int64_t row = first; row < first + count; ++row, dx += l.n) {
        row_of(In<float>(args, 0) + row * l.n, targets + row * target_row,
               In<float>(args, 2)[l.one_factor ? 0 : row], Out<float>(args) + row, dx,
               l.probabilities ? Out<float>(args, 2) + row * l.n : nullptr, l.n);
      }
    };
    ParallelRows(Out<float>(args, 1), l.rows, l.n, kGrain, make);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& r) {
  const Layout l = LayoutOf(r);
  const auto of = [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (r.inputs[1].dtype == DType::kI32) return Reference<T, int32_t>(l);
    if (r.inputs[1].dtype == DType::kI64) return Reference<T, int64_t>(l);
    return Reference<T, T>(l);
  };
  return VisitFloating(r.inputs[0].dtype, of);
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareSimd(const KernelRequest& r) {
  const Layout l = LayoutOf(r);
  if (r.inputs[0].dtype != DType::kF32 || l.n == 0) return std::unique_ptr<Kernel>();
  if (r.inputs[1].dtype == DType::kI32) return RowKernel<LabelRow<int32_t>, int32_t>(l);
  if (r.inputs[1].dtype == DType::kI64) return RowKernel<LabelRow<int64_t>, int64_t>(l);
  return RowKernel<TargetRow, float>(l);
}

absl::StatusOr<std::vector<TensorSpec>> Infer(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  const TensorSpec& target = c.inputs[1];
  const TensorSpec& factor = c.inputs[2];
  if (!IsFloating(x.dtype) || x.shape.rank() == 0 || !x.shape.IsConcrete()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "logits must be f32 or f64, of known extents and with an axis of classes, but are ",
        x.ToString()));
  }
  const TensorSpec y{x.dtype, Shape(x.shape.dims().subspan(0, x.shape.rank() - 1))};
  if (IsFloating(target.dtype) ? target != x : target.shape != y.shape) {
    return absl::InvalidArgumentError(absl::StrCat("targets are ", target.ToString(),
                                                   ", which is neither a target for ", x.ToString(),
                                                   " nor class numbers"));
  }
  if (!IsFloating(target.dtype)) ADJOINT_RETURN_IF_ERROR(CheckIndexType("labels", target));
  const int64_t factors = factor.shape.IsConcrete() ? factor.shape.NumElements() : -1;
  if (factor.dtype != x.dtype || (factors != 1 && factors != y.shape.NumElements())) {
    return absl::InvalidArgumentError(absl::StrCat("the factor must be one ", DTypeName(x.dtype),
                                                   " or one a row, but is ", factor.ToString()));
  }
  std::vector<TensorSpec> outputs = {y, x};
  if (c.attrs.GetOr<bool>("probabilities", false)) outputs.push_back(x);
  return outputs;
}

}  // namespace

const OpDef& FusedCrossEntropyOp() {
  static const OpDef* const op = new OpDef{
      .name = "fused_cross_entropy",
      .traits = {.internal = true},
      .min_inputs = 3,
      .max_inputs = 3,
      .attrs = {{"probabilities", AttrKind::kBool, /*optional=*/true}},
      .infer = Infer,
      .kernels = {{"simd", PrepareSimd}, {"reference", PrepareReference}},
  };
  return *op;
}

}  // namespace adjoint::ops
