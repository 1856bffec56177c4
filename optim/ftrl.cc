#include "optim/ftrl.h"

#include <vector>

#include "absl/status/status.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "optim/config_field.h"
#include "optim/factories.h"
#include "optim/per_parameter.h"

namespace adjoint::optim {
namespace {

std::vector<ConfigField> Fields(FtrlOptions* o) {
  return {{"learning_rate", &o->learning_rate, Range::kPositive},
          {"learning_rate_power", &o->learning_rate_power, Range::kNonPositive},
          {"initial_accumulator_value", &o->initial_accumulator_value},
          {"l1_regularization_strength", &o->l1_regularization_strength},
          {"l2_regularization_strength", &o->l2_regularization_strength},
          {"l2_shrinkage_regularization_strength", &o->l2_shrinkage_regularization_strength},
          {"beta", &o->beta}};
}

class Ftrl final : public PerParameterOptimizer {
 public:
  explicit Ftrl(const FtrlOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    FtrlOptions options = o_;
    return ConfigOf("ftrl", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override {
    return {{"accumulator", o_.initial_accumulator_value}, {"linear"}};
  }

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    return {ops::Cast(hyper.learning_rate, dtype)};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    Var &accumulator = slots[0], &linear = slots[1];
    const double l1 = o_.l1_regularization_strength;
    const Var rate = scalars[0], sum = accumulator + ops::Square(grad);
    const Var power = Power(sum);
    Var slope = grad;
    if (o_.l2_shrinkage_regularization_strength != 0) {
      slope = grad + 2 * o_.l2_shrinkage_regularization_strength * param;
    }
    linear = linear + slope - Growth(accumulator, grad, power) / rate * param;
    accumulator = sum;
    const Var quadratic = (power + o_.beta) / rate + 2 * o_.l2_regularization_strength;
    if (l1 == 0) return (0 - linear) / quadratic;
    return ops::Where(ops::Greater(ops::Abs(linear), l1),
                      (ops::Sign(linear) * l1 - linear) / quadratic,
                      // NaN where there is one, else 0.
                      0 * linear);
  }

  // power - Power(accumulator); of roots without the cancellation that a small gradient meets.
  Var Growth(Var accumulator, Var grad, Var power) const {
    if (o_.learning_rate_power != -0.5) return power - Power(accumulator);
    const Var roots = power + ops::Sqrt(accumulator);
    if (o_.initial_accumulator_value > 0) return ops::Square(grad) / roots;
    return ops::Where(ops::Equal(roots, 0), 0 * grad, ops::Square(grad) / roots);
  }

  Var Power(Var x) const {
    if (o_.learning_rate_power == -0.5) return ops::Sqrt(x);
    return ops::Pow(x, -o_.learning_rate_power);
  }

 private:
  const FtrlOptions o_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeFtrl(const FtrlOptions& options) {
  FtrlOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("ftrl", Fields(&o)));
  if (o.initial_accumulator_value == 0 && o.l2_regularization_strength == 0 && o.beta == 0) {
    return absl::InvalidArgumentError(
        "optimizer 'ftrl': initial_accumulator_value, l2_regularization_strength and beta are all "
        "0, which divides 0 by 0 where a gradient is 0; one of them must be above 0");
  }
  return std::make_unique<Ftrl>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> FtrlFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const FtrlOptions options, OptionsFrom<FtrlOptions>(config, Fields));
  return MakeFtrl(options);
}

}  // namespace adjoint::optim
