#include "graph/profile.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "core/io/file.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace adjoint::graph {
namespace {

using ::testing::HasSubstr;

// y = relu(x . w) + 1, of which a matmul and an addition remain.
class ProfileTest : public ::testing::Test {
 protected:
  ProfileTest() {
    auto g = std::make_shared<Graph>();
    const Var x = g->Input("x", {DType::kF32, Shape{8, 16}});
    const Var w = g->Input("w", {DType::kF32, Shape{16, 4}});
    program_ = Program{.name = "profiled", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
    program_.AddInput("x", x);
    program_.AddInput("w", w);
    program_.AddOutput("y", ops::Relu(ops::MatMul(x, w)) + 1.0);
    exe_ = *Executable::Compile(program_);
    ws_ = *exe_->NewWorkspace();
    inputs_ = {Tensor::Zeros({DType::kF32, Shape{8, 16}}),
               Tensor::Zeros({DType::kF32, Shape{16, 4}})};
  }

  absl::Status Run() { return exe_->Run(*ws_, inputs_, nullptr, &outputs_); }

  Program program_;
  std::shared_ptr<const Executable> exe_;
  std::unique_ptr<Workspace> ws_;
  std::vector<Tensor> inputs_, outputs_;
};

TEST_F(ProfileTest, TellsWhatEachStepIsAndTook) {
  const absl::StatusOr<std::vector<StepProfile>> steps =
      exe_->Profile(*ws_, inputs_, nullptr, &outputs_, 3);
  ASSERT_TRUE(steps.ok()) << steps.status();
  ASSERT_EQ(steps->size(), static_cast<size_t>(exe_->num_steps()));
  const StepProfile& product = steps->front();
  EXPECT_EQ(product.program, "profiled");
  EXPECT_EQ(product.op, "fused_matmul");
  EXPECT_EQ(product.kernel, "fused_matmul/simd");
  EXPECT_THAT(product.node, HasSubstr("fused_matmul("));
  EXPECT_EQ(product.flops, 2 * 8 * 16 * 4);
  EXPECT_EQ(product.bytes, 4 * (8 * 16 + 16 * 4 + 8 * 4));
  for (const StepProfile& step : *steps) {
    EXPECT_EQ(step.runs, 3);
    EXPECT_GT(step.seconds, 0);
  }
}

TEST_F(ProfileTest, CollectsInItsScopeAlone) {
  Profiler profiler;
  ASSERT_TRUE(Run().ok());
  {
    const ProfileScope scope(profiler);
    ASSERT_TRUE(Run().ok());
    ASSERT_TRUE(Run().ok());
  }
  ASSERT_TRUE(Run().ok());
  ASSERT_FALSE(profiler.steps().empty());
  EXPECT_EQ(profiler.steps()[0].runs, 2);
  EXPECT_EQ(CurrentProfiler(), nullptr);
}

TEST_F(ProfileTest, TableAndTraceHoldTheSameSteps) {
  Profiler profiler;
  {
    const ProfileScope scope(profiler);
    ASSERT_TRUE(Run().ok());
  }
  const std::string table = profiler.Table();
  EXPECT_THAT(table, HasSubstr("MB/run  GFLOP/s"));
  EXPECT_THAT(table, HasSubstr("fused_matmul/simd"));
  EXPECT_THAT(profiler.Table(1), HasSubstr("further steps"));

  const std::string path = ::testing::TempDir() + "/trace.json";
  ASSERT_TRUE(profiler.WriteTrace(path).ok());
  const auto text = io::ReadFile(path);
  ASSERT_TRUE(text.ok());
  const auto trace = nlohmann::json::parse(*text);
  ASSERT_EQ(trace["traceEvents"].size(), profiler.steps().size());
  const auto& event = trace["traceEvents"][0];
  EXPECT_EQ(event["ph"], "X");
  EXPECT_EQ(event["name"], "fused_matmul/simd");
  EXPECT_EQ(event["cat"], "profiled");
  EXPECT_NEAR(event["dur"].get<double>(), 1e6 * profiler.steps()[0].seconds, 1e-3);
  EXPECT_FALSE(profiler.WriteTrace("/no/such/folder/trace.json").ok());
}

// Those of the map before it is pooled, in each direction.
TEST(ProfileOfConvolutionsTest, FlopsAreTheProducts) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "conv", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const ops::Var x = graph->Input("x", {DType::kF32, {2, 6, 6, 3}});
  const ops::Var w = graph->Input("w", {DType::kF32, {4, 3, 3, 3}});
  program.AddInput("x", x);
  program.AddInput("w", w);
  const ops::Var y = ops::MaxPool(ops::Conv(x, w, {.channels_last = true}), {2, 2},
                                  {.strides = {2, 2}, .channels_last = true});
  for (const ops::Var g : Gradients(ops::Sum(ops::Square(y)), {x, w})) program.AddOutput("g", g);
  const auto exe = Executable::Compile(program);
  ASSERT_TRUE(exe.ok()) << exe.status();
  const auto workspace = (*exe)->NewWorkspace();
  std::vector<Tensor> outputs;
  const std::vector<Tensor> inputs = {Tensor::Zeros(x.spec()), Tensor::Zeros(w.spec())};
  const auto steps = (*exe)->Profile(**workspace, inputs, nullptr, &outputs, 1);
  ASSERT_TRUE(steps.ok()) << steps.status();
  int convolutions = 0;
  for (const StepProfile& step : *steps) {
    if (!absl::StrContains(step.op, "conv")) continue;
    ++convolutions;
    EXPECT_EQ(step.flops, 2.0 * (2 * 4 * 4 * 4) * (3 * 3 * 3)) << step.node;
  }
  EXPECT_EQ(convolutions, 3);
}

TEST_F(ProfileTest, RemembersNoMoreEventsThanAsked) {
  Profiler profiler(/*max_events=*/1);
  {
    const ProfileScope scope(profiler);
    ASSERT_TRUE(Run().ok());
    ASSERT_TRUE(Run().ok());
  }
  EXPECT_EQ(nlohmann::json::parse(profiler.TraceJson())["traceEvents"].size(), 1u);
  EXPECT_EQ(profiler.steps()[0].runs, 2);
}

}  // namespace
}  // namespace adjoint::graph
