#include "ops/pool.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/fail.h"
#include "ops/indexing.h"
#include "ops/pool_kernels.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/window.h"

namespace adjoint::ops {
namespace {

using Ints = std::vector<int64_t>;
using Specs = std::vector<TensorSpec>;
using Cotangents = absl::StatusOr<std::vector<Cotangent>>;
using KernelOr = absl::StatusOr<std::unique_ptr<Kernel>>;

// Attributes ------------------------------------------------------------------------------------

constexpr const char* kIndicesNames[] = {"plane", "tensor", "tensor_column_major"};
constexpr const char* kDivisorNames[] = {"inside", "padded", "none"};

std::string NameOf(PoolIndices kind) { return kIndicesNames[static_cast<int>(kind)]; }
std::string NameOf(PoolDivisor divisor) { return kDivisorNames[static_cast<int>(divisor)]; }

template <class Enum>
absl::StatusOr<Enum> FromName(const char* attr, const std::string& name,
                              absl::Span<const char* const> names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<Enum>(i);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(attr, " is '", name, "'; known are ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<PoolIndices> IndicesOf(const Attrs& attrs) {
  return FromName<PoolIndices>("indices", attrs.At<std::string>("indices"), kIndicesNames);
}
absl::StatusOr<PoolDivisor> DivisorOf(const Attrs& attrs) {
  return FromName<PoolDivisor>("divisor", attrs.At<std::string>("divisor"), kDivisorNames);
}

size_t SpatialRank(const Operand& x) {
  return x.var.valid() ? std::max(0, x.var.shape().rank() - 2) : 0;
}

Attrs WindowAttrsOf(const Operand& x, const Ints& kernel, const PoolOptions& options) {
  const size_t rank = SpatialRank(x);
  Ints window = PerAxis(kernel, rank, 1);
  Ints strides = options.strides.empty() ? window : PerAxis(options.strides, rank, 1);
  return Attrs{{"kernel", std::move(window)},
               {"strides", std::move(strides)},
               {"pads_begin", PerAxis(options.pads_begin, rank, 0)},
               {"pads_end", PerAxis(options.pads_end, rank, 0)},
               {"dilations", PerAxis(options.dilations, rank, 1)},
               {"ceil_mode", options.ceil_mode},
               {"channels_last", options.channels_last}};
}

std::vector<AttrDecl> PoolAttrs(std::vector<AttrDecl> others) {
  others.push_back({"kernel", AttrKind::kInts});
  others.push_back({"ceil_mode", AttrKind::kBool});
  others.push_back({"channels_last", AttrKind::kBool});
  return WindowAttrs(std::move(others));
}

// Shape rules -----------------------------------------------------------------------------------

absl::StatusOr<Shape> PooledShape(const TensorSpec& x, const Attrs& attrs) {
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", x));
  const MapLayout layout{x.shape.rank(), attrs.At<bool>("channels_last")};
  const Ints& kernel = attrs.At<Ints>("kernel");
  if (static_cast<int>(kernel.size()) != layout.spatial_rank()) {
    return absl::InvalidArgumentError(absl::StrCat("the kernel has ", kernel.size(),
                                                   " extents, the operand has ",
                                                   layout.spatial_rank(), " spatial axes"));
  }
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(attrs, kernel));
  const Rounding rounding = attrs.At<bool>("ceil_mode") ? Rounding::kCeil : Rounding::kFloor;
  Shape shape = x.shape;
  for (int i = 0; i < layout.spatial_rank(); ++i) {
    const int axis = layout.spatial(i);
    ADJOINT_ASSIGN_OR_RETURN(const Dim count, WindowCount(window, i, x.shape.dim(axis), rounding));
    shape.set_dim(axis, count);
  }
  return shape;
}

DType IndexType(PoolIndices kind) {
  return kind == PoolIndices::kPlane ? DType::kI32 : DType::kI64;
}

// Maps whose elements indices of a kind count.
absl::Status CheckIndexed(const Shape& shape, PoolIndices kind, bool channels_last) {
  if (kind != PoolIndices::kPlane) {
    if (!channels_last) return absl::OkStatus();
    return absl::InvalidArgumentError("indices into the tensor are for channels first");
  }
  const MapLayout layout{shape.rank(), channels_last};
  double positions = 1;
  for (int i = 0; i < layout.spatial_rank(); ++i) {
    const Dim d = shape.dim(layout.spatial(i));
    if (d.is_known()) positions *= static_cast<double>(d.value());
  }
  if (positions <= INT32_MAX) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a map of shape ", shape.ToString(), " has more positions than i32 counts"));
}

absl::StatusOr<Specs> InferMaxPool(const InferContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(Shape shape, PooledShape(c.inputs[0], c.attrs));
  Specs specs = {{c.inputs[0].dtype, shape}};
  if (c.attrs.Has("indices")) {
    ADJOINT_ASSIGN_OR_RETURN(const PoolIndices kind, IndicesOf(c.attrs));
    ADJOINT_RETURN_IF_ERROR(
        CheckIndexed(c.inputs[0].shape, kind, c.attrs.At<bool>("channels_last")));
    specs.push_back({IndexType(kind), std::move(shape)});
  }
  return specs;
}

// Maps x, and indices into them of one batch and as many channels.
absl::Status CheckIndexing(const TensorSpec& x, const TensorSpec& indices, const Attrs& attrs) {
  ADJOINT_ASSIGN_OR_RETURN(const PoolIndices kind, IndicesOf(attrs));
  const bool channels_last = attrs.At<bool>("channels_last");
  if (indices.dtype != IndexType(kind)) {
    return absl::InvalidArgumentError(absl::StrCat("indices of kind '", NameOf(kind), "' are ",
                                                   DTypeName(IndexType(kind)), ", but are ",
                                                   DTypeName(indices.dtype)));
  }
  const MapLayout layout{x.shape.rank(), channels_last};
  if (indices.shape.rank() != layout.rank || indices.shape.dim(0) != x.shape.dim(0) ||
      indices.shape.dim(layout.channel()) != x.shape.dim(layout.channel())) {
    return absl::InvalidArgumentError(absl::StrCat("the maps have shape ", x.shape.ToString(),
                                                   ", the indices ", indices.shape.ToString(),
                                                   ": rank, batch and channels must be equal"));
  }
  return CheckIndexed(x.shape, kind, channels_last);
}

absl::StatusOr<Specs> InferMaxUnpool(const InferContext& c) {
  const TensorSpec out{c.inputs[0].dtype, c.attrs.At<Shape>("shape")};
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", c.inputs[0]));
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the result", out));
  if (c.inputs[0].shape != c.inputs[1].shape) {
    return absl::InvalidArgumentError(absl::StrCat("shapes differ: the values have ",
                                                   c.inputs[0].shape.ToString(), ", the indices ",
                                                   c.inputs[1].shape.ToString()));
  }
  ADJOINT_RETURN_IF_ERROR(CheckIndexing(out, c.inputs[1], c.attrs));
  return Specs{out};
}

absl::StatusOr<Specs> InferMaxPoolGather(const InferContext& c) {
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", c.inputs[0]));
  ADJOINT_RETURN_IF_ERROR(CheckIndexing(c.inputs[0], c.inputs[1], c.attrs));
  return Specs{{c.inputs[0].dtype, c.inputs[1].shape}};
}

absl::StatusOr<Specs> InferAveragePool(const InferContext& c) {
  ADJOINT_RETURN_IF_ERROR(DivisorOf(c.attrs).status());
  ADJOINT_ASSIGN_OR_RETURN(Shape shape, PooledShape(c.inputs[0], c.attrs));
  return Specs{{c.inputs[0].dtype, std::move(shape)}};
}

absl::StatusOr<Specs> InferAveragePoolGradient(const InferContext& c) {
  ADJOINT_RETURN_IF_ERROR(DivisorOf(c.attrs).status());
  const TensorSpec x{c.inputs[0].dtype, c.attrs.At<Shape>("shape")};
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the cotangent", c.inputs[0]));
  ADJOINT_ASSIGN_OR_RETURN(const Shape wanted, PooledShape(x, c.attrs));
  if (c.inputs[0].shape != wanted) {
    return absl::InvalidArgumentError(absl::StrCat("the cotangent has shape ",
                                                   c.inputs[0].shape.ToString(),
                                                   ", the pooling gives ", wanted.ToString()));
  }
  return Specs{x};
}

// Gradients -------------------------------------------------------------------------------------

Cotangents MaxPoolVjp(const VjpContext& c) {
  if (!c.needs[0]) return std::vector<Cotangent>{Cotangent::Zero()};
  const Var x = c.inputs[0];
  const bool channels_last = c.attrs.At<bool>("channels_last");
  if (c.attrs.Has("indices")) {
    ADJOINT_ASSIGN_OR_RETURN(const PoolIndices kind, IndicesOf(c.attrs));
    return std::vector<Cotangent>{
        MaxUnpool(c.cotangents[0], c.outputs[1], x.shape(), kind, channels_last)};
  }
  Attrs attrs = WindowOnly(c.attrs);
  attrs.Set("indices", NameOf(PoolIndices::kPlane));
  const std::vector<Var> again = ApplyN(MaxPoolOp(), {x}, std::move(attrs));
  if (again.size() < 2) return c.builder.status();
  return std::vector<Cotangent>{
      MaxUnpool(c.cotangents[0], again[1], x.shape(), PoolIndices::kPlane, channels_last)};
}

Cotangents MaxUnpoolVjp(const VjpContext& c) {
  std::vector<Cotangent> result(2, Cotangent::Zero());
  ADJOINT_ASSIGN_OR_RETURN(const PoolIndices kind, IndicesOf(c.attrs));
  if (c.needs[0]) {
    result[0] =
        MaxPoolGather(c.cotangents[0], c.inputs[1], kind, c.attrs.At<bool>("channels_last"));
  }
  return result;
}

Cotangents MaxPoolGatherVjp(const VjpContext& c) {
  std::vector<Cotangent> result(2, Cotangent::Zero());
  ADJOINT_ASSIGN_OR_RETURN(const PoolIndices kind, IndicesOf(c.attrs));
  if (c.needs[0]) {
    result[0] = MaxUnpool(c.cotangents[0], c.inputs[1], c.inputs[0].shape(), kind,
                          c.attrs.At<bool>("channels_last"));
  }
  return result;
}

Cotangents AveragePoolVjp(const VjpContext& c) {
  Attrs attrs = WindowOnly(c.attrs);
  attrs.Set("divisor", c.attrs.At<std::string>("divisor"));
  attrs.Set("shape", c.inputs[0].shape());
  return std::vector<Cotangent>{
      Apply1(AveragePoolGradientOp(), {c.cotangents[0]}, std::move(attrs))};
}

Cotangents AveragePoolGradientVjp(const VjpContext& c) {
  Attrs attrs = WindowOnly(c.attrs);
  attrs.Set("divisor", c.attrs.At<std::string>("divisor"));
  return std::vector<Cotangent>{Apply1(AveragePoolOp(), {c.cotangents[0]}, std::move(attrs))};
}

// Kernels ---------------------------------------------------------------------------------------

absl::StatusOr<PoolGeometry> GeometryOf(const Shape& x, const Shape& y, const Attrs& attrs) {
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(attrs, attrs.At<Ints>("kernel")));
  PoolGeometry g;
  g.channels_last = attrs.At<bool>("channels_last");
  g.x = MapGeometryOf(x, g.channels_last);
  g.y = MapGeometryOf(y, g.channels_last);
  g.window = WindowGeometryOf(window);
  return g;
}

template <bool kFast>
KernelOr PrepareMaxPool(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(const PoolGeometry g,
                           GeometryOf(r.inputs[0].shape, r.outputs[0].shape, r.attrs));
  const bool with_indices = r.attrs.Has("indices");
  PoolIndices kind = PoolIndices::kPlane;
  if (with_indices) {
    ADJOINT_ASSIGN_OR_RETURN(kind, IndicesOf(r.attrs));
    ADJOINT_RETURN_IF_ERROR(CheckIndexed(r.inputs[0].shape, kind, g.channels_last));
  }
  const bool f32 = r.inputs[0].dtype == DType::kF32;
  if (kFast) {
    if (!f32 || kind != PoolIndices::kPlane) return nullptr;
    return FastMaxPool(g, with_indices);
  }
  return f32 ? ReferenceMaxPool<float>(g, with_indices, kind)
             : ReferenceMaxPool<double>(g, with_indices, kind);
}

template <bool kFast, bool kGradient>
KernelOr PrepareAveragePool(const KernelRequest& r) {
  const Shape& in = r.inputs[0].shape;
  const Shape& out = r.outputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(const PoolGeometry g,
                           GeometryOf(kGradient ? out : in, kGradient ? in : out, r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(const PoolDivisor divisor, DivisorOf(r.attrs));
  const bool f32 = r.inputs[0].dtype == DType::kF32;
  if (kFast) {
    if (!f32) return nullptr;
    return kGradient ? FastAveragePoolGradient(g, divisor) : FastAveragePool(g, divisor);
  }
  if (kGradient) {
    return f32 ? ReferenceAveragePoolGradient<float>(g, divisor)
               : ReferenceAveragePoolGradient<double>(g, divisor);
  }
  return f32 ? ReferenceAveragePool<float>(g, divisor) : ReferenceAveragePool<double>(g, divisor);
}

template <bool kFast, bool kGather>
KernelOr PrepareIndexed(const KernelRequest& r) {
  IndexGeometry g;
  ADJOINT_ASSIGN_OR_RETURN(g.kind, IndicesOf(r.attrs));
  g.channels_last = r.attrs.At<bool>("channels_last");
  const Shape& maps = kGather ? r.inputs[0].shape : r.outputs[0].shape;
  ADJOINT_RETURN_IF_ERROR(CheckIndexed(maps, g.kind, g.channels_last));
  g.x = MapGeometryOf(maps, g.channels_last);
  const MapGeometry y = MapGeometryOf(r.inputs[1].shape, g.channels_last);
  const bool f32 = r.inputs[0].dtype == DType::kF32;
  if (kFast) {
    if (!f32 || g.kind != PoolIndices::kPlane) return nullptr;
    return kGather ? FastGather(g, y) : FastUnpool(g, y);
  }
  if (kGather) return f32 ? ReferenceGather<float>(g, y) : ReferenceGather<double>(g, y);
  return f32 ? ReferenceUnpool<float>(g, y) : ReferenceUnpool<double>(g, y);
}

// Compositions ----------------------------------------------------------------------------------

// The spatial axes of maps x, or an error of x's builder.
absl::StatusOr<Ints> SpatialAxes(const Operand& x, bool channels_last) {
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", x.var.spec()));
  const MapLayout layout{x.var.shape().rank(), channels_last};
  Ints axes;
  for (int i = 0; i < layout.spatial_rank(); ++i) axes.push_back(layout.spatial(i));
  return axes;
}

// |x|^p, without kinks that x^p does not have.
Var PowerOfMagnitude(Operand x, double p) {
  if (p == 2) return Square(x);
  return p == 1 ? Abs(x) : Pow(Abs(x), p);
}
Var Root(Var x, double p) { return p == 2 ? Sqrt(x) : p == 1 ? x : Pow(x, 1 / p); }

bool IsNorm(double p) { return p > 0 && std::isfinite(p); }

std::string BadNorm(double p) { return absl::StrCat("p is ", p, "; it must be positive"); }

// Pooling of one axis to `out` positions as AdaptiveAveragePool has them: `x` with the axis
// replaced by two, positions and what they cover. The last element covered is repeated up to the
// longest cover; weights are 1 / count, and 0 for repeated elements.
struct Covers {
  Var elements, weights;
};

Covers CoversOf(Operand x, int axis, int64_t out) {
  const Shape& shape = x.var.shape();
  const int64_t n = shape[axis];
  // 128 bits: the products may be large.
  auto first = [&](int64_t i) { return static_cast<int64_t>(static_cast<__int128>(i) * n / out); };
  auto last = [&](int64_t i) {
    return static_cast<int64_t>((static_cast<__int128>(i + 1) * n + out - 1) / out);
  };
  int64_t longest = 1;
  for (int64_t i = 0; i < out; ++i) longest = std::max(longest, last(i) - first(i));
  Tensor indices = Tensor::Empty({DType::kI64, Shape{out, longest}});
  Shape weights_shape{out, longest};
  for (int k = axis + 1; k < shape.rank(); ++k) weights_shape.push_back(1);
  Tensor weights = Tensor::Empty({x.var.dtype(), weights_shape});
  for (int64_t i = 0; i < out; ++i) {
    const int64_t count = last(i) - first(i);
    for (int64_t k = 0; k < longest; ++k) {
      const int64_t at = i * longest + k;
      indices.mutable_data<int64_t>()[at] = first(i) + std::min(k, count - 1);
      const double weight = k < count ? 1.0 / static_cast<double>(count) : 0;
      if (x.var.dtype() == DType::kF32) {
        weights.mutable_data<float>()[at] = static_cast<float>(weight);
      } else {
        weights.mutable_data<double>()[at] = weight;
      }
    }
  }
  Builder& builder = *x.var.builder;
  return {Gather(x, Constant(builder, std::move(indices), x.location), axis),
          Constant(builder, std::move(weights), x.location)};
}

Var AdaptivePool(Operand x, const Ints& out, bool channels_last, bool max) {
  if (!x.var.valid()) return x.var;
  const char* const name = max ? "adaptive_max_pool" : "adaptive_average_pool";
  const absl::StatusOr<Ints> axes = SpatialAxes(x, channels_last);
  if (!axes.ok()) return FailAt(x, name, axes.status().message());
  const Ints extents = PerAxis(out, axes->size(), 1);
  if (extents.size() != axes->size()) {
    return FailAt(
        x, name,
        absl::StrCat(extents.size(), " extents are given for ", axes->size(), " spatial axes"));
  }
  Ints kernel;
  bool even = true;
  for (size_t i = 0; i < axes->size(); ++i) {
    const Dim d = x.var.shape().dim(static_cast<int>((*axes)[i]));
    if (!d.is_known() || d.value() < 1 || extents[i] < 1 || extents[i] >= (int64_t{1} << 31)) {
      return FailAt(
          x, name,
          absl::StrCat("spatial axis ", i, " has ", d.ToString(), " elements, to be pooled to ",
                       extents[i], "; both must be numbers above 0"));
    }
    even = even && d.value() % extents[i] == 0;
    kernel.push_back(std::max<int64_t>(1, d.value() / extents[i]));
  }
  if (even) {
    const PoolOptions options{.channels_last = channels_last};
    return max ? MaxPoolWithIndices(x, kernel, options).values : AveragePool(x, kernel, options);
  }
  Operand y = x;
  for (size_t i = 0; i < axes->size(); ++i) {
    const int axis = static_cast<int>((*axes)[i]);
    const Covers covers = CoversOf(y, axis, extents[i]);
    y.var = max ? ReduceMax(covers.elements, {axis + 1})
                : Sum(Mul(covers.elements, covers.weights), {axis + 1});
    if (!y.var.valid()) return y.var;
  }
  return y.var;
}

}  // namespace

Var MaxPool(Operand x, const std::vector<int64_t>& kernel, const PoolOptions& options) {
  return Apply1(MaxPoolOp(), {x}, WindowAttrsOf(x, kernel, options));
}

MaxPoolResult MaxPoolWithIndices(Operand x, const std::vector<int64_t>& kernel,
                                 const PoolOptions& options, PoolIndices indices) {
  Attrs attrs = WindowAttrsOf(x, kernel, options);
  attrs.Set("indices", NameOf(indices));
  const std::vector<Var> outputs = ApplyN(MaxPoolOp(), {x}, std::move(attrs));
  return outputs.size() == 2 ? MaxPoolResult{outputs[0], outputs[1]}
                             : MaxPoolResult{outputs[0], outputs[0]};
}

Var MaxUnpool(Operand values, Operand indices, const Shape& shape, PoolIndices kind,
              bool channels_last) {
  return Apply1(
      MaxUnpoolOp(), {values, indices},
      Attrs{{"shape", shape}, {"indices", NameOf(kind)}, {"channels_last", channels_last}});
}

Var MaxPoolGather(Operand x, Operand indices, PoolIndices kind, bool channels_last) {
  return Apply1(MaxPoolGatherOp(), {x, indices},
                Attrs{{"indices", NameOf(kind)}, {"channels_last", channels_last}});
}

Var AveragePool(Operand x, const std::vector<int64_t>& kernel, const PoolOptions& options,
                PoolDivisor divisor) {
  Attrs attrs = WindowAttrsOf(x, kernel, options);
  attrs.Set("divisor", NameOf(divisor));
  return Apply1(AveragePoolOp(), {x}, std::move(attrs));
}

Var AveragePoolGradient(Operand cotangent, const Shape& shape, const std::vector<int64_t>& kernel,
                        const PoolOptions& options, PoolDivisor divisor) {
  Attrs attrs = WindowAttrsOf(cotangent, kernel, options);
  attrs.Set("divisor", NameOf(divisor));
  attrs.Set("shape", shape);
  return Apply1(AveragePoolGradientOp(), {cotangent}, std::move(attrs));
}

Var LpPool(Operand x, const std::vector<int64_t>& kernel, double p, const PoolOptions& options) {
  if (!x.var.valid()) return x.var;
  if (!IsNorm(p)) return FailAt(x, "lp_pool", BadNorm(p));
  const Operand powers(PowerOfMagnitude(x, p), x.location);
  return Root(AveragePool(powers, kernel, options, PoolDivisor::kNone), p);
}

Var GlobalAveragePool(Operand x, bool channels_last, bool keepdims) {
  if (!x.var.valid()) return x.var;
  const absl::StatusOr<Ints> axes = SpatialAxes(x, channels_last);
  if (!axes.ok()) return FailAt(x, "global_average_pool", axes.status().message());
  return Mean(x, *axes, keepdims);
}

Var GlobalMaxPool(Operand x, bool channels_last, bool keepdims) {
  if (!x.var.valid()) return x.var;
  const absl::StatusOr<Ints> axes = SpatialAxes(x, channels_last);
  if (!axes.ok()) return FailAt(x, "global_max_pool", axes.status().message());
  return ReduceMax(x, *axes, keepdims);
}

Var GlobalLpPool(Operand x, double p, bool channels_last, bool keepdims) {
  if (!x.var.valid()) return x.var;
  const absl::StatusOr<Ints> axes = SpatialAxes(x, channels_last);
  if (!axes.ok()) return FailAt(x, "global_lp_pool", axes.status().message());
  if (!IsNorm(p)) return FailAt(x, "global_lp_pool", BadNorm(p));
  return Root(Sum(PowerOfMagnitude(x, p), *axes, keepdims), p);
}

Var AdaptiveAveragePool(Operand x, const std::vector<int64_t>& out, bool channels_last) {
  return AdaptivePool(x, out, channels_last, /*max=*/false);
}
Var AdaptiveMaxPool(Operand x, const std::vector<int64_t>& out, bool channels_last) {
  return AdaptivePool(x, out, channels_last, /*max=*/true);
}

Attrs WindowOnly(const Attrs& attrs) {
  Attrs window;
  for (const char* name :
       {"kernel", "strides", "pads_begin", "pads_end", "dilations", "ceil_mode", "channels_last"}) {
    window.Set(name, *attrs.Find(name));
  }
  return window;
}

const OpDef& MaxPoolOp() {
  static const OpDef* const op = new OpDef{
      .name = "max_pool",
      .attrs = PoolAttrs({{"indices", AttrKind::kString, /*optional=*/true}}),
      .infer = InferMaxPool,
      .vjp = MaxPoolVjp,
      .kernels = {{"simd", PrepareMaxPool<true>}, {"reference", PrepareMaxPool<false>}},
      .onnx_name = "MaxPool",
  };
  return *op;
}

const OpDef& MaxUnpoolOp() {
  static const OpDef* const op = new OpDef{
      .name = "max_unpool",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"channels_last", AttrKind::kBool},
                {"indices", AttrKind::kString},
                {"shape", AttrKind::kShape}},
      .infer = InferMaxUnpool,
      .vjp = MaxUnpoolVjp,
      .kernels = {{"maps", PrepareIndexed<true, false>},
                  {"reference", PrepareIndexed<false, false>}},
      .onnx_name = "MaxUnpool",
  };
  return *op;
}

const OpDef& MaxPoolGatherOp() {
  static const OpDef* const op = new OpDef{
      .name = "max_pool_gather",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"channels_last", AttrKind::kBool}, {"indices", AttrKind::kString}},
      .infer = InferMaxPoolGather,
      .vjp = MaxPoolGatherVjp,
      .kernels = {{"maps", PrepareIndexed<true, true>}, {"reference", PrepareIndexed<false, true>}},
  };
  return *op;
}

const OpDef& AveragePoolOp() {
  static const OpDef* const op = new OpDef{
      .name = "average_pool",
      .attrs = PoolAttrs({{"divisor", AttrKind::kString}}),
      .infer = InferAveragePool,
      .vjp = AveragePoolVjp,
      .kernels = {{"simd", PrepareAveragePool<true, false>},
                  {"reference", PrepareAveragePool<false, false>}},
      .onnx_name = "AveragePool",
  };
  return *op;
}

const OpDef& AveragePoolGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "average_pool_gradient",
      .attrs = PoolAttrs({{"divisor", AttrKind::kString}, {"shape", AttrKind::kShape}}),
      .infer = InferAveragePoolGradient,
      .vjp = AveragePoolGradientVjp,
      .kernels = {{"simd", PrepareAveragePool<true, true>},
                  {"reference", PrepareAveragePool<false, true>}},
  };
  return *op;
}

}  // namespace adjoint::ops
