#include "apps/imdb/networks/document_vector_layer.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/layer.h"
#include "nn/registry.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/elementary.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::apps::imdb {
namespace {

using ops::Var;

constexpr char kClassName[] = "DocumentVector";
constexpr char kNgrams[] = "ngrams", kDrawn[] = "drawn";

class DocumentVectorLayer final : public nn::Layer {
 public:
  DocumentVectorLayer(std::string name, const DocumentVectorRule& rule, int64_t num_drawn)
      : Layer(std::move(name)), rule_(rule), num_drawn_(num_drawn) {}

  std::string ClassName() const override { return kClassName; }

  absl::Status Build(absl::Span<const nn::ValueSpec> inputs,
                     std::vector<nn::VariableDecl>* variables) const override {
    if (inputs.size() != 1 || !inputs[0].csr) {
      return absl::InvalidArgumentError(absl::StrCat(kClassName, " takes one sparse matrix"));
    }
    variables->push_back({.name = kNgrams,
                          .spec = {DType::kF32, {inputs[0].tensor.shape.dim(1), rule_.units}},
                          .initializer = "zeros",
                          .trainable = false});
    variables->push_back({.name = kDrawn,
                          .spec = {DType::kF32, Shape{num_drawn_, rule_.units}},
                          .initializer = "zeros",
                          .trainable = false});
    return absl::OkStatus();
  }

  std::vector<nn::Value> Call(nn::CallContext& context,
                              absl::Span<const nn::Value> inputs) const override {
    return {DocumentVectorsOf(inputs[0].csr(), context.Variable(kNgrams), context.Variable(kDrawn),
                              rule_)};
  }

  absl::StatusOr<Attrs> Config() const override {
    return Attrs{{"units", rule_.units},         {"alpha", rule_.alpha},
                 {"negatives", rule_.negatives}, {"steps", int64_t{rule_.steps}},
                 {"step_size", rule_.step_size}, {"num_drawn", num_drawn_}};
  }

 private:
  const DocumentVectorRule rule_;
  const int64_t num_drawn_;
};

}  // namespace

Var UnitRows(Var rows) {
  // The smallest number keeps 0 from 0 / 0.
  return rows * ops::Rsqrt(ops::Sum(ops::Square(rows), {-1}, true) + 1e-30);
}

Var DocumentVectorsOf(const ops::CsrVar& x, Var ngrams, Var drawn, const DocumentVectorRule& rule) {
  const Var count =
      ops::MatMul(x, ops::BroadcastTo(ops::ZerosLike(drawn, Shape{}) + 1.0, Shape{x.cols, 1}));
  const Var each = 1.0 / ops::Maximum(count, 1.0);  // of the n-grams of a text
  const double m = static_cast<double>(drawn.shape().dim(0).value());
  Var d = UnitRows(ops::MatMul(x, ngrams));
  for (int step = 0; step < rule.steps; ++step) {
    const Var cosines = ops::Apply1(ops::CsrSampledMatMulOp(), {x.ranges, x.columns, d, ngrams},
                                    {{"cols", x.cols}});
    ops::CsrVar missing = x;  // what the model lacks of being sure of an n-gram
    missing.values = x.values * ops::Sigmoid(-rule.alpha * cosines);
    const Var toward = ops::MatMul(missing, ngrams) * each;
    const Var wrong = ops::Sigmoid(rule.alpha * ops::MatMul(d, drawn, false, true));
    const Var away = ops::MatMul(wrong, drawn) * (rule.negatives / m);
    const Var gradient = rule.alpha * (toward - away);
    const Var along = ops::Sum(gradient * d, {-1}, true) * d;
    d = UnitRows(d + rule.step_size * (gradient - along));
  }
  // Without n-grams the first steps would go away from what was drawn.
  return d * ops::Minimum(count, 1.0);
}

nn::LayerHandle DocumentVector(const DocumentVectorRule& rule, int64_t num_drawn,
                               std::string name) {
  return nn::Make<DocumentVectorLayer>(std::move(name), rule, num_drawn);
}

void RegisterDocumentVector() {
  nn::RegisterLayer(kClassName,
                    [](const nn::LayerConfig& config) -> absl::StatusOr<nn::LayerHandle> {
                      nn::ConfigReader reader(config);
                      DocumentVectorRule rule;
                      rule.units = reader.Get<int64_t>("units");
                      rule.alpha = reader.Get<double>("alpha");
                      rule.negatives = reader.Get<double>("negatives");
                      const auto steps = reader.Get<int64_t>("steps");
                      rule.step_size = reader.Get<double>("step_size");
                      const auto drawn = reader.Get<int64_t>("num_drawn");
                      if (rule.units < 1 || drawn < 1 || steps < 0 || steps > 100) {
                        reader.Fail("units, num_drawn or steps are out of their range");
                      }
                      ADJOINT_RETURN_IF_ERROR(reader.status());
                      rule.steps = static_cast<int>(steps);
                      return DocumentVector(rule, drawn, config.name);
                    });
}

}  // namespace adjoint::apps::imdb
