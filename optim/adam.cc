#include "optim/adam.h"

#include <vector>

#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "optim/config_field.h"
#include "optim/factories.h"
#include "optim/per_parameter.h"

namespace adjoint::optim {
namespace {

template <typename Options>
std::vector<ConfigField> AdamFields(Options* o) {
  return {{"learning_rate", &o->learning_rate},
          {"beta_1", &o->beta_1, Range::kBelowOne},
          {"beta_2", &o->beta_2, Range::kBelowOne},
          {"epsilon", &o->epsilon},
          {"amsgrad", &o->amsgrad},
          {"formula", &o->formula}};
}

const char* NameOf(const AdamOptions&) { return "adam"; }
const char* NameOf(const AdamWOptions&) { return "adamw"; }

std::vector<ConfigField> Fields(AdamOptions* o) { return AdamFields(o); }
std::vector<ConfigField> Fields(AdamWOptions* o) {
  std::vector<ConfigField> fields = AdamFields(o);
  fields.push_back({"weight_decay", &o->weight_decay});
  return fields;
}

double DecayOf(const AdamOptions&) { return 0; }
double DecayOf(const AdamWOptions& o) { return o.weight_decay; }

template <typename Options>
class Adam final : public PerParameterOptimizer {
 public:
  explicit Adam(const Options& options) : o_(options) {}

  OptimizerConfig Config() const override {
    Options options = o_;
    return ConfigOf(NameOf(o_), Fields(&options));
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

 protected:
  std::vector<Slot> Slots() const override {
    std::vector<Slot> slots{{"m"}, {"v"}};
    if (o_.amsgrad) slots.push_back({"vhat"});
    return slots;
  }

  enum { kRate, kEpsilon, kKept };  // kKept: the part of a weight that its decay leaves

  std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const override {
    const Var t = ops::Cast(hyper.step, DType::kF64) + 1;
    const Var lr = ops::Cast(hyper.learning_rate, DType::kF64);
    const Var root = ops::Sqrt(1 - ops::Pow(o_.beta_2, t));
    const Var rate = lr * root / (1 - ops::Pow(o_.beta_1, t));
    const Var epsilon =
        o_.formula == Formula::kKeras ? ops::ScalarLike(t, o_.epsilon) : o_.epsilon * root;
    std::vector<Var> scalars{ops::Cast(rate, dtype), ops::Cast(epsilon, dtype)};
    if (DecayOf(o_) != 0) scalars.push_back(ops::Cast(1 - DecayOf(o_) * lr, dtype));
    return scalars;
  }

  Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                absl::Span<Var> slots) const override {
    Var &m = slots[0], &v = slots[1];
    m = o_.beta_1 * m + (1 - o_.beta_1) * grad;
    v = o_.beta_2 * v + (1 - o_.beta_2) * ops::Square(grad);
    Var second = v;
    if (o_.amsgrad) second = slots[2] = ops::Maximum(slots[2], v);
    const Var kept = DecayOf(o_) == 0 ? param : scalars[kKept] * param;
    return kept - scalars[kRate] * m / (ops::Sqrt(second) + scalars[kEpsilon]);
  }

 private:
  const Options o_;
};

template <typename Options>
absl::StatusOr<std::unique_ptr<Optimizer>> Make(const Options& options) {
  Options o = options;
  ADJOINT_RETURN_IF_ERROR(CheckFields(NameOf(o), Fields(&o)));
  return std::make_unique<Adam<Options>>(o);
}

template <typename Options>
absl::StatusOr<std::unique_ptr<Optimizer>> From(const OptimizerConfig& config) {
  ADJOINT_ASSIGN_OR_RETURN(const Options options,
                           OptionsFrom<Options>(config, [](Options* o) { return Fields(o); }));
  return Make(options);
}

}  // namespace

AdamOptions AdamOptions::PyTorch() {
  AdamOptions options;
  options.epsilon = 1e-8;
  options.formula = Formula::kPyTorch;
  return options;
}

AdamWOptions AdamWOptions::PyTorch() {
  AdamWOptions options;
  options.epsilon = 1e-8;
  options.weight_decay = 0.01;
  options.formula = Formula::kPyTorch;
  return options;
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdam(const AdamOptions& options) {
  return Make(options);
}
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdamW(const AdamWOptions& options) {
  return Make(options);
}

absl::StatusOr<std::unique_ptr<Optimizer>> AdamFrom(const OptimizerConfig& config) {
  return From<AdamOptions>(config);
}
absl::StatusOr<std::unique_ptr<Optimizer>> AdamWFrom(const OptimizerConfig& config) {
  return From<AdamWOptions>(config);
}

}  // namespace adjoint::optim
