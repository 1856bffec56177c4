#include "optim/adamax.h"

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

std::vector<ConfigField> Fields(AdamaxOptions* o) {
  return {{"learning_rate", &o->learning_rate},
          {"beta_1", &o->beta_1, Range::kBelowOne},
          {"beta_2", &o->beta_2, Range::kBelowOne},
          {"epsilon", &o->epsilon, Range::kPositive},
          {"formula", &o->formula}};
}

class Adamax final : public PerParameterOptimizer {
 public:
  explicit Adamax(const AdamaxOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    AdamaxOptions options = o_;
    return ConfigOf("adamax", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override { return {{"m"}, {"v"}}; }

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    const Var t = ops::Cast(hyper.step, DType::kF64) + 1;
    const Var lr = ops::Cast(hyper.learning_rate, DType::kF64);
    return {ops::Cast(lr / (1 - ops::Pow(o_.beta_1, t)), dtype)};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    Var &m = slots[0], &v = slots[1];
    m = o_.beta_1 * m + (1 - o_.beta_1) * grad;
    if (o_.formula == Formula::kKeras) {
      v = ops::Maximum(o_.beta_2 * v, ops::Abs(grad));
      return param - scalars[0] * m / (v + o_.epsilon);
    }
    v = ops::Maximum(o_.beta_2 * v, ops::Abs(grad) + o_.epsilon);
    return param - scalars[0] * m / v;
  }

 private:
  const AdamaxOptions o_;
};

}  // namespace

AdamaxOptions AdamaxOptions::PyTorch() {
  AdamaxOptions options;
  options.learning_rate = 0.002;
  options.epsilon = 1e-8;
  options.formula = Formula::kPyTorch;
  return options;
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdamax(const AdamaxOptions& options) {
  AdamaxOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("adamax", Fields(&o)));
  return std::make_unique<Adamax>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> AdamaxFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const AdamaxOptions options, OptionsFrom<AdamaxOptions>(config, Fields));
  return MakeAdamax(options);
}

}  // namespace adjoint::optim
