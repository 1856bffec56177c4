#include "nn/merge_layers.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/masks.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/linalg.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

absl::Status CheckInputs(absl::Span<const ValueSpec> inputs, absl::string_view class_name,
                         bool exactly_two) {
  if (exactly_two ? inputs.size() != 2 : inputs.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat(class_name, " takes two inputs",
                                                   exactly_two ? "" : " or more",
                                                   ", but was given ", inputs.size()));
  }
  for (const ValueSpec& input : inputs) {
    ADJOINT_RETURN_IF_ERROR(OneDenseInput({&input, 1}, class_name).status());
  }
  return absl::OkStatus();
}

// Inputs joined by an op of two operands, from left to right.
class ElementwiseMerge final : public Layer {
 public:
  using Function = Var (*)(ops::Operand, ops::Operand);
  ElementwiseMerge(std::string class_name, Function function, LayerOptions options,
                   std::source_location location)
      : Layer(std::move(options.name), location),
        class_name_(std::move(class_name)),
        function_(function) {}

  std::string ClassName() const override { return class_name_; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    return CheckInputs(inputs, class_name_, class_name_ == "Subtract");
  }
  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    Var result = inputs[0].dense();
    for (const Value& input : inputs.subspan(1)) result = function_(result, input.dense());
    if (class_name_ == "Average") {
      result = ops::Mul(result, 1.0 / static_cast<double>(inputs.size()));
    }
    return {Value(result, JointMask(inputs))};
  }
  absl::StatusOr<Attrs> Config() const override { return Attrs{}; }

 private:
  const std::string class_name_;
  const Function function_;
};

class DotLayer final : public Layer {
 public:
  DotLayer(int64_t axis_a, int64_t axis_b, DotOptions options, std::source_location location)
      : Layer(std::move(options.name), location),
        axes_{axis_a, axis_b},
        normalize_(options.normalize) {}

  std::string ClassName() const override { return "Dot"; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>*) const override {
    ADJOINT_RETURN_IF_ERROR(CheckInputs(inputs, ClassName(), true));
    for (int i = 0; i < 2; ++i) {
      const int rank = inputs[i].tensor.shape.rank();
      ADJOINT_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(axes_[i], rank));
      if (axis == 0 || rank > 13) {
        return absl::InvalidArgumentError(
            absl::StrCat("Dot sums along an axis of the samples, but axis ", axes_[i], " of ",
                         inputs[i].ToString(), " was given"));
      }
    }
    return absl::OkStatus();
  }
  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    Var x[2];
    std::string letters[2], result = "a";
    for (int i = 0; i < 2; ++i) {
      x[i] = inputs[i].dense();
      if (!x[i].valid()) return {x[i]};
      const int rank = x[i].shape().rank();
      const int axis = *NormalizeAxis(axes_[i], rank);
      if (normalize_) {
        const Var square = ops::Sum(ops::Square(x[i]), {axis}, /*keepdims=*/true);
        x[i] = x[i] / ops::Sqrt(ops::Maximum(square, 1e-12));
      }
      for (int k = 0; k < rank; ++k) {
        const char own = static_cast<char>((i == 0 ? 'c' : 'A') + k);
        letters[i] += k == 0 ? 'a' : k == axis ? 'b' : own;
        if (k != 0 && k != axis) result += own;
      }
    }
    const Var sum =
        ops::Einsum(absl::StrCat(letters[0], ",", letters[1], "->", result), {x[0], x[1]});
    return {sum.valid() && sum.shape().rank() == 1 ? ops::ExpandDims(sum, -1) : sum};
  }
  absl::StatusOr<Attrs> Config() const override {
    return Attrs{{"axes", std::vector<int64_t>{axes_[0], axes_[1]}}, {"normalize", normalize_}};
  }

 private:
  const int64_t axes_[2];
  const bool normalize_;
};

constexpr std::source_location kFromFile = std::source_location();

LayerHandle Merge(std::string class_name, ElementwiseMerge::Function function, LayerOptions options,
                  std::source_location location) {
  return std::make_shared<ElementwiseMerge>(std::move(class_name), function, std::move(options),
                                            location);
}

}  // namespace

LayerHandle Multiply(LayerOptions options, std::source_location location) {
  return Merge("Multiply", ops::Mul, std::move(options), location);
}

LayerHandle Average(LayerOptions options, std::source_location location) {
  return Merge("Average", ops::Add, std::move(options), location);
}

LayerHandle Maximum(LayerOptions options, std::source_location location) {
  return Merge("Maximum", ops::Maximum, std::move(options), location);
}

LayerHandle Minimum(LayerOptions options, std::source_location location) {
  return Merge("Minimum", ops::Minimum, std::move(options), location);
}

LayerHandle Subtract(LayerOptions options, std::source_location location) {
  return Merge("Subtract", ops::Sub, std::move(options), location);
}

LayerHandle Dot(int64_t axis_a, int64_t axis_b, DotOptions options, std::source_location location) {
  return std::make_shared<DotLayer>(axis_a, axis_b, std::move(options), location);
}

absl::StatusOr<LayerHandle> MergeLayerFromConfig(const LayerConfig& config) {
  const std::string& name = config.class_name;
  if (name == "Multiply") return Multiply({config.name}, kFromFile);
  if (name == "Average") return Average({config.name}, kFromFile);
  if (name == "Maximum") return Maximum({config.name}, kFromFile);
  if (name == "Minimum") return Minimum({config.name}, kFromFile);
  if (name == "Subtract") return Subtract({config.name}, kFromFile);
  ConfigReader reader(config);
  const auto axes = reader.Get<std::vector<int64_t>>("axes");
  const bool normalize = reader.Get<bool>("normalize");
  if (axes.size() != 2) reader.Fail("value 'axes' must have two numbers");
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return Dot(axes[0], axes[1], {normalize, config.name}, kFromFile);
}

}  // namespace adjoint::nn
