#include "optim/lion.h"

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

std::vector<ConfigField> Fields(LionOptions* o) {
  return {{"learning_rate", &o->learning_rate},
          {"beta_1", &o->beta_1, Range::kUnit},
          {"beta_2", &o->beta_2, Range::kUnit}};
}

class Lion final : public PerParameterOptimizer {
 public:
  explicit Lion(const LionOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    LionOptions options = o_;
    return ConfigOf("lion", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override { return {{"m"}}; }

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    return {ops::Cast(hyper.learning_rate, dtype)};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    Var& m = slots[0];
    const Var direction = ops::Sign(o_.beta_1 * m + (1 - o_.beta_1) * grad);
    // First the parameter, so that m is not needed any more when it is overwritten.
    const Var moved = param - scalars[0] * direction;
    m = o_.beta_2 * m + (1 - o_.beta_2) * grad;
    return moved;
  }

 private:
  const LionOptions o_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeLion(const LionOptions& options) {
  LionOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("lion", Fields(&o)));
  return std::make_unique<Lion>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> LionFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const LionOptions options, OptionsFrom<LionOptions>(config, Fields));
  return MakeLion(options);
}

}  // namespace adjoint::optim
