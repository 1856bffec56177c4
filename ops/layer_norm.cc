#include "ops/layer_norm.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/elementwise.h"
#include "ops/fail.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/stream.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr int kLanes = 16;
constexpr int64_t kRun = 64 * kLanes;  // terms added in T before they join a sum in double
constexpr int64_t kGrain = 1 << 15;    // elements a part, about

// Rows of n elements.
struct Layout {
  int64_t rows = 1, n = 1;
  double epsilon = 0;
  bool centered = true;
};

absl::StatusOr<Layout> LayoutOf(const KernelRequest& r) {
  const Shape& shape = r.inputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(r.attrs.At<int64_t>("axis"), shape.rank()));
  Layout layout;
  for (int k = 0; k < shape.rank(); ++k) (k < axis ? layout.rows : layout.n) *= shape[k];
  layout.epsilon = r.attrs.GetOr<double>("epsilon", 0);
  layout.centered = r.attrs.At<bool>("centered");
  return layout;
}

template <typename T>
ADJOINT_INLINE double SumLanes(T* __restrict sum) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) sum[lane] += sum[lane + width];
  }
  return static_cast<double>(sum[0]);
}

template <typename T>
ADJOINT_INLINE double SumOfRow(const T* __restrict x, int64_t n) {
  double total = 0;
  for (int64_t first = 0; first < n; first += kRun) {
    const int64_t last = first + kRun < n ? first + kRun : n;
    T sum[kLanes] = {};
    int64_t i = first;
    for (; i + kLanes <= last; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) sum[lane] += x[i + lane];
    }
    for (int lane = 0; i + lane < last; ++lane) sum[lane] += x[i + lane];
    total += SumLanes(sum);
  }
  return total;
}

template <typename T>
ADJOINT_INLINE double SumOfSquares(const T* __restrict x, T mean, int64_t n) {
  double total = 0;
  for (int64_t first = 0; first < n; first += kRun) {
    const int64_t last = first + kRun < n ? first + kRun : n;
    T sum[kLanes] = {};
    int64_t i = first;
    for (; i + kLanes <= last; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) {
        const T d = x[i + lane] - mean;
        sum[lane] += d * d;
      }
    }
    for (int lane = 0; i + lane < last; ++lane) {
      const T d = x[i + lane] - mean;
      sum[lane] += d * d;
    }
    total += SumLanes(sum);
  }
  return total;
}

template <typename T>
struct NormalizeRows {
  static ADJOINT_INLINE void Run(const T* __restrict x, const T* __restrict scale,
                                 const T* __restrict bias, T* __restrict y, T* __restrict means,
                                 T* __restrict inverses, int64_t rows, int64_t n, bool centered,
                                 double epsilon) {
    const double count = static_cast<double>(n);
    for (int64_t row = 0; row < rows; ++row) {
      const T* __restrict from = x + row * n;
      T* __restrict to = y + row * n;
      const T mean = centered ? static_cast<T>(SumOfRow(from, n) / count) : T{0};
      const double variance = SumOfSquares(from, mean, n) / count;
      const T inverse = static_cast<T>(1.0 / __builtin_sqrt(variance + epsilon));
      means[row] = mean;
      inverses[row] = inverse;
      if (scale == nullptr) {
        for (int64_t i = 0; i < n; ++i) to[i] = (from[i] - mean) * inverse;
      } else if (bias == nullptr) {
        for (int64_t i = 0; i < n; ++i) to[i] = (from[i] - mean) * inverse * scale[i];
      } else {
        for (int64_t i = 0; i < n; ++i) to[i] = (from[i] - mean) * inverse * scale[i] + bias[i];
      }
    }
  }
};

template <typename T>
struct GradientRows {
  static ADJOINT_INLINE void Run(const T* __restrict x, const T* __restrict means,
                                 const T* __restrict inverses, const T* __restrict g,
                                 T* __restrict dx, int64_t rows, int64_t n, bool centered) {
    const double count = static_cast<double>(n);
    for (int64_t row = 0; row < rows; ++row) {
      const T* __restrict from = x + row * n;
      const T* __restrict cotangent = g + row * n;
      T* __restrict to = dx + row * n;
      const T mean = means[row], inverse = inverses[row];
      double sum_g = 0, sum_gd = 0;  // d = x - mean
      for (int64_t first = 0; first < n; first += kRun) {
        const int64_t last = first + kRun < n ? first + kRun : n;
        T sums[kLanes] = {}, products[kLanes] = {};
        int64_t i = first;
        for (; i + kLanes <= last; i += kLanes) {
          for (int lane = 0; lane < kLanes; ++lane) {
            const T c = cotangent[i + lane];
            sums[lane] += c;
            products[lane] += c * (from[i + lane] - mean);
          }
        }
        for (int lane = 0; i + lane < last; ++lane) {
          const T c = cotangent[i + lane];
          sums[lane] += c;
          products[lane] += c * (from[i + lane] - mean);
        }
        sum_g += SumLanes(sums);
        sum_gd += SumLanes(products);
      }
      const double wide = static_cast<double>(inverse);
      const T mean_g = centered ? static_cast<T>(sum_g / count) : T{0};
      const T slope = static_cast<T>(sum_gd / count * wide * wide);
      for (int64_t i = 0; i < n; ++i) {
        to[i] = inverse * ((cotangent[i] - mean_g) - (from[i] - mean) * slope);
      }
    }
  }
};

template <typename T>
MaybeKernel MakeRows(const Layout& l, size_t operands) {
  static const auto rows = Simd<NormalizeRows<T>>::Select();
  return MakeKernel([l, operands](const KernelArgs& args) {
    const T* scale = operands > 1 ? In<T>(args, 1) : nullptr;
    const T* bias = operands > 2 ? In<T>(args, 2) : nullptr;
    const auto make = [&](int64_t row, int64_t count, T* to) {
      rows(In<T>(args, 0) + row * l.n, scale, bias, to, Out<T>(args, 1) + row,
           Out<T>(args, 2) + row, count, l.n, l.centered, l.epsilon);
    };
    ParallelRows(Out<T>(args), l.rows, l.n, kGrain, make);
    return absl::OkStatus();
  });
}

MaybeKernel PrepareRows(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  if (l.n == 0) return std::unique_ptr<Kernel>();
  if (r.inputs[0].dtype == DType::kF64) return MakeRows<double>(l, r.inputs.size());
  return MakeRows<float>(l, r.inputs.size());
}

template <typename T>
MaybeKernel MakeGradientRows(const Layout& l) {
  static const auto rows = Simd<GradientRows<T>>::Select();
  return MakeKernel([l](const KernelArgs& args) {
    const auto make = [&](int64_t row, int64_t count, T* to) {
      rows(In<T>(args, 0) + row * l.n, In<T>(args, 1) + row, In<T>(args, 2) + row,
           In<T>(args, 3) + row * l.n, to, count, l.n, l.centered);
    };
    ParallelRows(Out<T>(args), l.rows, l.n, kGrain, make);
    return absl::OkStatus();
  });
}

MaybeKernel PrepareGradientRows(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  if (l.n == 0) return std::unique_ptr<Kernel>();
  if (r.inputs[0].dtype == DType::kF64) return MakeGradientRows<double>(l);
  return MakeGradientRows<float>(l);
}

template <typename T>
MaybeKernel ReferenceNorm(const Layout& l, size_t operands) {
  return MakeKernel([l, operands](const KernelArgs& args) {
    for (int64_t row = 0; row < l.rows; ++row) {
      const T* x = In<T>(args, 0) + row * l.n;
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < l.n; ++i) mean += static_cast<double>(x[i]);
      mean = l.centered ? mean / static_cast<double>(l.n) : 0;
      for (int64_t i = 0; i < l.n; ++i) variance += std::pow(static_cast<double>(x[i]) - mean, 2);
      variance /= static_cast<double>(l.n);
      const double inverse = 1 / std::sqrt(variance + l.epsilon);
      for (int64_t i = 0; i < l.n; ++i) {
        double y = (static_cast<double>(x[i]) - mean) * inverse;
        if (operands > 1) y *= static_cast<double>(In<T>(args, 1)[i]);
        if (operands > 2) y += static_cast<double>(In<T>(args, 2)[i]);
        Out<T>(args)[row * l.n + i] = static_cast<T>(y);
      }
      Out<T>(args, 1)[row] = static_cast<T>(mean);
      Out<T>(args, 2)[row] = static_cast<T>(inverse);
    }
    return absl::OkStatus();
  });
}

MaybeKernel PrepareReference(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  if (r.inputs[0].dtype == DType::kF64) return ReferenceNorm<double>(l, r.inputs.size());
  return ReferenceNorm<float>(l, r.inputs.size());
}

template <typename T>
MaybeKernel ReferenceGradient(const Layout& l) {
  return MakeKernel([l](const KernelArgs& args) {
    for (int64_t row = 0; row < l.rows; ++row) {
      const double mean = static_cast<double>(In<T>(args, 1)[row]);
      const double inverse = static_cast<double>(In<T>(args, 2)[row]);
      const auto xhat = [&](int64_t i) {
        return (static_cast<double>(In<T>(args, 0)[row * l.n + i]) - mean) * inverse;
      };
      const auto g = [&](int64_t i) { return static_cast<double>(In<T>(args, 3)[row * l.n + i]); };
      double mean_g = 0, mean_gx = 0;
      for (int64_t i = 0; i < l.n; ++i) {
        if (l.centered) mean_g += g(i) / static_cast<double>(l.n);
        mean_gx += g(i) * xhat(i) / static_cast<double>(l.n);
      }
      for (int64_t i = 0; i < l.n; ++i) {
        Out<T>(args)[row * l.n + i] = static_cast<T>(inverse * (g(i) - mean_g - xhat(i) * mean_gx));
      }
    }
    return absl::OkStatus();
  });
}

MaybeKernel PrepareReferenceGradient(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Layout l, LayoutOf(r));
  if (r.inputs[0].dtype == DType::kF64) return ReferenceGradient<double>(l);
  return ReferenceGradient<float>(l);
}

// The shape with the axes from `axis` on of extent 1.
Shape MomentShape(const Shape& x, int axis) {
  Shape shape = x;
  for (int k = axis; k < x.rank(); ++k) shape.set_dim(k, 1);
  return shape;
}

absl::StatusOr<std::vector<TensorSpec>> InferLayerNorm(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  if (!IsFloating(x.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes f32 or f64, but was given ", DTypeName(x.dtype), "; cast it first"));
  }
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape.rank()));
  const double epsilon = c.attrs.At<double>("epsilon");
  if (!(epsilon >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("epsilon is ", epsilon, "; it must be at least 0"));
  }
  const TensorSpec of_row{x.dtype, Shape(x.shape.dims().subspan(axis))};
  for (size_t i = 1; i < c.inputs.size(); ++i) {
    if (c.inputs[i] == of_row) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(i == 1 ? "scale" : "bias", " is ", c.inputs[i].ToString(),
                     ", the axes normalised over are ", of_row.ToString()));
  }
  const TensorSpec moment{x.dtype, MomentShape(x.shape, axis)};
  return std::vector<TensorSpec>{x, moment, moment};
}

absl::StatusOr<std::vector<TensorSpec>> InferLayerNormGrad(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  if (!IsFloating(x.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes f32 or f64, but was given ", DTypeName(x.dtype), "; cast it first"));
  }
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape.rank()));
  const TensorSpec moment{x.dtype, MomentShape(x.shape, axis)};
  for (int i : {1, 2}) {
    if (c.inputs[i] == moment) continue;
    return absl::InvalidArgumentError(absl::StrCat(i == 1 ? "mean" : "inv_std", " is ",
                                                   c.inputs[i].ToString(), ", x asks for ",
                                                   moment.ToString()));
  }
  if (c.inputs[3] != x) {
    return absl::InvalidArgumentError(
        absl::StrCat("g is ", c.inputs[3].ToString(), ", x is ", x.ToString()));
  }
  return std::vector<TensorSpec>{x};
}

std::vector<int64_t> TrailingAxes(const Shape& x, int axis) {
  std::vector<int64_t> axes;
  for (int k = axis; k < x.rank(); ++k) axes.push_back(k);
  return axes;
}

// Whether v is zeros that stand for "no cotangent came".
bool IsZeros(const Builder& builder, Var v) {
  Builder::Origin origin = builder.OriginOf(v);
  while (origin.op->name == "broadcast_to") origin = builder.OriginOf(origin.inputs[0]);
  if (origin.op->name != "constant") return false;
  const Tensor& value = origin.attrs->At<Tensor>("value");
  return value.size() == 1 && value.ValueAt(0) == 0;
}

absl::StatusOr<std::vector<Cotangent>> LayerNormVjp(const VjpContext& c) {
  const Var x = c.inputs[0], mean = c.outputs[1], inverse = c.outputs[2];
  const bool centered = c.attrs.At<bool>("centered");
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape().rank()));
  std::vector<Cotangent> result(c.inputs.size(), Cotangent::Zero());
  const Var g = c.cotangents[0];
  const Var difference = centered ? x - mean : x;
  if (c.needs[0]) {
    Var dx =
        Apply1(LayerNormGradOp(), {x, mean, inverse, c.inputs.size() > 1 ? g * c.inputs[1] : g},
               {{"axis", int64_t{axis}}, {"centered", centered}});
    const std::vector<int64_t> axes = TrailingAxes(x.shape(), axis);
    if (centered && !IsZeros(c.builder, c.cotangents[1])) {
      dx = dx + c.cotangents[1] / SizeOf(x, axes, x.dtype());
    }
    if (!IsZeros(c.builder, c.cotangents[2])) {
      const Var slope = c.cotangents[2] * inverse * inverse * inverse / SizeOf(x, axes, x.dtype());
      dx = dx - slope * difference;
    }
    result[0] = dx;
  }
  if (c.inputs.size() > 1 && c.needs[1]) {
    result[1] = SumTo(g * (difference * inverse), c.inputs[1].shape());
  }
  if (c.inputs.size() > 2 && c.needs[2]) result[2] = SumTo(g, c.inputs[2].shape());
  return result;
}

// With xhat = (x - mean) inv_std, h the cotangent and m the mean over the row:
//   out = inv_std (g - m(g) - xhat m(g xhat)), which is symmetric in g;
//   xhat's cotangent is -inv_std (h m(g xhat) + g m(h xhat)).
absl::StatusOr<std::vector<Cotangent>> LayerNormGradVjp(const VjpContext& c) {
  const Var x = c.inputs[0], mean = c.inputs[1], inverse = c.inputs[2], g = c.inputs[3];
  const Var h = c.cotangents[0], out = c.outputs[0];
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape().rank()));
  const std::vector<int64_t> axes = TrailingAxes(x.shape(), axis);
  std::vector<Cotangent> result(4, Cotangent::Zero());
  if (c.needs[0] || c.needs[1] || c.needs[2]) {
    const Var difference = x - mean;
    const Var xhat = difference * inverse;
    const Var of_xhat =
        -inverse * (h * Mean(g * xhat, axes, true) + g * Mean(h * xhat, axes, true));
    const Var of_x = of_xhat * inverse;
    result[0] = of_x;
    if (c.needs[1]) result[1] = -Sum(of_x, axes, true);
    if (c.needs[2]) {
      result[2] = Sum(h * out, axes, true) / inverse + Sum(of_xhat * difference, axes, true);
    }
  }
  if (c.needs[3]) {
    result[3] = Apply1(LayerNormGradOp(), {x, mean, inverse, h}, c.attrs);
  }
  return result;
}

LayerNormResult Normalize(Operand x, Var scale, Var bias, int64_t axis, double epsilon,
                          bool centered) {
  std::vector<Operand> operands = {x};
  bool scaled = scale.builder == nullptr, shifted = bias.builder == nullptr;
  if (auto normal = NormalizeAxis(axis, x.var.shape().rank()); normal.ok()) {
    axis = *normal;
    const Shape of_row(x.var.shape().dims().subspan(*normal));
    if (!scaled && scale.shape() == of_row) {
      operands.emplace_back(scale, x.location);
      scaled = true;
      if (!shifted && bias.shape() == of_row) {
        operands.emplace_back(bias, x.location);
        shifted = true;
      }
    }
  }
  const std::vector<Var> results = ApplyN(
      LayerNormOp(), operands, {{"axis", axis}, {"centered", centered}, {"epsilon", epsilon}});
  if (!results[0].valid()) return {results[0], results[0], results[0]};
  Var y = results[0];
  if (!scaled) y = Mul(Operand(y, x.location), Operand(scale, x.location));
  if (!shifted) y = Add(Operand(y, x.location), Operand(bias, x.location));
  if (y.valid() && y.shape() != x.var.shape()) {
    y = FailAt(x, "layer_norm",
               absl::StrCat("scale and bias must broadcast to the operand; with them the result "
                            "has shape ",
                            y.shape().ToString()));
  }
  return {y, results[1], results[2]};
}

}  // namespace

const OpDef& LayerNormOp() {
  static const OpDef* const op = new OpDef{
      .name = "layer_norm",
      .min_inputs = 1,
      .max_inputs = 3,
      .attrs = {{"axis", AttrKind::kInt},
                {"centered", AttrKind::kBool},
                {"epsilon", AttrKind::kFloat}},
      .infer = InferLayerNorm,
      .vjp = LayerNormVjp,
      .kernels = {{"simd", PrepareRows}, {"reference", PrepareReference}},
      .onnx_name = "LayerNormalization",
  };
  return *op;
}

const OpDef& LayerNormGradOp() {
  static const OpDef* const op = new OpDef{
      .name = "layer_norm_grad",
      .min_inputs = 4,
      .max_inputs = 4,
      .attrs = {{"axis", AttrKind::kInt}, {"centered", AttrKind::kBool}},
      .infer = InferLayerNormGrad,
      .vjp = LayerNormGradVjp,
      .kernels = {{"simd", PrepareGradientRows}, {"reference", PrepareReferenceGradient}},
  };
  return *op;
}

LayerNormResult LayerNormWithMoments(Operand x, Var scale, Var bias, int64_t axis, double epsilon) {
  return Normalize(x, scale, bias, axis, epsilon, /*centered=*/true);
}

Var LayerNorm(Operand x, Var scale, Var bias, int64_t axis, double epsilon) {
  return Normalize(x, scale, bias, axis, epsilon, /*centered=*/true).y;
}

Var RmsNorm(Operand x, Var scale, int64_t axis, double epsilon) {
  return Normalize(x, scale, {}, axis, epsilon, /*centered=*/false).y;
}

}  // namespace adjoint::ops
