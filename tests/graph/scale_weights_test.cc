// Constants that convolutions are multiplied by: when they go into the weights, and that the
// numbers stay.

#include "graph/passes/scale_weights.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/normalization.h"
#include "tests/graph/run_program.h"

namespace adjoint::graph {
namespace {

using ops::Var;
using ::testing::Contains;
using ::testing::ElementsAre;

constexpr int64_t kOut = 6;

struct Case {
  Program program{.name = "p", .graph = nullptr, .inputs = {}, .outputs = {}, .states = {}};
  std::vector<Tensor> inputs;
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  bool last = false;

  explicit Case(bool channels_last, DType dtype = DType::kF32)
      : last(channels_last), dtype_(dtype) {
    inputs = {Random(dtype, last ? Shape{3, 7, 8, 4} : Shape{3, 4, 7, 8}, 1, 1)};
    x = graph->Input("x", inputs[0].spec());
    program.graph = graph;
    program.AddInput("x", x);
  }
  Var Constant(const Shape& shape, uint64_t stream) {
    return graph->Constant(Random(dtype_, shape, stream, 1));
  }
  Var Conv(int64_t groups, bool bias) {
    const Var w = Constant({kOut, 4 / groups, 3, 3}, 2);
    const ops::ConvOptions options = {.groups = groups, .channels_last = last};
    return bias ? ops::Conv(x, w, Constant({kOut}, 3), options) : ops::Conv(x, w, options);
  }
  // A vector of channels as it broadcasts against maps.
  Shape OfChannels() const { return last ? Shape{kOut} : Shape{kOut, 1, 1}; }

  Var x;

 private:
  DType dtype_;
};

// Runs with the pass and without, compares, and returns the kernels with it.
std::vector<std::string> Kernels(Case& c, Var y, double tolerance = 2e-6) {
  c.program.AddOutput("y", y);
  const Outcome apart = RunProgram(c.program, c.inputs, {"scale_weights"});
  const Outcome scaled = RunProgram(c.program, c.inputs, {});
  EXPECT_LE(Difference(apart.outputs[0], scaled.outputs[0]), tolerance);
  return scaled.kernels;
}

TEST(ScaleWeightsTest, ScaleAndOffsetOfChannelsLeaveOneConvolution) {
  for (const bool last : {false, true}) {
    for (const int64_t groups : {1, 2}) {
      for (const bool bias : {false, true}) {
        SCOPED_TRACE(last);
        Case c(last);
        const Var scaled = c.Conv(groups, bias) * c.Constant(c.OfChannels(), 4);
        EXPECT_THAT(Kernels(c, scaled), ElementsAre("conv/onednn"));
      }
    }
    Case number(last);
    EXPECT_THAT(Kernels(number, ops::Relu(0.25 * number.Conv(1, true))),
                ElementsAre("fused_conv/onednn"));
    Case doubles(last, DType::kF64);
    const Var y = doubles.Conv(1, true) * doubles.Constant(doubles.OfChannels(), 4);
    EXPECT_THAT(Kernels(doubles, y, 1e-14), ElementsAre("conv/reference"));
  }
}

TEST(ScaleWeightsTest, BatchNormalizationLeavesABias) {
  Case c(true);
  const auto vector = [&](uint64_t stream) { return c.Constant({kOut}, stream); };
  const Var normal = ops::BatchNormInference(c.Conv(1, false), vector(4), ops::Square(vector(5)),
                                             vector(6), vector(7), 3, 1e-3);
  EXPECT_THAT(Kernels(c, ops::Relu(normal)), ElementsAre("fused_conv/onednn"));
}

TEST(ScaleWeightsTest, WhatIsNoScaleOfConstantsIsLeft) {
  const auto multiplies = Contains(::testing::AnyOf("mul/simd", "fused_elementwise/simd"));
  {
    Case c(true);  // along columns, not channels
    EXPECT_THAT(Kernels(c, c.Conv(1, true) * c.Constant({kOut, 1}, 4)), multiplies);
  }
  {
    Case c(true);  // read twice
    const Var y = c.Conv(1, true);
    c.program.AddOutput("conv", y);
    EXPECT_THAT(Kernels(c, y * c.Constant({kOut}, 4)), multiplies);
  }
  {
    Case c(true);  // the weights are fed
    c.inputs.push_back(Random(DType::kF32, {kOut, 4, 3, 3}, 2, 1));
    const Var w = c.graph->Input("w", c.inputs[1].spec());
    c.program.AddInput("w", w);
    const Var y = ops::Conv(c.x, w, {.channels_last = true});
    EXPECT_THAT(Kernels(c, y * c.Constant({kOut}, 4)), ElementsAre("fused_conv/onednn"));
  }
}

}  // namespace
}  // namespace adjoint::graph
