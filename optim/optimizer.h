#ifndef ADJOINT_OPTIM_OPTIMIZER_H_
#define ADJOINT_OPTIM_OPTIMIZER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor_spec.h"
#include "ops/var.h"

namespace adjoint::optim {

using ops::Var;

// A tensor that an optimizer keeps from step to step, for one parameter.
struct SlotSpec {
  std::string name;  // "rms", "momentum"
  int param;         // index of the parameter
  TensorSpec spec;
  double initial = 0;  // in every element
};

// What varies from step to step without compiling again.
struct Hyper {
  Var learning_rate;  // f32 scalar
  Var step;           // i64 scalar: steps taken before this one
};

struct UpdateResult {
  std::vector<Var> params;  // new values, as many as params and of their specs
  std::vector<Var> slots;   // new values, in the order of Init
};

// An optimizer's configuration as data: what is saved with a model and printed.
struct OptimizerConfig {
  std::string name;                      // "rmsprop"
  std::map<std::string, double> values;  // "learning_rate", "rho", ...; flags are 0 or 1
  // The schedule of the rate as text (optim/schedule.h); empty: it stays as it is set.
  std::string schedule = {};
};

// An update rule, written in ops. It reaches only Var::spec() and Builder::Apply. Immutable:
// everything that changes lives in slots. All parameters are updated by one call, because global
// norms, averaged weights and accumulation need them together.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  virtual OptimizerConfig Config() const = 0;
  // The rate at the beginning; afterwards it is the value of Hyper::learning_rate.
  virtual double initial_learning_rate() const = 0;
  // The rate for the update after `step` others when a schedule sets it: whoever runs the training
  // writes it into Hyper::learning_rate before the step.
  virtual std::optional<double> ScheduledRate(int64_t /*step*/) const { return std::nullopt; }

  virtual std::vector<SlotSpec> Init(absl::Span<const TensorSpec> params) const = 0;

  // Whether a row of a parameter and of its slots is updated from the same row of the gradient
  // alone, so that an update of some rows is that of a smaller parameter (optim/row_updates.h).
  virtual bool is_rowwise() const { return false; }
  // Whether it is meant to be used so.
  virtual bool updates_rows() const { return false; }

  // grads, params: one each a parameter, of equal specs. slots: as Init lists them.
  virtual UpdateResult Update(absl::Span<const Var> grads, absl::Span<const Var> params,
                              absl::Span<const Var> slots, const Hyper& hyper) const = 0;
};

// "sgd", "rmsprop", "adam", "adamw", "adagrad", "adadelta", "adamax", "nadam", "ftrl", "lion",
// "lamb" or "lbfgs" in any letter case, with Keras' defaults. Each has a header of its own
// (optim/rmsprop.h) that makes it from options and states its formula; clipping, decoupled weight
// decay, averaged weights, accumulation over batches and schedules extend all of them
// (optim/extended.h).
absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(absl::string_view name);

// The optimizer that a configuration describes, extended where it names an extension's values;
// values it does not name have the defaults of its "formula", Keras' (0) or PyTorch's (1). Errors
// name an unknown optimizer or value, or a value out of its range.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(const OptimizerConfig& config);

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_OPTIMIZER_H_
