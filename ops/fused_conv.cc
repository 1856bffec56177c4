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
#include "ops/blocked_maps.h"
#include "ops/composed_kernel.h"
#include "ops/conv.h"
#include "ops/conv_kernels.h"
#include "ops/matmul.h"
#include "ops/onednn/convolution.h"
#include "ops/op_list.h"
#include "ops/pool.h"
#include "ops/pool_kernels.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
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

// Declarations of conv's attributes, of those that all fused ops have, and of `others`.
std::vector<AttrDecl> FusedAttrs(std::vector<AttrDecl> others) {
  others.push_back({"pool", AttrKind::kInts, /*optional=*/true});
  others.push_back({"x_block", AttrKind::kInt, /*optional=*/true});
  others.push_back({"y_block", AttrKind::kInt, /*optional=*/true});
  return ConvAttrs(std::move(others));
}

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

int64_t XBlock(const Attrs& attrs) { return attrs.GetOr<int64_t>("x_block", 0); }
int64_t YBlock(const Attrs& attrs) { return attrs.GetOr<int64_t>("y_block", 0); }

// Maps outside of blocks.
absl::StatusOr<TensorSpec> Plain(absl::string_view what, const TensorSpec& maps, const Attrs& attrs,
                                 int64_t block) {
  return OutOfBlocks(what, maps, attrs.At<bool>("channels_last"), block);
}

absl::StatusOr<Specs> Blocked(Specs specs, const Attrs& attrs, int64_t block) {
  for (TensorSpec& spec : specs) {
    ADJOINT_ASSIGN_OR_RETURN(spec, InBlocks(spec, attrs.At<bool>("channels_last"), block));
  }
  return specs;
}

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

// The pooling of a few images' results.
struct ImagePool {
  PoolGeometry geometry;
  int64_t maps = 1;    // that the geometry takes for images, in each image
  int64_t pooled = 0;  // elements of an image
};

// `y` and `pooled` outside of blocks.
absl::StatusOr<ImagePool> ImagePoolOf(const Attrs& attrs, const Shape& y, const Shape& pooled) {
  ADJOINT_ASSIGN_OR_RETURN(const Attrs pool, PoolAttrs(attrs));
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(pool, pool.At<Ints>("kernel")));
  ImagePool p;
  PoolGeometry& g = p.geometry;
  g.window = WindowGeometryOf(window);
  g.channels_last = attrs.At<bool>("channels_last");
  p.pooled = pooled.NumElements() / std::max<int64_t>(1, pooled[0]);
  if (const int64_t block = YBlock(attrs); block > 0) {
    p.maps = y[MapLayout{y.rank(), g.channels_last}.channel()] / block;
    g.x = BlockGeometryOf(y, g.channels_last, block);
    g.y = BlockGeometryOf(pooled, g.channels_last, block);
    g.channels_last = true;
  } else {
    g.x = MapGeometryOf(y, g.channels_last);
    g.y = MapGeometryOf(pooled, g.channels_last);
  }
  return p;
}

// The convolution's result, before pooling.
absl::StatusOr<TensorSpec> InferConvolved(const TensorSpec& x, const TensorSpec& weights,
                                          const TensorSpec* bias, const Attrs& attrs) {
  Specs inputs = {x, weights};
  if (bias != nullptr) inputs.push_back(*bias);
  ADJOINT_ASSIGN_OR_RETURN(const Specs out, InferOp(ConvOp(), inputs, ConvOnly(attrs)));
  return out[0];
}

double FlopsOf(const TensorSpec& maps, const TensorSpec& weights, const Attrs& attrs) {
  const absl::StatusOr<TensorSpec> x = Plain("the operand", maps, attrs, XBlock(attrs));
  if (!x.ok()) return 0;
  const absl::StatusOr<TensorSpec> y = InferConvolved(*x, weights, nullptr, attrs);
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
  const int64_t y_block = YBlock(c.attrs);
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec x,
                           Plain("the operand", c.inputs[0], c.attrs, XBlock(c.attrs)));
  ADJOINT_ASSIGN_OR_RETURN(
      const TensorSpec y,
      InferConvolved(x, c.inputs[1], places.bias < 0 ? nullptr : &c.inputs[places.bias], c.attrs));
  if (places.residual >= 0) {
    ADJOINT_ASSIGN_OR_RETURN(const Specs wanted, Blocked({y}, c.attrs, y_block));
    if (c.inputs[places.residual] != wanted[0]) {
      return absl::InvalidArgumentError(absl::StrCat("the residual must be ", wanted[0].ToString(),
                                                     ", but is ",
                                                     c.inputs[places.residual].ToString()));
    }
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
    if (y_block > 0 && (!number || places.bias >= 0)) {
      return absl::InvalidArgumentError(
          "a result in blocks can be scaled by one number alone, and then has no bias");
    }
  }
  ADJOINT_RETURN_IF_ERROR(ActivationOf(c.attrs, y.dtype).status());
  ADJOINT_ASSIGN_OR_RETURN(Specs specs, InferPooled(y, c.attrs));
  return Blocked(std::move(specs), c.attrs, y_block);
}

absl::Status CheckPooled(absl::Span<const TensorSpec> given, const TensorSpec& y,
                         const Attrs& attrs) {
  ADJOINT_ASSIGN_OR_RETURN(Specs pooled, InferPooled(y, attrs));
  ADJOINT_ASSIGN_OR_RETURN(const Specs wanted, Blocked(std::move(pooled), attrs, YBlock(attrs)));
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (given[i] == wanted[i]) continue;
    return absl::InvalidArgumentError(absl::StrCat(i == 0 ? "the cotangent" : "the indices",
                                                   " must be ", wanted[i].ToString(), ", but ",
                                                   i == 0 ? "is " : "are ", given[i].ToString()));
  }
  return absl::OkStatus();
}

absl::Status CheckGradientInputs(const InferContext& c) {
  const size_t wanted = IsPooled(c.attrs) ? 3 : 2;
  if (c.inputs.size() == wanted) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the attributes speak of ", wanted, " inputs, and there are ", c.inputs.size()));
}

absl::StatusOr<Specs> InferFusedInputGradient(const InferContext& c) {
  ADJOINT_RETURN_IF_ERROR(CheckGradientInputs(c));
  const TensorSpec x{c.inputs[1].dtype, c.attrs.At<Shape>("shape")};
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, c.inputs[1], nullptr, c.attrs));
  Specs cotangent = {c.inputs[0]};
  if (IsPooled(c.attrs)) cotangent.push_back(c.inputs[2]);
  ADJOINT_RETURN_IF_ERROR(CheckPooled(cotangent, y, c.attrs));
  return Blocked({x}, c.attrs, XBlock(c.attrs));
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
  ADJOINT_RETURN_IF_ERROR(CheckGradientInputs(c));
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec x,
                           Plain("the operand", c.inputs[0], c.attrs, XBlock(c.attrs)));
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec cotangent,
                           Plain("the cotangent", c.inputs[1], c.attrs, YBlock(c.attrs)));
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", x));
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the cotangent", cotangent));
  const TensorSpec weights = WeightsOf(x, cotangent, c.attrs);
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, weights, nullptr, c.attrs));
  ADJOINT_RETURN_IF_ERROR(CheckPooled(c.inputs.subspan(1), y, c.attrs));
  Specs specs = {weights};
  if (c.attrs.At<bool>("bias")) specs.push_back({weights.dtype, Shape{weights.shape.dim(0)}});
  return specs;
}

// Kernels ---------------------------------------------------------------------------------------

int64_t ImageSize(const Shape& shape) {
  return shape.NumElements() / std::max<int64_t>(1, shape[0]);
}

absl::StatusOr<ConvolutionConfig> ConfigFor(ConvolutionPass pass, const Shape& x,
                                            const Shape& weights, const Shape& y,
                                            const Attrs& attrs) {
  ADJOINT_ASSIGN_OR_RETURN(ConvolutionConfig config,
                           ConvolutionConfigFor(pass, x, weights, y, attrs));
  config.x_block = XBlock(attrs);
  config.y_block = YBlock(attrs);
  return config;
}

// What fused_conv does to images of the convolution's result.
KernelOr PrepareFusedConv(const KernelRequest& r) {
  if (r.inputs[0].dtype != DType::kF32) return nullptr;
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec x,
                           Plain("the operand", r.inputs[0], r.attrs, XBlock(r.attrs)));
  const Places places = PlacesOf(r.attrs);
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, r.inputs[1], nullptr, r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(const Tile activation, ActivationOf(r.attrs, DType::kF32));
  ADJOINT_ASSIGN_OR_RETURN(
      ConvolutionConfig config,
      ConfigFor(ConvolutionPass::kForward, x.shape, r.inputs[1].shape, y.shape, r.attrs));
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
  const bool more = places.scale >= 0 || residual >= 0 || activation.fn != nullptr;
  if (!IsPooled(r.attrs) && !more) return onednn::MakeConvolution(config);
  if (!IsPooled(r.attrs)) {
    config.on_images = [=](const KernelArgs& args, int64_t first, int64_t images, float* data) {
      scale_and_add(args, first, images, data);
      activate(data, images * size);
    };
    return onednn::MakeConvolution(config);
  }
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec result,
                           Plain("the result", r.outputs[0], r.attrs, YBlock(r.attrs)));
  ADJOINT_ASSIGN_OR_RETURN(const ImagePool pool, ImagePoolOf(r.attrs, y.shape, result.shape));
  const bool indices = r.outputs.size() > 1;
  config.y_in_scratch = true;
  config.on_images = [=](const KernelArgs& args, int64_t first, int64_t images, float* data) {
    scale_and_add(args, first, images, data);
    float* const values = Out<float>(args) + first * pool.pooled;
    MaxPoolImages(pool.geometry, images * pool.maps, data, values,
                  indices ? Out<int32_t>(args, 1) + first * pool.pooled : nullptr);
    activate(values, images * pool.pooled);
  };
  return onednn::MakeConvolution(config);
}

// Sets y to max_unpool of these two inputs.
absl::Status UnpoolInto(const KernelRequest& r, const TensorSpec& y, int values, int indices,
                        ConvolutionConfig* config) {
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec pooled,
                           Plain("the cotangent", r.inputs[values], r.attrs, YBlock(r.attrs)));
  ADJOINT_ASSIGN_OR_RETURN(const ImagePool pool, ImagePoolOf(r.attrs, y.shape, pooled.shape));
  config->y_in_scratch = true;
  config->on_images = [=](const KernelArgs& args, int64_t first, int64_t images, float* data) {
    MaxUnpoolImages(pool.geometry, images * pool.maps,
                    In<float>(args, values) + first * pool.pooled,
                    In<int32_t>(args, indices) + first * pool.pooled, data);
  };
  return absl::OkStatus();
}

KernelOr PrepareFusedInputGradient(const KernelRequest& r) {
  if (r.inputs[0].dtype != DType::kF32) return nullptr;
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec x,
                           Plain("the result", r.outputs[0], r.attrs, XBlock(r.attrs)));
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, r.inputs[1], nullptr, r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(
      ConvolutionConfig config,
      ConfigFor(ConvolutionPass::kInputGradient, x.shape, r.inputs[1].shape, y.shape, r.attrs));
  if (IsPooled(r.attrs)) ADJOINT_RETURN_IF_ERROR(UnpoolInto(r, y, 0, 2, &config));
  return onednn::MakeConvolution(config);
}

KernelOr PrepareFusedWeightsGradient(const KernelRequest& r) {
  if (r.inputs[0].dtype != DType::kF32) return nullptr;
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec x,
                           Plain("the operand", r.inputs[0], r.attrs, XBlock(r.attrs)));
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, r.outputs[0], nullptr, r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(
      ConvolutionConfig config,
      ConfigFor(ConvolutionPass::kWeightsGradient, x.shape, r.outputs[0].shape, y.shape, r.attrs));
  config.bias_gradient = r.attrs.At<bool>("bias");
  if (IsPooled(r.attrs)) ADJOINT_RETURN_IF_ERROR(UnpoolInto(r, y, 1, 2, &config));
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
  Composer composer(r);
  const bool channels_last = r.attrs.At<bool>("channels_last");
  const auto plain = [&](int i, int64_t block) {
    return AddOutOfBlocks(i, r.inputs[i].shape, channels_last, block, composer);
  };
  const int64_t y_block = YBlock(r.attrs);
  std::vector<int> inputs = {plain(0, XBlock(r.attrs)), 1};
  std::vector<Step> steps;
  if (places.scale >= 0) steps.push_back({&MulOp(), places.scale});
  if (places.bias >= 0 && places.scale >= 0) {
    steps.push_back({&AddOp(), places.bias});
  } else if (places.bias >= 0) {
    inputs.push_back(places.bias);
  }
  if (places.residual >= 0) steps.push_back({&AddOp(), plain(places.residual, y_block)});
  if (IsPooled(r.attrs)) {
    ADJOINT_ASSIGN_OR_RETURN(Attrs pool, PoolAttrs(r.attrs));
    steps.push_back({&MaxPoolOp(), -1, std::move(pool)});
  }
  if (!activation.empty()) steps.push_back({FindOp(activation), -1});

  // The steps from the pooling on write the outputs, and without one the last does; or else what
  // brings them into blocks.
  size_t first_out = IsPooled(r.attrs) ? steps.size() - (activation.empty() ? 1 : 2)
                                       : steps.size() - (steps.empty() ? 0 : 1);
  if (y_block > 0) first_out = steps.size();
  int y = steps.empty() && y_block == 0 ? composer.AddTo(0, ConvOp(), inputs, ConvOnly(r.attrs))
                                        : composer.Add(ConvOp(), inputs, ConvOnly(r.attrs));
  int indices = -1;
  for (size_t i = 0; i < steps.size(); ++i) {
    std::vector<int> operands = {y};
    if (steps[i].operand >= 0) operands.push_back(steps[i].operand);
    y = i < first_out ? composer.Add(*steps[i].op, operands, steps[i].attrs)
                      : composer.AddTo(0, *steps[i].op, operands, steps[i].attrs);
    if (steps[i].op == &MaxPoolOp()) indices = y + 1;
  }
  if (y_block > 0) {
    AddInBlocks(y, r.outputs[0].shape, channels_last, 0, composer);
    if (r.outputs.size() > 1) {
      AddInBlocks(indices, r.outputs[1].shape, channels_last, 1, composer);
    }
  }
  return composer.Finish();
}

// The cotangent outside of blocks, as input `values` of a gradient is or as it is pooled from.
int AddCotangent(const KernelRequest& r, int values, const Shape& y, Composer& composer) {
  const auto plain = [&](int input) {
    return AddOutOfBlocks(input, r.inputs[input].shape, r.attrs.At<bool>("channels_last"),
                          YBlock(r.attrs), composer);
  };
  if (!IsPooled(r.attrs)) return plain(values);
  const int pooled = plain(values), indices = plain(2);
  return composer.Add(MaxUnpoolOp(), {pooled, indices}, UnpoolAttrs(r.attrs, y));
}

KernelOr ComposeFusedInputGradient(const KernelRequest& r) {
  const int64_t x_block = XBlock(r.attrs);
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec x, Plain("the result", r.outputs[0], r.attrs, x_block));
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, r.inputs[1], nullptr, r.attrs));
  Composer composer(r);
  const std::vector<int> inputs = {AddCotangent(r, 0, y.shape, composer), 1};
  const Attrs conv = ConvOnly(r.attrs, "shape");
  if (x_block == 0) {
    composer.AddTo(0, ConvInputGradientOp(), inputs, conv);
  } else {
    AddInBlocks(composer.Add(ConvInputGradientOp(), inputs, conv), r.outputs[0].shape,
                r.attrs.At<bool>("channels_last"), 0, composer);
  }
  return composer.Finish();
}

KernelOr ComposeFusedWeightsGradient(const KernelRequest& r) {
  const bool channels_last = r.attrs.At<bool>("channels_last");
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec x,
                           Plain("the operand", r.inputs[0], r.attrs, XBlock(r.attrs)));
  ADJOINT_ASSIGN_OR_RETURN(const TensorSpec y, InferConvolved(x, r.outputs[0], nullptr, r.attrs));
  Composer composer(r);
  const int operand =
      AddOutOfBlocks(0, r.inputs[0].shape, channels_last, XBlock(r.attrs), composer);
  const int cotangent = AddCotangent(r, 1, y.shape, composer);
  composer.AddTo(0, ConvWeightsGradientOp(), {operand, cotangent}, ConvOnly(r.attrs, "kernel"));
  if (r.attrs.At<bool>("bias")) {
    const MapLayout layout{y.shape.rank(), channels_last};
    Ints axes;
    for (int axis = 0; axis < layout.rank; ++axis) {
      if (axis != layout.channel()) axes.push_back(axis);
    }
    composer.AddTo(1, SumOp(), {cotangent}, Attrs{{"axes", axes}, {"keepdims", false}});
  }
  return composer.Finish();
}

}  // namespace

Blocks BlocksFor(const Attrs& conv, const Shape& weights) {
  const int64_t groups = conv.At<int64_t>("groups");
  if (!weights.IsConcrete() || groups < 1) return Blocks::kCannot;
  const int64_t out = weights[0] / groups, in = weights[1];
  const bool depthwise = in == 1 && out == 1;
  if (groups != 1 && !depthwise) return Blocks::kCannot;
  // Channels first are brought into blocks whatever the convolution.
  if (!conv.At<bool>("channels_last")) return Blocks::kPrefers;
  int64_t window = 1;
  for (int axis = 2; axis < weights.rank(); ++axis) window *= weights[axis];
  return onednn::PrefersBlocks(groups, in, out, window) && !IsPooled(conv) ? Blocks::kPrefers
                                                                           : Blocks::kCan;
}

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
      .attrs = FusedAttrs({{"activation", AttrKind::kString},
                           {"bias", AttrKind::kBool},
                           {"residual", AttrKind::kBool},
                           {"scale", AttrKind::kBool, /*optional=*/true},
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
      .min_inputs = 2,
      .max_inputs = 3,
      .attrs = FusedAttrs({{"shape", AttrKind::kShape}}),
      .infer = InferFusedInputGradient,
      .kernels = {{"onednn", PrepareFusedInputGradient}, {"reference", ComposeFusedInputGradient}},
      .flops = [](const KernelRequest& r) { return FlopsOf(r.outputs[0], r.inputs[1], r.attrs); },
  };
  return *op;
}

const OpDef& FusedConvWeightsGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "fused_conv_weights_gradient",
      .traits = {.internal = true},
      .min_inputs = 2,
      .max_inputs = 3,
      .attrs = FusedAttrs({{"kernel", AttrKind::kInts}, {"bias", AttrKind::kBool}}),
      .infer = InferFusedWeightsGradient,
      .kernels = {{"onednn", PrepareFusedWeightsGradient},
                  {"reference", ComposeFusedWeightsGradient}},
      .flops = [](const KernelRequest& r) { return FlopsOf(r.inputs[0], r.outputs[0], r.attrs); },
  };
  return *op;
}

}  // namespace adjoint::ops
