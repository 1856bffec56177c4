// What fused nodes compute: the bits of the nodes they stand for, on any number of threads.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "tests/graph/run_program.h"

namespace adjoint::graph {
namespace {

using ::testing::ElementsAre;

struct Case {
  std::string name;
  std::vector<Shape> shapes;  // of operands that broadcast together, the first of full shape
  int axes;                   // last ones to reduce; 0: none
};

std::vector<Case> Cases() {
  return {
      {"everything", {{1000, 1000}}, 2},
      {"a vector", {{300001}}, 1},
      {"few long rows", {{3, 500000}, {3, 1}}, 1},
      {"rows", {{700, 1000}}, 1},
      {"rows and columns", {{700, 1000}, {700, 1}, {1000}}, 1},
      {"columns alone", {{300, 500}, {300, 1}, {300, 1}}, 0},
      {"a column of columns", {{300, 500}, {300, 1}, {}}, 0},
      {"long rows and a column", {{2, 100000}, {2, 1}}, 0},
      {"rows of two axes", {{40, 7, 300}, {40, 1, 1}, {7, 300}}, 2},
      {"shorter columns", {{40, 7, 300}, {40, 7, 1}, {40, 1, 1}}, 2},
      {"rows of the last of three axes", {{40, 7, 300}, {40, 7, 1}, {1, 7, 1}}, 1},
      {"short columns", {{500, 16}, {500, 1}}, 0},
      {"short columns in long rows", {{30, 20, 16}, {30, 20, 1}}, 2},
      {"odd rows", {{33, 2049}, {33, 1}, {2049}}, 1},
      {"one row", {{1, 3000}, {3000}}, 1},
      {"squares", {{64, 300, 300}, {300, 300}}, 1},
  };
}

TEST(FusionTest, TapesWithColumnsAndReductionsKeepTheirBits) {
  for (const Case& c : Cases()) {
    for (const bool keepdims : {false, true}) {
      auto graph = std::make_shared<Graph>();
      Program program{.name = c.name, .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
      std::vector<Tensor> inputs;
      std::vector<Var> vars;
      for (size_t i = 0; i < c.shapes.size(); ++i) {
        inputs.push_back(Random(DType::kF32, c.shapes[i], i, 1));
        vars.push_back(graph->Input(absl::StrCat("x", i), inputs.back().spec()));
        program.AddInput(absl::StrCat("x", i), vars.back());
      }
      // What is broadcast meets what is broadcast as well as what is full.
      Var y = ops::Square(vars[0]);
      for (size_t i = 1; i < vars.size(); ++i) {
        y = y * vars[i] + ops::Square(ops::BroadcastTo(vars[i], c.shapes[0])) * vars.back();
      }
      program.AddOutput("y", y);
      std::vector<int64_t> axes;
      for (int k = 0; k < c.axes; ++k) axes.push_back(c.shapes[0].rank() - c.axes + k);
      if (c.axes > 0) {
        program.AddOutput("sum", ops::Sum(y, axes, keepdims));
        program.AddOutput("mean", ops::Mean(ops::Neg(y), axes, keepdims));
        program.AddOutput("max", ops::ReduceMax(y, axes, keepdims));
        program.AddOutput("min", ops::ReduceMin(y, axes, keepdims));
      }
      const Outcome plain = RunProgram(program, inputs, {"fuse_elementwise"});
      for (const int threads : {1, 2}) {
        const Outcome fused = RunProgram(program, inputs, {}, {.threads = threads});
        EXPECT_EQ(fused.kernels, std::vector<std::string>{"fused_elementwise/simd"}) << c.name;
        ASSERT_EQ(fused.outputs.size(), plain.outputs.size());
        for (size_t i = 0; i < plain.outputs.size(); ++i) {
          EXPECT_TRUE(BitwiseEqual(fused.outputs[i], plain.outputs[i]))
              << c.name << ", output " << program.outputs[i].name << ", " << threads
              << " threads: " << fused.outputs[i].ToString(8) << " and "
              << plain.outputs[i].ToString(8);
        }
      }
    }
  }
}

// Softmax by hand: the sum of a row is read by the division, so it cannot close the same tape.
TEST(FusionTest, AReductionThatItsGroupReadsStaysOutside) {
  auto graph = std::make_shared<Graph>();
  const Var x = graph->Input("x", {DType::kF32, {300, 300}});
  const Var e = ops::Exp(x);
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddOutput("by row", e / ops::Sum(e, {1}, true));
  program.AddOutput("by itself", e / ops::Sum(e, {1}));  // broadcast the other way
  const std::vector<Tensor> inputs = {Random(DType::kF32, {300, 300}, 1, 1)};
  const Outcome fused = RunProgram(program, inputs, {});
  const Outcome plain = RunProgram(program, inputs, {"fuse_elementwise"});
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(BitwiseEqual(fused.outputs[i], plain.outputs[i])) << i;
  }
  EXPECT_THAT(fused.kernels, ElementsAre("fused_elementwise/simd", "div/simd", "div/simd"));
}

// The reduced output has the spec of an operand that is read again for every row.
TEST(FusionTest, AReducedOutputIsNotWrittenOverAnOperand) {
  auto graph = std::make_shared<Graph>();
  const Var x = graph->Input("x", {DType::kF32, {256, 256, 256}});
  const Var m = graph->Input("m", {DType::kF32, {256, 256}});
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.states = {{"m", m, ops::Sum(x * m, {2})}};
  const std::vector<Tensor> inputs = {Random(DType::kF32, {256, 256, 256}, 1, 1)};
  VariableStore fused_store, plain_store;
  for (VariableStore* store : {&fused_store, &plain_store}) {
    store->Set("m", Random(DType::kF32, {256, 256}, 2, 1));
  }
  RunProgram(program, inputs, {}, {.threads = 2, .variables = &fused_store});
  RunProgram(program, inputs, {"fuse_elementwise"}, {.threads = 2, .variables = &plain_store});
  EXPECT_TRUE(BitwiseEqual(*fused_store.Find("m"), *plain_store.Find("m")));
}

// Updates of variables of three shapes and two types; one needs another's new value.
TEST(FusionTest, UpdatesOfSmallVariablesAreOneStepInPlace) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const Var x = graph->Input("x", {DType::kF32, {8}});
  const Var rate = graph->Input("rate", {DType::kF32, {}});
  program.AddInput("x", x);
  program.AddInput("rate", rate);
  VariableStore fused_store, plain_store;
  const auto variable = [&](const char* name, const Tensor& value) {
    fused_store.Set(name, value.Clone());
    plain_store.Set(name, value.Clone());
    return graph->Input(name, value.spec());
  };
  const Var a = variable("a", Random(DType::kF32, {8}, 1, 1));
  const Var b = variable("b", Random(DType::kF32, {3, 8}, 2, 1));
  const Var c = variable("c", Random(DType::kF32, {}, 3, 1));
  const Var steps = variable("steps", Tensor::Scalar<int64_t>(4));
  const Var large = variable("large", Random(DType::kF32, {70000}, 4, 1));
  const Var after = variable("after", Random(DType::kF32, {8}, 5, 1));
  const Var swapped = variable("swapped", Random(DType::kF32, {8}, 6, 1));
  const Var new_a = a - rate * x;
  program.states = {{"a", a, new_a},
                    {"b", b, b - rate * ops::Square(b)},
                    {"c", c, c * rate},
                    {"steps", steps, steps + 1.0},
                    {"large", large, large * rate},
                    {"after", after, after - ops::Sum(new_a) * rate},
                    // Reads what another part writes.
                    {"swapped", swapped, swapped + a}};
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  const std::vector<Tensor> inputs = {Random(DType::kF32, {8}, 7, 1), Tensor::Scalar<float>(0.1f)};
  const Outcome fused = RunProgram(program, inputs, {}, {.variables = &fused_store});
  const Outcome plain = RunProgram(program, inputs, {"fuse_elementwise", "group_updates"},
                                   {.variables = &plain_store});
  for (const StateBinding& s : program.states) {
    EXPECT_TRUE(BitwiseEqual(*fused_store.Find(s.variable), *plain_store.Find(s.variable)))
        << s.variable;
  }
  EXPECT_THAT(fused.kernels, ElementsAre("mul/simd", "multi_elementwise/simd", "sum/simd",
                                         "mul/simd", "sub/simd"));
  // All but `a`, whose old value is read by the part of `swapped`.
  EXPECT_EQ(fused.storage.in_place_variables, 6);
}

}  // namespace
}  // namespace adjoint::graph
