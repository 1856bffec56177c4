#include "tests/ops/samples_control_flow.h"

#include <optional>

#include "graph/call.h"
#include "graph/control_flow.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/barrier.h"
#include "ops/comparison.h"
#include "ops/indexing.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::testing {
namespace {

using graph::LoopResult;
using graph::StepResult;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) {
  return {.spec = {DType::kF32, std::move(shape)}, .low = -1, .high = 1};
}
SampleArg Condition(bool value) {
  return {.spec = {DType::kBool, {}}, .values = {value ? 1.0 : 0.0}};
}

Result All(const LoopResult& loop) {
  Result all = loop.carries;
  all.insert(all.end(), loop.ys.begin(), loop.ys.end());
  return all;
}

// operands: condition, a, b
Result Choose(Vars v) {
  return graph::If(
      v[0],
      [](Vars in) {
        return Result{ops::Tanh(in[0] * in[1]), in[1]};
      },
      [](Vars in) {
        return Result{in[0] - in[1], ops::Square(in[1])};
      },
      v.subspan(1));
}

// A plain recurrent network, h' = tanh(x + h W): operands x, h, W.
std::function<Result(Vars)> Recurrent(graph::ScanOptions options) {
  return [options](Vars v) {
    return All(graph::Scan(
        [](Vars carries, Vars xs, Vars invariants) -> StepResult {
          const Var h = ops::Tanh(xs[0] + ops::MatMul(carries[0], invariants[0]));
          return {{h}, {h * 2.0}};
        },
        {v[1]}, {v[0]}, {v[2]}, options));
  };
}

// Two products, one of them transposed, of which the second reads what the first made; the gradient
// of a vector is summed up; one matrix is captured. Operands x, h, U, V, b.
Result TwoProducts(Vars v) {
  return All(graph::Scan(
      [&](Vars carries, Vars xs, Vars invariants) -> StepResult {
        const Var m = ops::Sigmoid(ops::MatMul(carries[0], invariants[0]) + invariants[1]);
        return {{ops::MatMul(m, v[3], false, true) + xs[0]}, {}};
      },
      {v[1]}, {v[0]}, {v[2], v[4]}));
}

// A matrix that is read otherwise too, and as a left operand.
Result MixedReads(Vars v) {
  return All(graph::Scan(
      [](Vars c, Vars xs, Vars inv) -> StepResult {
        const Var h = ops::MatMul(inv[0], c[0]) * 0.5 + ops::Mean(inv[0]) * xs[0];
        return {{h, c[1] + ops::Sum(h)}, {ops::MatMul(h, inv[0])}};
      },
      {v[1], v[2]}, {v[0]}, {v[3]}));
}

// A loop within a loop, the inner one over what the outer one captures.
Result Nested(Vars v) {
  return All(graph::Scan(
      [&](Vars c, Vars xs, Vars) -> StepResult {
        const LoopResult inner = graph::Scan(
            [&](Vars ic, Vars ixs, Vars) -> StepResult {
              return {{ops::Sigmoid(ic[0] * ixs[0] + xs[0])}, {ic[0] * v[2]}};
            },
            {c[0]}, {v[1]});
        return {{inner.carries[0]}, {ops::Sum(inner.ys[0])}};
      },
      {ops::Reshape(ops::SliceAxis(v[0], 0, 0, 1), Shape{3})}, {v[0]}));
}

// A counter among the carries, which picks a row.
Result Counting(Vars v) {
  const Var zero = ops::Constant(*v[0].builder, Tensor::Scalar<int64_t>(0));
  return All(graph::Scan(
      [](Vars c, Vars, Vars inv) -> StepResult {
        return {{c[0] + 1, c[1] * ops::Gather(inv[0], c[0])}, {c[0]}};
      },
      {zero, v[1]}, {}, {v[0]}, {.length = v[0].shape().dim(0)}));
}

Result Branching(Vars v) {
  return All(graph::Scan(
      [](Vars c, Vars xs, Vars) -> StepResult {
        const Var big = ops::Greater(ops::Sum(xs[0]), 0.0);
        const Var next = graph::If(
            big, [&](Vars) { return Result{c[0] * xs[0]}; },
            [&](Vars) { return Result{ops::Tanh(c[0]) - xs[0]}; })[0];
        return {{next}, {next}};
      },
      {v[1]}, {v[0]}));
}

// At most six times: x is halved while its sum exceeds what is in v[1]. A matrix is captured.
std::function<Result(Vars)> Halving(std::optional<Dim> max_steps) {
  return [max_steps](Vars v) {
    const graph::WhileResult loop = graph::Loop(
        ops::Greater(ops::Sum(v[0]), v[1]),
        [&](Var i, Vars c, Vars inv) -> graph::LoopStep {
          const Var half = ops::Tanh(ops::MatMul(c[0], v[2])) * inv[0] + c[0] * 0.25;
          const Var on = ops::LogicalAnd(ops::Greater(ops::Sum(half), v[1]), ops::Less(i, 4));
          if (!max_steps.has_value()) return {on, {half}};
          return {on, {half}, {ops::Square(half), i * 2}};
        },
        {v[0]}, {v[3]}, {.max_steps = max_steps});
    Result all = loop.carries;
    all.insert(all.end(), loop.ys.begin(), loop.ys.end());
    all.push_back(loop.count);
    return all;
  };
}

SampleArg Positive(Shape shape) {
  return {.spec = {DType::kF32, std::move(shape)}, .low = 0.5, .high = 1};
}

Result Clipped(Vars v) {
  return graph::CustomGradient(
      [](Vars in) { return Result{ops::Tanh(in[0]) * in[1]}; },
      // The derivative, written otherwise, so that differences can check it.
      [](Vars in, Vars out, Vars ct) {
        return Result{ct[0] * (in[1] - out[0] * ops::Tanh(in[0])), ct[0] * ops::Tanh(in[0])};
      },
      v);
}

Result OneStep(Vars v, const std::function<StepResult(Vars, Vars)>& step,
               graph::ScanOptions options = {}) {
  return All(
      graph::Scan([&](Vars c, Vars xs, Vars) { return step(c, xs); }, {v[0]}, {v[1]}, {}, options));
}

}  // namespace

std::vector<Sample> ControlFlowSamples() {
  return {
      {.op = "barrier",
       .label = "plain",
       .args = {Floats({3, 2})},
       .build = [](Vars v) { return Result{ops::Tanh(ops::Barrier(v[0]))}; }},
      {.op = "saved",
       .label = "plain",
       .args = {Floats({3, 2})},
       .build =
           [](Vars v) {
             const Var kept = ops::Tanh(v[0]);
             return Result{ops::Saved(ops::Barrier(kept), kept) * v[0]};
           }},
      {.op = "if",
       .label = "taken",
       .args = {Condition(true), Floats({3, 2}), Floats({3, 2})},
       .build = Choose,
       .fast_kernel = "compiled"},
      {.op = "if",
       .label = "not_taken",
       .args = {Condition(false), Floats({3, 2}), Floats({3, 2})},
       .build = Choose,
       .fast_kernel = "compiled"},
      {.op = "if",
       .label = "zero_size",
       .args = {Condition(true), Floats({3, 0}), Floats({3, 0})},
       .build = Choose},
      {.op = "if",
       .label = "captures",
       .args = {Floats({4}), Floats({4})},
       .build =
           [](Vars v) {
             return graph::If(
                 ops::Greater(ops::Sum(v[0]), 100.0), [&](Vars) { return Result{v[1]}; },
                 [&](Vars) { return Result{v[0] * v[1] + ops::Exp(v[1])}; });
           }},
      {.op = "scan",
       .label = "recurrent",
       .args = {Floats({5, 3, 4}), Floats({3, 4}), Floats({4, 4})},
       .build = Recurrent({}),
       .fast_kernel = "compiled"},
      {.op = "scan",
       .label = "reverse",
       .args = {Floats({5, 3, 4}), Floats({3, 4}), Floats({4, 4})},
       .build = Recurrent({.reverse = true}),
       .fast_kernel = "compiled"},
      {.op = "scan",
       .label = "batch_first",
       .args = {Floats({3, 5, 4}), Floats({3, 4}), Floats({4, 4})},
       .build = Recurrent({.axis = 1}),
       .fast_kernel = "compiled"},
      {.op = "scan",
       .label = "one_step",
       .args = {Floats({1, 3, 4}), Floats({3, 4}), Floats({4, 4})},
       .build = Recurrent({})},
      {.op = "scan",
       .label = "no_steps",
       .args = {Floats({0, 3, 4}), Floats({3, 4}), Floats({4, 4})},
       .build = Recurrent({})},
      {.op = "scan",
       .label = "zero_size",
       .args = {Floats({5, 0, 4}), Floats({0, 4}), Floats({4, 4})},
       .build = Recurrent({})},
      {.op = "scan",
       .label = "two_products",
       .args = {Floats({4, 2, 3}), Floats({2, 3}), Floats({3, 5}), Floats({3, 5}), Floats({5})},
       .build = TwoProducts},
      {.op = "scan",
       .label = "mixed_reads",
       .args = {Floats({4, 3, 3}), Floats({3, 3}), Floats({}), Floats({3, 3})},
       .build = MixedReads},
      {.op = "scan",
       .label = "nested",
       .args = {Floats({2, 3}), Floats({3, 3}), Floats({3})},
       .build = Nested},
      {.op = "scan", .label = "counting", .args = {Floats({4, 3}), Floats({3})}, .build = Counting},
      {.op = "scan",
       .label = "branching",
       .args = {Floats({6, 3}), Floats({3})},
       .build = Branching},
      {.op = "loop",
       .label = "until",
       .args = {Positive({2, 2}),
                {.spec = {DType::kF32, {}}, .values = {0.25}},
                Positive({2, 2}),
                Positive({2})},
       .build = Halving(Dim(6)),
       .fast_kernel = "compiled"},
      {.op = "loop",
       .label = "to_the_end",
       .args = {Positive({2, 2}),
                {.spec = {DType::kF32, {}}, .values = {-9}},
                Positive({2, 2}),
                Positive({2})},
       .build = Halving(Dim(3))},
      {.op = "loop",
       .label = "not_at_all",
       .args = {Positive({2, 2}),
                {.spec = {DType::kF32, {}}, .values = {99}},
                Positive({2, 2}),
                Positive({2})},
       .build = Halving(Dim(3))},
      {.op = "loop",
       .label = "unbounded",
       .args = {Positive({2, 2}),
                {.spec = {DType::kF32, {}}, .values = {0.25}},
                Positive({2, 2}),
                Positive({2})},
       .build = Halving(std::nullopt),
       .gradient = false},
      {.op = "call",
       .label = "checkpoint",
       .args = {Floats({3, 2}), Floats({2, 2})},
       .build =
           [](Vars v) {
             return graph::Checkpoint(
                 [&](Vars in) {
                   return Result{ops::Tanh(ops::MatMul(in[0], v[1])), ops::Exp(in[0])};
                 },
                 v.subspan(0, 1));
           },
       .fast_kernel = "compiled"},
      {.op = "call", .label = "custom", .args = {Floats({3, 2}), Floats({3, 2})}, .build = Clipped},
      {.op = "scan",
       .label = "passes_on",
       .args = {Floats({3}), Floats({4, 3})},
       .build =
           [](Vars v) {
             return OneStep(v, [](Vars c, Vars xs) { return StepResult{{c[0]}, {xs[0], c[0]}}; });
           }},
  };
}

std::vector<ErrorSample> ControlFlowErrors() {
  return {
      {.op = "saved",
       .args = {Floats({2}), Floats({3})},
       .build = [](Vars v) { return Result{ops::Saved(v[0], v[1])}; },
       .message = "the value saved is f32[2], the one computed f32[3]"},
      {.op = "if",
       .args = {Floats({}), Floats({3})},
       .build =
           [](Vars v) {
             const auto same = [](Vars in) { return Result{in[0]}; };
             return graph::If(v[0], same, same, {v[1]});
           },
       .message = "the condition must be bool[], but is f32[]"},
      {.op = "if",
       .args = {Condition(true), Floats({3})},
       .build =
           [](Vars v) {
             return graph::If(
                 v[0], [](Vars in) { return Result{in[0]}; },
                 [](Vars in) { return Result{ops::Sum(in[0])}; }, {v[1]});
           },
       .message = "the branches return value 0 as f32[3] and f32[]"},
      {.op = "if",
       .args = {Condition(true), Floats({3})},
       .build =
           [](Vars v) {
             return graph::If(
                 v[0], [](Vars in) { return Result{in[0]}; },
                 [](Vars in) {
                   return Result{in[0], in[0]};
                 },
                 {v[1]});
           },
       .message = "the branches return 1 and 2 values"},
      {.op = "if",
       .args = {Condition(true), Floats({3})},
       .build =
           [](Vars v) {
             const auto wrong = [](Vars in) {
               return Result{in[0] + ops::SliceAxis(in[0], 0, 0, 2)};
             };
             return graph::If(v[0], wrong, wrong, {v[1]});
           },
       .message = "axis -1 has 3 and 2"},
      {.op = "if",
       .args = {Condition(true), Floats({3})},
       .build =
           [](Vars v) {
             const auto none = [](Vars) { return Result{Var{}}; };
             return graph::If(v[0], none, none, {v[1]});
           },
       .message = "result 0 of then is not a value of it"},
      {.op = "loop",
       .args = {Condition(true), Floats({3})},
       .build =
           [](Vars v) {
             return graph::Loop(v[0],
                                [](Var, Vars c, Vars) {
                                  return graph::LoopStep{c[0], {c[0]}};
                                },
                                {v[1]})
                 .carries;
           },
       .message = "return first whether to go on as bool[], but takes i64[] and returns f32[3]"},
      {.op = "loop",
       .args = {Condition(true), Floats({3})},
       .build =
           [&](Vars v) {
             return graph::Loop(v[0],
                                [&](Var, Vars c, Vars) {
                                  return graph::LoopStep{v[0], {c[0]}, {c[0]}};
                                },
                                {v[1]})
                 .carries;
           },
       .message = "the steps return 1 values to be stacked; that needs the greatest number"},
      {.op = "call",
       .args = {Floats({3})},
       .build = [](Vars v) { return graph::Checkpoint([](Vars) { return Result{Var{}}; }, v); },
       .message = "result 0 of checkpoint is not a value of it"},
      {.op = "scan",
       .args = {Floats({3}), Floats({4, 3})},
       .build =
           [](Vars v) {
             return OneStep(v, [](Vars c, Vars) { return StepResult{{ops::Sum(c[0])}}; });
           },
       .message =
           "the body takes carry 0 as f32[3] and returns it as f32[]: a carry keeps its spec"},
      {.op = "scan",
       .args = {Floats({3}), Floats({4, 3})},
       .build = [](Vars v) { return OneStep(v, [](Vars, Vars) { return StepResult{{}}; }); },
       .message = "the step returns 0 carries, but there are 1"},
      {.op = "scan",
       .args = {Floats({3}), Floats({})},
       .build = [](Vars v) { return OneStep(v, [](Vars c, Vars) { return StepResult{{c[0]}}; }); },
       .message = "x 0 is f32[]: axis 0"},
      {.op = "scan",
       .args = {Floats({3}), Floats({4, 3})},
       .build =
           [](Vars v) {
             return OneStep(v, [](Vars c, Vars) { return StepResult{{c[0]}}; }, {.length = Dim(5)});
           },
       .message = "x 0 has 4 steps, but there are 5"},
      {.op = "scan",
       .args = {Floats({3})},
       .build =
           [](Vars v) {
             return All(
                 graph::Scan([](Vars c, Vars, Vars) { return StepResult{{c[0]}}; }, {v[0]}, {}));
           },
       .message = "without xs the length must be given"},
      {.op = "scan",
       .args = {Floats({3}), Floats({4, 3}), Floats({2})},
       .build =
           [](Vars v) {
             return OneStep(v, [&](Vars c, Vars xs) { return StepResult{{c[0] + xs[0] * v[2]}}; });
           },
       .message = "axis -1 has 3 and 2"},
  };
}

}  // namespace adjoint::testing
