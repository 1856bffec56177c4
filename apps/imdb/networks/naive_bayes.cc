#include "apps/imdb/networks/naive_bayes.h"

#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/config.h"
#include "nn/layer.h"
#include "nn/registry.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/csr.h"

namespace adjoint::apps::imdb {
namespace {

constexpr char kClassName[] = "NaiveBayesDense";

class NaiveBayesDenseLayer final : public nn::Layer {
 public:
  NaiveBayesDenseLayer(std::string name, double l2, bool logits)
      : Layer(std::move(name)), l2_(l2), logits_(logits) {}

  std::string ClassName() const override { return kClassName; }

  absl::Status Build(absl::Span<const nn::ValueSpec> inputs,
                     std::vector<nn::VariableDecl>* variables) const override {
    if (inputs.size() != 1 || !inputs[0].csr) {
      return absl::InvalidArgumentError(absl::StrCat(kClassName, " takes one sparse matrix"));
    }
    const Shape column{inputs[0].tensor.shape.dim(1), 1};
    variables->push_back({.name = "ratio",
                          .spec = {DType::kF32, column},
                          .initializer = "ones",
                          .trainable = false});
    variables->push_back({.name = "kernel",
                          .spec = {DType::kF32, column},
                          .initializer = "zeros",
                          .regularizer = {.l2 = l2_}});
    variables->push_back({.name = "prior",
                          .spec = {DType::kF32, Shape{1}},
                          .initializer = "zeros",
                          .trainable = false});
    return absl::OkStatus();
  }

  std::vector<nn::Value> Call(nn::CallContext& context,
                              absl::Span<const nn::Value> inputs) const override {
    const ops::Var weight = context.Variable("ratio") * context.Variable("kernel");
    const ops::Var logit = ops::MatMul(inputs[0].csr(), weight) + context.Variable("prior");
    return {logits_ ? logit : ops::Sigmoid(logit)};
  }

  absl::StatusOr<Attrs> Config() const override { return Attrs{{"l2", l2_}, {"logits", logits_}}; }

 private:
  const double l2_;
  const bool logits_;
};

}  // namespace

std::vector<float> LogCountRatio(absl::Span<const int32_t> positive,
                                 absl::Span<const int32_t> negative, double smoothing) {
  double positives = 0, negatives = 0;
  for (size_t i = 0; i < positive.size(); ++i) {
    positives += smoothing + positive[i];
    negatives += smoothing + negative[i];
  }
  const double of_all = std::log(positives) - std::log(negatives);
  std::vector<float> ratio(positive.size());
  for (size_t i = 0; i < ratio.size(); ++i) {
    ratio[i] = static_cast<float>(std::log(smoothing + positive[i]) -
                                  std::log(smoothing + negative[i]) - of_all);
  }
  return ratio;
}

nn::LayerHandle NaiveBayesDense(double l2, bool logits) {
  return nn::Make<NaiveBayesDenseLayer>("", l2, logits);
}

void RegisterNaiveBayesDense() {
  nn::RegisterLayer(
      kClassName, [](const nn::LayerConfig& config) -> absl::StatusOr<nn::LayerHandle> {
        nn::ConfigReader reader(config);
        const double l2 = reader.Get<double>("l2");
        // Files from before there was a choice do not have it.
        const bool logits = config.values.Find("logits") != nullptr && reader.Get<bool>("logits");
        ADJOINT_RETURN_IF_ERROR(reader.status());
        return nn::Make<NaiveBayesDenseLayer>(config.name, l2, logits);
      });
}

}  // namespace adjoint::apps::imdb
