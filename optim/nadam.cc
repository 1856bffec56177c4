#include "optim/nadam.h"

#include <vector>

#include "absl/status/status.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "optim/config_field.h"
#include "optim/factories.h"
#include "optim/per_parameter.h"

namespace adjoint::optim {
namespace {

std::vector<ConfigField> Fields(NadamOptions* o) {
  return {{"learning_rate", &o->learning_rate},     {"beta_1", &o->beta_1, Range::kBelowOne},
          {"beta_2", &o->beta_2, Range::kBelowOne}, {"epsilon", &o->epsilon},
          {"schedule_decay", &o->schedule_decay},   {"formula", &o->formula}};
}

class Nadam final : public PerParameterOptimizer {
 public:
  explicit Nadam(const NadamOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    NadamOptions options = o_;
    return ConfigOf("nadam", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override {
    return {{"m"}, {"v"}, {"mu_product", 1, /*scalar=*/true}};
  }

  enum { kRate, kMu, kNextMu, kRootOfBias };  // the first of the parameter's type, the others f64

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    const Var t = ops::Cast(hyper.step, DType::kF64) + 1;
    const auto mu = [&](Var at) {
      return o_.beta_1 * (1 - 0.5 * ops::Pow(0.96, at * o_.schedule_decay));
    };
    const Var root = ops::Sqrt(1 - ops::Pow(o_.beta_2, t));
    return {ops::Cast(hyper.learning_rate, dtype), mu(t), mu(t + 1), ops::Cast(root, dtype)};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    Var &m = slots[0], &v = slots[1], &product = slots[2];
    const Var mu = scalars[kMu], next = scalars[kNextMu];
    product = product * mu;
    const Var of_grad = ops::Cast((1 - mu) / (1 - product), param.dtype());
    const Var of_m = ops::Cast(next / (1 - product * next), param.dtype());
    m = o_.beta_1 * m + (1 - o_.beta_1) * grad;
    v = o_.beta_2 * v + (1 - o_.beta_2) * ops::Square(grad);
    return param - scalars[kRate] * (of_grad * grad + of_m * m) /
                       (ops::Sqrt(v) / scalars[kRootOfBias] + o_.epsilon);
  }

 private:
  const NadamOptions o_;
};

}  // namespace

NadamOptions NadamOptions::PyTorch() {
  NadamOptions options;
  options.learning_rate = 0.002;
  options.epsilon = 1e-8;
  options.formula = Formula::kPyTorch;
  return options;
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeNadam(const NadamOptions& options) {
  NadamOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("nadam", Fields(&o)));
  return std::make_unique<Nadam>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> NadamFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const NadamOptions options, OptionsFrom<NadamOptions>(config, Fields));
  return MakeNadam(options);
}

}  // namespace adjoint::optim
