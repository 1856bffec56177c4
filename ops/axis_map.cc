#include "ops/axis_map.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/fail.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 14;  // products a part, about

// Attributes: "indices" i64[m, taps], "weights" f64[m, taps], "axis".
absl::StatusOr<AxisTable> TableOf(const Attrs& attrs) {
  const Tensor& indices = attrs.At<Tensor>("indices");
  const Tensor& weights = attrs.At<Tensor>("weights");
  if (indices.dtype() != DType::kI64 || weights.dtype() != DType::kF64 ||
      indices.shape() != weights.shape() || indices.shape().rank() != 2 ||
      indices.shape()[1] == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "indices and weights must be i64 and f64 of one shape [positions, taps], taps above 0, but "
        "are ",
        indices.spec().ToString(), " and ", weights.spec().ToString()));
  }
  AxisTable table;
  table.taps = indices.shape()[1];
  table.indices.assign(indices.data<int64_t>().begin(), indices.data<int64_t>().end());
  table.weights.assign(weights.data<double>().begin(), weights.data<double>().end());
  return table;
}

Attrs AttrsOf(int64_t axis, const AxisTable& table) {
  const Shape shape{table.size(), table.taps};
  Tensor indices = Tensor::Empty({DType::kI64, shape});
  Tensor weights = Tensor::Empty({DType::kF64, shape});
  std::copy(table.indices.begin(), table.indices.end(), indices.mutable_data<int64_t>().begin());
  std::copy(table.weights.begin(), table.weights.end(), weights.mutable_data<double>().begin());
  return Attrs{{"axis", axis}, {"indices", std::move(indices)}, {"weights", std::move(weights)}};
}

// The table of the transposed map, to n numbers.
AxisTable Transposed(const AxisTable& table, int64_t n) {
  std::vector<int64_t> counts(n, 0);
  for (int64_t index : table.indices) {
    if (index >= 0) ++counts[index];
  }
  AxisTable t;
  t.taps = 1;
  for (int64_t count : counts) t.taps = std::max(t.taps, count);
  t.indices.assign(n * t.taps, -1);
  t.weights.assign(n * t.taps, 0);
  std::fill(counts.begin(), counts.end(), 0);
  for (size_t k = 0; k < table.indices.size(); ++k) {
    const int64_t index = table.indices[k];
    if (index < 0) continue;
    const int64_t at = index * t.taps + counts[index]++;
    t.indices[at] = static_cast<int64_t>(k) / table.taps;
    t.weights[at] = table.weights[k];
  }
  return t;
}

absl::StatusOr<std::vector<TensorSpec>> Infer(const InferContext& c) {
  TensorSpec spec = c.inputs[0];
  if (spec.dtype != DType::kF32 && spec.dtype != DType::kF64) {
    return absl::InvalidArgumentError(
        absl::StrCat("the operand must be f32 or f64, but is ", DTypeName(spec.dtype)));
  }
  ADJOINT_ASSIGN_OR_RETURN(const int axis,
                           NormalizeAxis(c.attrs.At<int64_t>("axis"), spec.shape.rank()));
  ADJOINT_ASSIGN_OR_RETURN(const AxisTable table, TableOf(c.attrs));
  const Dim d = spec.shape.dim(axis);
  if (!d.is_known()) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis, " has ", d.ToString(), " elements, which must be a number"));
  }
  for (size_t k = 0; k < table.indices.size(); ++k) {
    if (table.indices[k] >= -1 && table.indices[k] < d.value()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("index ", table.indices[k], " of position ", k / table.taps,
                     " is outside -1..", d.value() - 1, ", axis ", axis, " of the operand"));
  }
  spec.shape.set_dim(axis, table.size());
  return std::vector<TensorSpec>{spec};
}

absl::StatusOr<std::vector<Cotangent>> Vjp(const VjpContext& c) {
  const Shape& shape = c.inputs[0].shape();
  ADJOINT_ASSIGN_OR_RETURN(const int axis,
                           NormalizeAxis(c.attrs.At<int64_t>("axis"), shape.rank()));
  ADJOINT_ASSIGN_OR_RETURN(const AxisTable table, TableOf(c.attrs));
  return std::vector<Cotangent>{AxisMap(c.cotangents[0], axis, Transposed(table, shape[axis]))};
}

// [outer, n, inner] to [outer, m, inner].
struct Layout {
  int64_t outer = 1, n = 0, m = 0, inner = 1;
};

absl::StatusOr<Layout> LayoutOf(const KernelRequest& r) {
  const Shape& from = r.inputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(r.attrs.At<int64_t>("axis"), from.rank()));
  Layout layout;
  for (int i = 0; i < axis; ++i) layout.outer *= from[i];
  for (int i = axis + 1; i < from.rank(); ++i) layout.inner *= from[i];
  layout.n = from[axis];
  layout.m = r.outputs[0].shape[axis];
  return layout;
}

template <typename T>
std::unique_ptr<Kernel> Reference(const Layout& l, const AxisTable& table) {
  return MakeKernel([l, table](const KernelArgs& args) {
    const T* const x = In<T>(args, 0);
    T* const y = Out<T>(args);
    for (int64_t o = 0; o < l.outer; ++o) {
      for (int64_t i = 0; i < l.m; ++i) {
        for (int64_t j = 0; j < l.inner; ++j) {
          T sum = 0;
          for (int64_t k = i * table.taps; k < (i + 1) * table.taps; ++k) {
            if (table.indices[k] < 0) continue;
            sum += static_cast<T>(table.weights[k]) * x[(o * l.n + table.indices[k]) * l.inner + j];
          }
          y[(o * l.m + i) * l.inner + j] = sum;
        }
      }
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(const Layout layout, LayoutOf(r));
  ADJOINT_ASSIGN_OR_RETURN(const AxisTable table, TableOf(r.attrs));
  return r.inputs[0].dtype == DType::kF32 ? Reference<float>(layout, table)
                                          : Reference<double>(layout, table);
}

// y[i] = weight x[i], or y[i] += weight x[i].
template <bool kAdd>
struct ScaleRow {
  static ADJOINT_INLINE void Run(const float* __restrict x, float weight, float* __restrict y,
                                 int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = (kAdd ? y[i] : 0.0f) + weight * x[i];
  }
};

// Taps that count, one position after the other.
struct Compact {
  std::vector<int64_t> begin;  // of each position; one more at the end
  std::vector<int32_t> indices;
  std::vector<float> weights;
};

Compact CompactOf(const AxisTable& table) {
  Compact c;
  for (size_t k = 0; k < table.indices.size(); ++k) {
    if (k % table.taps == 0) c.begin.push_back(static_cast<int64_t>(c.indices.size()));
    if (table.indices[k] < 0) continue;
    c.indices.push_back(static_cast<int32_t>(table.indices[k]));
    c.weights.push_back(static_cast<float>(table.weights[k]));
  }
  c.begin.push_back(static_cast<int64_t>(c.indices.size()));
  return c;
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareFast(const KernelRequest& r) {
  if (r.inputs[0].dtype != DType::kF32) return nullptr;
  ADJOINT_ASSIGN_OR_RETURN(const Layout l, LayoutOf(r));
  ADJOINT_ASSIGN_OR_RETURN(const AxisTable table, TableOf(r.attrs));
  if (l.n > INT32_MAX) return nullptr;
  Compact c = CompactOf(table);
  const int64_t per_position = std::max<int64_t>(
      1, static_cast<int64_t>(c.indices.size()) / std::max<int64_t>(1, l.m) * l.inner);
  const int64_t grain = std::max<int64_t>(1, kGrain / per_position);
  // A part is some positions of the result, whatever slice they are in.
  return MakeKernel([l, grain, c = std::move(c), set = Simd<ScaleRow<false>>::Select(),
                     add = Simd<ScaleRow<true>>::Select()](const KernelArgs& args) {
    const float* const x = In<float>(args, 0);
    float* const y = Out<float>(args);
    ParallelForRange(l.outer * l.m, grain, [&](int64_t first, int64_t last) {
      for (int64_t at = first; at < last; ++at) {
        const float* const from = x + at / l.m * l.n * l.inner;
        const int64_t i = at % l.m, begin = c.begin[i], end = c.begin[i + 1];
        float* const to = y + at * l.inner;
        if (l.inner == 1) {
          float sum = 0;
          for (int64_t k = begin; k < end; ++k) sum += c.weights[k] * from[c.indices[k]];
          *to = sum;
          continue;
        }
        if (begin == end) std::fill(to, to + l.inner, 0.0f);
        for (int64_t k = begin; k < end; ++k) {
          (k == begin ? set : add)(from + c.indices[k] * l.inner, c.weights[k], to, l.inner);
        }
      }
    });
    return absl::OkStatus();
  });
}

}  // namespace

Var AxisMap(Operand x, int64_t axis, const AxisTable& table) {
  if (!x.var.valid()) return x.var;
  const absl::StatusOr<int> at = NormalizeAxis(axis, x.var.shape().rank());
  if (!at.ok()) return FailAt(x, "axis_map", at.status().message());
  if (table.taps < 1 || table.indices.size() != table.weights.size() ||
      table.indices.size() % table.taps != 0) {
    return FailAt(x, "axis_map",
                  absl::StrCat("the table has ", table.indices.size(), " indices and ",
                               table.weights.size(), " weights in rows of ", table.taps));
  }
  return Apply1(AxisMapOp(), {x}, AttrsOf(*at, table));
}

const OpDef& AxisMapOp() {
  static const OpDef* const op = new OpDef{
      .name = "axis_map",
      .attrs = {{"axis", AttrKind::kInt},
                {"indices", AttrKind::kTensor},
                {"weights", AttrKind::kTensor}},
      .infer = Infer,
      .vjp = Vjp,
      .kernels = {{"simd", PrepareFast}, {"reference", PrepareReference}},
      .onnx_name = "Resize",
  };
  return *op;
}

}  // namespace adjoint::ops
