#include "optim/adagrad.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "optim/config_field.h"
#include "optim/factories.h"
#include "optim/per_parameter.h"

namespace adjoint::optim {
namespace {

std::vector<ConfigField> Fields(AdagradOptions* o) {
  return {{"learning_rate", &o->learning_rate},
          {"initial_accumulator_value", &o->initial_accumulator_value},
          {"epsilon", &o->epsilon},
          {"lr_decay", &o->lr_decay},
          {"formula", &o->formula}};
}

class Adagrad final : public PerParameterOptimizer {
 public:
  explicit Adagrad(const AdagradOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    AdagradOptions options = o_;
    return ConfigOf("adagrad", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override {
    return {{"accumulator", o_.initial_accumulator_value}};
  }

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    if (o_.lr_decay == 0) return {ops::Cast(hyper.learning_rate, dtype)};
    const Var steps = ops::Cast(hyper.step, DType::kF64);
    const Var rate = ops::Cast(hyper.learning_rate, DType::kF64) / (1 + steps * o_.lr_decay);
    return {ops::Cast(rate, dtype)};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    Var& accumulator = slots[0];
    accumulator = accumulator + ops::Square(grad);
    return param - scalars[0] * grad / (ops::Sqrt(accumulator) + o_.epsilon);
  }

 private:
  const AdagradOptions o_;
};

}  // namespace

AdagradOptions AdagradOptions::PyTorch() {
  AdagradOptions options;
  options.learning_rate = 0.01;
  options.initial_accumulator_value = 0;
  options.epsilon = 1e-10;
  options.formula = Formula::kPyTorch;
  return options;
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdagrad(const AdagradOptions& options) {
  AdagradOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("adagrad", Fields(&o)));
  if (o.formula == Formula::kKeras && o.lr_decay != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "optimizer 'adagrad': lr_decay is ", o.lr_decay,
        ", which Keras' formula does not know; leave it 0 or choose PyTorch's formula"));
  }
  if (o.initial_accumulator_value == 0 && o.epsilon == 0) {
    return absl::InvalidArgumentError(
        "optimizer 'adagrad': initial_accumulator_value and epsilon are both 0, which divides 0 by "
        "0 where a gradient is 0; one of them must be above 0");
  }
  return std::make_unique<Adagrad>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> AdagradFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const AdagradOptions options,
                           OptionsFrom<AdagradOptions>(config, Fields));
  return MakeAdagrad(options);
}

}  // namespace adjoint::optim
