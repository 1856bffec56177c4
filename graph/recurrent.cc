#include "graph/recurrent.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/control_flow.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/comparison.h"
#include "ops/iota.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using Vars = absl::Span<const Var>;

ActivationFn Or(const ActivationFn& given, Var (*usual)(ops::Operand)) {
  if (given) return given;
  return [usual](Var v) { return usual(v); };
}

// x W + b over all steps as one product: [time, batch, units].
Var Project(Var x, const GateWeights& gate) {
  if (!x.valid() || !gate.kernel.valid()) return Var{x.builder, -1, 0};
  const Shape& shape = x.shape();
  const Var flat = ops::Reshape(x, Shape{Dim(-1), shape.dim(2)});
  Var product = ops::MatMul(flat, gate.kernel);
  if (gate.bias.valid()) product = product + gate.bias;
  if (!product.valid()) return product;
  return ops::Reshape(product, Shape{shape.dim(0), shape.dim(1), product.shape().dim(1)});
}

Var Clip(Var v, double limit) {
  return limit > 0 ? ops::Minimum(ops::Maximum(v, -limit), limit) : v;
}

// A step of a cell: from states (the first is the output) and what the inputs give to each gate.
using CellFn = std::function<std::vector<Var>(Vars states, Vars z, Vars invariants)>;

// Which steps count, bool [time, batch]; not valid where all do.
Var MaskOf(const SequenceOptions& options, Var z) {
  if (options.mask.valid() || !options.lengths.valid()) return options.mask;
  const Var steps = ops::Iota(*z.builder, Shape{z.shape().dim(0), 1}, 0, options.lengths.dtype());
  return ops::Less(steps, ops::ExpandDims(options.lengths, 0));
}

// Runs a cell over a sequence, with masks.
SequenceResult RunCell(const CellFn& cell, Vars states, Vars z, Vars invariants,
                       const SequenceOptions& options) {
  ops::Builder* const builder = z[0].builder;
  const Var none{builder, -1, 0};
  SequenceResult failed{.y = none, .h = none, .c = none};
  if (builder == nullptr || !builder->status().ok()) return failed;
  std::vector<Var> carries(states.begin(), states.end()), xs(z.begin(), z.end());
  const size_t num_states = states.size(), num_z = z.size();
  const Var mask = MaskOf(options, z[0]);
  const bool masked = mask.valid(), hold = masked && options.hold;
  if (hold) carries.push_back(ops::ZerosLike(states[0], states[0].shape()));
  if (masked) xs.push_back(ops::ExpandDims(mask, -1));
  const LoopResult loop = Scan(
      [&](Vars c, Vars x, Vars inv) -> StepResult {
        const Vars old = c.subspan(0, num_states);
        StepResult result{cell(old, x.subspan(0, num_z), inv), {}};
        Var y = result.carries[0];
        if (masked) {
          const Var counts = x[num_z];
          y = hold ? ops::Where(counts, y, c[num_states]) : ops::Where(counts, y, 0.0);
          for (size_t s = 0; s < num_states; ++s) {
            result.carries[s] = ops::Where(counts, result.carries[s], old[s]);
          }
        }
        if (hold) result.carries.push_back(y);
        result.ys = {y};
        return result;
      },
      carries, xs, invariants, {.reverse = options.reverse});
  if (loop.ys.empty()) return failed;
  return {.y = loop.ys[0], .h = loop.carries[0], .c = num_states > 1 ? loop.carries[1] : Var{}};
}

// The state to begin with.
Var Initial(Var given, Var z) {
  if (given.valid() || !z.valid()) return given.valid() ? given : z;
  return ops::ZerosLike(z, Shape{z.shape().dim(1), z.shape().dim(2)});
}

// The state as the recurrent products see it.
std::function<Var(Var)> Dropped(const SequenceOptions& options) {
  const Var mask = options.recurrent_dropout;
  return [mask](Var h) { return mask.valid() ? h * mask : h; };
}

bool AllValid(Vars vars) {
  return std::all_of(vars.begin(), vars.end(), [](Var v) { return v.valid(); });
}

SequenceResult Failed(Var x) {
  const Var none{x.builder, -1, 0};
  return {.y = none, .h = none, .c = none};
}

// A sequence must have three axes before any is looked at.
bool IsSequence(Var x) {
  if (!x.valid()) return false;
  if (x.shape().rank() == 3) return true;
  x.builder->Fail(absl::InvalidArgumentError(
      absl::StrCat("a sequence must be [time, batch, inputs], but is ", x.spec().ToString())));
  return false;
}

}  // namespace

SequenceResult RnnSequence(Var x, const GateWeights& weights, const ActivationFn& activation,
                           const SequenceOptions& options) {
  if (!IsSequence(x)) return Failed(x);
  const Var z = Project(x, weights);
  const Var h0 = Initial(options.initial_h, z);
  if (!AllValid({z, h0})) return Failed(x);
  const ActivationFn f = Or(activation, ops::Tanh);
  const auto drop = Dropped(options);
  return RunCell(
      [&](Vars states, Vars zs, Vars inv) {
        return std::vector<Var>{
            f(Clip(zs[0] + ops::MatMul(drop(states[0]), inv[0]), options.clip))};
      },
      {h0}, {z}, {weights.recurrent}, options);
}

SequenceResult LstmSequence(Var x, const LstmCell& cell, const SequenceOptions& options) {
  if (!IsSequence(x)) return Failed(x);
  const GateWeights* const gates[] = {&cell.input, &cell.forget, &cell.cell, &cell.output};
  std::vector<Var> z, recurrent;
  for (const GateWeights* gate : gates) {
    z.push_back(Project(x, *gate));
    recurrent.push_back(gate->recurrent);
  }
  const Var h0 = Initial(options.initial_h, z[0]), c0 = Initial(options.initial_c, z[0]);
  if (!AllValid(z) || !AllValid({h0, c0})) return Failed(x);
  const ActivationFn f = Or(cell.f, ops::Sigmoid), g = Or(cell.g, ops::Tanh);
  const ActivationFn act = Or(cell.h, ops::Tanh);
  const auto drop = Dropped(options);
  const auto peep = [](Var v, Var weights, Var c) { return weights.valid() ? v + weights * c : v; };
  return RunCell(
      [&](Vars states, Vars zs, Vars inv) {
        const Var h = drop(states[0]), c = states[1];
        const auto pre = [&](int gate) { return zs[gate] + ops::MatMul(h, inv[gate]); };
        const Var i = f(Clip(peep(pre(0), cell.peephole_i, c), options.clip));
        const Var r =
            cell.input_forget ? 1.0 - i : f(Clip(peep(pre(1), cell.peephole_f, c), options.clip));
        const Var next = r * c + i * g(Clip(pre(2), options.clip));
        const Var o = f(Clip(peep(pre(3), cell.peephole_o, next), options.clip));
        return std::vector<Var>{o * act(next), next};
      },
      {h0, c0}, z, recurrent, options);
}

SequenceResult GruSequence(Var x, const GruCell& cell, const SequenceOptions& options) {
  if (!IsSequence(x)) return Failed(x);
  const GateWeights* const gates[] = {&cell.update, &cell.reset, &cell.candidate};
  std::vector<Var> z, invariants;
  for (const GateWeights* gate : gates) {
    z.push_back(Project(x, *gate));
    invariants.push_back(gate->recurrent);
  }
  const Var h0 = Initial(options.initial_h, z[0]);
  if (!AllValid(z) || !h0.valid()) return Failed(x);
  const ActivationFn f = Or(cell.f, ops::Sigmoid), g = Or(cell.g, ops::Tanh);
  const auto drop = Dropped(options);
  const Var bias = cell.candidate.recurrent_bias;
  return RunCell(
      [&](Vars states, Vars zs, Vars inv) {
        const Var h = drop(states[0]);
        const Var update = f(Clip(zs[0] + ops::MatMul(h, inv[0]), options.clip));
        const Var reset = f(Clip(zs[1] + ops::MatMul(h, inv[1]), options.clip));
        Var inner;
        if (cell.reset_after) {
          inner = ops::MatMul(h, inv[2]);
          if (bias.valid()) inner = inner + bias;
          inner = reset * inner;
        } else {
          inner = ops::MatMul(reset * h, inv[2]);
          if (bias.valid()) inner = inner + bias;
        }
        const Var candidate = g(Clip(zs[2] + inner, options.clip));
        return std::vector<Var>{(1.0 - update) * candidate + update * states[0]};
      },
      {h0}, z, invariants, options);
}

namespace {

// The operands of an ONNX operator, cut up by direction and gate.
class Cutter {
 public:
  Cutter(const char* name, int gates, Var x, Var w, Var r, const RecurrentOptions& options)
      : name_(name), gates_(gates), x_(x), w_(w), r_(r), options_(options) {}

  int directions() const { return options_.direction == Direction::kBidirectional ? 2 : 1; }

  // False when shapes do not fit; the builder has the error.
  bool Check(int activations) {
    if (!AllValid({x_, w_, r_})) return false;
    if (x_.shape().rank() != 3 || w_.shape().rank() != 3 || r_.shape().rank() != 3) {
      return Fail(absl::StrCat("x, w and r must have rank 3, but are ", x_.spec().ToString(), ", ",
                               w_.spec().ToString(), " and ", r_.spec().ToString()));
    }
    if (!r_.shape().IsConcrete() || !w_.shape().IsConcrete()) {
      return Fail("the extents of w and r must be numbers");
    }
    units_ = r_.shape()[2];
    const Dim inputs = x_.shape().dim(2);
    return Want("w", w_, {directions(), gates_ * units_, inputs}) &&
           Want("r", r_, {directions(), gates_ * units_, units_}) &&
           Want("bias", options_.bias, {directions(), 2 * gates_ * units_}) &&
           Want("lengths", options_.lengths, {x_.shape().dim(1)}) &&
           Want("initial_h", options_.initial_h, {directions(), x_.shape().dim(1), units_}) &&
           Want("initial_c", options_.initial_c, {directions(), x_.shape().dim(1), units_}) &&
           Want("peepholes", options_.peepholes, {directions(), 3 * units_}) &&
           (options_.activations.empty() ||
            options_.activations.size() == static_cast<size_t>(activations * directions()) ||
            Fail(absl::StrCat("there are ", options_.activations.size(), " activations, but ",
                              activations * directions(), " are wanted")));
  }

  GateWeights Gate(int direction, int gate, bool separate_biases = false) const {
    GateWeights weights;
    weights.kernel = ops::Transpose(Rows(w_, direction, gate, w_.shape().dim(2)));
    weights.recurrent = ops::Transpose(Rows(r_, direction, gate, r_.shape().dim(2)));
    if (options_.bias.valid()) {
      weights.bias = Vector(options_.bias, direction, gate);
      weights.recurrent_bias = Vector(options_.bias, direction, gates_ + gate);
      if (!separate_biases) {
        weights.bias = weights.bias + weights.recurrent_bias;
        weights.recurrent_bias = Var{};
      }
    }
    return weights;
  }

  // Elements part * units ... of a row a direction.
  Var Vector(Var v, int direction, int part) const {
    if (!v.valid()) return v;
    return ops::Reshape(
        ops::Slice(v, {direction, part * units_}, {direction + 1, (part + 1) * units_}),
        Shape{units_});
  }

  ActivationFn Activation(int direction, int index, int activations) const {
    if (options_.activations.empty()) return nullptr;
    return options_.activations[direction * activations + index];
  }

  SequenceOptions Sequence(int direction) const {
    SequenceOptions sequence;
    sequence.reverse = direction == 1 || options_.direction == Direction::kReverse;
    sequence.lengths = options_.lengths;
    sequence.initial_h = State(options_.initial_h, direction);
    sequence.initial_c = State(options_.initial_c, direction);
    sequence.clip = options_.clip;
    return sequence;
  }

  RecurrentResult Join(const std::vector<SequenceResult>& parts) const {
    const auto stack = [&](Var SequenceResult::*member, int64_t axis) {
      std::vector<ops::Operand> operands;
      for (const SequenceResult& part : parts) {
        if (!(part.*member).valid()) return Var{x_.builder, -1, 0};
        operands.push_back(ops::ExpandDims(part.*member, axis));
      }
      return operands.size() == 1 ? operands[0].var : ops::Concat(operands, axis);
    };
    return {.y = stack(&SequenceResult::y, 1),
            .h = stack(&SequenceResult::h, 0),
            .c = stack(&SequenceResult::c, 0)};
  }

  RecurrentResult Failed() const {
    const Var none{x_.builder, -1, 0};
    return {.y = none, .h = none, .c = none};
  }

 private:
  bool Fail(absl::string_view message) const {
    x_.builder->Fail(absl::InvalidArgumentError(absl::StrCat(name_, ": ", message)));
    return false;
  }

  bool Want(absl::string_view what, Var v, const Shape& shape) const {
    if (!v.valid() || v.shape() == shape) return true;
    return Fail(
        absl::StrCat(what, " must be ", shape.ToString(), ", but is ", v.spec().ToString()));
  }

  Var Rows(Var v, int direction, int gate, Dim width) const {
    const Var rows = ops::Slice(v, {direction, gate * units_, 0},
                                {direction + 1, (gate + 1) * units_, ops::kSliceToEnd});
    return ops::Reshape(rows, Shape{units_, width});
  }

  Var State(Var v, int direction) const {
    if (!v.valid()) return v;
    return ops::Squeeze(ops::SliceAxis(v, 0, direction, direction + 1), {0});
  }

  const char* const name_;
  const int64_t gates_;
  const Var x_, w_, r_;
  const RecurrentOptions& options_;
  int64_t units_ = 0;
};

}  // namespace

RecurrentResult Rnn(Var x, Var w, Var r, const RecurrentOptions& options,
                    std::source_location location) {
  Cutter cut("rnn", 1, x, w, r, options);
  if (x.builder == nullptr) return cut.Failed();
  const ops::ScopedName scope(*x.builder, "rnn", &location);
  if (!cut.Check(1)) return cut.Failed();
  std::vector<SequenceResult> parts;
  for (int d = 0; d < cut.directions(); ++d) {
    parts.push_back(RnnSequence(x, cut.Gate(d, 0), cut.Activation(d, 0, 1), cut.Sequence(d)));
  }
  return cut.Join(parts);
}

RecurrentResult Lstm(Var x, Var w, Var r, const RecurrentOptions& options,
                     std::source_location location) {
  Cutter cut("lstm", 4, x, w, r, options);
  if (x.builder == nullptr) return cut.Failed();
  const ops::ScopedName scope(*x.builder, "lstm", &location);
  if (!cut.Check(3)) return cut.Failed();
  std::vector<SequenceResult> parts;
  for (int d = 0; d < cut.directions(); ++d) {
    const LstmCell cell{.input = cut.Gate(d, 0),
                        .forget = cut.Gate(d, 2),
                        .cell = cut.Gate(d, 3),
                        .output = cut.Gate(d, 1),
                        .f = cut.Activation(d, 0, 3),
                        .g = cut.Activation(d, 1, 3),
                        .h = cut.Activation(d, 2, 3),
                        .peephole_i = cut.Vector(options.peepholes, d, 0),
                        .peephole_f = cut.Vector(options.peepholes, d, 2),
                        .peephole_o = cut.Vector(options.peepholes, d, 1),
                        .input_forget = options.input_forget};
    parts.push_back(LstmSequence(x, cell, cut.Sequence(d)));
  }
  return cut.Join(parts);
}

RecurrentResult Gru(Var x, Var w, Var r, const RecurrentOptions& options,
                    std::source_location location) {
  Cutter cut("gru", 3, x, w, r, options);
  if (x.builder == nullptr) return cut.Failed();
  const ops::ScopedName scope(*x.builder, "gru", &location);
  if (!cut.Check(2)) return cut.Failed();
  std::vector<SequenceResult> parts;
  for (int d = 0; d < cut.directions(); ++d) {
    const GruCell cell{.update = cut.Gate(d, 0),
                       .reset = cut.Gate(d, 1),
                       .candidate = cut.Gate(d, 2, /*separate_biases=*/true),
                       .f = cut.Activation(d, 0, 2),
                       .g = cut.Activation(d, 1, 2),
                       .reset_after = options.linear_before_reset};
    parts.push_back(GruSequence(x, cell, cut.Sequence(d)));
  }
  return cut.Join(parts);
}

}  // namespace adjoint::graph
