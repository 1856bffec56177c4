#include "nn/pooling_layers.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

using Ints = std::vector<int64_t>;

enum class Kind { kMax, kAverage };

std::string ClassNameOf(Kind kind, int rank, bool global) {
  return absl::StrCat(global ? "Global" : "", kind == Kind::kMax ? "Max" : "Average", "Pooling",
                      rank, "D");
}

class PoolingLayer final : public Layer {
 public:
  PoolingLayer(Kind kind, int rank, Sizes pool_size, PoolingOptions options,
               std::source_location location)
      : Layer(options.name, location),
        kind_(kind),
        rank_(rank),
        pool_size_(std::move(pool_size)),
        options_(std::move(options)) {}

  std::string ClassName() const override { return ClassNameOf(kind_, rank_, false); }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec spec, OneInputOfMaps(inputs, rank_, ClassName()));
    return OptionsFor(spec.shape).status();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const Var x = ops::Cast(inputs[0].dense(), DType::kF32);
    if (!x.valid()) return {x};
    const absl::StatusOr<ops::PoolOptions> options = OptionsFor(x.shape());
    if (!options.ok()) {
      context.Fail(options.status().message());
      return {x};
    }
    const Ints& size = pool_size_.values();
    if (kind_ == Kind::kAverage) return {ops::AveragePool(x, size, *options)};
    // With indices the gradient need not look at x again.
    if (context.training()) return {ops::MaxPoolWithIndices(x, size, *options).values};
    return {ops::MaxPool(x, size, *options)};
  }

  absl::StatusOr<Attrs> Config() const override {
    return Attrs{{"pool_size", pool_size_.values()},
                 {"strides", options_.strides.values()},
                 {"padding", options_.padding},
                 {"data_format", options_.data_format}};
  }

 private:
  absl::StatusOr<ops::PoolOptions> OptionsFor(const Shape& maps) const {
    ADJOINT_RETURN_IF_ERROR(CheckPadding(options_.padding, /*causal_allowed=*/false));
    ADJOINT_ASSIGN_OR_RETURN(const bool channels_last, IsChannelsLast(options_.data_format));
    ADJOINT_ASSIGN_OR_RETURN(const Ints size, pool_size_.ForRank(rank_, "pool_size"));
    Ints strides = size;
    if (!options_.strides.empty()) {
      ADJOINT_ASSIGN_OR_RETURN(strides, options_.strides.ForRank(rank_, "strides"));
    }
    ADJOINT_ASSIGN_OR_RETURN(Pads pads,
                             PadsOf(options_.padding, maps, channels_last, size, strides));
    return ops::PoolOptions{.strides = std::move(strides),
                            .pads_begin = std::move(pads.begin),
                            .pads_end = std::move(pads.end),
                            .channels_last = channels_last};
  }

  const Kind kind_;
  const int rank_;
  const Sizes pool_size_;
  const PoolingOptions options_;
};

class GlobalPoolingLayer final : public Layer {
 public:
  GlobalPoolingLayer(Kind kind, int rank, GlobalPoolingOptions options,
                     std::source_location location)
      : Layer(options.name, location), kind_(kind), rank_(rank), options_(std::move(options)) {}

  std::string ClassName() const override { return ClassNameOf(kind_, rank_, true); }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    ADJOINT_RETURN_IF_ERROR(IsChannelsLast(options_.data_format).status());
    return OneInputOfMaps(inputs, rank_, ClassName()).status();
  }

  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    const Var x = ops::Cast(inputs[0].dense(), DType::kF32);
    if (rank_ == 1 && kind_ == Kind::kAverage && x.valid() && inputs[0].mask().valid()) {
      return {MaskedAverage(x, ops::Cast(inputs[0].mask(), DType::kF32))};
    }
    const bool channels_last = options_.data_format == "channels_last";
    return {kind_ == Kind::kMax ? ops::GlobalMaxPool(x, channels_last, options_.keepdims)
                                : ops::GlobalAveragePool(x, channels_last, options_.keepdims)};
  }

  absl::StatusOr<Attrs> Config() const override {
    return Attrs{{"data_format", options_.data_format}, {"keepdims", options_.keepdims}};
  }

 private:
  // Of the steps that the mask leaves; 0 where it leaves none.
  Var MaskedAverage(Var x, Var mask) const {
    const int64_t steps = options_.data_format == "channels_last" ? 1 : 2;
    mask = ops::ExpandDims(mask, steps == 1 ? 2 : 1);
    const Var sum = ops::Sum(x * mask, {steps}, options_.keepdims);
    return sum / ops::Maximum(ops::Sum(mask, {steps}, options_.keepdims), 1.0);
  }

  const Kind kind_;
  const int rank_;
  const GlobalPoolingOptions options_;
};

LayerHandle Windows(Kind kind, int rank, Sizes pool_size, PoolingOptions options,
                    std::source_location location) {
  return LayerHandle(std::make_shared<PoolingLayer>(kind, rank, std::move(pool_size),
                                                    std::move(options), location));
}

LayerHandle Global(Kind kind, int rank, GlobalPoolingOptions options,
                   std::source_location location) {
  return LayerHandle(
      std::make_shared<GlobalPoolingLayer>(kind, rank, std::move(options), location));
}

}  // namespace

LayerHandle MaxPooling1D(Sizes pool_size, PoolingOptions options, std::source_location location) {
  return Windows(Kind::kMax, 1, std::move(pool_size), std::move(options), location);
}
LayerHandle MaxPooling2D(Sizes pool_size, PoolingOptions options, std::source_location location) {
  return Windows(Kind::kMax, 2, std::move(pool_size), std::move(options), location);
}
LayerHandle MaxPooling3D(Sizes pool_size, PoolingOptions options, std::source_location location) {
  return Windows(Kind::kMax, 3, std::move(pool_size), std::move(options), location);
}
LayerHandle AveragePooling1D(Sizes pool_size, PoolingOptions options,
                             std::source_location location) {
  return Windows(Kind::kAverage, 1, std::move(pool_size), std::move(options), location);
}
LayerHandle AveragePooling2D(Sizes pool_size, PoolingOptions options,
                             std::source_location location) {
  return Windows(Kind::kAverage, 2, std::move(pool_size), std::move(options), location);
}
LayerHandle AveragePooling3D(Sizes pool_size, PoolingOptions options,
                             std::source_location location) {
  return Windows(Kind::kAverage, 3, std::move(pool_size), std::move(options), location);
}

LayerHandle GlobalMaxPooling1D(GlobalPoolingOptions options, std::source_location location) {
  return Global(Kind::kMax, 1, std::move(options), location);
}
LayerHandle GlobalMaxPooling2D(GlobalPoolingOptions options, std::source_location location) {
  return Global(Kind::kMax, 2, std::move(options), location);
}
LayerHandle GlobalMaxPooling3D(GlobalPoolingOptions options, std::source_location location) {
  return Global(Kind::kMax, 3, std::move(options), location);
}
LayerHandle GlobalAveragePooling1D(GlobalPoolingOptions options, std::source_location location) {
  return Global(Kind::kAverage, 1, std::move(options), location);
}
LayerHandle GlobalAveragePooling2D(GlobalPoolingOptions options, std::source_location location) {
  return Global(Kind::kAverage, 2, std::move(options), location);
}
LayerHandle GlobalAveragePooling3D(GlobalPoolingOptions options, std::source_location location) {
  return Global(Kind::kAverage, 3, std::move(options), location);
}

absl::StatusOr<LayerHandle> PoolingFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  for (const Kind kind : {Kind::kMax, Kind::kAverage}) {
    for (int rank = 1; rank <= 3; ++rank) {
      if (config.class_name == ClassNameOf(kind, rank, false)) {
        const Ints pool_size = reader.Get<Ints>("pool_size");
        PoolingOptions options{.strides = reader.Get<Ints>("strides"),
                               .padding = reader.Get<std::string>("padding"),
                               .data_format = reader.Get<std::string>("data_format"),
                               .name = config.name};
        ADJOINT_RETURN_IF_ERROR(reader.status());
        return Windows(kind, rank, pool_size, std::move(options), std::source_location());
      }
      if (config.class_name == ClassNameOf(kind, rank, true)) {
        GlobalPoolingOptions options{.data_format = reader.Get<std::string>("data_format"),
                                     .keepdims = reader.Get<bool>("keepdims"),
                                     .name = config.name};
        ADJOINT_RETURN_IF_ERROR(reader.status());
        return Global(kind, rank, std::move(options), std::source_location());
      }
    }
  }
  reader.Fail("no pooling has this class");
  return reader.status();
}

}  // namespace adjoint::nn
