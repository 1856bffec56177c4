#include "nn/shape_layers.h"

#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/draws.h"
#include "ops/random.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

using Ints = std::vector<int64_t>;

// A layer of one dense input that is a function of it and of the configuration.
class OneInputLayer final : public Layer {
 public:
  struct Description {
    std::string class_name;
    int rank = 0;  // of the input; 0: any with a batch
    Attrs config = {};
    absl::Status mistake = {};  // of the configuration
    std::function<Var(CallContext&, Var)> call = {};
    bool can_save = true;
    bool passes_mask = false;
  };

  OneInputLayer(Description description, std::string name, std::source_location location)
      : Layer(std::move(name), location), d_(std::move(description)) {}

  std::string ClassName() const override { return d_.class_name; }
  bool PassesMask() const override { return d_.passes_mask; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec spec, OneDenseInput(inputs, ClassName()));
    ADJOINT_RETURN_IF_ERROR(d_.mistake);
    const int rank = spec.shape.rank();
    if (d_.rank == 0 ? rank >= 1 : rank == d_.rank) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        ClassName(), " takes inputs of ", d_.rank == 0 ? "at least 1" : absl::StrCat(d_.rank),
        " axes, but was given ", spec.ToString()));
  }
  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const Var x = inputs[0].dense();
    if (!x.valid()) return {x};
    return {d_.call(context, x)};
  }
  absl::StatusOr<Attrs> Config() const override {
    if (d_.can_save) return d_.config;
    return absl::UnimplementedError(
        absl::StrCat(ClassName(),
                     " holds a function of your own and cannot be saved; use a layer "
                     "class of your own with Layer::Config"));
  }

 private:
  const Description d_;
};

LayerHandle MakeLayerOf(OneInputLayer::Description d, std::string name,
                        std::source_location location) {
  return std::make_shared<OneInputLayer>(std::move(d), std::move(name), location);
}

absl::Status Mistake(absl::string_view class_name, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat(class_name, " wants ", rule));
}

std::string Text(const Ints& list) { return absl::StrCat("{", absl::StrJoin(list, ", "), "}"); }

absl::Status CheckRate(absl::string_view class_name, double rate) {
  if (rate >= 0 && rate < 1) return absl::OkStatus();
  return Mistake(class_name,
                 absl::StrCat("a rate of at least 0 and below 1, but was given ", rate));
}

absl::Status CheckFormat(absl::string_view class_name, const std::string& format) {
  if (format == "channels_last" || format == "channels_first") return absl::OkStatus();
  return Mistake(class_name, absl::StrCat("data_format channels_last or channels_first, but was "
                                          "given '",
                                          format, "'"));
}

// Amounts before and behind each of `axes` axes, from all, one for each axis, or both for each.
// Empty when there are other numbers of them, or negative ones.
Ints Amounts(const Ints& given, size_t axes) {
  for (int64_t amount : given) {
    if (amount < 0 || amount > (int64_t{1} << 40)) return {};
  }
  Ints all;
  for (size_t i = 0; i < 2 * axes; ++i) {
    if (given.size() == 1) all.push_back(given[0]);
    if (given.size() == axes && axes > 1) all.push_back(given[i / 2]);
    if (given.size() == 2 * axes) all.push_back(given[i]);
  }
  return all;
}

// Zero padding or, with a sign of -1, cropping of `axes` axes after the batch.
LayerHandle MakePadding(const std::string& class_name, const std::string& key, const Ints& given,
                        size_t axes, int sign, MapLayerOptions options,
                        std::source_location location) {
  const Ints amounts = Amounts(given, axes);
  OneInputLayer::Description d{.class_name = class_name, .rank = static_cast<int>(axes) + 2};
  d.config = Attrs{{key, given}};
  if (axes > 1) {
    d.config.Set("data_format", options.data_format);
    d.mistake = CheckFormat(class_name, options.data_format);
  }
  if (amounts.empty()) {
    d.mistake = Mistake(class_name,
                        absl::StrCat("1, ", axes > 1 ? absl::StrCat(axes, " or ") : "or ", 2 * axes,
                                     " amounts of at least 0, but was given ", Text(given)));
  }
  const size_t first = options.data_format == "channels_first" ? 2 : 1;
  d.call = [amounts, first, sign, axes](CallContext&, Var x) {
    Ints before(axes + 2, 0), after(axes + 2, 0);
    for (size_t i = 0; i < axes; ++i) {
      before[first + i] = sign * amounts[2 * i];
      after[first + i] = sign * amounts[2 * i + 1];
    }
    return ops::Pad(x, before, after);
  };
  return MakeLayerOf(std::move(d), options.name, location);
}

LayerHandle MakeUpSampling(const std::string& class_name, const Ints& size, size_t axes,
                           MapLayerOptions options, std::source_location location) {
  OneInputLayer::Description d{.class_name = class_name, .rank = static_cast<int>(axes) + 2};
  d.config = Attrs{{"size", size}};
  if (axes > 1) {
    d.config.Set("data_format", options.data_format);
    d.mistake = CheckFormat(class_name, options.data_format);
  }
  bool fits = size.size() == 1 || size.size() == axes;
  for (int64_t times : size) fits = fits && times >= 1 && times <= (1 << 20);
  if (!fits) {
    d.mistake = Mistake(class_name, absl::StrCat("1", axes > 1 ? " or 2 sizes" : " size",
                                                 " of at least 1, but was given ", Text(size)));
  }
  const int64_t first = options.data_format == "channels_first" ? 2 : 1;
  d.call = [size, first, axes](CallContext&, Var x) {
    for (size_t i = 0; i < axes && x.valid(); ++i) {
      x = ops::Repeat(x, size.size() == 1 ? size[0] : size[i], first + static_cast<int64_t>(i));
    }
    return x;
  };
  return MakeLayerOf(std::move(d), options.name, location);
}

// One draw for all places of a channel.
LayerHandle MakeSpatialDropout(const std::string& class_name, double rate, size_t axes,
                               MapLayerOptions options, std::source_location location) {
  OneInputLayer::Description d{.class_name = class_name, .rank = static_cast<int>(axes) + 2};
  d.passes_mask = true;
  d.config = Attrs{{"rate", rate}};
  d.mistake = CheckRate(class_name, rate);
  if (axes > 1) {
    d.config.Set("data_format", options.data_format);
    if (d.mistake.ok()) d.mistake = CheckFormat(class_name, options.data_format);
  }
  const int first = options.data_format == "channels_first" ? 2 : 1;
  d.call = [rate, first, axes](CallContext& context, Var x) {
    if (!context.training() || rate == 0) return x;
    Shape shape = x.shape();
    for (size_t i = 0; i < axes; ++i) shape.set_dim(first + static_cast<int>(i), 1);
    const Var ones = ops::BroadcastTo(ops::ScalarLike(x, 1), shape);
    return ops::Mul(x, ops::Dropout(ones, rate, context.seed(), context.step()));
  };
  return MakeLayerOf(std::move(d), options.name, location);
}

constexpr std::source_location kFromFile = std::source_location();

}  // namespace

LayerHandle Reshape(std::vector<int64_t> target_shape, LayerOptions options,
                    std::source_location location) {
  OneInputLayer::Description d{.class_name = "Reshape"};
  d.config = Attrs{{"target_shape", target_shape}};
  for (int64_t extent : target_shape) {
    if (extent >= -1) continue;
    d.mistake = Mistake("Reshape", absl::StrCat("extents of at least 0, or -1, but was given ",
                                                Text(target_shape)));
  }
  d.call = [target_shape](CallContext&, Var x) {
    ::adjoint::Shape to{x.shape().dim(0)};
    for (int64_t extent : target_shape) to.push_back(extent);
    return ops::Reshape(x, to);
  };
  return MakeLayerOf(std::move(d), options.name, location);
}

LayerHandle Permute(std::vector<int64_t> dims, LayerOptions options,
                    std::source_location location) {
  OneInputLayer::Description d{.class_name = "Permute", .rank = static_cast<int>(dims.size()) + 1};
  d.config = Attrs{{"dims", dims}};
  std::vector<bool> seen(dims.size(), false);
  for (int64_t dim : dims) {
    if (dim >= 1 && dim <= static_cast<int64_t>(dims.size()) && !seen[dim - 1]) {
      seen[dim - 1] = true;
      continue;
    }
    d.mistake = Mistake(
        "Permute", absl::StrCat("each of 1 to ", dims.size(), " once, but was given ", Text(dims)));
  }
  Ints permutation = {0};
  permutation.insert(permutation.end(), dims.begin(), dims.end());
  d.call = [permutation](CallContext&, Var x) { return ops::Transpose(x, permutation); };
  return MakeLayerOf(std::move(d), options.name, location);
}

LayerHandle RepeatVector(int64_t n, LayerOptions options, std::source_location location) {
  OneInputLayer::Description d{.class_name = "RepeatVector", .rank = 2};
  d.config = Attrs{{"n", n}};
  if (n < 1)
    d.mistake = Mistake("RepeatVector", absl::StrCat("n of at least 1, but was given ", n));
  d.call = [n](CallContext&, Var x) {
    return ops::BroadcastTo(ops::ExpandDims(x, 1), {x.shape().dim(0), n, x.shape().dim(1)});
  };
  return MakeLayerOf(std::move(d), options.name, location);
}

LayerHandle ZeroPadding1D(std::vector<int64_t> padding, LayerOptions options,
                          std::source_location location) {
  return MakePadding("ZeroPadding1D", "padding", padding, 1, 1, {.name = options.name}, location);
}

LayerHandle ZeroPadding2D(std::vector<int64_t> padding, MapLayerOptions options,
                          std::source_location location) {
  return MakePadding("ZeroPadding2D", "padding", padding, 2, 1, std::move(options), location);
}

LayerHandle Cropping1D(std::vector<int64_t> cropping, LayerOptions options,
                       std::source_location location) {
  return MakePadding("Cropping1D", "cropping", cropping, 1, -1, {.name = options.name}, location);
}

LayerHandle Cropping2D(std::vector<int64_t> cropping, MapLayerOptions options,
                       std::source_location location) {
  return MakePadding("Cropping2D", "cropping", cropping, 2, -1, std::move(options), location);
}

LayerHandle UpSampling1D(int64_t size, LayerOptions options, std::source_location location) {
  return MakeUpSampling("UpSampling1D", {size}, 1, {.name = options.name}, location);
}

LayerHandle UpSampling2D(std::vector<int64_t> size, MapLayerOptions options,
                         std::source_location location) {
  return MakeUpSampling("UpSampling2D", size, 2, std::move(options), location);
}

LayerHandle Rescaling(double scale, double offset, LayerOptions options,
                      std::source_location location) {
  OneInputLayer::Description d{.class_name = "Rescaling", .passes_mask = true};
  d.config = Attrs{{"scale", scale}, {"offset", offset}};
  if (!std::isfinite(scale) || !std::isfinite(offset)) {
    d.mistake = Mistake("Rescaling", absl::StrCat("finite numbers, but was given scale ", scale,
                                                  " and offset ", offset));
  }
  d.call = [scale, offset](CallContext&, Var x) {
    if (!IsFloating(x.dtype())) x = ops::Cast(x, DType::kF32);
    const Var scaled = scale == 1 ? x : x * scale;
    return offset == 0 ? scaled : scaled + offset;
  };
  return MakeLayerOf(std::move(d), options.name, location);
}

LayerHandle Lambda(std::function<Var(Var)> function, LayerOptions options,
                   std::source_location location) {
  OneInputLayer::Description d{.class_name = "Lambda"};
  d.can_save = false;
  if (function == nullptr) d.mistake = Mistake("Lambda", "a function");
  d.call = [function = std::move(function)](CallContext&, Var x) { return function(x); };
  return MakeLayerOf(std::move(d), options.name, location);
}

LayerHandle GaussianNoise(double stddev, LayerOptions options, std::source_location location) {
  OneInputLayer::Description d{.class_name = "GaussianNoise", .passes_mask = true};
  d.config = Attrs{{"stddev", stddev}};
  if (!(stddev >= 0) || std::isinf(stddev)) {
    d.mistake = Mistake("GaussianNoise",
                        absl::StrCat("a finite deviation of at least 0, but was given ", stddev));
  }
  d.call = [stddev](CallContext& context, Var x) {
    if (!context.training() || stddev == 0) return x;
    return x + ops::RandomNormal(x.shape(), context.seed(), context.step(), 0, stddev,
                                 {.dtype = x.dtype()});
  };
  return MakeLayerOf(std::move(d), options.name, location);
}

LayerHandle GaussianDropout(double rate, LayerOptions options, std::source_location location) {
  OneInputLayer::Description d{.class_name = "GaussianDropout", .passes_mask = true};
  d.config = Attrs{{"rate", rate}};
  d.mistake = CheckRate("GaussianDropout", rate);
  d.call = [rate](CallContext& context, Var x) {
    if (!context.training() || rate == 0) return x;
    return x * ops::RandomNormal(x.shape(), context.seed(), context.step(), 1,
                                 std::sqrt(rate / (1 - rate)), {.dtype = x.dtype()});
  };
  return MakeLayerOf(std::move(d), options.name, location);
}

LayerHandle SpatialDropout1D(double rate, LayerOptions options, std::source_location location) {
  return MakeSpatialDropout("SpatialDropout1D", rate, 1, {.name = options.name}, location);
}

LayerHandle SpatialDropout2D(double rate, MapLayerOptions options, std::source_location location) {
  return MakeSpatialDropout("SpatialDropout2D", rate, 2, std::move(options), location);
}

absl::StatusOr<LayerHandle> ShapeLayerFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const std::string& name = config.class_name;
  const auto make = [&]() -> LayerHandle {
    const auto map_options = [&]() -> MapLayerOptions {
      return {reader.Get<std::string>("data_format"), config.name};
    };
    if (name == "Reshape")
      return Reshape(reader.Get<Ints>("target_shape"), {config.name}, kFromFile);
    if (name == "Permute") return Permute(reader.Get<Ints>("dims"), {config.name}, kFromFile);
    if (name == "RepeatVector") {
      return RepeatVector(reader.Get<int64_t>("n"), {config.name}, kFromFile);
    }
    if (name == "ZeroPadding1D") {
      return ZeroPadding1D(reader.Get<Ints>("padding"), {config.name}, kFromFile);
    }
    if (name == "ZeroPadding2D") {
      return ZeroPadding2D(reader.Get<Ints>("padding"), map_options(), kFromFile);
    }
    if (name == "Cropping1D") {
      return Cropping1D(reader.Get<Ints>("cropping"), {config.name}, kFromFile);
    }
    if (name == "Cropping2D") {
      return Cropping2D(reader.Get<Ints>("cropping"), map_options(), kFromFile);
    }
    if (name == "UpSampling1D") {
      const Ints size = reader.Get<Ints>("size");
      return UpSampling1D(size.size() == 1 ? size[0] : 0, {config.name}, kFromFile);
    }
    if (name == "UpSampling2D") {
      return UpSampling2D(reader.Get<Ints>("size"), map_options(), kFromFile);
    }
    if (name == "Rescaling") {
      return Rescaling(reader.Get<double>("scale"), reader.Get<double>("offset"), {config.name},
                       kFromFile);
    }
    if (name == "GaussianNoise") {
      return GaussianNoise(reader.Get<double>("stddev"), {config.name}, kFromFile);
    }
    const double rate = reader.Get<double>("rate");
    if (name == "GaussianDropout") return GaussianDropout(rate, {config.name}, kFromFile);
    if (name == "SpatialDropout1D") return SpatialDropout1D(rate, {config.name}, kFromFile);
    if (name == "SpatialDropout2D") return SpatialDropout2D(rate, map_options(), kFromFile);
    reader.Fail("there is no such layer of shapes");
    return Lambda(nullptr, {config.name}, kFromFile);
  };
  LayerHandle layer = make();
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return layer;
}

}  // namespace adjoint::nn
