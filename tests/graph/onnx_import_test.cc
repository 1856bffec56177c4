#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "graph/function.h"
#include "graph/gradients.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensor_proto.h"
#include "ops/reduce.h"

namespace adjoint::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

pb::ModelProto Parse(const std::string& text) {
  pb::ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model));
  return model;
}

// "x" f32[2,3], what a port's type is written as.
std::string Port(const std::string& name, const std::vector<std::string>& dims, int type = 1) {
  std::string text =
      absl::StrCat("name: '", name, "' type { tensor_type { elem_type: ", type, " shape {");
  for (const std::string& d : dims) {
    const bool number = d.find_first_not_of("-0123456789") == std::string::npos;
    absl::StrAppend(&text, " dim { ", number ? "dim_value: " + d : "dim_param: '" + d + "'", " }");
  }
  return absl::StrCat(text, " } } }");
}

// A model of operator set `version` around the graph.
pb::ModelProto Model(const std::string& graph, int version = 17) {
  return Parse(absl::StrCat("ir_version: 8 opset_import { version: ", version,
                            " } graph { name: 'g' ", graph, " }"));
}

absl::StatusOr<ImportedModel> Import(const pb::ModelProto& model, const ImportOptions& options = {},
                                     const std::string& folder = "") {
  return ImportModelBytes(model.SerializeAsString(), options, folder);
}

std::vector<float> Floats(const Tensor& t) {
  return {t.data<float>().begin(), t.data<float>().end()};
}

pb::ModelProto Perceptron() {
  return Model(absl::StrCat(
      "node { op_type: 'Gemm' input: 'x' input: 'w' input: 'b' output: 'h' name: 'dense' }",
      "node { op_type: 'Relu' input: 'h' output: 'y' }",
      "initializer { name: 'w' data_type: 1 dims: 2 dims: 2 float_data: [1, 2, 3, 4] }",
      "initializer { name: 'b' data_type: 1 dims: 2 float_data: [0, -100] }", "input {",
      Port("x", {"batch", "2"}), "} output {", Port("y", {"batch", "2"}), "}"));
}

TEST(OnnxImportTest, WeightsAreVariablesAndTheBatchIsASymbol) {
  auto model = Import(Perceptron());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->variables.Names(), ElementsAre("b", "w"));
  EXPECT_EQ(model->program.inputs[0].var.spec().ToString(), "f32[batch,2]");
  const auto out = RunModel(*model, {{"x", Tensor::Of<float>({1, 2}, {1, 1})}});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_THAT(Floats((*out)[0].tensor), ElementsAre(4, 0));
  const auto more = RunModel(*model, {{"x", Tensor::Of<float>({3, 2}, {1, 1, 2, 0, 100, 0})}});
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_THAT(Floats((*more)[0].tensor), ElementsAre(4, 0, 2, 0, 100, 100));
}

TEST(OnnxImportTest, ConstantWeightsOnRequest) {
  auto model = Import(Perceptron(), {.constant_weights = true});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(model->variables.Names().empty());
  const auto out = RunModel(*model, {{"x", Tensor::Of<float>({1, 2}, {1, 1})}});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_THAT(Floats((*out)[0].tensor), ElementsAre(4, 0));
}

TEST(OnnxImportTest, AnImportedGraphIsDifferentiated) {
  auto model = Import(Perceptron());
  ASSERT_TRUE(model.ok()) << model.status();
  graph::Program program = model->program;
  const ops::Var loss = ops::Sum(program.outputs[0].var);
  const std::vector<ops::Var> weights = {program.states[0].read};
  program.AddOutput("dw", graph::Gradients(loss, weights)[0]);
  const auto function = graph::Function::Create(program);
  ASSERT_TRUE(function.ok()) << function.status();
  std::vector<Tensor> out;
  const absl::Status ran =
      (*function)->Run({Tensor::Of<float>({1, 2}, {5, 7})}, &model->variables, &out);
  ASSERT_TRUE(ran.ok()) << ran;
  EXPECT_THAT(Floats(out[1]), ElementsAre(5, 0, 7, 0));  // the second unit is off
}

// What exporters write for x.reshape(x.shape[0], -1), and for a reshape by sizes of the input.
TEST(OnnxImportTest, ShapeArithmeticWithASymbolicBatch) {
  auto model = Import(Model(
      absl::StrCat("node { op_type: 'Shape' input: 'x' output: 's' }",
                   "node { op_type: 'Gather' input: 's' input: 'zero' output: 'n' }",
                   "node { op_type: 'Unsqueeze' input: 'n' input: 'axes' output: 'n1' }",
                   "node { op_type: 'Concat' input: 'n1' input: 'rest' output: 'to' ",
                   "  attribute { name: 'axis' type: INT i: 0 } }",
                   "node { op_type: 'Reshape' input: 'x' input: 'to' output: 'y' }",
                   "initializer { name: 'zero' data_type: 7 int64_data: 0 }",
                   "initializer { name: 'axes' data_type: 7 dims: 1 int64_data: 0 }",
                   "initializer { name: 'rest' data_type: 7 dims: 1 int64_data: 6 }", "input {",
                   Port("x", {"n", "2", "3"}), "} output {", Port("y", {"n", "6"}), "}")));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->program.outputs[0].var.spec().ToString(), "f32[n,6]");
  const auto out = RunModel(*model, {{"x", Tensor::Zeros({DType::kF32, {5, 2, 3}})}});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ((*out)[0].tensor.spec().ToString(), "f32[5,6]");
}

pb::ModelProto ReshapeByInput() {
  return Model(absl::StrCat("node { op_type: 'Reshape' input: 'x' input: 'to' output: 'y' }",
                            "input {", Port("x", {"6"}), "} input {", Port("to", {"2"}, 7),
                            "} output {", Port("y", {"a", "b"}), "}"));
}

TEST(OnnxImportTest, AShapeThatIsAnInputMustBeKnown) {
  const auto refused = Import(ReshapeByInput());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("input 'to'"));

  ImportOptions options;
  options.values["to"] = Tensor::Of<int64_t>({2}, {2, 3});
  auto model = Import(ReshapeByInput(), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->constant_inputs, ElementsAre("to"));
  EXPECT_EQ(model->program.outputs[0].var.spec().ToString(), "f32[2,3]");
}

TEST(OnnxImportTest, OfExamplesOnlyWhatIsNeededIsTaken) {
  ImportOptions options;
  options.examples["to"] = Tensor::Of<int64_t>({2}, {3, 2});
  options.examples["x"] = Tensor::Zeros({DType::kF32, {6}});
  auto model = Import(ReshapeByInput(), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->constant_inputs, ElementsAre("to"));
  ASSERT_EQ(model->program.inputs.size(), 1u);
  EXPECT_EQ(model->program.outputs[0].var.spec().ToString(), "f32[3,2]");
}

TEST(OnnxImportTest, DimsByName) {
  ImportOptions options;
  options.dims["batch"] = 4;
  auto model = Import(Perceptron(), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->program.inputs[0].var.spec().ToString(), "f32[4,2]");
}

TEST(OnnxImportTest, FunctionsOfTheModelAreInlined) {
  const std::string text = absl::StrCat(
      "ir_version: 8 opset_import { version: 17 } opset_import { domain: 'mine' version: 1 }",
      "functions { name: 'Leak' domain: 'mine' input: 'a' output: 'b' attribute: 'slope'",
      "  opset_import { version: 17 }", "  node { op_type: 'LeakyRelu' input: 'a' output: 'b'",
      "    attribute { name: 'alpha' type: FLOAT ref_attr_name: 'slope' } } }", "graph { name: 'g'",
      "  node { op_type: 'Leak' domain: 'mine' input: 'x' output: 'y'",
      "    attribute { name: 'slope' type: FLOAT f: 0.5 } }",
      "  node { op_type: 'Leak' domain: 'mine' input: 'x' output: 'z' }", "input {",
      Port("x", {"2"}), "} output {", Port("y", {"2"}), "} output {", Port("z", {"2"}), "} }");
  auto model = Import(Parse(text));
  ASSERT_TRUE(model.ok()) << model.status();
  const auto out = RunModel(*model, {{"x", Tensor::Of<float>({2}, {-2, 3})}});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_THAT(Floats((*out)[0].tensor), ElementsAre(-1, 3));
  EXPECT_THAT(Floats((*out)[1].tensor), ElementsAre(-0.02f, 3));  // the operator's own default
}

TEST(OnnxImportTest, AFunctionThatCallsItselfIsRefused) {
  const auto model = Import(Parse(absl::StrCat(
      "ir_version: 8 opset_import { version: 17 } opset_import { domain: 'mine' version: 1 }",
      "functions { name: 'F' domain: 'mine' input: 'a' output: 'b'",
      "  node { op_type: 'F' domain: 'mine' input: 'a' output: 'b' } }",
      "graph { node { op_type: 'F' domain: 'mine' input: 'x' output: 'y' } input {",
      Port("x", {"2"}), "} output {", Port("y", {"2"}), "} }")));
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("more than 32 deep"));
}

TEST(OnnxImportTest, ExternalDataComeFromTheModelsFolderAlone) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "onnx_external";
  std::filesystem::create_directories(folder / "inner");
  const float weights[] = {7, 1, 2, 3, 4};
  std::ofstream(folder / "inner" / "w.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(weights), sizeof(weights));
  std::ofstream(folder.parent_path() / "outside.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(weights), sizeof(weights));
  const auto model_with = [](const std::string& location, int offset, int length) {
    pb::ModelProto model = Perceptron();
    pb::TensorProto* const w = model.mutable_graph()->mutable_initializer(0);
    w->clear_float_data();
    w->set_data_location(pb::TensorProto::EXTERNAL);
    const std::vector<std::pair<std::string, std::string>> entries = {
        {"location", location}, {"offset", absl::StrCat(offset)}, {"length", absl::StrCat(length)}};
    for (const auto& [key, value] : entries) {
      auto* const entry = w->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    return model;
  };
  auto model = Import(model_with("inner/w.bin", 4, 16), {}, folder.string());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(Floats(*model->variables.Find("w")), ElementsAre(1, 2, 3, 4));

  const auto message = [&](const pb::ModelProto& m, const std::string& in) {
    return std::string(Import(m, {}, in).status().message());
  };
  EXPECT_THAT(message(model_with("inner/w.bin", 8, 16), folder.string()),
              HasSubstr("which has 20"));
  EXPECT_THAT(message(model_with("inner/w.bin", 0, 12), folder.string()), HasSubstr("takes 16"));
  EXPECT_THAT(message(model_with("inner/w.bin", -4, 16), folder.string()), HasSubstr("no size"));
  EXPECT_THAT(message(model_with("../outside.bin", 0, 16), folder.string()),
              HasSubstr("leads out"));
  EXPECT_THAT(message(model_with((folder / "inner/w.bin").string(), 0, 16), folder.string()),
              HasSubstr("leads out"));
  EXPECT_THAT(message(model_with("none.bin", 0, 16), folder.string()), HasSubstr("cannot read"));
  EXPECT_THAT(message(model_with("inner/w.bin", 4, 16), ""), HasSubstr("not read from a folder"));
}

TEST(OnnxImportTest, EveryEncodingOfTensors) {
  const auto read = [](const std::string& text) {
    pb::TensorProto message;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
    return FromProto(message, "");
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"data_type: 1 dims: 2 float_data: [1.5, -2]", "f32[2] {1.5, -2}"},
      {"data_type: 11 dims: 1 double_data: 0.1", "f64[1] {0.1}"},
      {"data_type: 2 dims: 2 int32_data: [0, 255]", "u8[2] {0, 255}"},
      {"data_type: 3 dims: 2 int32_data: [-128, 127]", "i8[2] {-128, 127}"},
      {"data_type: 4 dims: 1 int32_data: 65535", "u16[1] {65535}"},
      {"data_type: 5 dims: 1 int32_data: -32768", "i16[1] {-32768}"},
      {"data_type: 6 int32_data: -7", "i32[] {-7}"},
      {"data_type: 7 dims: 1 int64_data: -9", "i64[1] {-9}"},
      {"data_type: 9 dims: 2 int32_data: [0, 1]", "bool[2] {0, 1}"},
      {"data_type: 12 dims: 1 uint64_data: 4294967295", "u32[1] {4294967295}"},
      {"data_type: 13 dims: 1 uint64_data: 7", "u64[1] {7}"},
      {"data_type: 10 dims: 2 int32_data: [15360, 49152]", "f16[2] {1, -2}"},
      {"data_type: 16 dims: 1 int32_data: 16256", "bf16[1] {1}"},
      {"data_type: 1 dims: 1 raw_data: '\\000\\000\\200\\077'", "f32[1] {1}"},
      {"data_type: 9 dims: 2 raw_data: '\\002\\000'", "bool[2] {1, 0}"},
      {"data_type: 10 dims: 1 raw_data: '\\000\\074'", "f16[1] {1}"},
      {"data_type: 1 dims: 0", "f32[0] {}"},
  };
  for (const auto& [text, expected] : cases) {
    const auto tensor = read(text);
    ASSERT_TRUE(tensor.ok()) << text << ": " << tensor.status();
    EXPECT_EQ(absl::StrReplaceAll(tensor->ToString(), {{"4.29497e+09", "4294967295"}}), expected);
    const auto again = FromProto(ToProto(*tensor, "t"), "");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(BitwiseEqual(*tensor, *again));
  }
  const std::vector<std::pair<std::string, std::string>> errors = {
      {"data_type: 1 dims: 3 float_data: [1, 2]", "takes 3 elements, but there are 2"},
      {"data_type: 1 dims: 1 raw_data: 'abc'", "takes 4 bytes, but there are 3"},
      {"data_type: 1 dims: -1", "an extent is -1"},
      {"data_type: 1 dims: 4294967296 dims: 4294967296", "4294967296"},
      {"data_type: 1 dims: 1000000000000 raw_data: 'abcd'", "more than the message holds"},
      {"data_type: 8 dims: 1 string_data: 'a'", "STRING"},
      {"data_type: 14 dims: 1", "COMPLEX64"},
      {"data_type: 99 dims: 1", "type 99"},
      {"dims: 1", "UNDEFINED"},
  };
  for (const auto& [text, expected] : errors) {
    EXPECT_THAT(std::string(read(text).status().message()), HasSubstr(expected)) << text;
  }
}

TEST(OnnxImportTest, WhatIsNotSupportedIsNamed) {
  const std::string ports =
      absl::StrCat("input {", Port("x", {"2", "2"}), "} output {", Port("y", {"2", "2"}), "}");
  const auto message = [&](const std::string& nodes, int version = 17) {
    return std::string(Import(Model(absl::StrCat(nodes, ports), version)).status().message());
  };
  EXPECT_THAT(message("", 18), HasSubstr("operator set 18 of domain ai.onnx; versions 1 to 17"));
  EXPECT_THAT(message("node { op_type: 'Nonsense' name: 'n' input: 'x' output: 'y' }"),
              HasSubstr("node 0 'n': ai.onnx.Nonsense of operator set 17 is not supported"));
  EXPECT_THAT(message("node { op_type: 'Relu' domain: 'mine' input: 'x' output: 'y' }"),
              HasSubstr("domain 'mine', of which the model imports no operator set"));
  EXPECT_THAT(message("node { op_type: 'HardSwish' input: 'x' output: 'y' }", 13),
              HasSubstr("from operator set 14 on"));
  EXPECT_THAT(message("node { op_type: 'Relu' input: 'x' output: 'y' attribute { name: 'z' i: 1 "
                      "type: INT } }"),
              HasSubstr("attribute 'z' is not known"));
  EXPECT_THAT(message("node { op_type: 'LeakyRelu' input: 'x' output: 'y' attribute { name: "
                      "'alpha' type: INT i: 1 } }"),
              HasSubstr("attribute 'alpha' must be of type FLOAT, but is of type INT"));
  EXPECT_THAT(message("node { op_type: 'Gemm' input: 'x' output: 'y' }"),
              HasSubstr("takes 2 to 3 inputs, but has 1"));
  EXPECT_THAT(message("node { op_type: 'Gemm' input: '' input: 'x' output: 'y' }"),
              HasSubstr("input 0 is left out"));
  EXPECT_THAT(message("node { op_type: 'Relu' input: 'y' output: 'y' }"),
              HasSubstr("reads 'y', which nothing before it makes"));
  EXPECT_THAT(message("node { op_type: 'Relu' input: 'x' output: 'x' }"),
              HasSubstr("makes 'x', which has been made before"));
  EXPECT_THAT(message("node { op_type: 'Relu' input: 'x' output: 'z' }"),
              HasSubstr("output 'y' is made by no node"));
  EXPECT_THAT(message("node { op_type: 'Transpose' input: 'x' output: 'y' attribute { name: 'perm' "
                      "type: INTS ints: [0, 0] } }"),
              HasSubstr("f32[2,2]"));
  EXPECT_THAT(message("node { op_type: 'Concat' input: 'x' input: 'x' output: 'y' attribute { "
                      "name: 'axis' type: INT i: 9223372036854775807 } }"),
              HasSubstr("9223372036854775807"));
}

TEST(OnnxImportTest, InputsMustMakeSense) {
  const auto message = [](const std::string& port) {
    return std::string(Import(Model(absl::StrCat("input {", port, "}"))).status().message());
  };
  EXPECT_THAT(message(Port("x", {"-3"})), HasSubstr("an extent is -3"));
  EXPECT_THAT(message(Port("x", {"2"}, 8)), HasSubstr("STRING"));
  EXPECT_THAT(message("name: 'x' type { map_type { key_type: 7 } }"), HasSubstr("only tensors"));
  EXPECT_THAT(message("name: 'x' type { tensor_type { elem_type: 1 } }"),
              HasSubstr("declares no shape"));
  EXPECT_FALSE(
      Import(Model(absl::StrCat("input {", Port("x", {"1"}), "} input {", Port("x", {"1"}), "}")))
          .ok());
  EXPECT_FALSE(ImportModelBytes("no model at all").ok());
  EXPECT_FALSE(ImportModelBytes("").ok());
  EXPECT_FALSE(ImportModel("/nowhere/model.onnx").ok());
}

TEST(OnnxImportTest, HalvesAreComputedWithInF32) {
  auto model =
      Import(Model(absl::StrCat("node { op_type: 'Add' input: 'x' input: 'x' output: 'y' }",
                                "input {", Port("x", {"2"}, pb::TensorProto::FLOAT16), "} output {",
                                Port("y", {"2"}, pb::TensorProto::FLOAT16), "}")));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->program.outputs[0].var.spec().ToString(), "f16[2]");
}

// Whatever is cut off or flipped, an import ends with a model or an error.
TEST(OnnxImportTest, DamagedModelsAreErrorsAtWorst) {
  for (const pb::ModelProto& model : {Perceptron(), ReshapeByInput()}) {
    const std::string bytes = model.SerializeAsString();
    int refused = 0;
    for (size_t n = 0; n < bytes.size(); ++n) {
      refused += !ImportModelBytes(bytes.substr(0, n)).ok();
      for (int bit = 0; bit < 8; ++bit) {
        std::string flipped = bytes;
        flipped[n] = static_cast<char>(flipped[n] ^ (1 << bit));
        refused += !ImportModelBytes(flipped).ok();
      }
    }
    EXPECT_GT(refused, 0);
  }
}

}  // namespace
}  // namespace adjoint::onnx
