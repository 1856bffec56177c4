// Loops, branches and draws of random numbers of imported models.

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/function.h"
#include "graph/gradients.h"
#include "graph/onnx/import.h"
#include "ops/reduce.h"

namespace adjoint::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kFloat = 1, kInt64 = 7, kBool = 9;

std::string Port(const std::string& name, const std::vector<std::string>& dims, int type = kFloat) {
  std::string text =
      absl::StrCat("name: '", name, "' type { tensor_type { elem_type: ", type, " shape {");
  for (const std::string& d : dims) {
    const bool number = d.find_first_not_of("0123456789") == std::string::npos;
    absl::StrAppend(&text, " dim { ", number ? "dim_value: " + d : "dim_param: '" + d + "'", " }");
  }
  return absl::StrCat(text, " } } }");
}

absl::StatusOr<ImportedModel> Import(const std::string& graph, const ImportOptions& options = {}) {
  ::onnx::ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      absl::StrCat("ir_version: 8 opset_import { version: 17 } opset_import { domain: "
                   "'ai.onnx.preview.training' version: 1 } graph { name: 'g' ",
                   graph, " }"),
      &model));
  return ImportModelBytes(model.SerializeAsString(), options);
}

std::set<std::string> Ops(const ImportedModel& model) {
  std::set<std::string> ops;
  for (int id = 0; id < model.program.graph->num_nodes(); ++id) {
    ops.insert(model.program.graph->node(id).op->name);
  }
  return ops;
}

std::vector<float> Outputs(ImportedModel& model, const std::map<std::string, HostValue>& inputs) {
  const auto outputs = RunModel(model, inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  if (!outputs.ok()) return {};
  const Tensor& t = (*outputs)[0].tensor;
  return {t.data<float>().begin(), t.data<float>().end()};
}

const char kScalarTypes[] = "type { tensor_type { elem_type: ";

TEST(OnnxControlTest, ARecurrentNetworkOfAnyLengthIsOneLoop) {
  const std::string ports = absl::StrCat(
      "initializer { name: 'w' data_type: 1 dims: [1, 1, 1] float_data: 1 }",
      "initializer { name: 'r' data_type: 1 dims: [1, 1, 1] float_data: 1 } input {",
      Port("x", {"time", "batch", "1"}), "} output {", Port("y", {"time", "1", "batch", "1"}), "}");
  auto model = Import(absl::StrCat(
      "node { op_type: 'RNN' input: 'x' input: 'w' input: 'r' output: 'y' attribute { name: "
      "'activations' type: STRINGS strings: 'Relu' } }",
      ports));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(Ops(*model).contains("scan"));
  EXPECT_THAT(Outputs(*model, {{"x", Tensor::Of<float>({3, 1, 1}, {1, 2, -5})}}),
              ElementsAre(1, 3, 0));
  EXPECT_THAT(Outputs(*model, {{"x", Tensor::Of<float>({1, 2, 1}, {4, 5})}}), ElementsAre(4, 5));
}

// Running sums and the last of them, from the end.
TEST(OnnxControlTest, AScanOfAnyLength) {
  const std::string body = absl::StrCat(
      "attribute { name: 'body' type: GRAPH g { name: 'step' input { name: 's' ", kScalarTypes,
      "1 } } } input { name: 'v' ", kScalarTypes, "1 } } } output { name: 't' ", kScalarTypes,
      "1 } } } output { name: 'u' ", kScalarTypes,
      "1 } } } node { op_type: 'Add' input: 's' input: 'v' output: 't' } ",
      "node { op_type: 'Identity' input: 't' output: 'u' } } }");
  auto model = Import(absl::StrCat(
      "node { op_type: 'Scan' input: 'zero' input: 'x' output: 'last' output: 'y' ", body,
      " attribute { name: 'num_scan_inputs' type: INT i: 1 } attribute { name: "
      "'scan_input_directions' type: INTS ints: 1 } }",
      "initializer { name: 'zero' data_type: 1 float_data: 0 } input {", Port("x", {"n"}),
      "} output {", Port("y", {"n"}), "}"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(Ops(*model).contains("scan"));
  EXPECT_THAT(Outputs(*model, {{"x", Tensor::Of<float>({3}, {1, 2, 4})}}), ElementsAre(4, 6, 7));
  // sum(y) takes x[t] once for each step from t on.
  graph::Program program = model->program;
  const ops::Var x = program.inputs[0].var;
  program.AddOutput("dx", graph::Gradients(ops::Sum(program.outputs[0].var), {{x}})[0]);
  const auto function = graph::Function::Create(program);
  ASSERT_TRUE(function.ok()) << function.status();
  std::vector<Tensor> out;
  ASSERT_TRUE((*function)->Run({Tensor::Of<float>({3}, {1, 2, 4})}, &model->variables, &out).ok());
  EXPECT_THAT(out[1].data<float>(), ElementsAre(1, 2, 3));
}

// x = 2 x while x < limit.
TEST(OnnxControlTest, AConditionThatAStepComputes) {
  auto model = Import(absl::StrCat(
      "node { op_type: 'Less' input: 'x' input: 'limit' output: 'go' }",
      "node { op_type: 'Loop' input: '' input: 'go' input: 'x' output: 'y' attribute { name: "
      "'body' type: GRAPH g { name: 'step' input { name: 'i' ",
      kScalarTypes, "7 } } } input { name: 'c' ", kScalarTypes, "9 } } } input { name: 'v' ",
      kScalarTypes, "1 } } } output { name: 'on' ", kScalarTypes, "9 } } } output { name: 'w' ",
      kScalarTypes,
      "1 } } } node { op_type: 'Add' input: 'v' input: 'v' output: 'w' } "
      "node { op_type: 'Less' input: 'w' input: 'limit' output: 'on' } } } }",
      "input {", Port("x", {}), "} input {", Port("limit", {}), "} output {", Port("y", {}), "}"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(Ops(*model).contains("loop"));
  const auto run = [&](float x, float limit) {
    return Outputs(*model, {{"x", Tensor::Scalar(x)}, {"limit", Tensor::Scalar(limit)}});
  };
  EXPECT_THAT(run(3, 20), ElementsAre(24));
  EXPECT_THAT(run(3, 2), ElementsAre(3));
}

// The other branch, of another shape, cannot be an op's: the condition must then be known.
std::string Branches(const std::string& other) {
  return absl::StrCat(
      "node { op_type: 'If' input: 'c' output: 'y' ",
      "attribute { name: 'then_branch' type: GRAPH g { name: 'a' node { op_type: 'Neg' input: 'x' "
      "output: 'p' } output { name: 'p' ",
      kScalarTypes, "1 } } } } } attribute { name: 'else_branch' type: GRAPH g { name: 'b' ", other,
      " output { name: 'q' ", kScalarTypes, "1 } } } } } } input {", Port("c", {}, kBool),
      "} input {", Port("x", {"n"}), "} output {", Port("y", {"m"}), "}");
}

TEST(OnnxControlTest, ABranchTakenAtRunTime) {
  auto model = Import(Branches("node { op_type: 'Exp' input: 'x' output: 'q' }"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(Ops(*model).contains("if"));
  EXPECT_FALSE(Ops(*model).contains("exp"));  // it is in the branch
  const Tensor x = Tensor::Of<float>({2}, {0, 0});
  EXPECT_THAT(Outputs(*model, {{"c", Tensor::Scalar(true)}, {"x", x}}), ElementsAre(0, 0));
  EXPECT_THAT(Outputs(*model, {{"c", Tensor::Scalar(false)}, {"x", x}}), ElementsAre(1, 1));
}

TEST(OnnxControlTest, WhatIsNoOpIsFollowedWhereItIsKnown) {
  const std::string graph = Branches("node { op_type: 'ReduceSum' input: 'x' output: 'q' }");
  EXPECT_THAT(std::string(Import(graph).status().message()), HasSubstr("input 'c'"));
  ImportOptions options;
  options.examples["c"] = Tensor::Scalar(false);
  auto model = Import(graph, options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->constant_inputs, ElementsAre("c"));
  EXPECT_THAT(Outputs(*model, {{"x", Tensor::Of<float>({2}, {1, 2})}}), ElementsAre(3));
}

TEST(OnnxControlTest, DrawsAreMadeAnewInEachRun) {
  const std::string graph = absl::StrCat(
      "node { op_type: 'RandomUniformLike' input: 'x' output: 'y' attribute { name: 'low' type: "
      "FLOAT f: 2 } attribute { name: 'high' type: FLOAT f: 3 } } input {",
      Port("x", {"n"}), "} output {", Port("y", {"n"}), "}");
  auto model = Import(graph), same = Import(graph), other = Import(graph, {.seed = 1});
  ASSERT_TRUE(model.ok() && same.ok() && other.ok()) << model.status();
  const std::map<std::string, HostValue> x = {{"x", Tensor::Zeros({DType::kF32, {100}})}};
  const std::vector<float> first = Outputs(*model, x);
  for (float v : first) EXPECT_TRUE(v >= 2 && v < 3) << v;
  EXPECT_NE(Outputs(*model, x), first);
  EXPECT_EQ(Outputs(*same, x), first);
  EXPECT_NE(Outputs(*other, x), first);
  const auto refused = Import(graph, {.seed = std::nullopt});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("RandomUniformLike of operator set 17 (f32[n]): its values are random"));
}

TEST(OnnxControlTest, DropoutInTraining) {
  const std::string graph = absl::StrCat(
      "node { op_type: 'Dropout' input: 'x' input: 'r' input: 't' output: 'y' output: 'm' } ",
      "initializer { name: 'r' data_type: 1 float_data: 0.25 }",
      "initializer { name: 't' data_type: 9 int32_data: 1 } input {", Port("x", {"1000"}),
      "} output {", Port("y", {"1000"}), "} output {", Port("m", {"1000"}, kBool), "}");
  auto model = Import(graph);
  ASSERT_TRUE(model.ok()) << model.status();
  Tensor ones = Tensor::Empty({DType::kF32, {1000}});
  for (float& v : ones.mutable_data<float>()) v = 1;
  const auto out = RunModel(*model, {{"x", ones}});
  ASSERT_TRUE(out.ok()) << out.status();
  int kept = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool mask = (*out)[1].tensor.data<bool>()[i];
    EXPECT_FLOAT_EQ((*out)[0].tensor.data<float>()[i], mask ? 1 / 0.75f : 0.0f);
    kept += mask;
  }
  EXPECT_NEAR(kept, 750, 60);
}

TEST(OnnxControlTest, GradientsWithinAModel) {
  auto model = Import(absl::StrCat(
      "node { op_type: 'Mul' input: 'x' input: 'w' output: 'p' }",
      "node { op_type: 'Gradient' domain: 'ai.onnx.preview.training' input: 'x' input: 'w' ",
      "output: 'y' attribute { name: 'xs' type: STRINGS strings: ['x', 'w'] } attribute { name: "
      "'y' type: STRING s: 'p' } } input {",
      Port("x", {"2"}), "} input {", Port("w", {"2"}), "} output {", Port("y", {"2"}), "}"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(Outputs(*model, {{"x", Tensor::Of<float>({2}, {1, 2})},
                               {"w", Tensor::Of<float>({2}, {5, 7})}}),
              ElementsAre(5, 7));
}

}  // namespace
}  // namespace adjoint::onnx
