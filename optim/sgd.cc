#include "optim/sgd.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "optim/config_field.h"
#include "optim/factories.h"
#include "optim/per_parameter.h"

namespace adjoint::optim {
namespace {

std::vector<ConfigField> Fields(SgdOptions* o) {
  return {{"learning_rate", &o->learning_rate},
          {"momentum", &o->momentum, Range::kUnit},
          {"nesterov", &o->nesterov},
          {"dampening", &o->dampening, Range::kUnit},
          {"formula", &o->formula}};
}

class Sgd final : public PerParameterOptimizer {
 public:
  explicit Sgd(const SgdOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    SgdOptions options = o_;
    return ConfigOf("sgd", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override {
    if (o_.momentum == 0) return {};
    return {{"momentum"}};
  }

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    const Var rate = ops::Cast(hyper.learning_rate, dtype);
    if (o_.momentum == 0 || o_.dampening == 0) return {rate};
    const Var later = ops::Cast(ops::NotEqual(hyper.step, 0), dtype);
    return {rate, 1 - o_.dampening * later};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    const Var rate = scalars[0];
    if (o_.momentum == 0) return param - rate * grad;
    Var& v = slots[0];
    if (o_.formula == Formula::kKeras) {
      const Var descent = rate * grad;
      v = o_.momentum * v - descent;
      return o_.nesterov ? param + (o_.momentum * v - descent) : param + v;
    }
    v = o_.momentum * v + (o_.dampening == 0 ? grad : scalars[1] * grad);
    return param - rate * (o_.nesterov ? grad + o_.momentum * v : v);
  }

 private:
  const SgdOptions o_;
};

}  // namespace

SgdOptions SgdOptions::PyTorch() {
  SgdOptions options;
  options.learning_rate = 0.001;
  options.formula = Formula::kPyTorch;
  return options;
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeSgd(const SgdOptions& options) {
  SgdOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("sgd", Fields(&o)));
  if (o.formula == Formula::kKeras && o.dampening != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "optimizer 'sgd': dampening is ", o.dampening,
        ", which Keras' formula does not know; leave it 0 or choose PyTorch's formula"));
  }
  if (o.formula == Formula::kPyTorch && o.nesterov && (o.momentum == 0 || o.dampening != 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "optimizer 'sgd': nesterov with momentum ", o.momentum, " and dampening ", o.dampening,
        "; PyTorch's formula takes it with momentum above 0 and without dampening"));
  }
  return std::make_unique<Sgd>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> SgdFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const SgdOptions options, OptionsFrom<SgdOptions>(config, Fields));
  return MakeSgd(options);
}

}  // namespace adjoint::optim
