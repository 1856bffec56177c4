#include "optim/rmsprop.h"

#include <vector>

#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "optim/config_field.h"
#include "optim/factories.h"
#include "optim/per_parameter.h"

namespace adjoint::optim {
namespace {

std::vector<ConfigField> Fields(RmsPropOptions* o) {
  return {{"learning_rate", &o->learning_rate},
          {"rho", &o->rho, Range::kBelowOne},
          {"momentum", &o->momentum, Range::kUnit},
          {"epsilon", &o->epsilon},
          {"centered", &o->centered},
          {"formula", &o->formula}};
}

class RmsProp final : public PerParameterOptimizer {
 public:
  explicit RmsProp(const RmsPropOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    RmsPropOptions options = o_;
    return ConfigOf("rmsprop", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override {
    std::vector<Slot> slots{{"rms"}};
    if (o_.momentum > 0) slots.push_back({"momentum"});
    if (o_.centered) slots.push_back({"mg"});
    return slots;
  }

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    return {ops::Cast(hyper.learning_rate, dtype)};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    const Var rate = scalars[0];
    Var& rms = slots.front();
    rms = o_.rho * rms + (1 - o_.rho) * ops::Square(grad);
    Var spread = rms;
    if (o_.centered) {
      Var& mean = slots.back();
      mean = o_.rho * mean + (1 - o_.rho) * grad;
      spread = ops::Maximum(rms - ops::Square(mean), 0);
    }
    if (o_.momentum == 0) return param - rate * grad / (ops::Sqrt(spread) + o_.epsilon);
    Var& v = slots[1];
    if (o_.formula == Formula::kKeras) {
      v = o_.momentum * v + rate * grad / ops::Sqrt(spread + o_.epsilon);
      return param - v;
    }
    v = o_.momentum * v + grad / (ops::Sqrt(spread) + o_.epsilon);
    return param - rate * v;
  }

 private:
  const RmsPropOptions o_;
};

}  // namespace

RmsPropOptions RmsPropOptions::PyTorch() {
  RmsPropOptions options;
  options.learning_rate = 0.01;
  options.rho = 0.99;
  options.epsilon = 1e-8;
  options.formula = Formula::kPyTorch;
  return options;
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeRmsProp(const RmsPropOptions& options) {
  RmsPropOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("rmsprop", Fields(&o)));
  return std::make_unique<RmsProp>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> RmsPropFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const RmsPropOptions options,
                           OptionsFrom<RmsPropOptions>(config, Fields));
  return MakeRmsProp(options);
}

}  // namespace adjoint::optim
