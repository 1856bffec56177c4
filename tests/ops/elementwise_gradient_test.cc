// Gradients where differences cannot check them: at kinks, ties and the edges of domains.

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "core/tensor.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "graph/program.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/clip.h"
#include "ops/comparison.h"
#include "ops/more_activations.h"
#include "ops/rounding.h"

namespace adjoint::graph {
namespace {

using Doubles = std::vector<double>;

// d sum(f(x...)) / dx for each x, at the given points.
std::vector<Doubles> GradientsOf(Var (*f)(absl::Span<const Var>), std::vector<Doubles> points) {
  auto g = std::make_shared<Graph>();
  Program program;
  program.graph = g;
  std::vector<Var> xs;
  std::vector<Tensor> inputs, outputs;
  for (const Doubles& point : points) {
    inputs.push_back(Tensor::Vector<double>(point));
    xs.push_back(g->Input("x", inputs.back().spec()));
    program.AddInput("x", xs.back());
  }
  for (const Var v : Gradients(f(xs), xs)) program.AddOutput("gradient", v);
  EXPECT_TRUE(g->status().ok()) << g->status();
  const auto executable = Executable::Compile(program);
  EXPECT_TRUE(executable.ok()) << executable.status();
  const auto workspace = (*executable)->NewWorkspace();
  const absl::Status status = (*executable)->Run(**workspace, inputs, nullptr, &outputs);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<Doubles> results;
  for (const Tensor& t : outputs) {
    results.emplace_back(t.data<double>().begin(), t.data<double>().end());
  }
  return results;
}

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInf = std::numeric_limits<double>::infinity();

TEST(ElementwiseGradientTest, TiesShareTheCotangent) {
  const std::vector<Doubles> points = {{1, 2, 3, kNan}, {2, 2, 2, 1}};
  using Expected = std::vector<Doubles>;
  EXPECT_EQ(GradientsOf([](absl::Span<const Var> x) { return ops::Maximum(x[0], x[1]); }, points),
            (Expected{{0, 0.5, 1, 0}, {1, 0.5, 0, 0}}));
  EXPECT_EQ(GradientsOf([](absl::Span<const Var> x) { return ops::Minimum(x[0], x[1]); }, points),
            (Expected{{1, 0.5, 0, 0}, {0, 0.5, 1, 0}}));
}

TEST(ElementwiseGradientTest, KinksHaveTheSlopeTheyDocument) {
  const std::vector<Doubles> points = {{-1, 0, 2}};
  EXPECT_EQ(GradientsOf([](absl::Span<const Var> x) { return ops::Relu(x[0]); }, points)[0],
            (Doubles{0, 0, 1}));
  EXPECT_EQ(GradientsOf([](absl::Span<const Var> x) { return ops::Abs(x[0]); }, points)[0],
            (Doubles{-1, 0, 1}));
  EXPECT_EQ(GradientsOf([](absl::Span<const Var> x) { return ops::Sqrt(x[0]); }, {{0, 4}})[0],
            (Doubles{kInf, 0.25}));
  EXPECT_EQ(
      GradientsOf([](absl::Span<const Var> x) { return ops::HardSwish(x[0]); }, {{-3, 0, 3}})[0],
      (Doubles{0, 0.5, 1}));
  EXPECT_EQ(
      GradientsOf([](absl::Span<const Var> x) { return ops::ClipByNorm(x[0], 2); }, {{0, 0}})[0],
      (Doubles{1, 1}));
  // Of a remainder's divisor: minus the whole quotient.
  EXPECT_EQ(GradientsOf([](absl::Span<const Var> x) { return ops::Mod(x[0], x[1]); },
                        {{7, -7, 6}, {3, 3, 3}}),
            (std::vector<Doubles>{{1, 1, 1}, {-2, 3, -2}}));
  EXPECT_EQ(GradientsOf([](absl::Span<const Var> x) { return ops::Fmod(x[0], x[1]); },
                        {{7, -7, 6}, {3, 3, 3}}),
            (std::vector<Doubles>{{1, 1, 1}, {-2, 2, -2}}));
}

TEST(ElementwiseGradientTest, PowAtTheEdgesOfItsDomain) {
  const auto pow = [](absl::Span<const Var> x) { return ops::Pow(x[0], x[1]); };
  const std::vector<Doubles> got = GradientsOf(pow, {{0, 0, 0, -2, 3}, {0, 1, 2, 3, 0}});
  EXPECT_EQ(got[0], (Doubles{0, 1, 0, 12, 0}));
  EXPECT_EQ(got[1][0], 0);
  EXPECT_EQ(got[1][1], 0);
  EXPECT_EQ(got[1][2], 0);
  EXPECT_TRUE(std::isnan(got[1][3]));  // of a negative base
  EXPECT_DOUBLE_EQ(got[1][4], std::log(3.0));
}

TEST(ElementwiseGradientTest, WhatIsNotChosenDoesNotMatter) {
  // log(x) where x > 0: the NaN of the other side must not reach the gradient of `x` through it.
  const auto f = [](absl::Span<const Var> x) {
    const Var positive = ops::Greater(x[0], 0.0);
    return ops::Where(positive, ops::Log(ops::Where(positive, x[0], 1.0)), 0.0);
  };
  EXPECT_EQ(GradientsOf(f, {{-1, 0, 2}})[0], (Doubles{0, 0, 0.5}));
}

// x^2 by way of a storage type.
template <DType kStorage>
Var ThroughStorage(absl::Span<const Var> x) {
  const Var h = ops::Cast(x[0], kStorage);
  return ops::Cast(h, DType::kF64) * ops::Cast(ops::Cast(h, DType::kF32), DType::kF64);
}

TEST(ElementwiseGradientTest, NothingFlowsThroughWhatIsZeroByDefinition) {
  const auto f = [](absl::Span<const Var> x) {
    const Var y = x[0];
    return ops::StopGradient(y) * y + ops::Sign(y) +
           ops::Cast(ops::Cast(y, DType::kI32), DType::kF64);
  };
  EXPECT_EQ(GradientsOf(f, {{-1.5, 0.25, 2}})[0], (Doubles{-1.5, 0.25, 2}));
  // Between floating types it flows.
  const auto narrow = [](absl::Span<const Var> x) {
    return ops::Cast(ops::Square(ops::Cast(x[0], DType::kF32)), DType::kF64);
  };
  EXPECT_EQ(GradientsOf(narrow, {{-1.5, 0.25}})[0], (Doubles{-3, 0.5}));
  // Also through storage types, whose cotangents are rounded to them, but added in f32.
  EXPECT_EQ(GradientsOf(ThroughStorage<DType::kBF16>, {{-1.5, 0.25}})[0], (Doubles{-3, 0.5}));
  EXPECT_EQ(GradientsOf(ThroughStorage<DType::kF16>, {{-1.5, 0.25}})[0], (Doubles{-3, 0.5}));
}

}  // namespace
}  // namespace adjoint::graph
