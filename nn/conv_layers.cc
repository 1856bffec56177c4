#include "nn/conv_layers.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/conv.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

using Ints = std::vector<int64_t>;

enum class Kind { kPlain, kTransposed, kDepthwise, kSeparable };

std::string ClassNameOf(Kind kind, int rank) {
  switch (kind) {
    case Kind::kTransposed:
      return absl::StrCat("Conv", rank, "DTranspose");
    case Kind::kDepthwise:
      return absl::StrCat("DepthwiseConv", rank, "D");
    case Kind::kSeparable:
      return absl::StrCat("SeparableConv", rank, "D");
    case Kind::kPlain:
      break;
  }
  return absl::StrCat("Conv", rank, "D");
}

// All that any of these layers is made of.
struct Settings {
  Kind kind = Kind::kPlain;
  int rank = 2;
  int64_t filters = 1;
  Sizes kernel_size = 1, strides = 1, dilation_rate = 1, output_padding = {};
  std::string padding = {}, data_format = {};
  int64_t groups = 1, depth_multiplier = 1;
  ActivationFunction activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = "", pointwise_initializer = "", bias_initializer = "";
  Regularizer kernel_regularizer = {}, pointwise_regularizer = {}, bias_regularizer = {};
};

class ConvLayer final : public Layer {
 public:
  ConvLayer(Settings settings, std::string name, std::source_location location)
      : Layer(std::move(name), location), s_(std::move(settings)) {}

  std::string ClassName() const override { return ClassNameOf(s_.kind, s_.rank); }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec spec, OneInputOfMaps(inputs, s_.rank, ClassName()));
    ADJOINT_ASSIGN_OR_RETURN(const Plan plan, PlanFor(spec.shape));
    Shape kernel = Shape::Of(plan.kernel);
    const bool depthwise = s_.kind == Kind::kDepthwise || s_.kind == Kind::kSeparable;
    const int64_t deep = plan.channels * s_.depth_multiplier;
    int64_t out = s_.filters;
    if (depthwise) {
      kernel.push_back(plan.channels);
      kernel.push_back(s_.depth_multiplier);
      if (s_.kind == Kind::kDepthwise) out = deep;
    } else if (s_.kind == Kind::kTransposed) {
      kernel.push_back(s_.filters);
      kernel.push_back(plan.channels);
    } else {
      kernel.push_back(plan.channels / s_.groups);
      kernel.push_back(s_.filters);
    }
    variables->push_back({.name = KernelName(),
                          .spec = {DType::kF32, kernel},
                          .initializer = s_.kernel_initializer,
                          .regularizer = s_.kernel_regularizer});
    if (s_.kind == Kind::kSeparable) {
      Shape pointwise = Shape::Of(Ints(s_.rank, 1));
      pointwise.push_back(deep);
      pointwise.push_back(s_.filters);
      variables->push_back({.name = "pointwise_kernel",
                            .spec = {DType::kF32, pointwise},
                            .initializer = s_.pointwise_initializer,
                            .regularizer = s_.pointwise_regularizer});
    }
    if (s_.use_bias) {
      variables->push_back({.name = "bias",
                            .spec = {DType::kF32, Shape{out}},
                            .initializer = s_.bias_initializer,
                            .regularizer = s_.bias_regularizer});
    }
    return absl::OkStatus();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const Var x = ops::Cast(inputs[0].dense(), DType::kF32);
    if (!x.valid()) return {x};
    const absl::StatusOr<Plan> plan = PlanFor(x.shape());
    if (!plan.ok()) {
      context.Fail(plan.status().message());
      return {x};
    }
    const Var kernel = context.Variable(KernelName());
    const Var bias = s_.use_bias ? context.Variable("bias") : Var{};
    const Var y = s_.kind == Kind::kTransposed ? Transposed(x, kernel, bias, *plan)
                                               : Forward(context, x, kernel, bias, *plan);
    return {s_.activation(y)};
  }

  absl::StatusOr<Attrs> Config() const override {
    ADJOINT_ASSIGN_OR_RETURN(const std::string activation, ActivationConfig(s_.activation));
    return Attrs{{"filters", s_.filters},
                 {"kernel_size", s_.kernel_size.values()},
                 {"strides", s_.strides.values()},
                 {"dilation_rate", s_.dilation_rate.values()},
                 {"output_padding", s_.output_padding.values()},
                 {"padding", s_.padding},
                 {"data_format", s_.data_format},
                 {"groups", s_.groups},
                 {"depth_multiplier", s_.depth_multiplier},
                 {"activation", activation},
                 {"use_bias", s_.use_bias},
                 {"kernel_initializer", s_.kernel_initializer.text()},
                 {"pointwise_initializer", s_.pointwise_initializer.text()},
                 {"bias_initializer", s_.bias_initializer.text()},
                 {"kernel_regularizer", s_.kernel_regularizer.ToString()},
                 {"pointwise_regularizer", s_.pointwise_regularizer.ToString()},
                 {"bias_regularizer", s_.bias_regularizer.ToString()}};
  }

 private:
  // The settings for maps of a shape.
  struct Plan {
    bool channels_last;
    int64_t channels;
    Ints kernel, strides, dilations, spans;
    Pads pads;
  };

  std::string KernelName() const {
    return s_.kind == Kind::kDepthwise || s_.kind == Kind::kSeparable ? "depthwise_kernel"
                                                                      : "kernel";
  }

  absl::StatusOr<Plan> PlanFor(const Shape& maps) const {
    Plan plan;
    ADJOINT_RETURN_IF_ERROR(s_.activation.Check());
    ADJOINT_RETURN_IF_ERROR(CheckPadding(s_.padding, s_.rank == 1 && s_.kind != Kind::kTransposed));
    ADJOINT_ASSIGN_OR_RETURN(plan.channels_last, IsChannelsLast(s_.data_format));
    ADJOINT_ASSIGN_OR_RETURN(plan.channels, ChannelsOf(maps, plan.channels_last, ClassName()));
    ADJOINT_ASSIGN_OR_RETURN(plan.kernel, s_.kernel_size.ForRank(s_.rank, "kernel_size"));
    ADJOINT_ASSIGN_OR_RETURN(plan.strides, s_.strides.ForRank(s_.rank, "strides"));
    ADJOINT_ASSIGN_OR_RETURN(plan.dilations, s_.dilation_rate.ForRank(s_.rank, "dilation_rate"));
    constexpr int64_t kMost = int64_t{1} << 31;
    if (s_.filters < 1 || s_.filters >= kMost || s_.groups < 1 || s_.depth_multiplier < 1 ||
        s_.depth_multiplier >= kMost || plan.channels >= kMost) {
      return absl::InvalidArgumentError(absl::StrCat(
          ClassName(), " wants positive numbers of filters, groups and multipliers, ",
          "but was given ", s_.filters, ", ", s_.groups, " and ", s_.depth_multiplier));
    }
    if (plan.channels % s_.groups != 0 || (s_.groups > 1 && s_.filters % s_.groups != 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat(ClassName(), " wants groups that divide channels and filters, but was ",
                       "given ", s_.groups, " for ", plan.channels, " and ", s_.filters));
    }
    for (int i = 0; i < s_.rank; ++i) {
      plan.spans.push_back((plan.kernel[i] - 1) * plan.dilations[i] + 1);
    }
    const Ints& extra = s_.output_padding.values();
    if ((extra.size() > 1 && static_cast<int>(extra.size()) != s_.rank) ||
        std::any_of(extra.begin(), extra.end(), [](int64_t n) { return n < 0 || n >= kMost; })) {
      return absl::InvalidArgumentError(
          absl::StrCat(ClassName(), " wants an output_padding for each of ", s_.rank,
                       " axes, not negative and below 2^31"));
    }
    if (s_.kind != Kind::kTransposed) {
      ADJOINT_ASSIGN_OR_RETURN(
          plan.pads, PadsOf(s_.padding, maps, plan.channels_last, plan.spans, plan.strides));
    }
    return plan;
  }

  // Keras' [kernel..., in, out] as the ops' [out, in, kernel...].
  Var Weights(Var kernel) const {
    Ints order = {s_.rank + 1, s_.rank};
    for (int i = 0; i < s_.rank; ++i) order.push_back(i);
    return ops::Transpose(kernel, order);
  }

  // [kernel..., channels, multiplier] as [channels * multiplier, 1, kernel...].
  Var DepthwiseWeights(Var kernel, const Plan& plan) const {
    Ints order = {s_.rank, s_.rank + 1};
    for (int i = 0; i < s_.rank; ++i) order.push_back(i);
    Shape shape{plan.channels * s_.depth_multiplier, 1};
    for (int64_t extent : plan.kernel) shape.push_back(extent);
    return ops::Reshape(ops::Transpose(kernel, order), shape);
  }

  static Var Convolve(Var x, Var weights, Var bias, const ops::ConvOptions& options) {
    return bias.builder == nullptr ? ops::Conv(x, weights, options)
                                   : ops::Conv(x, weights, bias, options);
  }

  Var Forward(CallContext& context, Var x, Var kernel, Var bias, const Plan& plan) const {
    ops::ConvOptions options{.strides = plan.strides,
                             .pads_begin = plan.pads.begin,
                             .pads_end = plan.pads.end,
                             .dilations = plan.dilations,
                             .groups = s_.groups,
                             .channels_last = plan.channels_last};
    if (s_.kind == Kind::kPlain) return Convolve(x, Weights(kernel), bias, options);
    options.groups = plan.channels;
    const Var weights = DepthwiseWeights(kernel, plan);
    if (s_.kind == Kind::kDepthwise) return Convolve(x, weights, bias, options);
    return Convolve(ops::Conv(x, weights, options), Weights(context.Variable("pointwise_kernel")),
                    bias, {.channels_last = plan.channels_last});
  }

  Var Transposed(Var x, Var kernel, Var bias, const Plan& plan) const {
    ops::ConvTransposeOptions options{.strides = plan.strides,
                                      .dilations = plan.dilations,
                                      .odd_at_end = true,
                                      .channels_last = plan.channels_last};
    for (int i = 0; i < s_.rank; ++i) {
      const Dim d = x.shape().dim(i + (plan.channels_last ? 1 : 2));
      // The op refuses other extents.
      const bool good = d.is_known() && d.value() <= INT64_MAX / 8 / plan.strides[i];
      const int64_t extent = good ? d.value() : 1;
      const int64_t stride = plan.strides[i], span = plan.spans[i];
      int64_t wanted = s_.padding == "same" ? extent * stride
                                            : extent * stride + std::max<int64_t>(span - stride, 0);
      if (!s_.output_padding.empty()) {
        const Ints& extra = s_.output_padding.values();
        const int64_t pad = s_.padding == "same" ? span / 2 : 0;
        wanted = (extent - 1) * stride + span - 2 * pad + extra[extra.size() == 1 ? 0 : i];
      }
      options.output_shape.push_back(wanted);
    }
    const Var y = ops::ConvTranspose(x, Weights(kernel), options);
    if (bias.builder == nullptr || plan.channels_last) {
      return bias.builder == nullptr ? y : ops::Add(y, bias);
    }
    Shape column{s_.filters};
    for (int i = 0; i < s_.rank; ++i) column.push_back(1);
    return ops::Add(y, ops::Reshape(bias, column));
  }

  const Settings s_;
};

LayerHandle Make(Settings settings, std::string name, std::source_location location) {
  return LayerHandle(std::make_shared<ConvLayer>(std::move(settings), std::move(name), location));
}

// What the options of all kinds have.
template <typename Options>
Settings SettingsOf(Kind kind, int rank, int64_t filters, Sizes kernel_size, const Options& o) {
  Settings s;
  s.kind = kind;
  s.rank = rank;
  s.filters = filters;
  s.kernel_size = std::move(kernel_size);
  s.strides = o.strides;
  s.dilation_rate = o.dilation_rate;
  s.padding = o.padding;
  s.data_format = o.data_format;
  s.activation = o.activation;
  s.use_bias = o.use_bias;
  s.bias_initializer = o.bias_initializer;
  s.bias_regularizer = o.bias_regularizer;
  return s;
}

LayerHandle MakePlain(int rank, int64_t filters, Sizes kernel_size, ConvLayerOptions o,
                      std::source_location location) {
  Settings s = SettingsOf(Kind::kPlain, rank, filters, std::move(kernel_size), o);
  s.groups = o.groups;
  s.kernel_initializer = std::move(o.kernel_initializer);
  s.kernel_regularizer = o.kernel_regularizer;
  return Make(std::move(s), std::move(o.name), location);
}

LayerHandle MakeTransposed(int rank, int64_t filters, Sizes kernel_size,
                           ConvTransposeLayerOptions o, std::source_location location) {
  Settings s = SettingsOf(Kind::kTransposed, rank, filters, std::move(kernel_size), o);
  s.output_padding = std::move(o.output_padding);
  s.kernel_initializer = std::move(o.kernel_initializer);
  s.kernel_regularizer = o.kernel_regularizer;
  return Make(std::move(s), std::move(o.name), location);
}

LayerHandle MakeDepthwise(Kind kind, int rank, int64_t filters, Sizes kernel_size,
                          DepthwiseConvOptions o, std::source_location location) {
  Settings s = SettingsOf(kind, rank, filters, std::move(kernel_size), o);
  s.depth_multiplier = o.depth_multiplier;
  s.kernel_initializer = std::move(o.depthwise_initializer);
  s.pointwise_initializer = std::move(o.pointwise_initializer);
  s.kernel_regularizer = o.depthwise_regularizer;
  s.pointwise_regularizer = o.pointwise_regularizer;
  return Make(std::move(s), std::move(o.name), location);
}

}  // namespace

LayerHandle Conv1D(int64_t filters, Sizes kernel_size, ConvLayerOptions options,
                   std::source_location location) {
  return MakePlain(1, filters, std::move(kernel_size), std::move(options), location);
}
LayerHandle Conv2D(int64_t filters, Sizes kernel_size, ConvLayerOptions options,
                   std::source_location location) {
  return MakePlain(2, filters, std::move(kernel_size), std::move(options), location);
}
LayerHandle Conv3D(int64_t filters, Sizes kernel_size, ConvLayerOptions options,
                   std::source_location location) {
  return MakePlain(3, filters, std::move(kernel_size), std::move(options), location);
}

LayerHandle Conv1DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeLayerOptions options,
                            std::source_location location) {
  return MakeTransposed(1, filters, std::move(kernel_size), std::move(options), location);
}
LayerHandle Conv2DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeLayerOptions options,
                            std::source_location location) {
  return MakeTransposed(2, filters, std::move(kernel_size), std::move(options), location);
}
LayerHandle Conv3DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeLayerOptions options,
                            std::source_location location) {
  return MakeTransposed(3, filters, std::move(kernel_size), std::move(options), location);
}

LayerHandle DepthwiseConv1D(Sizes kernel_size, DepthwiseConvOptions options,
                            std::source_location location) {
  return MakeDepthwise(Kind::kDepthwise, 1, 1, std::move(kernel_size), std::move(options),
                       location);
}
LayerHandle DepthwiseConv2D(Sizes kernel_size, DepthwiseConvOptions options,
                            std::source_location location) {
  return MakeDepthwise(Kind::kDepthwise, 2, 1, std::move(kernel_size), std::move(options),
                       location);
}

LayerHandle SeparableConv1D(int64_t filters, Sizes kernel_size, DepthwiseConvOptions options,
                            std::source_location location) {
  return MakeDepthwise(Kind::kSeparable, 1, filters, std::move(kernel_size), std::move(options),
                       location);
}
LayerHandle SeparableConv2D(int64_t filters, Sizes kernel_size, DepthwiseConvOptions options,
                            std::source_location location) {
  return MakeDepthwise(Kind::kSeparable, 2, filters, std::move(kernel_size), std::move(options),
                       location);
}

absl::StatusOr<LayerHandle> ConvFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  Settings s;
  bool known = false;
  for (const Kind kind : {Kind::kPlain, Kind::kTransposed, Kind::kDepthwise, Kind::kSeparable}) {
    for (int rank = 1; rank <= 3; ++rank) {
      if (ClassNameOf(kind, rank) != config.class_name) continue;
      s.kind = kind;
      s.rank = rank;
      known = true;
    }
  }
  if (!known) reader.Fail("no convolution has this class");
  s.filters = reader.Get<int64_t>("filters");
  s.kernel_size = reader.Get<Ints>("kernel_size");
  s.strides = reader.Get<Ints>("strides");
  s.dilation_rate = reader.Get<Ints>("dilation_rate");
  s.output_padding = reader.Get<Ints>("output_padding");
  s.padding = reader.Get<std::string>("padding");
  s.data_format = reader.Get<std::string>("data_format");
  s.groups = reader.Get<int64_t>("groups");
  s.depth_multiplier = reader.Get<int64_t>("depth_multiplier");
  s.activation = reader.Get<std::string>("activation");
  s.use_bias = reader.Get<bool>("use_bias");
  s.kernel_initializer = reader.Get<std::string>("kernel_initializer");
  s.pointwise_initializer = reader.Get<std::string>("pointwise_initializer");
  s.bias_initializer = reader.Get<std::string>("bias_initializer");
  s.kernel_regularizer = reader.GetRegularizer("kernel_regularizer");
  s.pointwise_regularizer = reader.GetRegularizer("pointwise_regularizer");
  s.bias_regularizer = reader.GetRegularizer("bias_regularizer");
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return Make(std::move(s), config.name, std::source_location());
}

}  // namespace adjoint::nn
