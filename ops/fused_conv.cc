#include "ops/fused_conv.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/composed_kernel.h"
#include "ops/conv.h"
#include "ops/conv_kernels.h"
#include "ops/matmul.h"
#include "ops/onednn/convolution.h"
#include "ops/op_list.h"
#include "ops/pool.h"
#include "ops/pool_kernels.h"
#include "ops/reduce.h"
#include "ops/window.h"

namespace adjoint::ops {
namespace {

using Ints = std::vector<int64_t>;
using Specs = std::vector<TensorSpec>;
using onednn::ConvolutionConfig;
using onednn::ConvolutionPass;
using KernelOr = absl::StatusOr<std::unique_ptr<Kernel>>;

struct AddTo {
  static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] += x[i];
  }
};

// y = scale y + shift, in `rows` rows of n elements. Each has one element or n, the shift may be
// null.
struct ScaleRows {
  static ADJOINT_INLINE void Run(const float* __restrict scale, bool one_scale,
                                 const float* __restrict shift, float* __restrict y, int64_t rows,
                                 int64_t n) {
    for (int64_t row = 0; row < rows; ++row, y += n) {
      if (one_scale) {
        for (int64_t i = 0; i < n; ++i) y[i] *= scale[0];
      } else {
        for (int64_t i = 0; i < n; ++i) y[i] *= scale[i];
      }
      if (shift == nullptr) continue;
      for (int64_t i = 0; i < n; ++i) y[i] += shift[i];
    }
  }
};

// The attributes of conv among those of a fused op, or with `more` those of its gradients.
Attrs ConvOnly(const Attrs& attrs, const char* more = nullptr) {
  Attrs conv;
  for (const char* name :
       {"strides", "pads_begin", "pads_end", "dilations", "groups", "channels_last"}) {
    conv.Set(name, *attrs.Find(name));
  }
  if (more != nullptr) conv.Set(more, *attrs.Find(more));
  return conv;
}

bool IsPooled(const Attrs& attrs) { return attrs.Has("pool"); }

// The attributes of max_pool that `pool` stands for.
absl::StatusOr<Attrs> PoolAttrs(const Attrs& attrs) {
  const Ints& pool = attrs.At<Ints>("pool");
  const size_t rank = attrs.At<Ints>("strides").size();
  if (pool.size() != 2 * rank) {
    return absl::InvalidArgumentError(absl::StrCat("pool has ", pool.size(), " entries for ", rank,
                                                   " spatial axes; it is [kernel..., strides...]"));
  }
  Attrs window{{"kernel", Ints(pool.begin(), pool.begin() + rank)},
               {"strides", Ints(pool.begin() + rank, pool.end())},
               {"pads_begin", Ints(rank, 0)},
               {"pads_end", Ints(rank, 0)},
               {"dilations", Ints(rank, 1)},
               {"ceil_mode", false},
               {"channels_last", attrs.At<bool>("channels_last")}};
  if (attrs.GetOr<bool>("indices", true)) window.Set("indices", std::string("plane"));
  return window;
}

Attrs UnpoolAttrs(const Attrs& attrs, const Shape& y) {
  return Attrs{{"shape", y},
               {"indices", std::string("plane")},
               {"channels_last", attrs.At<bool>("channels_last")}};
}

absl::StatusOr<PoolGeometry> PoolGeometryOf(const Attrs& attrs, const Shape& y,
                                            const Shape& pooled) {
  ADJOINT_ASSIGN_OR_RETURN(const Attrs pool, PoolAttrs(attrs));
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(pool, pool.At<Ints>("kernel")));
  PoolGeometry g;
  g.channels_last = attrs.At<bool>("channels_last");
  g.x = MapGeometryOf(y, g.channels_last);
  g.y = MapGeometryOf(pooled, g.channels_last);
  g.window = WindowGeometryOf(window);
  return g;
}

// The convolution's result, before pooling.
absl::StatusOr<TensorSpec> InferConvolved(const TensorSpec& x, const TensorSpec& weights,
                                          const TensorSpec* bias, const Attrs& attrs) {
  Specs inputs = {x, weights};
  if (bias != nullptr) inputs.push_back(*bias);
  ADJOINT_ASSIGN_OR_RETURN(const Specs out, InferOp(ConvOp(), inputs, ConvOnly(attrs)));
  return out[0];
}

double FlopsOf(const TensorSpec& x, const TensorSpec& weights, const Attrs& attrs) {
  const absl::StatusOr<TensorSpec> y = InferConvolved(x, weights, nullptr, attrs);
  return y.ok() ? ConvFlops(*y, weights) : 0;
}

absl::StatusOr<Specs> InferPooled(const TensorSpec& y, const Attrs& attrs) {
  if (!IsPooled(attrs)) return Specs{y};
  ADJOINT_ASSIGN_OR_RETURN(const Attrs pool, PoolAttrs(attrs));
  const TensorSpec inputs[] = {y};
  return InferOp(MaxPoolOp(), inputs, pool);
}

// Which inputs of fused_conv are what.
struct Places {
  int bias = -1, scale = -1, residual = -1, count = 2;
};
Places PlacesOf(const Attrs& attrs) {
  Places p;
  if (attrs.At<bool>("bias")) p.bias = p.count++;
  if (attrs.GetOr<bool>("scale", false)) p.scale = p.count++;
  if (attrs.At<bool>("residual")) p.residual = p.count++;
  return p;
}

absl::StatusOr<Tile> ActivationOf(const Attrs& attrs, DType dtype) {
  const std::string& name = attrs.At<std::string>("activation");
  if (name.empty()) return Tile{};
  const OpDef* const op = FindOp(name);
  const Attrs none;
  const DType inputs[] = {dtype};
  const Tile tile = op != nullptr && CanFuseActivation(*op)
                        ? op->tile(TileRequest{inputs, dtype, 0, none})
                        : Tile{};
  if (tile.fn == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("activation '", name, "' cannot be fused"));
  }
  return tile;
}

absl::StatusOr<Specs> InferFusedConv(const InferContext& c) {
  const Places places = PlacesOf(c.attrs);
  if (static_cast<int>(c.inputs.size()) != places.count) {
    return absl::InvalidArgumentError(absl::StrCat("the attributes speak of ", places.count,
                                                   " inputs, and there are ", c.inputs.size()));
  }
  ADJOINT_ASSIGN_OR_RETURN(
      const TensorSpec y,
      InferConvolved(c.inputs[0], c.inputs[1], places.bias < 0 ? nullptr : &c.inputs[places.bias],
                     c.attrs));
  if (places.residual >= 0 && c.inputs[places.residual] != y) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the residual must be ", y.ToString(), ", but is ", c.inputs[places.residual].ToString()));
  }
  if (places.scale >= 0) {
    const TensorSpec& scale = c.inputs[places.scale];
    const bool channels_last = c.attrs.At<bool>("channels_last");
    const bool number = scale.shape.IsConcrete() && scale.shape.NumElements() == 1;
    const bool vector = channels_last && scale.shape.rank() == 1 &&
                        scale.shape.dim(0) == y.shape.dim(y.shape.rank() - 1);
    if (scale.dtype != y.dtype || !(number || vector)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the scale must be one number", channels_last ? " or one a channel" : "",
                       " of type ", DTypeName(y.dtype), ", but is ", scale.ToString()));
    }
    if (places.bias >= 0 && !channels_last) {
      return absl::InvalidArgumentError(
          "a scale and a bias together need channels_last: the bias is added to what is scaled");
    }
  }
  ADJOINT_RETURN_IF_ERROR(ActivationOf(c.attrs, y.dtype).status());
  return InferPooled(y, c.attrs);
}

absl::Status CheckPooled(absl::Span<const TensorSpec> given, const TensorSpec& y,
                         const Attrs& attrs) {
  ADJOINT_ASSIGN_OR_RETURN(const Specs wanted, InferPooled(y, attrs));
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (given[i] == wanted[i]) continue;
    return absl::InvalidArgumentError(absl::StrCat(i == 0 ? "the cotangent" : "the indices",
                                                   " must be ", wanted[i].ToString(), ", but ",
                                                   i == 0 ? "is " : "are ", given[i].ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Specs> InferFusedInputGradient(const InferContext& c) {
  const TensorSpec x{c.inputs[0].dtype, c.attrs.At<Shape>("shape")};
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, c.inputs[0], nullptr, c.attrs));
  ADJOINT_RETURN_IF_ERROR(CheckPooled(c.inputs.subspan(1), y, c.attrs));
  return Specs{x};
}

// The weights' spec, given those of x and of a cotangent that has y's channels.
TensorSpec WeightsOf(const TensorSpec& x, const TensorSpec& cotangent, const Attrs& attrs) {
  const int axis = MapLayout{x.shape.rank(), attrs.At<bool>("channels_last")}.channel();
  const int64_t groups = attrs.At<int64_t>("groups");
  const Dim in = x.shape.dim(axis);
  Shape shape{cotangent.shape.dim(axis),
              in.is_known() && groups > 0 ? Dim(in.value() / groups) : in};
  for (const int64_t extent : attrs.At<Ints>("kernel")) shape.push_back(extent);
  return {x.dtype, shape};
}

absl::StatusOr<Specs> InferFusedWeightsGradient(const InferContext& c) {
  const size_t wanted = IsPooled(c.attrs) ? 3 : 2;
  if (c.inputs.size() != wanted) {
    return absl::InvalidArgumentError(absl::StrCat("the attributes speak of ", wanted,
                                                   " inputs, and there are ", c.inputs.size()));
  }
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", c.inputs[0]));
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the cotangent", c.inputs[1]));
  const TensorSpec weights = WeightsOf(c.inputs[0], c.inputs[1], c.attrs);
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y,
                           InferConvolved(c.inputs[0], weights, nullptr, c.attrs));
  ADJOINT_RETURN_IF_ERROR(CheckPooled(c.inputs.subspan(1), y, c.attrs));
  Specs specs = {weights};
  if (c.attrs.At<bool>("bias")) specs.push_back({weights.dtype, Shape{weights.shape.dim(0)}});
  return specs;
}

// Kernels ---------------------------------------------------------------------------------------

int64_t ImageSize(const Shape& shape) {
  return shape.NumElements() / std::max<int64_t>(1, shape[0]);
}

// What fused_conv does to images of the convolution's result.
KernelOr PrepareFusedConv(const KernelRequest& r) {
  const TensorSpec& x = r.inputs[0];
  if (x.dtype != DType::kF32) return nullptr;
  const Places places = PlacesOf(r.attrs);
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, r.inputs[1], nullptr, r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(const Tile activation, ActivationOf(r.attrs, DType::kF32));
  ADJOINT_ASSIGN_OR_RETURN(ConvolutionConfig config,
                           ConvolutionConfigFor(ConvolutionPass::kForward, x.shape,
                                                r.inputs[1].shape, y.shape, r.attrs));
  // oneDNN adds the bias where nothing comes between.
  config.bias = places.bias >= 0 && places.scale < 0;
  config.constant_weights = r.constant(1);
  const int64_t size = ImageSize(y.shape);
  const int residual = places.residual;
  const int64_t channels = r.attrs.At<bool>("channels_last") ? y.shape[y.shape.rank() - 1] : size;
  const bool one_scale = places.scale >= 0 && r.inputs[places.scale].shape.NumElements() == 1;
  const auto activate = [activation](float* data, int64_t n) {
    if (activation.fn == nullptr) return;
    activation.fn(TileArgs{.in = {data}, .out = data, .n = n, .params = activation.params});
  };
  const auto scale_and_add = [=](const KernelArgs& args, int64_t first, int64_t images,
                                 float* data) {
    static const auto scale_rows = Simd<ScaleRows>::Select();
    static const auto add = Simd<AddTo>::Select();
    if (places.scale >= 0) {
      scale_rows(In<float>(args, places.scale), one_scale,
                 places.bias < 0 ? nullptr : In<float>(args, places.bias), data,
                 images * size / channels, channels);
    }
    if (residual >= 0) add(In<float>(args, residual) + first * size, data, images * size);
  };
  if (!IsPooled(r.attrs)) {
    config.on_images = [=](const KernelArgs& args, int64_t first, int64_t images, float* data) {
      scale_and_add(args, first, images, data);
      activate(data, images * size);
    };
    return onednn::MakeConvolution(config);
  }
  ADJOINT_ASSIGN_OR_RETURN(const PoolGeometry g,
                           PoolGeometryOf(r.attrs, y.shape, r.outputs[0].shape));
  const int64_t pooled = ImageSize(r.outputs[0].shape);
  const bool indices = r.outputs.size() > 1;
  config.y_in_scratch = true;
  config.on_images = [=](const KernelArgs& args, int64_t first, int64_t images, float* data) {
    scale_and_add(args, first, images, data);
    float* const values = Out<float>(args) + first * pooled;
    MaxPoolImages(g, images, data, values,
                  indices ? Out<int32_t>(args, 1) + first * pooled : nullptr);
    activate(values, images * pooled);
  };
  return onednn::MakeConvolution(config);
}

// Sets y to max_unpool of inputs `values` and the one after it.
absl::Status UnpoolInto(const KernelRequest& r, const TensorSpec& y, int values,
                        ConvolutionConfig* config) {
  ADJOINT_ASSIGN_OR_RETURN(const PoolGeometry g,
                           PoolGeometryOf(r.attrs, y.shape, r.inputs[values].shape));
  const int64_t pooled = ImageSize(r.inputs[values].shape);
  config->y_in_scratch = true;
  config->on_images = [=](const KernelArgs& args, int64_t first, int64_t images, float* data) {
    MaxUnpoolImages(g, images, In<float>(args, values) + first * pooled,
                    In<int32_t>(args, values + 1) + first * pooled, data);
  };
  return absl::OkStatus();
}

KernelOr PrepareFusedInputGradient(const KernelRequest& r) {
  if (r.inputs[0].dtype != DType::kF32) return nullptr;
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y,
                           InferConvolved(r.outputs[0], r.inputs[0], nullptr, r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(ConvolutionConfig config,
                           ConvolutionConfigFor(ConvolutionPass::kInputGradient, r.outputs[0].shape,
                                                r.inputs[0].shape, y.shape, r.attrs));
  ADJOINT_RETURN_IF_ERROR(UnpoolInto(r, y, 1, &config));
  return onednn::MakeConvolution(config);
}

KernelOr PrepareFusedWeightsGradient(const KernelRequest& r) {
  if (r.inputs[0].dtype != DType::kF32) return nullptr;
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y,
                           InferConvolved(r.inputs[0], r.outputs[0], nullptr, r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(
      ConvolutionConfig config,
      ConvolutionConfigFor(ConvolutionPass::kWeightsGradient, r.inputs[0].shape, r.outputs[0].shape,
                           y.shape, r.attrs));
  config.bias_gradient = r.attrs.At<bool>("bias");
  if (IsPooled(r.attrs)) ADJOINT_RETURN_IF_ERROR(UnpoolInto(r, y, 1, &config));
  return onednn::MakeConvolution(config);
}

// The ops one after the other.
KernelOr ComposeFusedConv(const KernelRequest& r) {
  const Places places = PlacesOf(r.attrs);
  const std::string& activation = r.attrs.At<std::string>("activation");
  struct Step {
    const OpDef* op;
    int operand;  // beside the result of the step before; -1: none
    Attrs attrs = {};
  };
  std::vector<int> inputs = {0, 1};
  std::vector<Step> steps;
  if (places.scale >= 0) steps.push_back({&MulOp(), places.scale});
  if (places.bias >= 0 && places.scale >= 0) {
    steps.push_back({&AddOp(), places.bias});
  } else if (places.bias >= 0) {
    inputs.push_back(places.bias);
  }
  if (places.residual >= 0) steps.push_back({&AddOp(), places.residual});
  if (IsPooled(r.attrs)) {
    ADJOINT_ASSIGN_OR_RETURN(Attrs pool, PoolAttrs(r.attrs));
    steps.push_back({&MaxPoolOp(), -1, std::move(pool)});
  }
  if (!activation.empty()) steps.push_back({FindOp(activation), -1});

  // The steps from the pooling on write the outputs, and without one the last does.
  Composer composer(r);
  const size_t first_out = IsPooled(r.attrs) ? steps.size() - (activation.empty() ? 1 : 2)
                                             : steps.size() - (steps.empty() ? 0 : 1);
  int y = steps.empty() ? composer.AddTo(0, ConvOp(), inputs, ConvOnly(r.attrs))
                        : composer.Add(ConvOp(), inputs, ConvOnly(r.attrs));
  for (size_t i = 0; i < steps.size(); ++i) {
    std::vector<int> operands = {y};
    if (steps[i].operand >= 0) operands.push_back(steps[i].operand);
    y = i < first_out ? composer.Add(*steps[i].op, operands, steps[i].attrs)
                      : composer.AddTo(0, *steps[i].op, operands, steps[i].attrs);
  }
  return composer.Finish();
}

KernelOr ComposeFusedInputGradient(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y,
                           InferConvolved(r.outputs[0], r.inputs[0], nullptr, r.attrs));
  Composer composer(r);
  const int cotangent = composer.Add(MaxUnpoolOp(), {1, 2}, UnpoolAttrs(r.attrs, y.shape));
  composer.AddTo(0, ConvInputGradientOp(), {cotangent, 0}, ConvOnly(r.attrs, "shape"));
  return composer.Finish();
}

KernelOr ComposeFusedWeightsGradient(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y,
                           InferConvolved(r.inputs[0], r.outputs[0], nullptr, r.attrs));
  Composer composer(r);
  int cotangent = 1;
  if (IsPooled(r.attrs)) {
    cotangent = composer.Add(MaxUnpoolOp(), {1, 2}, UnpoolAttrs(r.attrs, y.shape));
  }
  composer.AddTo(0, ConvWeightsGradientOp(), {0, cotangent}, ConvOnly(r.attrs, "kernel"));
  if (r.attrs.At<bool>("bias")) {
    const MapLayout layout{y.shape.rank(), r.attrs.At<bool>("channels_last")};
    Ints axes;
    for (int axis = 0; axis < layout.rank; ++axis) {
      if (axis != layout.channel()) axes.push_back(axis);
    }
    composer.AddTo(1, SumOp(), {cotangent}, Attrs{{"axes", axes}, {"keepdims", false}});
  }
  return composer.Finish();
}

}  // namespace

bool PoolAttrOf(const Attrs& max_pool, std::vector<int64_t>* pool) {
  for (const char* name : {"pads_begin", "pads_end"}) {
    for (const int64_t pad : max_pool.At<Ints>(name)) {
      if (pad != 0) return false;
    }
  }
  for (const int64_t dilation : max_pool.At<Ints>("dilations")) {
    if (dilation != 1) return false;
  }
  if (max_pool.At<bool>("ceil_mode")) return false;
  if (max_pool.Has("indices") && max_pool.At<std::string>("indices") != "plane") return false;
  *pool = max_pool.At<Ints>("kernel");
  const Ints& strides = max_pool.At<Ints>("strides");
  pool->insert(pool->end(), strides.begin(), strides.end());
  return true;
}

const OpDef& FusedConvOp() {
  static const OpDef* const op = new OpDef{
      .name = "fused_conv",
      .traits = {.internal = true},
      .min_inputs = 2,
      .max_inputs = 5,
      .attrs = ConvAttrs({{"activation", AttrKind::kString},
                          {"bias", AttrKind::kBool},
                          {"residual", AttrKind::kBool},
                          {"scale", AttrKind::kBool, /*optional=*/true},
                          {"pool", AttrKind::kInts, /*optional=*/true},
                          {"indices", AttrKind::kBool, /*optional=*/true}}),
      .infer = InferFusedConv,
      .kernels = {{"onednn", PrepareFusedConv}, {"reference", ComposeFusedConv}},
      .flops = [](const KernelRequest& r) { return FlopsOf(r.inputs[0], r.inputs[1], r.attrs); },
  };
  return *op;
}

const OpDef& FusedConvInputGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "fused_conv_input_gradient",
      .traits = {.internal = true},
      .min_inputs = 3,
      .max_inputs = 3,
      .attrs = ConvAttrs({{"shape", AttrKind::kShape}, {"pool", AttrKind::kInts}}),
      .infer = InferFusedInputGradient,
      .kernels = {{"onednn", PrepareFusedInputGradient}, {"reference", ComposeFusedInputGradient}},
      .flops = [](const KernelRequest& r) { return FlopsOf(r.outputs[0], r.inputs[0], r.attrs); },
  };
  return *op;
}

const OpDef& FusedConvWeightsGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "fused_conv_weights_gradient",
      .traits = {.internal = true},
      .min_inputs = 2,
      .max_inputs = 3,
      .attrs = ConvAttrs({{"kernel", AttrKind::kInts},
                          {"bias", AttrKind::kBool},
                          {"pool", AttrKind::kInts, /*optional=*/true}}),
      .infer = InferFusedWeightsGradient,
      .kernels = {{"onednn", PrepareFusedWeightsGradient},
                  {"reference", ComposeFusedWeightsGradient}},
      .flops = [](const KernelRequest& r) { return FlopsOf(r.inputs[0], r.outputs[0], r.attrs); },
  };
  return *op;
}

}  // namespace adjoint::ops
