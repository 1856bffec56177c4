#include "graph/model_file.h"

#include <fstream>

#include "core/philox.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/model.pb.h"
#include "graph/program_proto.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ::testing::HasSubstr;

ModelFile SmallModel() {
  auto g = std::make_shared<Graph>();
  const Dim batch = Dim::Symbol("batch");
  const Var x = g->Input("x", {DType::kF32, Shape{batch, 2, 2}});
  const Var w = g->Input("w", {DType::kF32, Shape{4, 1}});
  const Var flat = ops::Reshape(x, Shape{batch, 4});
  const Var y = ops::Sigmoid(ops::MatMul(flat, w)) * 2.0;
  const Var loss = ops::Mean(ops::Square(y));
  Program train{.name = "train", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  train.AddInput("x", x);
  train.AddOutput("loss", loss);
  train.states.push_back({"w", w, w - Gradients(loss, {w})[0]});
  ModelFile model;
  model.programs.push_back(train);
  model.variables.Set("w", Tensor::Of<float>({4, 1}, {1, 2, -3, 0.5}));
  model.variables.Set("steps", Tensor::Scalar<int64_t>(7));
  model.sections = {{"notes", std::string("any\0bytes", 9)}};
  return model;
}

TEST(ModelFileTest, WhatIsReadComputesAsWhatWasWritten) {
  const ModelFile model = SmallModel();
  const std::string path = ::testing::TempDir() + "/small.adjoint";
  ASSERT_TRUE(WriteModelFile(path, model).ok());
  auto read = ReadModelFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->sections, model.sections);
  EXPECT_EQ(*read->FindSection("notes"), model.sections[0].second);
  EXPECT_EQ(read->FindSection("none"), nullptr);
  EXPECT_TRUE(BitwiseEqual(*read->variables.Get("w"), *model.variables.Get("w")));
  EXPECT_EQ(read->variables.Get("steps")->item<int64_t>(), 7);
  EXPECT_EQ(*SerializeModel(*read), *SerializeModel(model));

  std::vector<std::vector<Tensor>> outputs(2);
  VariableStore stores[2];
  stores[0].Restore(model.variables);
  stores[1].Restore(read->variables);
  const Program* programs[] = {&model.programs[0], &read->programs[0]};
  for (int i = 0; i < 2; ++i) {
    auto concrete = Specialize(*programs[i], {{"batch", 3}});
    ASSERT_TRUE(concrete.ok()) << concrete.status();
    auto exe = Executable::Compile(*concrete);
    ASSERT_TRUE(exe.ok()) << exe.status();
    auto ws = (*exe)->NewWorkspace();
    ASSERT_TRUE((*exe)
                    ->Run(**ws,
                          {Tensor::Of<float>({3, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3})},
                          &stores[i], &outputs[i])
                    .ok());
  }
  EXPECT_TRUE(BitwiseEqual(outputs[0][0], outputs[1][0]));
  EXPECT_TRUE(BitwiseEqual(*stores[0].Get("w"), *stores[1].Get("w")));
  EXPECT_FALSE(BitwiseEqual(*stores[0].Get("w"), *model.variables.Get("w")));
}

TEST(ModelFileTest, EveryDamagedByteIsNoticed) {
  const std::string good = *SerializeModel(SmallModel());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_FALSE(ParseModel(bad).ok()) << "byte " << i;
    EXPECT_FALSE(ParseModel(good.substr(0, i)).ok()) << "cut at " << i;
  }
  EXPECT_THAT(std::string(ParseModel("hello").status().message()),
              HasSubstr("not a model file, or it is damaged"));
}

// Messages that a checksum does not protect: whatever they say, an error or a program, no crash.
TEST(ModelFileTest, NoMessageCrashes) {
  proto::ProgramProto program;
  ASSERT_TRUE(ToProto(SmallModel().programs[0], &program).ok());
  const std::string good = program.SerializeAsString();
  PhiloxEngine random({.seed = 11});
  int parsed = 0, accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bad = good;
    for (uint32_t edits = 1 + random.Below(3); edits > 0; --edits) {
      bad[random.Below(static_cast<uint32_t>(bad.size()))] = static_cast<char>(random());
    }
    proto::ProgramProto message;
    if (!message.ParseFromString(bad)) continue;
    ++parsed;
    accepted += FromProto(message).ok() ? 1 : 0;
  }
  EXPECT_GT(parsed, 1000);
  EXPECT_LT(accepted, parsed);
}

TEST(ModelFileTest, RefusesByName) {
  proto::ProgramProto program;
  ASSERT_TRUE(ToProto(SmallModel().programs[0], &program).ok());
  proto::ProgramProto changed = program;
  changed.mutable_nodes(3)->set_op("teleport");
  EXPECT_EQ(FromProto(changed).status().message(),
            "program 'train': op 'teleport' is unknown to this version");
  changed = program;
  changed.mutable_nodes(3)->set_version(9);
  EXPECT_THAT(std::string(FromProto(changed).status().message()),
              HasSubstr("has version 9, this build knows version 1"));
  changed = program;
  changed.mutable_nodes(0)->mutable_outputs(0)->set_dtype(2);
  EXPECT_THAT(std::string(FromProto(changed).status().message()),
              HasSubstr("the file gives its outputs other specs"));
}

// A symbol's name may read as a number; the least one over minus one is beyond all numbers.
TEST(ModelFileTest, SymbolsNamedLikeNegativeNumbersAreNotDivided) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", {DType::kF32, Shape{Dim::Symbol("-9223372036854775808")}});
  ops::Reshape(x, Shape{Dim::Symbol("-1"), -1});
  EXPECT_THAT(std::string(g->status().message()), HasSubstr("no extent for the -1"));
}

// Tables as large as an extent of a file's.
TEST(ModelFileTest, KernelsThatCannotBePreparedAreAnError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer ends the process where operator new would throw";
#endif
  auto g = std::make_shared<Graph>();
  const Var a = g->Input("a", {DType::kI32, Shape{int64_t{1} << 43, 0, 2}});
  const Var b = g->Input("b", {DType::kI32, Shape{2, 3}});
  Program p{.name = "huge", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("a", a);
  p.AddInput("b", b);
  p.AddOutput("y", ops::MatMul(a, b));
  const auto exe = Executable::Compile(p);
  EXPECT_EQ(exe.status().code(), absl::StatusCode::kResourceExhausted) << exe.status();
}

TEST(ModelFileTest, ProgramsThatAreNotWholeAreNotWritten) {
  ModelFile model = SmallModel();
  model.programs[0].AddOutput("nothing", Var{});
  EXPECT_EQ(SerializeModel(model).status().message(),
            "program train: output 'nothing' is not a value of its graph");
}

TEST(ModelFileTest, AFileThatIsNotThereOrNotAModelIsNamed) {
  const std::string missing = ::testing::TempDir() + "/no_such.adjoint";
  EXPECT_THAT(std::string(ReadModelFile(missing).status().message()), HasSubstr(missing));
  const std::string path = ::testing::TempDir() + "/text.adjoint";
  std::ofstream(path) << "not a model";
  EXPECT_THAT(std::string(ReadModelFile(path).status().message()),
              HasSubstr("reading " + path + ": this is not a model file"));
  EXPECT_FALSE(WriteModelFile(::testing::TempDir() + "/no/such/folder/m", SmallModel()).ok());
}

}  // namespace
}  // namespace adjoint::graph
