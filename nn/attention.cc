#include "nn/attention.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/attention.h"
#include "nn/config.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

class MultiHeadAttentionLayer final : public Layer {
 public:
  MultiHeadAttentionLayer(int64_t num_heads, int64_t key_dim, MultiHeadAttentionOptions options,
                          std::source_location location)
      : Layer(options.name, location),
        num_heads_(num_heads),
        key_dim_(key_dim),
        options_(std::move(options)) {}

  std::string ClassName() const override { return "MultiHeadAttention"; }
  bool PassesMask() const override { return true; }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    if (num_heads_ < 1 || key_dim_ < 1 || options_.value_dim < 0 || options_.output_shape < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "MultiHeadAttention wants at least 1 head and a key_dim of at least 1, but was given ",
          num_heads_, " and ", key_dim_, " (value_dim ", options_.value_dim, ", output_shape ",
          options_.output_shape, ")"));
    }
    if (!(options_.dropout >= 0 && options_.dropout < 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("MultiHeadAttention wants a dropout rate of at least 0 and below 1, but was "
                       "given ",
                       options_.dropout));
    }
    const size_t masks = options_.attention_mask ? 1 : 0;
    if (inputs.size() != 2 + masks && inputs.size() != 3 + masks) {
      return absl::InvalidArgumentError(absl::StrCat(
          "MultiHeadAttention takes query, value and perhaps key", masks ? ", then the mask" : "",
          ", but was given ", inputs.size(), " inputs"));
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      ADJOINT_ASSIGN_OR_RETURN(const TensorSpec spec, OneDenseInput({&inputs[i], 1}, ClassName()));
      if (i + masks == inputs.size() && masks == 1) continue;
      if (spec.shape.rank() == 3 && spec.shape.dim(2).is_known()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("MultiHeadAttention takes [batch, steps, n], the last of them a number, but "
                       "was given ",
                       spec.ToString()));
    }
    const auto last = [&](size_t i) { return inputs[i].tensor.shape.dim(2); };
    const size_t key = inputs.size() - masks == 3 ? 2 : 1;
    const auto declare = [&](const std::string& name, const Shape& kernel, const Shape& bias) {
      variables->push_back({.name = name + "_kernel",
                            .spec = {DType::kF32, kernel},
                            .initializer = options_.kernel_initializer,
                            .regularizer = options_.kernel_regularizer});
      if (!options_.use_bias) return;
      variables->push_back({.name = name + "_bias",
                            .spec = {DType::kF32, bias},
                            .initializer = options_.bias_initializer,
                            .regularizer = options_.bias_regularizer});
    };
    declare("query", {last(0), num_heads_, key_dim_}, {num_heads_, key_dim_});
    declare("key", {last(key), num_heads_, key_dim_}, {num_heads_, key_dim_});
    declare("value", {last(1), num_heads_, value_dim()}, {num_heads_, value_dim()});
    const Dim out = options_.output_shape > 0 ? Dim(options_.output_shape) : last(0);
    declare("output", {num_heads_, value_dim(), out}, {out});
    return absl::OkStatus();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const size_t masks = options_.attention_mask ? 1 : 0;
    const Value& query = inputs[0];
    const Value& value = inputs[1];
    const Value& key = inputs.size() - masks == 3 ? inputs[2] : value;
    graph::AttentionOptions attention{.causal = options_.causal};
    if (masks == 1) {
      const Var mask = ops::Cast(inputs.back().dense(), DType::kBool);
      attention.mask = mask.valid() && mask.shape().rank() == 3 ? ops::ExpandDims(mask, 1) : mask;
    }
    const Value keyed[] = {value, key};
    for (const Value& of : absl::MakeSpan(keyed).subspan(&key == &value ? 1 : 0)) {
      const Var steps = of.mask();
      if (!steps.valid()) continue;
      const Var looked_at = ops::ExpandDims(ops::ExpandDims(steps, 1), 1);
      attention.mask =
          attention.mask.valid() ? ops::LogicalAnd(attention.mask, looked_at) : looked_at;
    }
    if (options_.dropout > 0 && context.training()) {
      attention.dropout = [&](Var weights) {
        return ops::Dropout(weights, options_.dropout, context.seed(), context.step());
      };
    }
    const Var q = Heads(context, "query", query.dense());
    const Var k = Heads(context, "key", key.dense());
    const Var v = Heads(context, "value", value.dense());
    const graph::AttentionResult result =
        graph::ScaledDotProductAttention(q, k, v, attention, location());
    if (!result.output.valid()) return {result.output};
    // [batch, heads, queries, value_dim] to [batch * queries, heads * value_dim].
    const Shape& shape = result.output.shape();
    const Var joined = ops::Reshape(ops::Transpose(result.output, {0, 2, 1, 3}),
                                    Shape{Dim(-1), num_heads_ * value_dim()});
    const Var kernel = context.Variable("output_kernel");
    const Dim out = kernel.shape().dim(2);
    Var y = ops::MatMul(joined, ops::Reshape(kernel, Shape{num_heads_ * value_dim(), out}));
    if (options_.use_bias) y = y + context.Variable("output_bias");
    std::vector<Value> values = {ops::Reshape(y, Shape{shape.dim(0), shape.dim(2), out})};
    if (options_.return_attention_scores) values.push_back(result.weights);
    return values;
  }

  absl::StatusOr<Attrs> Config() const override {
    return Attrs{{"num_heads", num_heads_},
                 {"key_dim", key_dim_},
                 {"value_dim", options_.value_dim},
                 {"dropout", options_.dropout},
                 {"use_bias", options_.use_bias},
                 {"output_shape", options_.output_shape},
                 {"causal", options_.causal},
                 {"attention_mask", options_.attention_mask},
                 {"return_attention_scores", options_.return_attention_scores},
                 {"kernel_initializer", options_.kernel_initializer.text()},
                 {"bias_initializer", options_.bias_initializer.text()},
                 {"kernel_regularizer", options_.kernel_regularizer.ToString()},
                 {"bias_regularizer", options_.bias_regularizer.ToString()}};
  }

 private:
  int64_t value_dim() const { return options_.value_dim > 0 ? options_.value_dim : key_dim_; }

  // x kernel + bias as [batch, heads, steps, size of a head].
  Var Heads(CallContext& context, const std::string& name, Var x) const {
    x = ops::Cast(x, DType::kF32);
    if (!x.valid()) return x;
    const Shape& shape = x.shape();
    const Var kernel = context.Variable(name + "_kernel");
    const Dim size = kernel.shape().dim(2);
    const int64_t width = num_heads_ * size.value();
    Var y = ops::MatMul(ops::Reshape(x, Shape{Dim(-1), shape.dim(2)}),
                        ops::Reshape(kernel, Shape{shape.dim(2), width}));
    if (options_.use_bias) y = y + ops::Reshape(context.Variable(name + "_bias"), Shape{width});
    return ops::Transpose(ops::Reshape(y, Shape{shape.dim(0), shape.dim(1), num_heads_, size}),
                          {0, 2, 1, 3});
  }

  const int64_t num_heads_;
  const int64_t key_dim_;
  const MultiHeadAttentionOptions options_;
};

}  // namespace

LayerHandle MultiHeadAttention(int64_t num_heads, int64_t key_dim,
                               MultiHeadAttentionOptions options, std::source_location location) {
  return LayerHandle(
      std::make_shared<MultiHeadAttentionLayer>(num_heads, key_dim, std::move(options), location));
}

absl::StatusOr<LayerHandle> MultiHeadAttentionFromConfig(const LayerConfig& config) {
  ConfigReader reader(config);
  const int64_t num_heads = reader.Get<int64_t>("num_heads");
  const int64_t key_dim = reader.Get<int64_t>("key_dim");
  MultiHeadAttentionOptions options{
      .value_dim = reader.Get<int64_t>("value_dim"),
      .dropout = reader.Get<double>("dropout"),
      .use_bias = reader.Get<bool>("use_bias"),
      .output_shape = reader.Get<int64_t>("output_shape"),
      .causal = reader.Get<bool>("causal"),
      .attention_mask = reader.Get<bool>("attention_mask"),
      .return_attention_scores = reader.Get<bool>("return_attention_scores"),
      .kernel_initializer = reader.Get<std::string>("kernel_initializer"),
      .bias_initializer = reader.Get<std::string>("bias_initializer"),
      .kernel_regularizer = reader.GetRegularizer("kernel_regularizer"),
      .bias_regularizer = reader.GetRegularizer("bias_regularizer"),
      .name = config.name};
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return MultiHeadAttention(num_heads, key_dim, std::move(options), std::source_location());
}

}  // namespace adjoint::nn
