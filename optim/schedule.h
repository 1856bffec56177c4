#ifndef ADJOINT_OPTIM_SCHEDULE_H_
#define ADJOINT_OPTIM_SCHEDULE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace adjoint::optim {

// A learning rate as a function of the step, counted from 0. Rates are fed to the training program
// at run time, so a schedule compiles nothing again. By object or by text, which is also what is
// saved and printed:
//
//   optim::CosineDecay({.initial_learning_rate = 0.1, .decay_steps = 1000})
//   "cosine_decay(0.1, 1000)"
//
// The text names a function below in snake case and its options in their order; those left out have
// their defaults. Immutable; copies share. A mistake surfaces in status().
class Schedule {
 public:
  // A rate that stays.
  Schedule(double rate);                                        // NOLINT: implicit
  Schedule(const char* text) : Schedule(Parse(text)) {}         // NOLINT: implicit
  Schedule(const std::string& text) : Schedule(Parse(text)) {}  // NOLINT: implicit

  // Errors: an unknown name, a number missing, too many or out of its range.
  static Schedule Parse(absl::string_view text);

  const absl::Status& status() const { return status_; }
  // The rate at step >= 0. Requires status().ok().
  double operator()(int64_t step) const;
  // The text that Parse reads back to the same schedule.
  std::string ToString() const;

  struct Kind;
  // For this library: a schedule of a kind with its numbers and, for warm-up, what follows it.
  static Schedule Make(const Kind& kind, std::vector<double> numbers,
                       std::shared_ptr<const Schedule> after = nullptr);

 private:
  Schedule() = default;

  absl::Status status_;
  const Kind* kind_ = nullptr;
  std::vector<double> numbers_;
  std::shared_ptr<const Schedule> after_;
};

// The formulas are those of tensorflow/python/keras/optimizer_v2/learning_rate_schedule.py where no
// other source is named, computed in f64. Below t is the step; steps and counts are whole numbers.

struct ExponentialDecayOptions {
  double initial_learning_rate;
  double decay_steps;  // > 0
  double decay_rate;   // >= 0
  bool staircase = false;
};
// initial decay_rate^(t / decay_steps); the exponent rounded down when staircase.
// "exponential_decay(initial, decay_steps, decay_rate, staircase)"
Schedule ExponentialDecay(const ExponentialDecayOptions& options);

struct StepDecayOptions {
  double initial_learning_rate;
  double step_size;  // > 0
  double gamma = 0.1;
};
// initial gamma^floor(t / step_size): torch.optim.lr_scheduler.StepLR.
// "step_decay(initial, step_size, gamma)"
Schedule StepDecay(const StepDecayOptions& options);

struct InverseTimeDecayOptions {
  double initial_learning_rate;
  double decay_steps;  // > 0
  double decay_rate;   // >= 0
  bool staircase = false;
};
// initial / (1 + decay_rate t / decay_steps); the quotient rounded down when staircase.
// "inverse_time_decay(initial, decay_steps, decay_rate, staircase)"
Schedule InverseTimeDecay(const InverseTimeDecayOptions& options);

struct PolynomialDecayOptions {
  double initial_learning_rate;
  double decay_steps;  // > 0
  double end_learning_rate = 0.0001;
  double power = 1;  // >= 0
  bool cycle = false;
};
// (initial - end) (1 - t / decay_steps)^power + end, with t at most decay_steps; when cycle,
// decay_steps is multiplied by the smallest whole number, at least 1, that makes it t or more.
// "polynomial_decay(initial, decay_steps, end, power, cycle)"
Schedule PolynomialDecay(const PolynomialDecayOptions& options);

struct PiecewiseConstantDecayOptions {
  std::vector<double> boundaries;  // ascending
  std::vector<double> values;      // one more than boundaries
};
// values[i] for the first i with t <= boundaries[i], the last value beyond all.
// "piecewise_constant_decay(boundaries..., values...)"
Schedule PiecewiseConstantDecay(const PiecewiseConstantDecayOptions& options);

struct CosineDecayOptions {
  double initial_learning_rate;
  double decay_steps;  // > 0
  double alpha = 0;    // the last rate as a part of the initial one
};
// initial ((1 - alpha) (1 + cos(pi t / decay_steps)) / 2 + alpha), with t at most decay_steps.
// "cosine_decay(initial, decay_steps, alpha)"
Schedule CosineDecay(const CosineDecayOptions& options);

struct CosineDecayRestartsOptions {
  double initial_learning_rate;
  double first_decay_steps;  // > 0
  double t_mul = 2;          // >= 1: how much longer each period is than the one before
  double m_mul = 1;          // >= 0: its highest rate, as a part of the one before
  double alpha = 0;
};
// SGDR (Loshchilov and Hutter 2017): cosine decays one after the other.
// "cosine_decay_restarts(initial, first_decay_steps, t_mul, m_mul, alpha)"
Schedule CosineDecayRestarts(const CosineDecayRestartsOptions& options);

struct OneCycleOptions {
  double max_learning_rate;
  double total_steps;             // >= 2
  double pct_start = 0.3;         // 0 to 1: the part of the steps in which the rate rises
  double div_factor = 25;         // > 0: the first rate is max / div_factor
  double final_div_factor = 1e4;  // > 0: the last rate is the first / final_div_factor
  bool linear = false;            // rather than cosine
};
// The one-cycle policy (Smith and Topin 2018), of torch.optim.lr_scheduler.OneCycleLR with two
// phases; beyond total_steps the last rate stays.
// "one_cycle(max, total_steps, pct_start, div_factor, final_div_factor, linear)"
Schedule OneCycle(const OneCycleOptions& options);

struct WarmUpOptions {
  double steps;      // >= 0
  double start = 0;  // the first rate as a part of that of `after` at its step 0
};
// Rises in a straight line from start after(0) to after(0) in `steps` steps, and is
// after(t - steps) from there. "warm_up(steps, start, cosine_decay(...))"
Schedule WarmUp(const WarmUpOptions& options, Schedule after);

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_SCHEDULE_H_
