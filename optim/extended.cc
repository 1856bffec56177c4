#include "optim/extended.h"

#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/reduce.h"
#include "optim/config_field.h"
#include "optim/operands.h"

namespace adjoint::optim {
namespace {

bool HasOwnDecay(const std::string& optimizer) {
  return optimizer == "adamw" || optimizer == "lamb";
}

// Extensions as fields: whole numbers as well, which `counts` holds as doubles.
struct Counts {
  double overwrite = 0, accumulate = 1;
};

std::vector<ConfigField> Fields(Extensions* e, Counts* counts) {
  return {{"clipvalue", &e->clipvalue},
          {"clipnorm", &e->clipnorm},
          {"global_clipnorm", &e->global_clipnorm},
          {"weight_decay", &e->weight_decay},
          {"ema_momentum", &e->ema_momentum, Range::kBelowOne},
          {"lazy_rows", &e->lazy_rows},
          {"ema_overwrite_frequency", &counts->overwrite},
          {"gradient_accumulation_steps", &counts->accumulate}};
}

Var SumOfSquares(Var x) { return ops::Sum(ops::Square(ops::Cast(x, DType::kF64))); }

// What to multiply a gradient of this length by: min(1, limit / length), NaN where the length is
// not finite.
Var Shrinking(Var sum_of_squares, double limit) {
  const Var length = ops::Sqrt(sum_of_squares);
  return limit / ops::Maximum(length, limit) + 0 * length;
}

class ExtendedOptimizer final : public Optimizer {
 public:
  ExtendedOptimizer(std::unique_ptr<Optimizer> inner, const Extensions& extensions)
      : inner_(std::move(inner)), e_(extensions) {}

  OptimizerConfig Config() const override {
    OptimizerConfig config = inner_->Config();
    Extensions e = e_, none;
    Counts counts{static_cast<double>(e.ema_overwrite_frequency),
                  static_cast<double>(e.gradient_accumulation_steps)};
    Counts no_counts;
    const OptimizerConfig all = ConfigOf(config.name, Fields(&e, &counts));
    const OptimizerConfig defaults = ConfigOf(config.name, Fields(&none, &no_counts));
    for (const auto& [name, value] : all.values) {
      if (value != defaults.values.at(name)) config.values[name] = value;
    }
    if (e_.schedule.has_value()) config.schedule = e_.schedule->ToString();
    return config;
  }

  double initial_learning_rate() const override {
    return e_.schedule.has_value() ? (*e_.schedule)(0) : inner_->initial_learning_rate();
  }
  std::optional<double> ScheduledRate(int64_t step) const override {
    if (!e_.schedule.has_value()) return std::nullopt;
    return (*e_.schedule)(step / e_.gradient_accumulation_steps);
  }

  bool is_rowwise() const override { return inner_->is_rowwise() && !averages() && !accumulates(); }
  bool updates_rows() const override { return e_.lazy_rows; }

  std::vector<SlotSpec> Init(absl::Span<const TensorSpec> params) const override {
    std::vector<SlotSpec> specs = inner_->Init(params);
    for (size_t p = 0; averages() && p < params.size(); ++p) {
      specs.push_back({kAverageSlot, static_cast<int>(p), params[p]});
    }
    for (size_t p = 0; accumulates() && p < params.size(); ++p) {
      specs.push_back({"accumulated", static_cast<int>(p), params[p]});
    }
    return specs;
  }

  UpdateResult Update(absl::Span<const Var> grads, absl::Span<const Var> params,
                      absl::Span<const Var> slots, const Hyper& hyper) const override {
    UpdateResult result = InvalidUpdate(params.size(), slots.size(), hyper);
    if (!CheckOperands(*this, grads, params, slots, hyper)) return result;
    const size_t n = params.size();
    const size_t inner_slots = slots.size() - (averages() ? n : 0) - (accumulates() ? n : 0);
    const absl::Span<const Var> averaged = slots.subspan(inner_slots, averages() ? n : 0);
    const absl::Span<const Var> accumulated = slots.last(accumulates() ? n : 0);

    std::vector<Var> gradients(grads.begin(), grads.end());
    Hyper inner_hyper = hyper;
    Var updates;  // whether this step does
    if (accumulates()) {
      const int k = e_.gradient_accumulation_steps;
      inner_hyper.step = hyper.step / k;
      updates = ops::Equal(hyper.step + 1, (inner_hyper.step + 1) * k);
      for (size_t p = 0; p < n; ++p) gradients[p] = (accumulated[p] + grads[p]) / k;
    }
    Clip(gradients);
    std::vector<Var> start(params.begin(), params.end());
    if (e_.weight_decay != 0) {
      const Var kept = 1 - e_.weight_decay * ops::Cast(hyper.learning_rate, DType::kF64);
      for (Var& w : start) w = w * ops::Cast(kept, w.dtype());
    }
    UpdateResult inner =
        inner_->Update(gradients, start, slots.subspan(0, inner_slots), inner_hyper);
    result = std::move(inner);
    for (size_t p = 0; p < averaged.size(); ++p) {
      const Var first = ops::Equal(inner_hyper.step, 0);
      const Var before = ops::Where(first, params[p], averaged[p]);
      const Var average = e_.ema_momentum * before + (1 - e_.ema_momentum) * result.params[p];
      result.slots.push_back(average);
      if (e_.ema_overwrite_frequency > 0) {
        const int k = e_.ema_overwrite_frequency;
        const Var done = inner_hyper.step + 1;
        result.params[p] = ops::Where(ops::Equal(done, done / k * k), average, result.params[p]);
      }
    }
    if (!accumulates()) return result;
    const auto choose = [&](Var now, Var later) { return ops::Where(updates, now, later); };
    for (size_t p = 0; p < n; ++p) result.params[p] = choose(result.params[p], params[p]);
    for (size_t s = 0; s < result.slots.size(); ++s) {
      result.slots[s] = choose(result.slots[s], slots[s]);
    }
    for (size_t p = 0; p < n; ++p) {
      result.slots.push_back(choose(ops::ScalarLike(grads[p], 0), accumulated[p] + grads[p]));
    }
    return result;
  }

 private:
  bool averages() const { return e_.ema_momentum > 0; }
  bool accumulates() const { return e_.gradient_accumulation_steps > 1; }

  void Clip(std::vector<Var>& gradients) const {
    if (e_.clipvalue > 0) {
      for (Var& g : gradients) {
        g = ops::Minimum(ops::Maximum(g, -e_.clipvalue), e_.clipvalue);
      }
    }
    if (e_.clipnorm > 0) {
      for (Var& g : gradients) {
        g = g * ops::Cast(Shrinking(SumOfSquares(g), e_.clipnorm), g.dtype());
      }
    }
    if (e_.global_clipnorm > 0 && !gradients.empty()) {
      Var sum = SumOfSquares(gradients[0]);
      for (size_t p = 1; p < gradients.size(); ++p) sum = sum + SumOfSquares(gradients[p]);
      const Var scale = Shrinking(sum, e_.global_clipnorm);
      for (Var& g : gradients) g = g * ops::Cast(scale, g.dtype());
    }
  }

  const std::unique_ptr<Optimizer> inner_;
  const Extensions e_;
};

absl::Status Wrong(const std::string& optimizer, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("optimizer '", optimizer, "': ", what));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> Extended(
    absl::StatusOr<std::unique_ptr<Optimizer>> optimizer, const Extensions& extensions) {
  ADJOINT_RETURN_IF_ERROR(optimizer.status());
  if (*optimizer == nullptr) return absl::InvalidArgumentError("the optimizer is a null pointer");
  const std::string name = (*optimizer)->Config().name;
  Extensions e = extensions;
  Counts counts{static_cast<double>(e.ema_overwrite_frequency),
                static_cast<double>(e.gradient_accumulation_steps)};
  ADJOINT_RETURN_IF_ERROR(CheckFields(name, Fields(&e, &counts)));
  if (e.gradient_accumulation_steps < 1) {
    return Wrong(name, absl::StrCat("gradient_accumulation_steps is ",
                                    e.gradient_accumulation_steps, "; it must be at least 1"));
  }
  if (e.clipnorm > 0 && e.global_clipnorm > 0) {
    return Wrong(name, "both clipnorm and global_clipnorm are given; give one of them");
  }
  if (e.ema_overwrite_frequency > 0 && e.ema_momentum == 0) {
    return Wrong(name, "ema_overwrite_frequency is given without ema_momentum");
  }
  if (e.weight_decay > 0 && HasOwnDecay(name)) {
    return Wrong(name, "it has a weight_decay of its own; set that one");
  }
  if (e.lazy_rows &&
      (!(*optimizer)->is_rowwise() || e.ema_momentum > 0 || e.gradient_accumulation_steps > 1)) {
    return Wrong(name, absl::StrCat("lazy_rows is given, but ",
                                    !(*optimizer)->is_rowwise() ? "it updates parameters as wholes"
                                    : e.ema_momentum > 0
                                        ? "averages (ema_momentum) move in every row"
                                        : "sums of gradients (gradient_accumulation_steps) have "
                                          "the rows of several steps"));
  }
  if (e.schedule.has_value() && !e.schedule->status().ok()) {
    return Wrong(name, e.schedule->status().message());
  }
  const bool plain = e.clipvalue == 0 && e.clipnorm == 0 && e.global_clipnorm == 0 &&
                     e.weight_decay == 0 && e.ema_momentum == 0 &&
                     e.gradient_accumulation_steps == 1 && !e.lazy_rows && !e.schedule.has_value();
  if (plain) return optimizer;
  return std::make_unique<ExtendedOptimizer>(*std::move(optimizer), e);
}

absl::StatusOr<Extensions> TakeExtensions(OptimizerConfig* config) {
  Extensions extensions;
  Counts counts;
  const std::vector<ConfigField> fields = Fields(&extensions, &counts);
  OptimizerConfig taken{.name = config->name, .values = {}};
  for (const ConfigField& field : fields) {
    const std::string name(field.name);
    if (name == "weight_decay" && HasOwnDecay(config->name)) continue;
    const auto found = config->values.find(name);
    if (found == config->values.end()) continue;
    taken.values[name] = found->second;
    config->values.erase(found);
  }
  ADJOINT_RETURN_IF_ERROR(AssignFields(taken, fields));
  for (const auto& [name, count, to] : {std::tuple{"ema_overwrite_frequency", counts.overwrite,
                                                   &extensions.ema_overwrite_frequency},
                                        std::tuple{"gradient_accumulation_steps", counts.accumulate,
                                                   &extensions.gradient_accumulation_steps}}) {
    if (!(count >= 0 && count <= 1e9) || count != std::floor(count)) {
      return Wrong(config->name,
                   absl::StrCat(name, " is ", count, "; it must be a whole number up to 1e9"));
    }
    *to = static_cast<int>(count);
  }
  if (!config->schedule.empty()) {
    extensions.schedule = Schedule::Parse(config->schedule);
    config->schedule.clear();
  }
  return extensions;
}

}  // namespace adjoint::optim
