#include "optim/adadelta.h"

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

std::vector<ConfigField> Fields(AdadeltaOptions* o) {
  return {{"learning_rate", &o->learning_rate},
          {"rho", &o->rho, Range::kBelowOne},
          {"epsilon", &o->epsilon, Range::kPositive},
          {"formula", &o->formula}};
}

class Adadelta final : public PerParameterOptimizer {
 public:
  explicit Adadelta(const AdadeltaOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    AdadeltaOptions options = o_;
    return ConfigOf("adadelta", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override { return {{"accum_grad"}, {"accum_var"}}; }

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    return {ops::Cast(hyper.learning_rate, dtype)};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    Var &a = slots[0], &u = slots[1];
    a = o_.rho * a + (1 - o_.rho) * ops::Square(grad);
    const Var change = grad * ops::Sqrt(u + o_.epsilon) / ops::Sqrt(a + o_.epsilon);
    u = o_.rho * u + (1 - o_.rho) * ops::Square(change);
    return param - scalars[0] * change;
  }

 private:
  const AdadeltaOptions o_;
};

}  // namespace

AdadeltaOptions AdadeltaOptions::PyTorch() {
  AdadeltaOptions options;
  options.learning_rate = 1;
  options.rho = 0.9;
  options.epsilon = 1e-6;
  options.formula = Formula::kPyTorch;
  return options;
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdadelta(const AdadeltaOptions& options) {
  AdadeltaOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("adadelta", Fields(&o)));
  return std::make_unique<Adadelta>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> AdadeltaFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const AdadeltaOptions options,
                           OptionsFrom<AdadeltaOptions>(config, Fields));
  return MakeAdadelta(options);
}

}  // namespace adjoint::optim
