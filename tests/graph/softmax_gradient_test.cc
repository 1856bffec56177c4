// The gradient of softmax as one step: when, and that the numbers stay.

#include "ops/softmax_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "ops/softmax.h"
#include "tests/graph/run_program.h"

namespace adjoint::graph {
namespace {

using ops::Var;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Not;

constexpr char kStep[] = "softmax_gradient/simd";
constexpr char kSoftmax[] = "softmax/simd";

// Outputs the gradient of sum(g softmax(x)) and, with `probabilities`, the softmax.
Program Make(const TensorSpec& spec, bool probabilities, int64_t axis = -1) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const Var x = graph->Input("x", spec), g = graph->Input("g", spec);
  program.AddInput("x", x);
  program.AddInput("g", g);
  const Var p = ops::Softmax(x, axis);
  program.AddOutput("gradient", Gradients({p}, {x}, {g})[0]);
  if (probabilities) program.AddOutput("p", p);
  EXPECT_TRUE(graph->status().ok()) << graph->status();
  return program;
}

std::vector<Tensor> Inputs(const TensorSpec& spec) {
  return {Random(spec.dtype, spec.shape, 1, 8), Random(spec.dtype, spec.shape, 2, 3)};
}

TEST(SoftmaxGradientTest, AgreesWithTheSeparateOpsToRounding) {
  for (const Shape& shape :
       {Shape{1, 1}, Shape{7}, Shape{5, 3}, Shape{2, 3, 40}, Shape{100, 1000}, Shape{3, 30000}}) {
    for (const bool probabilities : {false, true}) {
      SCOPED_TRACE(shape.ToString());
      const TensorSpec spec{DType::kF32, shape};
      const Program program = Make(spec, probabilities);
      const std::vector<Tensor> inputs = Inputs(spec);
      const Outcome apart = RunProgram(program, inputs, {"recognize"});
      EXPECT_THAT(apart.kernels, Not(Contains(kStep)));
      const Outcome fused = RunProgram(program, inputs, {});
      EXPECT_THAT(fused.kernels, Contains(kStep));
      // Nobody else reads the softmax: then there is none.
      EXPECT_EQ(std::count(fused.kernels.begin(), fused.kernels.end(), kSoftmax), probabilities);
      const Outcome two = RunProgram(program, inputs, {}, {.threads = 2});
      for (size_t i = 0; i < apart.outputs.size(); ++i) {
        EXPECT_LE(Difference(apart.outputs[i], fused.outputs[i]), 2e-6) << i;
        EXPECT_TRUE(BitwiseEqual(fused.outputs[i], two.outputs[i])) << i;
      }
    }
  }
}

// Rows past the caches are written in another way, with the same bits, and the last has none after
// it to ask for.
TEST(SoftmaxGradientTest, ALargeResultHasTheBitsOfItsRows) {
  const TensorSpec large{DType::kF32, {9001, 1000}};
  const std::vector<Tensor> inputs = Inputs(large);
  const Outcome whole = RunProgram(Make(large, false), inputs, {}, {.threads = 2});
  const Program few = Make({DType::kF32, {3, 1000}}, false);
  for (const int64_t row : {0, 4500, 8998}) {
    const Outcome rows =
        RunProgram(few, {inputs[0].Rows(row, row + 3), inputs[1].Rows(row, row + 3)}, {});
    EXPECT_TRUE(BitwiseEqual(rows.outputs[0], whole.outputs[0].Rows(row, row + 3).Clone())) << row;
  }
}

TEST(SoftmaxGradientTest, TheReferenceAgreesInF64) {
  const TensorSpec spec{DType::kF64, {7, 50}};
  for (const bool probabilities : {false, true}) {
    const Program program = Make(spec, probabilities);
    const Outcome apart = RunProgram(program, Inputs(spec), {"recognize"});
    const Outcome fused = RunProgram(program, Inputs(spec), {});
    EXPECT_THAT(fused.kernels, Contains("softmax_gradient/reference"));
    EXPECT_LE(Difference(apart.outputs[0], fused.outputs[0]), 1e-14);
  }
}

// An infinite logit and a NaN spoil their own row alone.
TEST(SoftmaxGradientTest, SpecialValuesAreThoseOfTheSeparateOps) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::Of<float>(
      {5, 3}, {1e4f, 2, 3, -inf, -inf, -inf, 0, std::nanf(""), 1, inf, 0, 1, -inf, 0, 1});
  const std::vector<Tensor> inputs = {x, Random(DType::kF32, {5, 3}, 2, 3)};
  const Program program = Make(x.spec(), false);
  const Tensor apart = RunProgram(program, inputs, {"recognize"}).outputs[0];
  const Tensor fused = RunProgram(program, inputs, {}).outputs[0];
  for (int64_t i = 0; i < x.size(); ++i) {
    const double a = apart.ValueAt(i), b = fused.ValueAt(i);
    EXPECT_TRUE(std::isnan(a) ? std::isnan(b) : std::abs(a - b) < 1e-6)
        << i << ": " << a << " " << b;
  }
}

TEST(SoftmaxGradientTest, AnotherAxisAndASharedProductAreLeft) {
  const TensorSpec spec{DType::kF32, {4, 8}};
  EXPECT_THAT(RunProgram(Make(spec, false, 0), Inputs(spec), {}).kernels, Not(Contains(kStep)));

  auto graph = std::make_shared<Graph>();
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const Var x = graph->Input("x", spec), g = graph->Input("g", spec);
  program.AddInput("x", x);
  program.AddInput("g", g);
  const Var p = ops::Softmax(x);
  const Var product = g * p;
  program.AddOutput("gradient", p * (g - ops::Sum(product, {1}, true)));
  program.AddOutput("product", product);
  EXPECT_THAT(RunProgram(program, Inputs(spec), {}).kernels, Not(Contains(kStep)));
}

// The formula need not be a gradient: a softmax along columns, in rows.
TEST(SoftmaxGradientTest, ASoftmaxOfColumnsStays) {
  const TensorSpec spec{DType::kF32, {4, 8}};
  auto graph = std::make_shared<Graph>();
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const Var x = graph->Input("x", spec), g = graph->Input("g", spec);
  program.AddInput("x", x);
  program.AddInput("g", g);
  const Var p = ops::Softmax(x, 0);
  program.AddOutput("y", p * (g - ops::Sum(g * p, {1}, true)));
  const Outcome apart = RunProgram(program, Inputs(spec), {"recognize"});
  const Outcome fused = RunProgram(program, Inputs(spec), {});
  EXPECT_THAT(fused.kernels, AllOf(Contains(kStep), Contains(kSoftmax)));
  EXPECT_LE(Difference(apart.outputs[0], fused.outputs[0]), 2e-6);
}

}  // namespace
}  // namespace adjoint::graph
