#include "optim/lamb.h"

#include <vector>

#include "absl/status/status.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/reduce.h"
#include "optim/config_field.h"
#include "optim/factories.h"
#include "optim/per_parameter.h"

namespace adjoint::optim {
namespace {

std::vector<ConfigField> Fields(LambOptions* o) {
  return {{"learning_rate", &o->learning_rate},
          {"beta_1", &o->beta_1, Range::kBelowOne},
          {"beta_2", &o->beta_2, Range::kBelowOne},
          {"epsilon", &o->epsilon},
          {"weight_decay", &o->weight_decay}};
}

class Lamb final : public PerParameterOptimizer {
 public:
  explicit Lamb(const LambOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    LambOptions options = o_;
    return ConfigOf("lamb", Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }
  // Steps have the length of the whole parameter.
  bool is_rowwise() const override { return false; }

 protected:
  std::vector<Slot> Slots() const override { return {{"m"}, {"v"}}; }

  enum { kRate, kBias1, kRootOfBias2 };

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    const Var t = ops::Cast(hyper.step, DType::kF64) + 1;
    return {ops::Cast(hyper.learning_rate, dtype), ops::Cast(1 - ops::Pow(o_.beta_1, t), dtype),
            ops::Cast(ops::Sqrt(1 - ops::Pow(o_.beta_2, t)), dtype)};
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    Var &m = slots[0], &v = slots[1];
    m = o_.beta_1 * m + (1 - o_.beta_1) * grad;
    v = o_.beta_2 * v + (1 - o_.beta_2) * ops::Square(grad);
    Var change = m / scalars[kBias1] / (ops::Sqrt(v) / scalars[kRootOfBias2] + o_.epsilon);
    if (o_.weight_decay != 0) change = change + o_.weight_decay * param;
    const Var length = Length(param), of_change = Length(change);
    const Var both = ops::LogicalAnd(ops::NotEqual(length, 0), ops::NotEqual(of_change, 0));
    const Var trust = ops::Where(both, length / of_change, 1);
    return param - scalars[kRate] * trust * change;
  }

  // In f64, where squares do not overflow.
  static Var Length(Var x) {
    return ops::Cast(ops::Sqrt(ops::Sum(ops::Square(ops::Cast(x, DType::kF64)))), x.dtype());
  }

 private:
  const LambOptions o_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeLamb(const LambOptions& options) {
  LambOptions o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields("lamb", Fields(&o)));
  return std::make_unique<Lamb>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> LambFrom(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const LambOptions options, OptionsFrom<LambOptions>(config, Fields));
  return MakeLamb(options);
}

}  // namespace adjoint::optim
