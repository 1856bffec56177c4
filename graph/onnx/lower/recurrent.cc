#include <algorithm>
#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"

// Recurrent networks, one step after the other. Operands are [time, batch, ...], directions are
// axis 0 of the weights: W [directions, gates hidden, in], R [directions, gates hidden, hidden],
// B [directions, 2 gates hidden], first those of W.

namespace adjoint::onnx {
namespace {

using ops::Var;
using Activation = std::function<Var(Var)>;

// The first `n` elements an activation takes of alphas and betas, with its own where they run out.
class Parameters {
 public:
  explicit Parameters(std::vector<float> values) : values_(std::move(values)) {}
  double Next(double fallback) {
    return next_ < values_.size() ? static_cast<double>(values_[next_++]) : fallback;
  }

 private:
  std::vector<float> values_;
  size_t next_ = 0;
};

Activation ActivationOf(NodeContext& c, absl::string_view name, Parameters& alphas,
                        Parameters& betas) {
  const std::string key = absl::AsciiStrToLower(name);
  if (key == "tanh") return [](Var x) { return ops::Tanh(x); };
  if (key == "sigmoid") return [](Var x) { return ops::Sigmoid(x); };
  if (key == "relu") return [](Var x) { return ops::Relu(x); };
  if (key == "softplus") return [](Var x) { return ops::Softplus(x); };
  if (key == "softsign") {
    return [](Var x) { return ops::Div(x, ops::Add(ops::Abs(x), 1)); };
  }
  if (key == "affine") {
    const double a = alphas.Next(1), b = betas.Next(0);
    return [=](Var x) { return ops::Add(ops::Mul(x, a), b); };
  }
  if (key == "leakyrelu") {
    const double a = alphas.Next(0.01);
    return [=](Var x) { return ops::Where(ops::Less(x, 0), ops::Mul(x, a), x); };
  }
  if (key == "thresholdedrelu") {
    const double a = alphas.Next(1);
    return [=](Var x) { return ops::Where(ops::Greater(x, a), x, 0); };
  }
  if (key == "scaledtanh") {
    const double a = alphas.Next(1), b = betas.Next(1);
    return [=](Var x) { return ops::Mul(ops::Tanh(ops::Mul(x, b)), a); };
  }
  if (key == "hardsigmoid") {
    const double a = alphas.Next(0.2), b = betas.Next(0.5);
    return [=](Var x) { return ops::Minimum(ops::Maximum(ops::Add(ops::Mul(x, a), b), 0), 1); };
  }
  if (key == "elu") {
    const double a = alphas.Next(1);
    return [=](Var x) {
      const Var low = ops::Mul(ops::Sub(ops::Exp(ops::Minimum(x, 0)), 1), a);
      return ops::Where(ops::Less(x, 0), low, x);
    };
  }
  c.Unsupported(absl::StrCat("activation '", name, "'"));
  return [](Var x) { return x; };
}

// One direction of a network, with everything that its steps read.
struct Direction {
  int64_t hidden = 0;
  std::vector<Activation> activations;
  double clip = 0;     // 0: none
  bool flag = false;   // LSTM: input_forget; GRU: linear_before_reset
  Var recurrent;       // R, [gates hidden, hidden]
  Var bias_w, bias_r;  // [gates hidden], may be absent
  Var peepholes;       // LSTM, [3 hidden], may be absent

  // Columns of gate `k`.
  Var Gate(Var x, int64_t k) const { return ops::SliceAxis(x, -1, k * hidden, (k + 1) * hidden); }
  Var Clipped(Var x) const { return clip > 0 ? ops::Minimum(ops::Maximum(x, -clip), clip) : x; }
};

struct State {
  Var h, c;  // [batch, hidden]
};

Var Plus(Var x, Var bias) { return bias.builder == nullptr ? x : ops::Add(x, bias); }

using StepFn = State (*)(const Direction&, Var x,
                         const State&);  // x is X W', [batch, gates hidden]

State RnnStep(const Direction& d, Var x, const State& s) {
  const Var sum = ops::Add(x, ops::MatMul(s.h, d.recurrent, false, true));
  return {d.activations[0](d.Clipped(Plus(Plus(sum, d.bias_w), d.bias_r))), s.c};
}

// Gates i, o, f, c. Hochreiter and Schmidhuber (1997), with peepholes of Gers (2000).
State LstmStep(const Direction& d, Var x, const State& s) {
  const Var sum =
      Plus(Plus(ops::Add(x, ops::MatMul(s.h, d.recurrent, false, true)), d.bias_w), d.bias_r);
  const auto peep = [&](Var gate, int64_t k, Var cell) {
    if (d.peepholes.builder == nullptr) return gate;
    return ops::Add(gate, ops::Mul(d.Gate(d.peepholes, k), cell));
  };
  const Var i = d.activations[0](d.Clipped(peep(d.Gate(sum, 0), 0, s.c)));
  const Var f = d.flag ? ops::Sub(1, i) : d.activations[0](d.Clipped(peep(d.Gate(sum, 2), 2, s.c)));
  const Var candidate = d.activations[1](d.Clipped(d.Gate(sum, 3)));
  const Var cell = ops::Add(ops::Mul(f, s.c), ops::Mul(i, candidate));
  const Var o = d.activations[0](d.Clipped(peep(d.Gate(sum, 1), 1, cell)));
  return {ops::Mul(o, d.activations[2](cell)), cell};
}

// Gates z, r, h. Cho et al. (2014).
State GruStep(const Direction& d, Var x, const State& s) {
  const auto rows = [&](Var weights, int64_t first, int64_t n) {
    return ops::SliceAxis(weights, 0, first * d.hidden, (first + n) * d.hidden);
  };
  const auto part = [&](Var bias, int64_t first, int64_t n) {
    return bias.builder == nullptr ? bias : rows(bias, first, n);
  };
  const Var input = Plus(x, d.bias_w);
  const Var both = ops::SliceAxis(input, -1, 0, 2 * d.hidden);
  const Var gates = Plus(ops::Add(both, ops::MatMul(s.h, rows(d.recurrent, 0, 2), false, true)),
                         part(d.bias_r, 0, 2));
  const Var z = d.activations[0](d.Clipped(d.Gate(gates, 0)));
  const Var r = d.activations[0](d.Clipped(d.Gate(gates, 1)));
  const Var last = rows(d.recurrent, 2, 1), bias = part(d.bias_r, 2, 1);
  const Var recalled = d.flag ? ops::Mul(r, Plus(ops::MatMul(s.h, last, false, true), bias))
                              : Plus(ops::MatMul(ops::Mul(r, s.h), last, false, true), bias);
  const Var h = d.activations[1](d.Clipped(ops::Add(d.Gate(input, 2), recalled)));
  return {ops::Add(ops::Mul(ops::Sub(1, z), h), ops::Mul(z, s.h)), s.c};
}

struct Kind {
  int64_t gates;
  int activations;
  std::vector<std::string> defaults;
  StepFn step;
  bool cell;  // has a second state and peepholes
};

Values Recurrent(NodeContext& c, const Kind& kind) {
  const bool batch_first = c.version() >= 14 && c.Flag("layout", false);
  Var x = c.In(0);
  if (!c.RankIs(x, 3, 3) || !c.RankIs(c.In(1), 3, 3) || !c.RankIs(c.In(2), 3, 3)) return {};
  if (batch_first) x = ops::Transpose(x, {1, 0, 2});
  const int64_t steps = c.Extent(x, 0), batch = c.Extent(x, 1), in = c.Extent(x, 2);
  const int64_t directions = c.Extent(c.In(1), 0), hidden = c.Extent(c.In(2), 2);
  const std::string direction =
      c.Choice("direction", "forward", {"forward", "reverse", "bidirectional"});
  if (c.HasAttr("hidden_size") && c.Int("hidden_size") != hidden) {
    return One(c.Fail(
        absl::StrCat("attribute 'hidden_size' is ", c.Int("hidden_size"), ", but R has ", hidden)));
  }
  const double clip = c.Float("clip", 0);
  Parameters alphas(c.Floats("activation_alpha")), betas(c.Floats("activation_beta"));
  std::vector<std::string> names = c.Strings("activations");
  bool flag = false;
  if (kind.gates == 4) flag = c.Flag("input_forget", false);
  if (kind.gates == 3 && c.version() >= 3) flag = c.Flag("linear_before_reset", false);
  if (c.version() < 7) c.Int("output_sequence", 0);
  if (!c.ok()) return {};
  if (directions != (direction == "bidirectional" ? 2 : 1) || steps > 100000 || steps < 1) {
    return One(c.Fail(absl::StrCat("W has ", directions, " directions for '", direction,
                                   "', and there are ", steps, " steps")));
  }
  if (names.empty()) {
    for (int64_t d = 0; d < directions; ++d) {
      names.insert(names.end(), kind.defaults.begin(), kind.defaults.end());
    }
  }
  if (static_cast<int64_t>(names.size()) != directions * kind.activations) {
    return One(c.Fail(absl::StrCat("there are ", names.size(), " activations instead of ",
                                   directions * kind.activations)));
  }
  Var lengths;
  if (c.Has(4)) lengths = ops::Cast(c.In(4), DType::kI64);
  const Var zeros = ops::ZerosLike(x, Shape{batch, hidden});
  std::vector<ops::Operand> y_parts, h_parts, c_parts;
  for (int64_t k = 0; k < directions && c.ok(); ++k) {
    const auto own = [&](int i) { return ops::Squeeze(ops::SliceAxis(c.In(i), 0, k, k + 1), {0}); };
    Direction d;
    d.hidden = hidden;
    d.clip = clip;
    d.flag = flag;
    for (int a = 0; a < kind.activations; ++a) {
      d.activations.push_back(ActivationOf(c, names[k * kind.activations + a], alphas, betas));
    }
    d.recurrent = own(2);
    if (c.Has(3)) {
      d.bias_w = ops::SliceAxis(own(3), 0, 0, kind.gates * hidden);
      d.bias_r = ops::SliceAxis(own(3), 0, kind.gates * hidden, 2 * kind.gates * hidden);
    }
    if (kind.cell && c.Has(7)) d.peepholes = own(7);
    const auto initial = [&](int i) {
      if (!c.Has(i)) return zeros;
      const int64_t axis = batch_first ? 1 : 0;
      return ops::Squeeze(ops::SliceAxis(c.In(i), axis, k, k + 1), {axis});
    };
    State state{initial(5), kind.cell ? initial(6) : zeros};
    const Var projected =
        ops::Reshape(ops::MatMul(ops::Reshape(x, Shape{steps * batch, in}), own(1), false, true),
                     Shape{steps, batch, kind.gates * hidden});
    const bool backward = direction == "reverse" || k == 1;
    std::vector<Var> outputs(steps);
    for (int64_t i = 0; i < steps && c.ok(); ++i) {
      const int64_t t = backward ? steps - 1 - i : i;
      const Var row = ops::Squeeze(ops::SliceAxis(projected, 0, t, t + 1), {0});
      State next = kind.step(d, row, state);
      outputs[t] = next.h;
      if (lengths.builder != nullptr) {  // behind a sequence's end its state stays, its output is 0
        const Var inside = ops::ExpandDims(ops::Greater(lengths, c.Scalar<int64_t>(t)), -1);
        outputs[t] = ops::Where(inside, next.h, 0);
        next.h = ops::Where(inside, next.h, state.h);
        next.c = ops::Where(inside, next.c, state.c);
      }
      state = next;
    }
    std::vector<ops::Operand> rows;
    for (Var v : outputs) rows.push_back(ops::Reshape(v, Shape{1, 1, batch, hidden}));
    if (!c.ok()) return {};
    y_parts.push_back(ops::Concat(rows, 0));
    h_parts.push_back(ops::ExpandDims(state.h, 0));
    c_parts.push_back(ops::ExpandDims(state.c, 0));
  }
  if (!c.ok()) return {};
  const Var y = ops::Concat(y_parts, 1);  // [time, directions, batch, hidden]
  const auto last = [&](const std::vector<ops::Operand>& parts) {
    const Var joined = ops::Concat(parts, 0);
    return batch_first ? ops::Transpose(joined, {1, 0, 2}) : joined;
  };
  Values results = {batch_first ? ops::Transpose(y, {2, 0, 1, 3}) : y, last(h_parts)};
  if (kind.cell) results.push_back(last(c_parts));
  return results;
}

Values RNN(NodeContext& c) { return Recurrent(c, {1, 1, {"Tanh"}, RnnStep, false}); }
Values LSTM(NodeContext& c) {
  return Recurrent(c, {4, 3, {"Sigmoid", "Tanh", "Tanh"}, LstmStep, true});
}
Values GRU(NodeContext& c) { return Recurrent(c, {3, 2, {"Sigmoid", "Tanh"}, GruStep, false}); }

constexpr Lowering kRows[] = {
    {"RNN", 7, 3, 6, RNN},
    {"LSTM", 7, 3, 8, LSTM},
    {"GRU", 7, 3, 6, GRU},
};

}  // namespace

absl::Span<const Lowering> RecurrentLowerings() { return kRows; }

}  // namespace adjoint::onnx
