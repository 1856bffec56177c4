#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/basic_layers.h"
#include "nn/config.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/csr.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

class EmbeddingBagLayer final : public Layer {
 public:
  EmbeddingBagLayer(int64_t input_dim, int64_t output_dim, EmbeddingBagOptions options,
                    std::source_location location)
      : Layer(options.name, location),
        input_dim_(input_dim),
        output_dim_(output_dim),
        options_(std::move(options)) {}

  std::string ClassName() const override { return "EmbeddingBag"; }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    ADJOINT_RETURN_IF_ERROR(Check(inputs));
    variables->push_back({.name = "embeddings",
                          .spec = {DType::kF32, Shape{input_dim_, output_dim_}},
                          .initializer = options_.initializer,
                          .regularizer = options_.regularizer});
    return absl::OkStatus();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const Var table = context.Variable("embeddings");
    if (!table.valid()) return {table};
    if (inputs[0].is_csr()) {
      const CsrVar& bags = inputs[0].csr();
      const Var sum = ops::MatMul(bags, table);
      if (!mean() || !sum.valid()) return {sum};
      const Var sizes = ops::SliceAxis(bags.ranges, 1, 1, 2) - ops::SliceAxis(bags.ranges, 1, 0, 1);
      return {sum / ops::Maximum(ops::Cast(sizes, DType::kF32), 1.0)};
    }
    Var indices = inputs[0].dense();
    if (!indices.valid()) return {indices};
    if (indices.dtype() != DType::kI64) indices = ops::Cast(indices, DType::kI32);
    Var rows = ops::Gather(table, indices);  // [batch, n, output_dim]
    if (inputs.size() == 2) {
      rows = rows * ops::ExpandDims(ops::Cast(inputs[1].dense(), DType::kF32), -1);
    }
    if (!options_.mask_zero) return {mean() ? ops::Mean(rows, {1}) : ops::Sum(rows, {1})};
    const Var counts = ops::Cast(ops::NotEqual(indices, 0), DType::kF32);
    const Var sum = ops::Sum(rows * ops::ExpandDims(counts, -1), {1});
    if (!mean()) return {sum};
    return {sum / ops::Maximum(ops::Sum(counts, {1}, /*keepdims=*/true), 1.0)};
  }

  absl::StatusOr<Attrs> Config() const override {
    return Attrs{{"input_dim", input_dim_},
                 {"output_dim", output_dim_},
                 {"mode", options_.mode},
                 {"initializer", options_.initializer.text()},
                 {"regularizer", options_.regularizer.ToString()},
                 {"mask_zero", options_.mask_zero}};
  }

 private:
  bool mean() const { return options_.mode == "mean"; }

  absl::Status Check(absl::Span<const ValueSpec> inputs) const {
    const auto wrong = [](auto&&... text) {
      return absl::InvalidArgumentError(absl::StrCat("EmbeddingBag ", text...));
    };
    if (input_dim_ < 1 || output_dim_ < 1) {
      return wrong("wants positive dimensions, but was given input_dim ", input_dim_,
                   " and output_dim ", output_dim_);
    }
    if (options_.mode != "sum" && options_.mode != "mean") {
      return wrong("wants mode sum or mean, but was given '", options_.mode, "'");
    }
    if (inputs.size() != 1 && inputs.size() != 2) {
      return wrong("takes indices and perhaps their weights, but was given ", inputs.size(),
                   " inputs");
    }
    if (inputs[0].csr) {
      if (inputs.size() == 2) {
        return wrong("takes the weights of a sparse input from its values, but was given ",
                     inputs[1].ToString(), " besides");
      }
      if (options_.mask_zero) return wrong("takes mask_zero with dense inputs alone");
      if (inputs[0].tensor.shape.dim(1) == Dim(input_dim_)) return absl::OkStatus();
      return wrong("has input_dim ", input_dim_, ", but was given ", inputs[0].ToString(),
                   "; the columns must be as many");
    }
    if (inputs[0].tensor.shape.rank() != 2) {
      return wrong("takes [batch, n], a bag a row, but was given ", inputs[0].ToString());
    }
    if (inputs.size() == 1) return absl::OkStatus();
    if (mean()) return wrong("takes weights with mode sum alone");
    if (!inputs[1].csr && inputs[1].tensor.shape == inputs[0].tensor.shape) {
      return absl::OkStatus();
    }
    return wrong("wants a weight an index, but was given indices ", inputs[0].ToString(),
                 " and weights ", inputs[1].ToString());
  }

  const int64_t input_dim_;
  const int64_t output_dim_;
  const EmbeddingBagOptions options_;
};

}  // namespace

LayerHandle EmbeddingBag(int64_t input_dim, int64_t output_dim, EmbeddingBagOptions options,
                         std::source_location location) {
  return std::make_shared<EmbeddingBagLayer>(input_dim, output_dim, std::move(options), location);
}

absl::StatusOr<LayerHandle> EmbeddingBagFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const int64_t input_dim = reader.Get<int64_t>("input_dim");
  const int64_t output_dim = reader.Get<int64_t>("output_dim");
  EmbeddingBagOptions options{.mode = reader.Get<std::string>("mode"),
                              .initializer = reader.Get<std::string>("initializer"),
                              .regularizer = reader.GetRegularizer("regularizer"),
                              .mask_zero = reader.Get<bool>("mask_zero"),
                              .name = config.name};
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return EmbeddingBag(input_dim, output_dim, std::move(options), std::source_location());
}

}  // namespace adjoint::nn
