#include "ops/ctc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/index_check.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kMaxParts = 16;  // pieces that the batch is cut into, each with scratch
constexpr double kNever = -std::numeric_limits<double>::infinity();

// log(e^a + e^b).
double LogAdd(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return a + b;
  const double high = std::max(a, b);
  if (std::isinf(high)) return high;
  return high + std::log1p(std::exp(std::min(a, b) - high));
}

struct CtcPlan {
  int64_t steps, batch, classes, most_labels, blank;
  bool zero_infinity, gradient;
  DType integers[3];  // types of labels, input_lengths, label_lengths

  explicit CtcPlan(const KernelRequest& r, bool is_gradient)
      : steps(r.inputs[0].shape[0]),
        batch(r.inputs[0].shape[1]),
        classes(r.inputs[0].shape[2]),
        most_labels(r.inputs[1].shape[1]),
        blank(r.attrs.At<int64_t>("blank")),
        zero_infinity(r.attrs.At<bool>("zero_infinity")),
        gradient(is_gradient),
        integers{r.inputs[1].dtype, r.inputs[2].dtype, r.inputs[3].dtype} {}

  int64_t parts() const { return std::clamp<int64_t>(batch, 1, kMaxParts); }
  int64_t states() const { return 2 * most_labels + 1; }
  // Doubles a part works in: forward sums (of all steps for the gradient, else of two), backward
  // sums of two.
  int64_t scratch() const { return (gradient ? steps + 2 : 2) * states(); }

  // Element i of labels, input_lengths or label_lengths.
  int64_t Integer(const KernelArgs& args, int which, int64_t i) const {
    return integers[which] == DType::kI64 ? In<int64_t>(args, 1 + which)[i]
                                          : int64_t{In<int32_t>(args, 1 + which)[i]};
  }
};

// One sample: labels with blanks between and around them are the states of a path.
struct Sample {
  const CtcPlan& plan;
  const KernelArgs& args;
  int64_t index, steps, states;

  Sample(const CtcPlan& p, const KernelArgs& a, int64_t i)
      : plan(p), args(a), index(i), steps(p.Integer(a, 1, i)), states(2 * p.Integer(a, 2, i) + 1) {}

  absl::Status Check() const {
    const auto error = [&](absl::string_view what, int64_t value, absl::string_view range) {
      return absl::InvalidArgumentError(absl::StrCat("ctc_loss: ", what, " ", value, " of sample ",
                                                     index, " is outside ", range));
    };
    if (steps < 0 || steps > plan.steps) {
      return error("the input length", steps, absl::StrCat("0..", plan.steps));
    }
    const int64_t labels = plan.Integer(args, 2, index);
    if (labels < 0 || labels > plan.most_labels) {
      return error("the label length", labels, absl::StrCat("0..", plan.most_labels));
    }
    for (int64_t s = 1; s < states; s += 2) {
      const int64_t label = ClassOf(s);
      if (label < 0 || label >= plan.classes) {
        return error("label", label, absl::StrCat("0..", plan.classes - 1));
      }
      if (label == plan.blank) {
        return error("label", label, "the classes other than the blank");
      }
    }
    return absl::OkStatus();
  }

  int64_t ClassOf(int64_t state) const {
    return state % 2 == 0 ? plan.blank
                          : plan.Integer(args, 0, index * plan.most_labels + state / 2);
  }
  // Whether a path may go from state - 2 to state: past a blank between two different labels.
  bool MaySkip(int64_t state) const {
    return state % 2 == 1 && state >= 3 && ClassOf(state) != ClassOf(state - 2);
  }
  int64_t Place(int64_t step, int64_t class_number) const {
    return (step * plan.batch + index) * plan.classes + class_number;
  }
  template <typename T>
  double LogProbability(int64_t step, int64_t state) const {
    return static_cast<double>(In<T>(args, 0)[Place(step, ClassOf(state))]);
  }
};

// forward[s]: logarithm of the sum over all paths that are in state s at `step`. previous: one step
// earlier; not read at step 0.
template <typename T>
void Forward(const Sample& sample, int64_t step, const double* previous, double* forward) {
  for (int64_t s = 0; s < sample.states; ++s) {
    double sum = kNever;
    if (step == 0) {
      if (s < 2) sum = 0;
    } else {
      sum = previous[s];
      if (s >= 1) sum = LogAdd(sum, previous[s - 1]);
      if (sample.MaySkip(s)) sum = LogAdd(sum, previous[s - 2]);
    }
    forward[s] = sum == kNever ? kNever : sum + sample.LogProbability<T>(step, s);
  }
}

// backward[s]: the same over what follows state s at `step`, without that step. next: one step
// later; not read at the last.
template <typename T>
void Backward(const Sample& sample, int64_t step, const double* next, double* backward) {
  const int64_t n = sample.states;
  for (int64_t s = 0; s < n; ++s) {
    if (step == sample.steps - 1) {
      backward[s] = s >= n - 2 ? 0 : kNever;
      continue;
    }
    const auto after = [&](int64_t to) {
      return next[to] == kNever ? kNever : next[to] + sample.LogProbability<T>(step + 1, to);
    };
    double sum = after(s);
    if (s + 1 < n) sum = LogAdd(sum, after(s + 1));
    if (s + 2 < n && sample.MaySkip(s + 2)) sum = LogAdd(sum, after(s + 2));
    backward[s] = sum;
  }
}

// The logarithm of the probability of the labels, from the forward sums of the last step.
double Total(const Sample& sample, const double* last) {
  if (sample.steps == 0) return sample.states == 1 ? 0 : kNever;
  const int64_t n = sample.states;
  return n == 1 ? last[0] : LogAdd(last[n - 1], last[n - 2]);
}

template <typename T>
absl::Status Loss(const CtcPlan& plan, const KernelArgs& args, int64_t i, double* scratch) {
  const Sample sample(plan, args, i);
  ADJOINT_RETURN_IF_ERROR(sample.Check());
  double* rows[] = {scratch, scratch + plan.states()};
  for (int64_t t = 0; t < sample.steps; ++t) {
    Forward<T>(sample, t, rows[(t + 1) % 2], rows[t % 2]);
  }
  const double total = Total(sample, rows[(sample.steps + 1) % 2]);
  Out<T>(args)[i] = static_cast<T>(total == kNever && plan.zero_infinity ? 0 : -total);
  return absl::OkStatus();
}

template <typename T>
absl::Status LossGradient(const CtcPlan& plan, const KernelArgs& args, int64_t i, double* scratch) {
  const Sample sample(plan, args, i);
  ADJOINT_RETURN_IF_ERROR(sample.Check());
  T* out = Out<T>(args);
  for (int64_t t = 0; t < plan.steps; ++t) {
    std::fill_n(out + sample.Place(t, 0), plan.classes, T{0});
  }
  const int64_t width = plan.states();
  for (int64_t t = 0; t < sample.steps; ++t) {
    Forward<T>(sample, t, scratch + (t - 1) * width, scratch + t * width);
  }
  const double total =
      Total(sample, sample.steps == 0 ? nullptr : scratch + (sample.steps - 1) * width);
  if (total == kNever && plan.zero_infinity) return absl::OkStatus();
  const double scale = static_cast<double>(In<T>(args, 4)[i]);
  double* rows[] = {scratch + plan.steps * width, scratch + (plan.steps + 1) * width};
  for (int64_t t = sample.steps - 1; t >= 0; --t) {
    double* backward = rows[t % 2];
    Backward<T>(sample, t, rows[(t + 1) % 2], backward);
    for (int64_t s = 0; s < sample.states; ++s) {
      // Of an impossible sequence, infinity less infinity: NaN.
      const double share = std::exp(scratch[t * width + s] + backward[s] - total);
      T& to = out[sample.Place(t, sample.ClassOf(s))];
      to = static_cast<T>(static_cast<double>(to) - share * scale);
    }
  }
  return absl::OkStatus();
}

using SampleFn = absl::Status (*)(const CtcPlan&, const KernelArgs&, int64_t, double*);

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const KernelRequest& r, bool gradient,
                                                SampleFn wide, SampleFn narrow) {
  const CtcPlan plan(r, gradient);
  const SampleFn run_one = r.inputs[0].dtype == DType::kF64 ? wide : narrow;
  return MakeKernel(
      [plan, run_one](const KernelArgs& args) {
        absl::Status status[kMaxParts];
        const int64_t parts = plan.parts();
        const auto run = [&](int64_t part) {
          double* scratch = static_cast<double*>(args.scratch) + part * plan.scratch();
          const int64_t end = plan.batch * (part + 1) / parts;
          for (int64_t i = plan.batch * part / parts; i < end; ++i) {
            status[part] = run_one(plan, args, i, scratch);
            if (!status[part].ok()) return;
          }
        };
        if (plan.batch * plan.steps * plan.states() < (1 << 12)) {
          for (int64_t part = 0; part < parts; ++part) run(part);
        } else {
          ParallelFor(parts, run);
        }
        for (const absl::Status& s : status) {
          if (!s.ok()) return s;
        }
        return absl::OkStatus();
      },
      static_cast<size_t>(plan.parts() * plan.scratch()) * sizeof(double));
}

absl::Status CheckOperands(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  if (x.dtype != DType::kF32 && x.dtype != DType::kF64) {
    return absl::InvalidArgumentError(
        absl::StrCat("log-probabilities must be f32 or f64, but are ", DTypeName(x.dtype)));
  }
  if (x.shape.rank() != 3) {
    return absl::InvalidArgumentError(absl::StrCat(
        "log-probabilities must have 3 axes, steps, batch and classes, but have ", x.shape.rank()));
  }
  const Dim batch = x.shape.dim(1), classes = x.shape.dim(2);
  static constexpr const char* kNames[] = {"labels", "input_lengths", "label_lengths"};
  for (int i = 0; i < 3; ++i) {
    const TensorSpec& spec = c.inputs[i + 1];
    ADJOINT_RETURN_IF_ERROR(CheckIndexType(kNames[i], spec));
    const int rank = i == 0 ? 2 : 1;
    if (spec.shape.rank() != rank || spec.shape.dim(0) != batch) {
      return absl::InvalidArgumentError(
          absl::StrCat(kNames[i], " have shape ", spec.shape.ToString(), "; they must have ", rank,
                       " axes, the first of extent ", batch.ToString(), ", the batch"));
    }
  }
  const int64_t blank = c.attrs.At<int64_t>("blank");
  if (blank < 0 || (classes.is_known() && blank >= classes.value())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the blank is ", blank, "; it must be one of the ", classes.ToString(), " classes"));
  }
  return absl::OkStatus();
}

const std::vector<AttrDecl>& CtcAttrs() {
  static const auto* const attrs =
      new std::vector<AttrDecl>{{"blank", AttrKind::kInt}, {"zero_infinity", AttrKind::kBool}};
  return *attrs;
}

std::vector<Cotangent> OnlyFirst(const VjpContext& c, Cotangent first) {
  std::vector<Cotangent> all(c.inputs.size(), Cotangent::Zero());
  all[0] = first;
  return all;
}

absl::StatusOr<std::vector<Cotangent>> GradientVjp(const VjpContext& c) {
  if (c.needs[0]) {
    return absl::UnimplementedError(
        "ctc_loss_gradient has no gradient with respect to the log-probabilities: CtcLoss can be "
        "differentiated once");
  }
  std::vector<Cotangent> all(c.inputs.size(), Cotangent::Zero());
  std::vector<Operand> operands(c.inputs.begin(), c.inputs.end());
  operands[4] = BroadcastTo(ScalarLike(c.inputs[4], 1), c.inputs[4].shape());
  const Var unit = Apply1(CtcLossGradientOp(), operands, c.attrs);
  all[4] = Sum(c.cotangents[0] * unit, {0, 2});
  return all;
}

}  // namespace

const OpDef& CtcLossOp() {
  static const OpDef* const op = new OpDef{
      .name = "ctc_loss",
      .min_inputs = 4,
      .max_inputs = 4,
      .attrs = CtcAttrs(),
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckOperands(c));
        return std::vector<TensorSpec>{{c.inputs[0].dtype, {c.inputs[0].shape.dim(1)}}};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        std::vector<Operand> operands(c.inputs.begin(), c.inputs.end());
        operands.push_back(c.cotangents[0]);
        return OnlyFirst(c, Apply1(CtcLossGradientOp(), operands, c.attrs));
      },
      .kernels = {{"reference",
                   [](const KernelRequest& r) {
                     return Prepare(r, false, Loss<double>, Loss<float>);
                   }}},
  };
  return *op;
}

const OpDef& CtcLossGradientOp() {
  static const OpDef* const op = new OpDef{
      .name = "ctc_loss_gradient",
      .min_inputs = 5,
      .max_inputs = 5,
      .attrs = CtcAttrs(),
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckOperands(c));
        const TensorSpec want{c.inputs[0].dtype, {c.inputs[0].shape.dim(1)}};
        if (c.inputs[4] != want) {
          return absl::InvalidArgumentError(absl::StrCat("the cotangent must be ", want.ToString(),
                                                         ", but is ", c.inputs[4].ToString()));
        }
        return std::vector<TensorSpec>{c.inputs[0]};
      },
      .vjp = GradientVjp,
      .kernels = {{"reference",
                   [](const KernelRequest& r) {
                     return Prepare(r, true, LossGradient<double>, LossGradient<float>);
                   }}},
  };
  return *op;
}

Var CtcLoss(Operand log_probabilities, Operand labels, Operand input_lengths, Operand label_lengths,
            const CtcOptions& options) {
  return Apply1(CtcLossOp(), {log_probabilities, labels, input_lengths, label_lengths},
                Attrs{{"blank", options.blank}, {"zero_infinity", options.zero_infinity}});
}

}  // namespace adjoint::ops
