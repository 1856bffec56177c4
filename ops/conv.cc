#include "ops/conv.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/conv_kernels.h"
#include "ops/fail.h"
#include "ops/onednn/convolution.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/window.h"

namespace adjoint::ops {
namespace {

using Ints = std::vector<int64_t>;
using Specs = std::vector<TensorSpec>;
using onednn::ConvolutionPass;

MapLayout LayoutOf(const Attrs& attrs, const Shape& maps) {
  return {maps.rank(), attrs.At<bool>("channels_last")};
}

absl::Status CheckSameType(const TensorSpec& a, const char* a_name, const TensorSpec& b,
                           const char* b_name) {
  if (a.dtype == b.dtype) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("element types differ: ", a_name, " has ",
                                                 DTypeName(a.dtype), ", ", b_name, " has ",
                                                 DTypeName(b.dtype)));
}

absl::StatusOr<int64_t> GroupsOf(const Attrs& attrs) {
  const int64_t groups = attrs.At<int64_t>("groups");
  if (groups >= 1) return groups;
  return absl::InvalidArgumentError(absl::StrCat("groups is ", groups, "; it must be 1 at least"));
}

// `channels` of the maps called `what`, divided among the groups.
absl::StatusOr<Dim> PerGroup(const char* what, Dim channels, int64_t groups) {
  if (groups == 1) return channels;
  if (!channels.is_known() || channels.value() % groups != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " has ", channels.ToString(), " channels, which ", groups, " groups do not divide"));
  }
  return Dim(channels.value() / groups);
}

absl::StatusOr<Ints> KernelOf(const TensorSpec& weights, int rank) {
  if (weights.shape.rank() != rank) {
    return absl::InvalidArgumentError(absl::StrCat("the weights have rank ", weights.shape.rank(),
                                                   ", the maps have ", rank,
                                                   ": weights are [out, in / groups, kernel...]"));
  }
  Ints kernel;
  for (int i = 2; i < rank; ++i) {
    if (!weights.shape.dim(i).is_known()) {
      return absl::InvalidArgumentError(absl::StrCat("the weights' extent ",
                                                     weights.shape.dim(i).ToString(),
                                                     " along axis ", i, " must be a number"));
    }
    kernel.push_back(weights.shape[i]);
  }
  return kernel;
}

// The shape of conv's result for x of `in` and `out` channels.
absl::StatusOr<Shape> ConvolvedShape(const Shape& in, Dim out, const Window& window,
                                     const Attrs& attrs) {
  const MapLayout layout = LayoutOf(attrs, in);
  Shape shape = in;
  shape.set_dim(layout.channel(), out);
  for (int i = 0; i < layout.spatial_rank(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const Dim count, WindowCount(window, i, in.dim(layout.spatial(i))));
    shape.set_dim(layout.spatial(i), count);
  }
  return shape;
}

// Conv's result for an x of `in` and these weights.
absl::StatusOr<Shape> ShapeOfConv(const TensorSpec& in, const TensorSpec& weights,
                                  const Attrs& attrs) {
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", in));
  ADJOINT_RETURN_IF_ERROR(CheckSameType(in, "the operand", weights, "the weights"));
  ADJOINT_ASSIGN_OR_RETURN(Ints kernel, KernelOf(weights, in.shape.rank()));
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(attrs, std::move(kernel)));
  ADJOINT_ASSIGN_OR_RETURN(const int64_t groups, GroupsOf(attrs));
  const Dim channels = in.shape.dim(LayoutOf(attrs, in.shape).channel());
  ADJOINT_ASSIGN_OR_RETURN(const Dim per_group, PerGroup("the operand", channels, groups));
  if (per_group != weights.shape.dim(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("channels differ: the operand has ", channels.ToString(), " in ", groups,
                     " groups, the weights are for ", weights.shape.dim(1).ToString(), " a group"));
  }
  const Dim out = weights.shape.dim(0);
  ADJOINT_RETURN_IF_ERROR(PerGroup("the result", out, groups).status());
  return ConvolvedShape(in.shape, out, window, attrs);
}

absl::Status CheckCotangent(const Shape& cotangent, const Shape& wanted) {
  if (cotangent == wanted) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the cotangent has shape ", cotangent.ToString(),
                                                 ", the convolution gives ", wanted.ToString()));
}

absl::StatusOr<Specs> InferConv(const InferContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(Shape shape, ShapeOfConv(c.inputs[0], c.inputs[1], c.attrs));
  if (c.inputs.size() > 2) {
    const TensorSpec bias{c.inputs[0].dtype, Shape{c.inputs[1].shape.dim(0)}};
    if (c.inputs[2] != bias) {
      return absl::InvalidArgumentError(
          absl::StrCat("the bias must be ", bias.ToString(), ", but is ", c.inputs[2].ToString()));
    }
  }
  return Specs{{c.inputs[0].dtype, std::move(shape)}};
}

absl::StatusOr<Specs> InferInputGradient(const InferContext& c) {
  const TensorSpec x{c.inputs[0].dtype, c.attrs.At<Shape>("shape")};
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the cotangent", c.inputs[0]));
  ADJOINT_ASSIGN_OR_RETURN(const Shape wanted, ShapeOfConv(x, c.inputs[1], c.attrs));
  ADJOINT_RETURN_IF_ERROR(CheckCotangent(c.inputs[0].shape, wanted));
  return Specs{x};
}

absl::StatusOr<Specs> InferWeightsGradient(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  const TensorSpec& cotangent = c.inputs[1];
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", x));
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the cotangent", cotangent));
  ADJOINT_RETURN_IF_ERROR(CheckSameType(x, "the operand", cotangent, "the cotangent"));
  const Ints& kernel = c.attrs.At<Ints>("kernel");
  const MapLayout layout = LayoutOf(c.attrs, x.shape);
  if (static_cast<int>(kernel.size()) != layout.spatial_rank() ||
      cotangent.shape.rank() != layout.rank) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the kernel has ", kernel.size(), " extents, the operand has ", layout.spatial_rank(),
        " spatial axes, the cotangent has ", cotangent.shape.rank() - 2));
  }
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(c.attrs, kernel));
  ADJOINT_ASSIGN_OR_RETURN(const int64_t groups, GroupsOf(c.attrs));
  ADJOINT_ASSIGN_OR_RETURN(const Dim in,
                           PerGroup("the operand", x.shape.dim(layout.channel()), groups));
  const Dim out = cotangent.shape.dim(layout.channel());
  ADJOINT_RETURN_IF_ERROR(PerGroup("the cotangent", out, groups).status());
  ADJOINT_ASSIGN_OR_RETURN(const Shape wanted, ConvolvedShape(x.shape, out, window, c.attrs));
  ADJOINT_RETURN_IF_ERROR(CheckCotangent(cotangent.shape, wanted));
  Shape shape{out, in};
  for (int64_t extent : kernel) shape.push_back(extent);
  return Specs{{x.dtype, std::move(shape)}};
}

// Gradients -------------------------------------------------------------------------------------

ConvOptions OptionsOf(const Attrs& attrs) {
  return {.strides = attrs.At<Ints>("strides"),
          .pads_begin = attrs.At<Ints>("pads_begin"),
          .pads_end = attrs.At<Ints>("pads_end"),
          .dilations = attrs.At<Ints>("dilations"),
          .groups = attrs.At<int64_t>("groups"),
          .channels_last = attrs.At<bool>("channels_last")};
}

Ints SpatialExtents(const Shape& weights) {
  Ints kernel;
  for (int i = 2; i < weights.rank(); ++i) kernel.push_back(weights[i]);
  return kernel;
}

absl::StatusOr<std::vector<Cotangent>> ConvVjp(const VjpContext& c) {
  const Var x = c.inputs[0], w = c.inputs[1], ct = c.cotangents[0];
  const ConvOptions options = OptionsOf(c.attrs);
  std::vector<Cotangent> result(c.inputs.size(), Cotangent::Zero());
  if (c.needs[0]) result[0] = ConvInputGradient(ct, w, x.shape(), options);
  if (c.needs[1]) result[1] = ConvWeightsGradient(x, ct, SpatialExtents(w.shape()), options);
  if (c.inputs.size() > 2 && c.needs[2]) {
    Ints axes;
    const MapLayout layout = LayoutOf(c.attrs, ct.shape());
    for (int axis = 0; axis < layout.rank; ++axis) {
      if (axis != layout.channel()) axes.push_back(axis);
    }
    result[2] = Sum(ct, axes);
  }
  return result;
}

absl::StatusOr<std::vector<Cotangent>> InputGradientVjp(const VjpContext& c) {
  const Var w = c.inputs[1], ct = c.cotangents[0];
  const ConvOptions options = OptionsOf(c.attrs);
  std::vector<Cotangent> result(2, Cotangent::Zero());
  if (c.needs[0]) result[0] = Conv(ct, w, options);
  if (c.needs[1]) {
    result[1] = ConvWeightsGradient(ct, c.inputs[0], SpatialExtents(w.shape()), options);
  }
  return result;
}

absl::StatusOr<std::vector<Cotangent>> WeightsGradientVjp(const VjpContext& c) {
  const Var x = c.inputs[0], ct = c.cotangents[0];
  const ConvOptions options = OptionsOf(c.attrs);
  std::vector<Cotangent> result(2, Cotangent::Zero());
  if (c.needs[0]) result[0] = ConvInputGradient(c.inputs[1], ct, x.shape(), options);
  if (c.needs[1]) result[1] = Conv(x, ct, options);
  return result;
}

// Kernels ---------------------------------------------------------------------------------------

// The shapes of x, the weights and the convolution's result, wherever they stand in a request.
struct Operands {
  const Shape& x;
  const Shape& weights;
  const Shape& y;
};

Operands OperandsOf(const KernelRequest& r, ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::kInputGradient:
      return {r.outputs[0].shape, r.inputs[1].shape, r.inputs[0].shape};
    case ConvolutionPass::kWeightsGradient:
      return {r.inputs[0].shape, r.outputs[0].shape, r.inputs[1].shape};
    case ConvolutionPass::kForward:
      break;
  }
  return {r.inputs[0].shape, r.inputs[1].shape, r.outputs[0].shape};
}

struct Geometry {
  MapGeometry x, y;
  WindowGeometry window;
  int64_t in, out;  // channels a group
  int64_t groups;
};

absl::StatusOr<Geometry> GeometryOf(const Operands& o, const Attrs& attrs) {
  const bool channels_last = attrs.At<bool>("channels_last");
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(attrs, SpatialExtents(o.weights)));
  Geometry g;
  g.x = MapGeometryOf(o.x, channels_last);
  g.y = MapGeometryOf(o.y, channels_last);
  g.window = WindowGeometryOf(window);
  g.groups = attrs.At<int64_t>("groups");
  g.in = o.weights[1];
  g.out = o.weights[0] / g.groups;
  return g;
}

// Calls fn(x, w, y) with the positions of the factors and the term of each multiplication.
template <class Fn>
void ForEachProduct(const Geometry& g, Fn fn) {
  const WindowGeometry& w = g.window;
  for (int64_t n = 0; n < g.y.batch; ++n) {
    for (int64_t channel = 0; channel < g.y.channels; ++channel) {
      const int64_t group = channel / g.out;
      const int64_t x0 = n * g.x.batch_stride + group * g.in * g.x.channel_stride;
      const int64_t w0 = channel * g.in * w.size();
      int64_t y0 = n * g.y.batch_stride + channel * g.y.channel_stride;
      std::array<int64_t, 3> p;
      for (p[0] = 0; p[0] < g.y.extents[0]; ++p[0]) {
        for (p[1] = 0; p[1] < g.y.extents[1]; ++p[1]) {
          for (p[2] = 0; p[2] < g.y.extents[2]; ++p[2]) {
            std::array<int64_t, 3> begin;
            std::array<TapRange, 3> taps;
            int64_t y = y0;
            for (int i = 0; i < 3; ++i) {
              begin[i] = p[i] * w.strides[i] - w.pads[i];
              taps[i] = TapsInside(begin[i], w.dilations[i], w.kernel[i], g.x.extents[i]);
              y += p[i] * g.y.strides[i];
            }
            for (int64_t c = 0; c < g.in; ++c) {
              for (int64_t i = taps[0].first; i < taps[0].last; ++i) {
                for (int64_t j = taps[1].first; j < taps[1].last; ++j) {
                  const int64_t x1 = x0 + c * g.x.channel_stride +
                                     (begin[0] + i * w.dilations[0]) * g.x.strides[0] +
                                     (begin[1] + j * w.dilations[1]) * g.x.strides[1];
                  const int64_t w1 = w0 + ((c * w.kernel[0] + i) * w.kernel[1] + j) * w.kernel[2];
                  for (int64_t k = taps[2].first; k < taps[2].last; ++k) {
                    fn(x1 + (begin[2] + k * w.dilations[2]) * g.x.strides[2], w1 + k, y);
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

template <typename T>
KernelFn Reference(const Geometry& g, ConvolutionPass pass, int64_t size, bool has_bias) {
  return [=](const KernelArgs& args) {
    const T* const a = In<T>(args, 0);
    const T* const b = In<T>(args, 1);
    T* const out = Out<T>(args);
    std::fill(out, out + size, T{0});
    switch (pass) {
      case ConvolutionPass::kForward:
        if (has_bias) {
          const T* const bias = In<T>(args, 2);
          for (int64_t i = 0; i < size; ++i) {
            out[i] = bias[i / g.y.channel_stride % g.y.channels];
          }
        }
        ForEachProduct(g, [=](int64_t x, int64_t w, int64_t y) { out[y] += a[x] * b[w]; });
        break;
      case ConvolutionPass::kInputGradient:
        ForEachProduct(g, [=](int64_t x, int64_t w, int64_t y) { out[x] += a[y] * b[w]; });
        break;
      case ConvolutionPass::kWeightsGradient:
        ForEachProduct(g, [=](int64_t x, int64_t w, int64_t y) { out[w] += a[x] * b[y]; });
        break;
    }
    return absl::OkStatus();
  };
}

KernelDef ReferenceKernel(ConvolutionPass pass) {
  return {"reference", [pass](const KernelRequest& r) -> absl::StatusOr<std::unique_ptr<Kernel>> {
            ADJOINT_ASSIGN_OR_RETURN(const Geometry g, GeometryOf(OperandsOf(r, pass), r.attrs));
            const int64_t size = r.outputs[0].shape.NumElements();
            const bool bias = pass == ConvolutionPass::kForward && r.inputs.size() > 2;
            return MakeKernel(r.outputs[0].dtype == DType::kF32
                                  ? Reference<float>(g, pass, size, bias)
                                  : Reference<double>(g, pass, size, bias));
          }};
}

KernelDef OneDnnKernel(ConvolutionPass pass) {
  return {"onednn", [pass](const KernelRequest& r) -> absl::StatusOr<std::unique_ptr<Kernel>> {
            if (r.outputs[0].dtype != DType::kF32) return std::unique_ptr<Kernel>();
            const Operands o = OperandsOf(r, pass);
            ADJOINT_ASSIGN_OR_RETURN(onednn::ConvolutionConfig config,
                                     ConvolutionConfigFor(pass, o.x, o.weights, o.y, r.attrs));
            config.bias = pass == ConvolutionPass::kForward && r.inputs.size() > 2;
            if (pass == ConvolutionPass::kForward) config.constant_weights = r.constant(1);
            return onednn::MakeConvolution(config);
          }};
}

std::vector<KernelDef> Kernels(ConvolutionPass pass) {
  return {OneDnnKernel(pass), ReferenceKernel(pass)};
}

// How many spatial axes the first operand that is a var has; a rank too low is the shape rule's.
size_t SpatialRank(const Operand& a, const Operand& b) {
  const Var v = a.var.valid() ? a.var : b.var;
  return v.valid() ? std::max(0, v.shape().rank() - 2) : 0;
}

Attrs AttrsOf(const ConvOptions& options, size_t rank) {
  return Attrs{{"strides", PerAxis(options.strides, rank, 1)},
               {"pads_begin", PerAxis(options.pads_begin, rank, 0)},
               {"pads_end", PerAxis(options.pads_end, rank, 0)},
               {"dilations", PerAxis(options.dilations, rank, 1)},
               {"groups", options.groups},
               {"channels_last", options.channels_last}};
}

}  // namespace

std::vector<AttrDecl> ConvAttrs(std::vector<AttrDecl> others) {
  others.push_back({"groups", AttrKind::kInt});
  others.push_back({"channels_last", AttrKind::kBool});
  return WindowAttrs(std::move(others));
}

absl::StatusOr<onednn::ConvolutionConfig> ConvolutionConfigFor(ConvolutionPass pass, const Shape& x,
                                                               const Shape& weights, const Shape& y,
                                                               const Attrs& attrs) {
  ADJOINT_ASSIGN_OR_RETURN(const Geometry g, GeometryOf({x, weights, y}, attrs));
  const WindowGeometry& w = g.window;
  auto list = [](const std::array<int64_t, 3>& a) { return Ints(a.begin(), a.end()); };
  return onednn::ConvolutionConfig{.pass = pass,
                                   .batch = g.x.batch,
                                   .groups = g.groups,
                                   .in = g.in,
                                   .out = g.out,
                                   .x = list(g.x.extents),
                                   .y = list(g.y.extents),
                                   .kernel = list(w.kernel),
                                   .strides = list(w.strides),
                                   .dilations = list(w.dilations),
                                   .pads_begin = list(w.pads),
                                   .pads_end = list(w.pads_end),
                                   .channels_last = attrs.At<bool>("channels_last")};
}

Var Conv(Operand x, Operand weights, const ConvOptions& options) {
  return Apply1(ConvOp(), {x, weights}, AttrsOf(options, SpatialRank(x, weights)));
}

Var Conv(Operand x, Operand weights, Operand bias, const ConvOptions& options) {
  return Apply1(ConvOp(), {x, weights, bias}, AttrsOf(options, SpatialRank(x, weights)));
}

Var ConvInputGradient(Operand cotangent, Operand weights, const Shape& shape,
                      const ConvOptions& options) {
  Attrs attrs = AttrsOf(options, SpatialRank(cotangent, weights));
  attrs.Set("shape", shape);
  return Apply1(ConvInputGradientOp(), {cotangent, weights}, std::move(attrs));
}

Var ConvWeightsGradient(Operand x, Operand cotangent, const std::vector<int64_t>& kernel,
                        const ConvOptions& options) {
  Attrs attrs = AttrsOf(options, SpatialRank(x, cotangent));
  attrs.Set("kernel", kernel);
  return Apply1(ConvWeightsGradientOp(), {x, cotangent}, std::move(attrs));
}

Var ConvTranspose(Operand x, Operand weights, const ConvTransposeOptions& options) {
  if (!x.var.valid()) return x.var;
  if (!weights.var.valid()) return weights.var;
  auto fail = [&](const absl::Status& error) {
    return FailAt(x, "conv_transpose", error.message());
  };
  if (absl::Status s = CheckMaps("the operand", x.var.spec()); !s.ok()) return fail(s);
  const MapLayout layout{x.var.shape().rank(), options.channels_last};
  const size_t rank = layout.spatial_rank();
  absl::StatusOr<Ints> kernel = KernelOf(weights.var.spec(), layout.rank);
  if (!kernel.ok()) return fail(kernel.status());
  ConvOptions conv{.strides = PerAxis(options.strides, rank, 1),
                   .pads_begin = PerAxis(options.pads_begin, rank, 0),
                   .pads_end = PerAxis(options.pads_end, rank, 0),
                   .dilations = PerAxis(options.dilations, rank, 1),
                   .groups = options.groups,
                   .channels_last = options.channels_last};
  absl::StatusOr<Window> window = WindowFrom(AttrsOf(conv, rank), *kernel);
  if (!window.ok()) return fail(window.status());
  const Ints extra = PerAxis(options.output_padding, rank, 0);
  if (extra.size() != rank ||
      (!options.output_shape.empty() && options.output_shape.size() != rank)) {
    return fail(absl::InvalidArgumentError(
        absl::StrCat("output_padding has ", extra.size(), " entries and output_shape ",
                     options.output_shape.size(), " for ", rank, " spatial axes")));
  }
  const absl::StatusOr<int64_t> groups = GroupsOf(AttrsOf(conv, rank));
  if (!groups.ok()) return fail(groups.status());
  const Dim out = weights.var.shape().dim(1);
  int64_t channels;
  if (!out.is_known() || __builtin_mul_overflow(out.value(), *groups, &channels)) {
    return fail(absl::InvalidArgumentError(absl::StrCat("the weights' ", out.ToString(),
                                                        " output channels for each of ", *groups,
                                                        " groups must be a number")));
  }
  // `shape` is what the gradient of a convolution has; `after` elements of zero follow it, for a
  // convolution with more of them would have more windows.
  Shape shape = x.var.shape();
  shape.set_dim(layout.channel(), channels);
  Ints after(layout.rank, 0), before(layout.rank, 0);
  for (size_t i = 0; i < rank; ++i) {
    const int axis = layout.spatial(static_cast<int>(i));
    const Dim d = shape.dim(axis);
    if (!d.is_known() || d.value() < 1 || extra[i] < 0 || extra[i] > INT32_MAX ||
        d.value() > INT64_MAX / 4 / window->strides[i]) {
      return fail(absl::InvalidArgumentError(absl::StrCat(
          "spatial axis ", i, " has ", d.ToString(), " elements and output padding ", extra[i],
          "; the first must be a number, positive, the other not negative")));
    }
    const int64_t stride = window->strides[i];
    const int64_t full = (d.value() - 1) * stride + window->Span(static_cast<int>(i));
    int64_t wanted = full + extra[i] - conv.pads_begin[i] - conv.pads_end[i];
    if (!options.output_shape.empty()) {
      wanted = options.output_shape[i];
      const int64_t pads = std::max<int64_t>(0, full + extra[i] - std::max<int64_t>(wanted, 0));
      conv.pads_begin[i] = options.odd_at_end ? pads / 2 : pads - pads / 2;
      conv.pads_end[i] = pads - conv.pads_begin[i];
    }
    if (wanted < 0 || wanted > INT64_MAX / 4) {
      return fail(absl::InvalidArgumentError(
          absl::StrCat("the result would have ", wanted, " elements along spatial axis ", i)));
    }
    // What is left beyond the pads must be less than a stride.
    const int64_t least = full - conv.pads_begin[i] - conv.pads_end[i];
    int64_t extent = wanted;
    if (wanted - least >= stride) {
      extent = std::max<int64_t>(least, 0);
      after[axis] = wanted - extent;
    } else if (wanted < least) {
      conv.pads_end[i] += least - wanted;
    }
    shape.set_dim(axis, extent);
  }
  const Var y = ConvInputGradient(x, weights, shape, conv);
  if (!y.valid() || std::all_of(after.begin(), after.end(), [](int64_t n) { return n == 0; })) {
    return y;
  }
  return Pad(Operand(y, x.location), before, after);
}

double ConvFlops(const TensorSpec& y, const TensorSpec& weights) {
  const double terms = static_cast<double>(weights.shape.NumElements()) /
                       static_cast<double>(std::max<int64_t>(1, weights.shape[0]));
  return 2 * static_cast<double>(y.shape.NumElements()) * terms;
}

const OpDef& ConvOp() {
  static const OpDef* const op = new OpDef{
      .name = "conv",
      .min_inputs = 2,
      .max_inputs = 3,
      .attrs = ConvAttrs(),
      .infer = InferConv,
      .vjp = ConvVjp,
      .kernels = Kernels(ConvolutionPass::kForward),
      .flops = [](const KernelRequest& r) { return ConvFlops(r.outputs[0], r.inputs[1]); },
      .onnx_name = "Conv",
  };
  return *op;
}

const OpDef& ConvInputGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "conv_input_gradient",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = ConvAttrs({{"shape", AttrKind::kShape}}),
      .infer = InferInputGradient,
      .vjp = InputGradientVjp,
      .kernels = Kernels(ConvolutionPass::kInputGradient),
      .flops = [](const KernelRequest& r) { return ConvFlops(r.inputs[0], r.inputs[1]); },
      .onnx_name = "ConvTranspose",
  };
  return *op;
}

const OpDef& ConvWeightsGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "conv_weights_gradient",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = ConvAttrs({{"kernel", AttrKind::kInts}}),
      .infer = InferWeightsGradient,
      .vjp = WeightsGradientVjp,
      .kernels = Kernels(ConvolutionPass::kWeightsGradient),
      .flops = [](const KernelRequest& r) { return ConvFlops(r.inputs[1], r.outputs[0]); },
  };
  return *op;
}

}  // namespace adjoint::ops
