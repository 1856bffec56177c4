// Cross-entropies with their gradients as one step: when, and that the numbers stay.

#include "graph/passes/fuse_cross_entropy.h"

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/losses.h"
#include "ops/reduce.h"
#include "tests/graph/run_program.h"

namespace adjoint::graph {
namespace {

using ops::Var;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFused[] = "fused_cross_entropy/simd";

Tensor Labels(DType dtype, const Shape& shape, int64_t classes) {
  Tensor t = Tensor::Empty({dtype, shape});
  for (int64_t i = 0; i < t.size(); ++i) {
    const int64_t label = (7 * i + classes - 1) % classes;
    if (dtype == DType::kI32) {
      t.mutable_data<int32_t>()[i] = static_cast<int32_t>(label);
    } else {
      t.mutable_data<int64_t>()[i] = label;
    }
  }
  return t;
}

// Inputs x, target and weights; outputs the loss of each sample and the gradient of their weighted
// mean, and what `more` makes of x.
struct Training {
  Program program;
  std::vector<Tensor> inputs;
};
Training Make(const Tensor& x, const Tensor& target, bool weighted,
              const std::function<Var(Var)>& more = {}) {
  auto graph = std::make_shared<Graph>();
  Training t{{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}}, {x, target}};
  const Var logits = graph->Input("x", x.spec());
  const Var labels = graph->Input("target", target.spec());
  t.program.AddInput("x", logits);
  t.program.AddInput("target", labels);
  const bool classes = IsInteger(target.dtype());
  const Var loss = classes ? ops::SparseSoftmaxCrossEntropy(logits, labels)
                           : ops::SoftmaxCrossEntropyFromLogits(logits, labels);
  Var mean = ops::Mean(loss);
  if (weighted) {
    t.inputs.push_back(Random(x.dtype(), loss.shape(), 5, 1));
    const Var weights = graph->Input("weights", t.inputs.back().spec());
    t.program.AddInput("weights", weights);
    mean = ops::Mean(loss * weights);
  }
  t.program.AddOutput("loss", loss);
  t.program.AddOutput("gradient", Gradients(mean, {logits})[0]);
  if (more) t.program.AddOutput("more", more(logits));
  EXPECT_TRUE(graph->status().ok()) << graph->status();
  return t;
}

Outcome RunTraining(const Training& t, std::vector<std::string> disabled,
                    const RunOptions& run = {}) {
  return RunProgram(t.program, t.inputs, std::move(disabled), run);
}

std::vector<Shape> Shapes() { return {{1, 1}, {5, 3}, {2, 3, 40}, {100, 1000}, {3, 30000}}; }

Shape Samples(const Shape& x) { return Shape(x.dims().subspan(0, x.rank() - 1)); }

TEST(FuseCrossEntropyTest, ClassNumbersGiveTheBitsOfTheSeparateOps) {
  for (const Shape& shape : Shapes()) {
    for (const DType labels : {DType::kI32, DType::kI64}) {
      for (const bool weighted : {false, true}) {
        for (const bool probabilities : {false, true}) {
          SCOPED_TRACE(shape.ToString());
          const Training t = Make(
              Random(DType::kF32, shape, 1, 8),
              Labels(labels, Samples(shape), shape[shape.rank() - 1]), weighted,
              probabilities ? [](Var x) { return ops::Softmax(x); } : std::function<Var(Var)>());
          const Outcome apart = RunTraining(t, {"fuse_cross_entropy"});
          EXPECT_THAT(apart.kernels, Not(Contains(kFused)));
          for (const int threads : {1, 2}) {
            const Outcome fused = RunTraining(t, {}, {.threads = threads});
            EXPECT_THAT(fused.kernels, Contains(kFused));
            EXPECT_THAT(fused.kernels, Not(Contains("softmax/simd")));
            EXPECT_THAT(fused.kernels, Not(Contains("sparse_softmax_cross_entropy/simd")));
            ASSERT_EQ(fused.outputs.size(), apart.outputs.size());
            for (size_t i = 0; i < apart.outputs.size(); ++i) {
              EXPECT_TRUE(BitwiseEqual(fused.outputs[i], apart.outputs[i]))
                  << t.program.outputs[i].name;
            }
          }
        }
      }
    }
  }
}

TEST(FuseCrossEntropyTest, TargetsAgreeWithTheSeparateOpsToRounding) {
  for (const Shape& shape : Shapes()) {
    for (const bool weighted : {false, true}) {
      SCOPED_TRACE(shape.ToString());
      // No distributions: their sums matter.
      const Training t =
          Make(Random(DType::kF32, shape, 1, 8), Random(DType::kF32, shape, 2, 1), weighted);
      const Outcome apart = RunTraining(t, {"fuse_cross_entropy"});
      const Outcome fused = RunTraining(t, {});
      const Outcome two = RunTraining(t, {}, {.threads = 2});
      EXPECT_THAT(fused.kernels, Contains(kFused));
      EXPECT_THAT(fused.kernels, Not(Contains("log_softmax/simd")));
      for (size_t i = 0; i < apart.outputs.size(); ++i) {
        EXPECT_LE(Difference(apart.outputs[i], fused.outputs[i]), 2e-6)
            << t.program.outputs[i].name;
        EXPECT_TRUE(BitwiseEqual(fused.outputs[i], two.outputs[i]));
      }
    }
  }
}

TEST(FuseCrossEntropyTest, TheReferenceAgreesInF64) {
  const Shape shape = {7, 50};
  for (const bool classes : {false, true}) {
    const Training t =
        Make(Random(DType::kF64, shape, 1, 8),
             classes ? Labels(DType::kI64, {7}, 50) : Random(DType::kF64, shape, 2, 1), true,
             classes ? [](Var x) { return ops::Softmax(x); } : std::function<Var(Var)>());
    const Outcome apart = RunTraining(t, {"fuse_cross_entropy"});
    const Outcome fused = RunTraining(t, {});
    EXPECT_THAT(fused.kernels, Contains("fused_cross_entropy/reference"));
    for (size_t i = 0; i < apart.outputs.size(); ++i) {
      EXPECT_LE(Difference(apart.outputs[i], fused.outputs[i]), 1e-12);
    }
  }
}

TEST(FuseCrossEntropyTest, ALabelOutsideOfTheClassesIsTheSameError) {
  Tensor labels = Labels(DType::kI64, {4}, 3);
  labels.mutable_data<int64_t>()[2] = 3;
  const Training t = Make(Random(DType::kF32, {4, 3}, 1, 8), labels, false);
  const Outcome fused = RunTraining(t, {}, {.may_fail = true});
  EXPECT_THAT(std::string(fused.status.message()),
              HasSubstr("sparse_softmax_cross_entropy: label 3 at position [2] is outside 0..2"));
}

// Rows with infinities and NaN, and one that overflows without its maximum taken off.
TEST(FuseCrossEntropyTest, SpecialValuesAreThoseOfTheSeparateOps) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::Of<float>(
      {5, 3}, {1e4f, 2, 3, -inf, -inf, -inf, 0, std::nanf(""), 1, inf, 0, 1, -inf, 0, 1});
  const Training t = Make(x, Labels(DType::kI64, {5}, 3), false);
  const Outcome apart = RunTraining(t, {"fuse_cross_entropy"}), fused = RunTraining(t, {});
  for (int i = 0; i < 2; ++i) {
    for (int64_t k = 0; k < apart.outputs[i].size(); ++k) {
      const double a = apart.outputs[i].ValueAt(k), b = fused.outputs[i].ValueAt(k);
      EXPECT_TRUE(std::isnan(a) ? std::isnan(b) : a == b)
          << i << ", " << k << ": " << a << ", " << b;
    }
  }
}

// The gradient of the squared loss is multiplied by the loss, which the step would give.
TEST(FuseCrossEntropyTest, AFactorThatNeedsTheLossIsNotFused) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const Var x = graph->Input("x", {DType::kF32, {4, 3}});
  const Var labels = graph->Input("labels", {DType::kI64, {4}});
  program.AddInput("x", x);
  program.AddInput("labels", labels);
  const Var loss = ops::SparseSoftmaxCrossEntropy(x, labels);
  program.AddOutput("gradient", Gradients(ops::Sum(ops::Square(loss)), {x})[0]);
  const Training t{program, {Random(DType::kF32, {4, 3}, 1, 8), Labels(DType::kI64, {4}, 3)}};
  EXPECT_THAT(RunTraining(t, {}).kernels, Not(Contains(kFused)));
}

TEST(FuseCrossEntropyTest, WhatThePassMakes) {
  const auto dump = [](const Training& t) {
    std::string text;
    CompileOptions options;
    options.passes.observe = [&](absl::string_view pass, const Program& p) {
      if (pass == "fuse_cross_entropy") text = p.ToString();
    };
    EXPECT_TRUE(Executable::Compile(t.program, options).ok());
    std::string plain;
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      absl::StrAppend(&plain, line.substr(0, line.find("   # ")), "\n");
    }
    return plain.substr(0, plain.size() - 1);
  };
  const Tensor x = Random(DType::kF32, {4, 3}, 1, 8);
  EXPECT_EQ(dump(Make(x, Labels(DType::kI64, {4}, 3), false)), R"(program p
  in x = %0
  in target = %1
  %0: input(){dtype=f32, name='x', shape=[4,3]} -> f32[4,3]
  %1: input(){dtype=i64, name='target', shape=[4]} -> i64[4]
  %2: constant(){value=f32[1] {0.25}} -> f32[1]
  %3: broadcast_to(%2 f32[1]){shape=[4]} -> f32[4]
  %4: reshape(%3 f32[4]){shape=[4,1]} -> f32[4,1]
  %5: fused_cross_entropy(%0:x f32[4,3], %1:target i64[4], %4 f32[4,1]) -> f32[4], f32[4,3]
  out loss = %5.0
  out gradient = %5.1
)");
  EXPECT_EQ(dump(Make(x, x, false)), R"(program p
  in x = %0
  in target = %1
  %0: input(){dtype=f32, name='x', shape=[4,3]} -> f32[4,3]
  %1: input(){dtype=f32, name='target', shape=[4,3]} -> f32[4,3]
  %2: constant(){value=f32[1] {0.25}} -> f32[1]
  %3: broadcast_to(%2 f32[1]){shape=[4]} -> f32[4]
  %4: neg(%3 f32[4]) -> f32[4]
  %5: reshape(%4 f32[4]){shape=[4,1]} -> f32[4,1]
  %6: fused_cross_entropy(%0:x f32[4,3], %1:target f32[4,3], %5 f32[4,1]) -> f32[4], f32[4,3]
  %7: neg(%6.0 f32[4]) -> f32[4]
  out loss = %7
  out gradient = %6.1
)");
}

}  // namespace
}  // namespace adjoint::graph
