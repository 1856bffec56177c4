#include "optim/lbfgs.h"

#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/reduce.h"
#include "optim/config_field.h"
#include "optim/factories.h"
#include "optim/operands.h"

namespace adjoint::optim {
namespace {

// All parameters as one vector: a var a parameter, in f64.
using Vector = std::vector<Var>;

Vector Wide(absl::Span<const Var> vars) {
  Vector wide;
  for (Var v : vars) wide.push_back(ops::Cast(v, DType::kF64));
  return wide;
}

Var Dot(const Vector& a, const Vector& b) {
  Var sum = ops::Sum(a[0] * b[0]);
  for (size_t i = 1; i < a.size(); ++i) sum = sum + ops::Sum(a[i] * b[i]);
  return sum;
}

// a + scale b.
Vector Plus(const Vector& a, Var scale, const Vector& b) {
  Vector sum;
  for (size_t i = 0; i < a.size(); ++i) sum.push_back(a[i] + scale * b[i]);
  return sum;
}

Vector Minus(const Vector& a, const Vector& b) {
  Vector difference;
  for (size_t i = 0; i < a.size(); ++i) difference.push_back(a[i] - b[i]);
  return difference;
}

Vector Times(Var scale, const Vector& a) {
  Vector product;
  for (Var v : a) product.push_back(scale * v);
  return product;
}

struct Pair {
  Vector s, y;
};

class Lbfgs final : public Optimizer {
 public:
  explicit Lbfgs(const LbfgsOptions& options) : o_(options) {}

  OptimizerConfig Config() const override {
    return {"lbfgs",
            {{"learning_rate", o_.learning_rate},
             {"history_size", o_.history_size},
             {"tolerance_gradient", o_.tolerance_gradient},
             {"tolerance_change", o_.tolerance_change}}};
  }
  double initial_learning_rate() const override { return o_.learning_rate; }

  std::vector<SlotSpec> Init(absl::Span<const TensorSpec> params) const override {
    std::vector<SlotSpec> specs;
    for (size_t p = 0; p < params.size(); ++p) {
      const int param = static_cast<int>(p);
      specs.push_back({"previous_parameter", param, params[p]});
      specs.push_back({"previous_gradient", param, params[p]});
      for (int i = 0; i < o_.history_size; ++i) {
        specs.push_back({absl::StrCat("s_", i), param, params[p]});
        specs.push_back({absl::StrCat("y_", i), param, params[p]});
      }
    }
    return specs;
  }

  UpdateResult Update(absl::Span<const Var> grads, absl::Span<const Var> params,
                      absl::Span<const Var> slots, const Hyper& hyper) const override {
    UpdateResult result = InvalidUpdate(params.size(), slots.size(), hyper);
    if (!CheckOperands(*this, grads, params, slots, hyper)) return result;
    if (params.empty()) return result;
    const size_t each = slots.size() / params.size();
    const auto slot_of_all = [&](size_t slot) {
      Vector all;
      for (size_t p = 0; p < params.size(); ++p) all.push_back(slots[p * each + slot]);
      return Wide(all);
    };
    const Vector g = Wide(grads), w = Wide(params);
    const Var first = ops::Equal(hyper.step, 0);

    // The pairs, to which the newest is appended and of which the oldest goes, if it is kept.
    std::vector<Pair> pairs;
    for (int i = 0; i < o_.history_size; ++i) {
      pairs.push_back({slot_of_all(2 + 2 * i), slot_of_all(3 + 2 * i)});
    }
    const Pair newest{Minus(w, slot_of_all(0)), Minus(g, slot_of_all(1))};
    const Var keep =
        ops::LogicalAnd(ops::LogicalNot(first), ops::Greater(Dot(newest.s, newest.y), 1e-10));
    const auto choose = [&](const Vector& a, const Vector& b) {
      Vector chosen;
      for (size_t p = 0; p < a.size(); ++p) chosen.push_back(ops::Where(keep, a[p], b[p]));
      return chosen;
    };
    for (int i = 0; i < o_.history_size; ++i) {
      const Pair& next = i + 1 < o_.history_size ? pairs[i + 1] : newest;
      pairs[i] = {choose(next.s, pairs[i].s), choose(next.y, pairs[i].y)};
    }

    const Vector direction = Direction(g, pairs);
    const Var slope = Dot(g, direction);
    const Var rate = ops::Cast(hyper.learning_rate, DType::kF64);
    const Var length = ops::Where(first, ops::Minimum(1, 1 / Norm1(g)), 1) * rate;
    // A NaN is not within a tolerance, so it shows in the parameters.
    const Var rests = ops::LogicalOr(ops::LessEqual(Largest(g), o_.tolerance_gradient),
                                     ops::Greater(slope, -o_.tolerance_change));
    for (size_t p = 0; p < params.size(); ++p) {
      const DType dtype = params[p].dtype();
      const auto narrow = [&](Var v) { return ops::Cast(v, dtype); };
      result.params[p] = narrow(ops::Where(rests, w[p], w[p] + length * direction[p]));
      result.slots[p * each] = params[p];
      result.slots[p * each + 1] = grads[p];
      for (int i = 0; i < o_.history_size; ++i) {
        result.slots[p * each + 2 + 2 * i] = narrow(pairs[i].s[p]);
        result.slots[p * each + 3 + 2 * i] = narrow(pairs[i].y[p]);
      }
    }
    return result;
  }

 private:
  // -H g by the two-loop recursion. A place that no pair has taken yet has s = y = 0 and counts
  // nothing.
  static Vector Direction(const Vector& g, const std::vector<Pair>& pairs) {
    std::vector<Var> inverse, alpha(pairs.size());
    Var scale = 1 + 0 * Dot(pairs[0].s, pairs[0].s);
    for (const Pair& pair : pairs) {
      const Var sy = Dot(pair.s, pair.y), taken = ops::Greater(sy, 0);
      inverse.push_back(ops::Where(taken, 1 / sy, 0));
      scale = ops::Where(taken, sy / Dot(pair.y, pair.y), scale);
    }
    Vector q;
    for (Var v : g) q.push_back(-v);
    for (size_t i = pairs.size(); i-- > 0;) {
      alpha[i] = inverse[i] * Dot(pairs[i].s, q);
      q = Plus(q, -alpha[i], pairs[i].y);
    }
    q = Times(scale, q);
    for (size_t i = 0; i < pairs.size(); ++i) {
      const Var beta = inverse[i] * Dot(pairs[i].y, q);
      q = Plus(q, alpha[i] - beta, pairs[i].s);
    }
    return q;
  }

  static Var Norm1(const Vector& g) {
    Var sum = ops::Sum(ops::Abs(g[0]));
    for (size_t i = 1; i < g.size(); ++i) sum = sum + ops::Sum(ops::Abs(g[i]));
    return sum;
  }
  static Var Largest(const Vector& g) {
    Var largest = ops::Abs(ops::Sum(0 * g[0]));
    for (Var v : g) {
      if (v.shape().NumElements() == 0) continue;
      largest = ops::Maximum(largest, ops::ReduceMax(ops::Abs(v)));
    }
    return largest;
  }

  const LbfgsOptions o_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeLbfgs(const LbfgsOptions& options) {
  LbfgsOptions o = options;
  const ConfigField fields[] = {{"learning_rate", &o.learning_rate},
                                {"tolerance_gradient", &o.tolerance_gradient},
                                {"tolerance_change", &o.tolerance_change}};
  ADJOINT_RETURN_IF_ERROR(CheckFields("lbfgs", fields));
  if (o.history_size < 1 || o.history_size > 100) {
    return absl::InvalidArgumentError(absl::StrCat("optimizer 'lbfgs': history_size is ",
                                                   o.history_size,
                                                   "; it must be a whole number from 1 to 100"));
  }
  return std::make_unique<Lbfgs>(o);
}

absl::StatusOr<std::unique_ptr<Optimizer>> LbfgsFrom(const OptimizerConfig& config) {
  LbfgsOptions o;
  double history = o.history_size;
  ADJOINT_RETURN_IF_ERROR(AssignFields(config, {{"learning_rate", &o.learning_rate},
                                                {"history_size", &history},
                                                {"tolerance_gradient", &o.tolerance_gradient},
                                                {"tolerance_change", &o.tolerance_change}}));
  if (!(history >= 1 && history <= 100) || history != std::floor(history)) {
    return absl::InvalidArgumentError(absl::StrCat("optimizer 'lbfgs': history_size is ", history,
                                                   "; it must be a whole number from 1 to 100"));
  }
  o.history_size = static_cast<int>(history);
  return MakeLbfgs(o);
}

}  // namespace adjoint::optim
