#include "absl/strings/str_cat.h"
#include "graph/gradients.h"
#include "graph/onnx/importer.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"

// Domain ai.onnx.preview.training: gradients, and one step of an optimizer, whose inputs are the
// rate, the number of steps so far, and then, each for all parameters, values, gradients and slots.

namespace adjoint::onnx {
namespace {

using ops::Var;

// Groups of inputs after the first two, each of one entry a parameter.
std::vector<std::vector<Var>> Groups(NodeContext& c, int groups) {
  std::vector<std::vector<Var>> result(groups);
  const int given = c.num_inputs() - 2;
  if (given % groups != 0) {
    c.Fail(absl::StrCat(given, " inputs do not divide into ", groups, " groups"));
    return result;
  }
  for (int i = 0; i < given; ++i) result[i / (given / groups)].push_back(c.In(2 + i));
  return result;
}

Values Joined(std::initializer_list<std::vector<Var>> groups) {
  Values values;
  for (const std::vector<Var>& group : groups)
    values.insert(values.end(), group.begin(), group.end());
  return values;
}

Values Adagrad(NodeContext& c) {
  const double decay = c.Float("decay_factor", 0), epsilon = c.Float("epsilon", 1e-6f);
  const double norm = c.Float("norm_coefficient", 0);
  const auto in = Groups(c, 3);
  if (!c.ok()) return {};
  const Var rate = c.In(0);
  const Var decayed =
      ops::Div(rate, ops::Add(ops::Mul(ops::Cast(c.In(1), rate.dtype()), decay), 1));
  std::vector<Var> x, h;
  for (size_t i = 0; i < in[0].size(); ++i) {
    const Var g = ops::Add(ops::Mul(in[0][i], norm), in[1][i]);
    h.push_back(ops::Add(in[2][i], ops::Square(g)));
    const Var step = ops::Div(ops::Mul(decayed, g), ops::Add(ops::Sqrt(h.back()), epsilon));
    x.push_back(ops::Sub(in[0][i], step));
  }
  return Joined({x, h});
}

Values Adam(NodeContext& c) {
  const double alpha = c.Float("alpha", 0.9f), beta = c.Float("beta", 0.999f);
  const double epsilon = c.Float("epsilon", 1e-6f), norm = c.Float("norm_coefficient", 0);
  const double post = c.Float("norm_coefficient_post", 0);
  const auto in = Groups(c, 4);
  if (!c.ok()) return {};
  const Var rate = c.In(0);
  const Var steps = ops::Cast(c.In(1), rate.dtype());
  const Var corrected = ops::Div(ops::Mul(rate, ops::Sqrt(ops::Sub(1, ops::Pow(beta, steps)))),
                                 ops::Sub(1, ops::Pow(alpha, steps)));
  const Var adjusted = ops::Where(ops::Greater(steps, 0), corrected, rate);
  std::vector<Var> x, v, h;
  for (size_t i = 0; i < in[0].size(); ++i) {
    const Var g = ops::Add(ops::Mul(in[0][i], norm), in[1][i]);
    v.push_back(ops::Add(ops::Mul(in[2][i], alpha), ops::Mul(g, 1 - alpha)));
    h.push_back(ops::Add(ops::Mul(in[3][i], beta), ops::Mul(ops::Square(g), 1 - beta)));
    const Var step = ops::Div(ops::Mul(adjusted, v.back()), ops::Add(ops::Sqrt(h.back()), epsilon));
    x.push_back(ops::Mul(ops::Sub(in[0][i], step), 1 - post));
  }
  return Joined({x, v, h});
}

Values Momentum(NodeContext& c) {
  const double alpha = c.Float("alpha", 0), beta = c.Float("beta", 0);
  const double norm = c.Float("norm_coefficient", 0);
  const bool nesterov = c.Choice("mode", "", {"standard", "nesterov"}) == "nesterov";
  const auto in = Groups(c, 3);
  if (!c.ok()) return {};
  const Var rate = c.In(0);
  const Var steps = ops::Cast(c.In(1), rate.dtype());
  const Var damping = ops::Where(ops::Greater(steps, 0), c.ScalarOf(rate.dtype(), beta),
                                 c.ScalarOf(rate.dtype(), 1));
  std::vector<Var> x, v;
  for (size_t i = 0; i < in[0].size(); ++i) {
    const Var g = ops::Add(ops::Mul(in[0][i], norm), in[1][i]);
    v.push_back(ops::Add(ops::Mul(in[2][i], alpha), ops::Mul(damping, g)));
    const Var direction = nesterov ? ops::Add(g, ops::Mul(v.back(), alpha)) : v.back();
    x.push_back(ops::Sub(in[0][i], ops::Mul(rate, direction)));
  }
  return Joined({x, v});
}

// d(sum of y) / dx for each of `xs`, where y and all that it is made of are values of the graph
// around. Inputs are the values of `xs` and then of `zs`, which are held fixed.
Values Gradient(NodeContext& c) {
  const std::vector<std::string> xs = c.Strings("xs"), zs = c.Strings("zs");
  const std::string y_name = c.String("y", "");
  std::vector<std::string> names = xs;
  names.insert(names.end(), zs.begin(), zs.end());
  if (!c.ok()) return {};
  if (static_cast<int>(names.size()) != c.num_inputs() || xs.empty()) {
    return One(c.Fail(absl::StrCat("'xs' and 'zs' name ", names.size(), " values, but it has ",
                                   c.num_inputs(), " inputs")));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const Value* const value = c.scope()->Find(names[i]);
    if (value == nullptr || !value->is_tensor()) {
      return One(c.Fail(absl::StrCat("'", names[i], "' names no tensor")));
    }
    if (value->var != c.In(static_cast<int>(i))) {
      return One(
          c.Unsupported(absl::StrCat("a gradient at another value than that of '", names[i], "'")));
    }
  }
  const Value* const y = c.scope()->Find(y_name);
  if (y == nullptr || !y->is_tensor()) {
    return One(c.Fail(absl::StrCat("y is '", y_name, "', which names no tensor")));
  }
  std::vector<Var> at;
  for (size_t i = 0; i < xs.size(); ++i) at.push_back(c.In(static_cast<int>(i)));
  if (!c.ok()) return {};
  Values gradients;
  for (Var v : graph::Gradients(y->var, at)) gradients.push_back(v);
  return gradients;
}

constexpr Lowering kRows[] = {
    {"Adagrad", 1, 5, kVariadic, Adagrad},
    {"Adam", 1, 6, kVariadic, Adam},
    {"Gradient", 1, 1, kVariadic, Gradient, Takes::kAny},
    {"Momentum", 1, 5, kVariadic, Momentum},
};

}  // namespace

absl::Span<const Lowering> TrainingLowerings() { return kRows; }

}  // namespace adjoint::onnx
