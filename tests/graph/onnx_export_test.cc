#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/checker.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/philox.h"
#include "graph/function.h"
#include "graph/gradients.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/passes/pass.h"
#include "ops/activations.h"
#include "ops/arg_reduce.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/conv.h"
#include "ops/factorizations.h"
#include "ops/indexing.h"
#include "ops/layer_norm.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace adjoint::onnx {
namespace {

using graph::Graph;
using graph::Program;
using ops::Var;
using ::testing::HasSubstr;

Tensor Random(const Shape& shape) {
  Tensor t = Tensor::Empty({DType::kF32, shape});
  PhiloxEngine random({.seed = 3, .stream = 1});
  for (float& v : t.mutable_data<float>()) {
    v = static_cast<float>(random()) / 4294967296.0f * 2 - 1;
  }
  return t;
}

// Runs a program, and what its export is when imported again: the same numbers.
void RoundTrip(const Program& program, const graph::VariableStore& variables,
               const std::vector<Tensor>& inputs) {
  const auto model = ExportModel(program, variables);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_NO_THROW(::onnx::checker::check_model(*model));
  auto imported = ImportModelBytes(model->SerializeAsString());
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto function = graph::Function::Create(program);
  ASSERT_TRUE(function.ok()) << function.status();
  graph::VariableStore store = variables;
  std::vector<Tensor> expected;
  const absl::Status ran = (*function)->Run(inputs, &store, &expected);
  ASSERT_TRUE(ran.ok()) << ran;
  std::map<std::string, HostValue> feeds;
  for (size_t i = 0; i < inputs.size(); ++i) feeds[program.inputs[i].name] = inputs[i];
  const auto actual = RunModel(*imported, feeds);
  ASSERT_TRUE(actual.ok()) << actual.status();
  ASSERT_EQ(actual->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const Tensor& a = (*actual)[i].tensor;
    ASSERT_EQ(a.spec(), expected[i].spec()) << program.outputs[i].name;
    for (int64_t k = 0; k < a.size(); ++k) {
      EXPECT_NEAR(a.ValueAt(k), expected[i].ValueAt(k), 1e-5) << program.outputs[i].name;
    }
  }
}

TEST(OnnxExportTest, EveryFormOfNodeComesBackTheSame) {
  auto graph = std::make_shared<Graph>();
  const Var x = graph->Input("x", {DType::kF32, {Dim::Symbol("batch"), 4}});
  const Var w = graph->Input("w", {DType::kF32, {5, 4}});
  const Var labels = graph->Input("labels", {DType::kI64, {Dim::Symbol("batch")}});
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddInput("labels", labels);
  program.states.push_back({"dense/w", w, w});
  const Var h = ops::MatMul(x, w, false, /*transpose_b=*/true);
  const std::vector<std::pair<std::string, Var>> outputs = {
      {"matmul", h},
      {"relu", ops::Relu(h)},
      {"gelu", ops::Gelu(h)},
      {"square", ops::Square(h)},
      {"not_equal", ops::NotEqual(x, 0)},
      {"where", ops::Where(ops::Less(x, 0), ops::Exp(x), ops::Neg(x))},
      {"cast", ops::Cast(ops::Mul(x, 10), DType::kI32)},
      {"softmax", ops::Softmax(h)},
      {"log_softmax", ops::LogSoftmax(h, 0)},
      {"cross_entropy", ops::SparseSoftmaxCrossEntropy(h, labels)},
      {"one_hot", ops::OneHot(labels, 5)},
      {"gather", ops::Gather(w, labels)},
      {"sum", ops::Sum(h, {1}, true)},
      {"mean", ops::Mean(h)},
      {"max", ops::ReduceMax(h, {0})},
      {"argmax", ops::ArgMax(h, 1)},
      {"transpose", ops::Transpose(h)},
      {"reshape", ops::Reshape(x, Shape{Dim::Symbol("batch"), 2, 2})},
      {"slice", ops::Slice(x, {0, 3}, {ops::kSliceToEnd, ops::kSliceFromStart}, {1, -2})},
      {"concat", ops::Concat({x, h}, 1)},
      {"broadcast", ops::BroadcastTo(ops::Sum(x, {1}, true), Shape{Dim::Symbol("batch"), 3})},
      {"size", ops::SizeOf(x, {0, 1}, DType::kF32)},
  };
  for (const auto& [name, v] : outputs) program.AddOutput(name, v);
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  graph::VariableStore variables;
  variables.Set("dense/w", Random({5, 4}));
  RoundTrip(program, variables, {Random({3, 4}), Tensor::Of<int64_t>({3}, {4, 0, 2})});
}

TEST(OnnxExportTest, Convolutions) {
  auto graph = std::make_shared<Graph>();
  const Var x = graph->Input("x", {DType::kF32, {2, 4, 8, 8}});
  const Var w = graph->Input("w", {DType::kF32, {6, 2, 3, 3}});
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.states.push_back({"w", w, w});
  const Var y = ops::Conv(x, w, {.strides = {2}, .pads_begin = {1}, .pads_end = {1}, .groups = 2});
  program.AddOutput("conv", y);
  program.AddOutput("pool", ops::MaxPool(y, {2, 2}));
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  graph::VariableStore variables;
  variables.Set("w", Random({6, 2, 3, 3}));
  RoundTrip(program, variables, {Random({2, 4, 8, 8})});
}

TEST(OnnxExportTest, WhatHasNoFormIsNamed) {
  auto graph = std::make_shared<Graph>();
  const Var x = graph->Input("x", {DType::kF32, {4, 4}});
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddOutput("y", ops::Cholesky(x));
  const auto model = ExportModel(program, {});
  EXPECT_EQ(model.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("cholesky(%0:x f32[4,4])"));
}

// A mask and its use in the gradient are one draw, and what numbers the runs stays behind.
TEST(OnnxExportTest, DrawsAreTheReadersOwn) {
  auto graph = std::make_shared<Graph>();
  const Var x = graph->Input("x", {DType::kF32, {Dim::Symbol("n")}});
  const Var seed = graph->Input("seed", {DType::kI64, {}});
  const Var step = graph->Input("step", {DType::kI64, {}});
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddInput("seed", seed);
  program.states.push_back({"step", step, ops::Add(step, 1)});
  const Var y = ops::Dropout(x, 0.5, seed, step);
  program.AddOutput("y", y);
  program.AddOutput("dx", graph::Gradients(ops::Sum(ops::Square(y)), {{x}})[0]);
  graph::VariableStore variables;
  variables.Set("step", Tensor::Scalar<int64_t>(0));
  const auto model = ExportModel(program, variables);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_NO_THROW(::onnx::checker::check_model(*model));
  int draws = 0;
  for (const auto& node : model->graph().node()) draws += node.op_type() == "Dropout";
  EXPECT_EQ(draws, 1);
  auto imported = ImportModelBytes(model->SerializeAsString());
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto out = RunModel(*imported, {{"x", Tensor::Of<float>({4}, {1, 2, 3, 4})},
                                        {"seed", Tensor::Scalar<int64_t>(0)}});
  ASSERT_TRUE(out.ok()) << out.status();
  for (int i = 0; i < 4; ++i) {  // 2 y 2, or both 0
    EXPECT_FLOAT_EQ((*out)[1].tensor.data<float>()[i], 4 * (*out)[0].tensor.data<float>()[i]);
  }
}

TEST(OnnxExportTest, WhatPassesFusedIsTakenApart) {
  auto graph = std::make_shared<Graph>();
  const Var x = graph->Input("x", {DType::kF32, {3, 4}});
  const Var w = graph->Input("w", {DType::kF32, {4, 2}});
  const Var b = graph->Input("b", {DType::kF32, {2}});
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddInput("w", w);
  program.AddInput("b", b);
  const Var h = ops::Relu(ops::Add(ops::MatMul(x, w), b));
  program.AddOutput("y", ops::Add(ops::Mul(ops::Exp(h), h), 1));
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  const auto optimized = graph::RunPasses(program, {});
  ASSERT_TRUE(optimized.ok()) << optimized.status();
  RoundTrip(*optimized, {}, {Random({3, 4}), Random({4, 2}), Random({2})});
}

TEST(OnnxExportTest, VariablesMustBeThereAndStay) {
  auto graph = std::make_shared<Graph>();
  const Var v = graph->Input("v", {DType::kF32, {4}});
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.states.push_back({"v", v, v});
  program.AddOutput("y", ops::Neg(v));
  EXPECT_THAT(std::string(ExportModel(program, {}).status().message()), HasSubstr("no value"));
  program.states[0].write = program.outputs[0].var;
  EXPECT_THAT(std::string(ExportModel(program, {}).status().message()), HasSubstr("is written"));
}

}  // namespace
}  // namespace adjoint::onnx
