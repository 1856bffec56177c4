#include "graph/recurrent.h"

#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/shape_ops.h"

// Recurrent networks: loops of graph/recurrent.h. Operands are [time, batch, ...], directions are
// axis 0 of the weights: W [directions, gates hidden, in], R [directions, gates hidden, hidden],
// B [directions, 2 gates hidden], first those of W.

namespace adjoint::onnx {
namespace {

using graph::ActivationFn;
using ops::Var;

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

ActivationFn ActivationOf(NodeContext& c, absl::string_view name, Parameters& alphas,
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

struct Kind {
  int64_t gates;
  graph::RecurrentResult (*build)(Var, Var, Var, const graph::RecurrentOptions&,
                                  std::source_location);
  bool cell;  // has a second state and peepholes
};

graph::Direction DirectionOf(NodeContext& c) {
  const std::string name =
      c.Choice("direction", "forward", {"forward", "reverse", "bidirectional"});
  if (name == "forward") return graph::Direction::kForward;
  return name == "reverse" ? graph::Direction::kReverse : graph::Direction::kBidirectional;
}

Values Recurrent(NodeContext& c, const Kind& kind) {
  const bool batch_first = c.version() >= 14 && c.Flag("layout", false);
  graph::RecurrentOptions options;
  options.direction = DirectionOf(c);
  options.clip = c.Float("clip", 0);
  Parameters alphas(c.Floats("activation_alpha")), betas(c.Floats("activation_beta"));
  for (const std::string& name : c.Strings("activations")) {
    options.activations.push_back(ActivationOf(c, name, alphas, betas));
  }
  if (kind.gates == 4) options.input_forget = c.Flag("input_forget", false);
  if (kind.gates == 3 && c.version() >= 3) {
    options.linear_before_reset = c.Flag("linear_before_reset", false);
  }
  if (c.version() < 7) c.Int("output_sequence", 0);
  const Var w = c.In(1), r = c.In(2);
  if (!c.RankIs(c.In(0), 3, 3) || !c.RankIs(w, 3, 3) || !c.RankIs(r, 3, 3)) return {};
  const int64_t hidden = c.Extent(r, 2);
  if (c.HasAttr("hidden_size") && c.Int("hidden_size") != hidden) {
    return One(c.Fail(
        absl::StrCat("attribute 'hidden_size' is ", c.Int("hidden_size"), ", but R has ", hidden)));
  }
  if (!c.ok()) return {};
  // Between [batch, directions or time, ...] and the order of graph/recurrent.h.
  const auto turned = [&](Var v) { return batch_first ? ops::Transpose(v, {1, 0, 2}) : v; };
  if (c.Has(3)) options.bias = c.In(3);
  if (c.Has(4)) options.lengths = c.In(4);
  if (c.Has(5)) options.initial_h = turned(c.In(5));
  if (kind.cell && c.Has(6)) options.initial_c = turned(c.In(6));
  if (kind.cell && c.Has(7)) options.peepholes = c.In(7);
  const graph::RecurrentResult result =
      kind.build(turned(c.In(0)), w, r, options, std::source_location::current());
  if (!result.y.valid()) return {};
  Values results = {batch_first ? ops::Transpose(result.y, {2, 0, 1, 3}) : result.y,
                    turned(result.h)};
  if (kind.cell) results.push_back(turned(result.c));
  return results;
}

Values RNN(NodeContext& c) { return Recurrent(c, {1, graph::Rnn, false}); }
Values LSTM(NodeContext& c) { return Recurrent(c, {4, graph::Lstm, true}); }
Values GRU(NodeContext& c) { return Recurrent(c, {3, graph::Gru, false}); }

constexpr Lowering kRows[] = {
    {"RNN", 7, 3, 6, RNN},
    {"LSTM", 7, 3, 8, LSTM},
    {"GRU", 7, 3, 6, GRU},
};

}  // namespace

absl::Span<const Lowering> RecurrentLowerings() { return kRows; }

}  // namespace adjoint::onnx
