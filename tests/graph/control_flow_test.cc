#include "graph/control_flow.h"

#include <string>

#include "gmock/gmock.h"
#include "graph/body.h"
#include "graph/eager.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/model.pb.h"
#include "graph/program_proto.h"
#include "graph/scan.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/indexing.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduce.h"

namespace adjoint::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Vars = absl::Span<const Var>;

TensorSpec F32(Shape shape) { return {DType::kF32, std::move(shape)}; }

Program ProgramOf(std::shared_ptr<Graph> graph, Vars inputs, Vars outputs) {
  Program program{.name = "test", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  for (Var v : inputs) program.AddInput("x" + std::to_string(v.node), v);
  for (Var v : outputs) program.AddOutput("y", v);
  return program;
}

// The program after all passes.
Program Compiled(const Program& program) {
  auto exe = Executable::Compile(program);
  EXPECT_TRUE(exe.ok()) << exe.status();
  return (*exe)->program();
}

std::vector<const Node*> NodesOf(const Program& program, const OpDef& op) {
  std::vector<const Node*> nodes;
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    if (program.graph->node(id).op == &op) nodes.push_back(&program.graph->node(id));
  }
  return nodes;
}

struct Recurrence {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  Var x = graph->Input("x", F32({7, 2, 3}));
  Var h = graph->Input("h", F32({2, 3}));
  Var w = graph->Input("w", F32({3, 3}));
  LoopResult loop = Scan(
      [](Vars c, Vars xs, Vars inv) -> StepResult {
        const Var next = ops::Tanh(xs[0] + ops::MatMul(c[0], inv[0]));
        return {{next}, {next}};
      },
      {h}, {x}, {w});
};

TEST(ScanTest, WhatGradientsNeedCostsNothingWithoutThem) {
  Recurrence r;
  const Program inference = Compiled(ProgramOf(r.graph, {r.x, r.h, r.w}, {r.loop.carries[0]}));
  const std::vector<const Node*> scans = NodesOf(inference, ScanOp());
  ASSERT_EQ(scans.size(), 1u);
  EXPECT_EQ(scans[0]->outputs.size(), 1u) << inference.ToString();
}

TEST(ScanTest, TheGradientMultipliesOnceAStepAndOnceForTheMatrix) {
  Recurrence r;
  const std::vector<Var> xs = {r.x, r.h, r.w};
  const std::vector<Var> gradients = Gradients(r.loop.ys, xs);
  ASSERT_TRUE(r.graph->status().ok()) << r.graph->status();
  const Program training = Compiled(ProgramOf(r.graph, xs, gradients));
  const std::vector<const Node*> scans = NodesOf(training, ScanOp());
  ASSERT_EQ(scans.size(), 2u);
  const ScanConfig backward = *ScanConfig::From(scans[1]->attrs);
  EXPECT_TRUE(backward.reverse);
  EXPECT_EQ(backward.carries, 1) << "the gradient of the matrix is no carry";
  const Program step = Compiled(backward.body->program());
  EXPECT_EQ(NodesOf(step, ops::MatMulOp()).size() + NodesOf(step, ops::FusedMatMulOp()).size(), 1u)
      << step.ToString();
  EXPECT_EQ(NodesOf(training, ops::MatMulOp()).size(), 1u) << training.ToString();
}

TEST(ScanTest, CarriesThatNobodyNeedsAreDropped) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", F32({7, 2}));
  const Var a = g->Input("a", F32({2}));
  const LoopResult loop = Scan(
      [](Vars c, Vars xs, Vars) -> StepResult {
        return {{c[0] + xs[0], c[1] * c[0], ops::Exp(c[2])}, {c[1]}};
      },
      {a, a, a}, {x});
  const Program compiled = Compiled(ProgramOf(g, {x, a}, {loop.ys[0]}));
  EXPECT_EQ(ScanConfig::From(NodesOf(compiled, ScanOp())[0]->attrs)->carries, 2)
      << compiled.ToString();
}

TEST(ScanTest, WhatIsTheSameInEveryStepIsComputedBeforeTheLoop) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", F32({7, 2, 3}));
  const Var h = g->Input("h", F32({2, 3}));
  const Var w = g->Input("w", F32({3, 3}));
  const LoopResult loop = Scan(
      [](Vars c, Vars xs, Vars inv) -> StepResult {
        return {{xs[0] + ops::MatMul(c[0], ops::Softplus(inv[0]))}};
      },
      {h}, {x}, {w});
  const Program compiled = Compiled(ProgramOf(g, {x, h, w}, {loop.carries[0]}));
  EXPECT_EQ(NodesOf(compiled, ops::SoftplusOp()).size(), 1u) << compiled.ToString();
  const ScanConfig scan = *ScanConfig::From(NodesOf(compiled, ScanOp())[0]->attrs);
  EXPECT_TRUE(NodesOf(scan.body->program(), ops::SoftplusOp()).empty());
  EXPECT_EQ(scan.invariants(), 1);
}

TEST(ScanTest, OuterVarsAreCapturedAndWorkOnThemAloneStaysOutside) {
  Graph g;
  const Var x = g.Input("x", F32({4, 2}));
  const Var a = g.Input("a", F32({2}));
  const Var b = g.Input("b", F32({2}));
  const LoopResult loop =
      Scan([&](Vars c, Vars xs, Vars) -> StepResult { return {{c[0] * a + xs[0] + ops::Exp(b)}}; },
           {a}, {x});
  ASSERT_TRUE(g.status().ok()) << g.status();
  const Node& scan = g.node(loop.carries[0]);
  ASSERT_EQ(scan.inputs.size(), 4u);
  EXPECT_EQ(scan.inputs[2], a);
  EXPECT_EQ(g.node(scan.inputs[3]).op, &ops::ExpOp());
}

TEST(ScanTest, AVarOfAnUnrelatedGraphIsAnError) {
  Graph g, other;
  const Var x = g.Input("x", F32({4, 2}));
  const Var a = g.Input("a", F32({2}));
  const Var alien = other.Input("b", F32({2}));
  Scan([&](Vars c, Vars xs, Vars) -> StepResult { return {{c[0] * alien + xs[0]}}; }, {a}, {x});
  EXPECT_THAT(std::string(g.status().message()), HasSubstr("belong to two builders"));
}

TEST(ScanTest, DrawsOfABodyAreToldApartFromThoseAround) {
  Graph g;
  const Var x = g.Input("x", F32({4, 2}));
  const Var seed = g.Input("seed", {DType::kI64, {}});
  std::vector<int64_t> streams;
  const auto draw = [&](Var v) {
    const Var dropped = ops::Dropout(v, 0.5, seed, seed);
    streams.push_back(v.builder->OriginOf(dropped).attrs->At<int64_t>("stream"));
    return dropped;
  };
  const ops::ScopedName scope(g, "cell");
  draw(x);
  Scan([&](Vars, Vars xs, Vars) -> StepResult { return {{}, {draw(xs[0])}}; }, {}, {x});
  ASSERT_TRUE(g.status().ok()) << g.status();
  EXPECT_EQ(streams[0], ops::RandomStreamFor("cell", 0));
  EXPECT_EQ(streams[1], ops::RandomStreamFor("cell", 1));
}

TEST(ScanTest, RunsAtOnceInTheEagerBuilder) {
  Eager eager;
  const Var x = eager.Input("x", Tensor::Of<float>({3}, {1, 2, 3}));
  const Var zero = eager.Input("zero", Tensor::Scalar<float>(0));
  const LoopResult loop = Scan(
      [](Vars c, Vars xs, Vars) -> StepResult {
        return {{c[0] + xs[0]}, {c[0] * xs[0]}};
      },
      {zero}, {x});
  EXPECT_EQ(eager.ValueOf(loop.carries[0])->item<float>(), 6);
  EXPECT_THAT(eager.ValueOf(loop.ys[0])->data<float>(), ElementsAre(0, 2, 9));
  const Var g = Gradients(ops::Sum(loop.ys[0]), {&x, 1})[0];
  EXPECT_THAT(eager.ValueOf(g)->data<float>(), ElementsAre(5, 4, 3));
}

TEST(ScanTest, AnErrorOfValuesNamesTheStep) {
  Eager eager;
  const Var table = eager.Input("table", Tensor::Of<float>({2}, {5, 6}));
  const Var i = eager.Input("i", Tensor::Of<int64_t>({3}, {0, 1, 9}));
  Scan(
      [&](Vars, Vars xs, Vars) -> StepResult {
        return {{}, {ops::Gather(table, xs[0])}};
      },
      {}, {i});
  const std::string message(eager.TakeStatus().message());
  EXPECT_THAT(message, HasSubstr("step 2: "));
  EXPECT_THAT(message, HasSubstr("control_flow_test.cc:"));
  EXPECT_THAT(message, HasSubstr("9"));
}

TEST(ScanTest, BodiesNestUpToALimit) {
  Graph g;
  const Var x = g.Input("x", F32({2}));
  const std::function<Var(Var, int)> nest = [&](Var v, int depth) {
    if (depth == 0) return v + 1.0;
    return Scan([&](Vars c, Vars, Vars) -> StepResult { return {{nest(c[0], depth - 1)}}; }, {v},
                {}, {}, {.length = Dim(1)})
        .carries[0];
  };
  EXPECT_TRUE(nest(x, Body::kMaxDepth).valid()) << g.status();
  EXPECT_FALSE(nest(x, Body::kMaxDepth + 1).valid());
  EXPECT_THAT(std::string(g.status().message()), HasSubstr("nests 17 bodies, but there may be 16"));
}

TEST(BodyTest, ProgramsShowTheirBodies) {
  Recurrence r;
  const std::string text = ProgramOf(r.graph, {r.x, r.h, r.w}, r.loop.ys).ToString();
  EXPECT_THAT(text, HasSubstr("step(f32[2,3], f32[2,3], f32[3,3]) -> (f32[2,3], f32[2,3], "
                              "f32[2,3]) of 6 nodes"));
  EXPECT_THAT(text, HasSubstr("\n    body = program step\n      in carry0 = %0\n"));
  EXPECT_THAT(text, HasSubstr("tanh("));
}

TEST(BodyTest, EqualBodiesAreMerged) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", F32({4, 2}));
  const Var a = g->Input("a", F32({2}));
  const auto scan = [&](double factor) {
    return Scan([&](Vars c, Vars xs, Vars) -> StepResult { return {{c[0] * factor + xs[0]}}; }, {a},
                {x})
        .carries[0];
  };
  const std::vector<Var> outputs = {scan(2), scan(2), scan(3)};
  EXPECT_EQ(NodesOf(Compiled(ProgramOf(g, {x, a}, outputs)), ScanOp()).size(), 2u);
}

// Messages whose bodies do not fit their nodes: errors, no crash.
TEST(BodyTest, DamagedBodiesAreRefused) {
  Recurrence r;
  proto::ProgramProto good;
  ASSERT_TRUE(ToProto(ProgramOf(r.graph, {r.x, r.h, r.w}, r.loop.ys), &good).ok());
  ASSERT_TRUE(FromProto(good).ok());
  int scan = 0;
  while (good.nodes(scan).op() != "scan") ++scan;
  const int attrs = good.nodes(scan).attrs_size();
  int refused = 0;
  for (int a = 0; a < attrs; ++a) {
    for (int64_t wrong : {int64_t{-1}, int64_t{9}, INT64_MAX, INT64_MIN}) {
      proto::ProgramProto bad = good;
      proto::AttrProto* const attr = bad.mutable_nodes(scan)->mutable_attrs(a);
      if (attr->has_body()) {
        attr->mutable_body()->mutable_nodes(3)->mutable_inputs(0)->set_node(wrong < 0 ? -1 : 9);
      } else if (attr->value_case() == proto::AttrProto::kI) {
        attr->set_i(wrong);
      } else if (attr->has_ints()) {
        attr->mutable_ints()->set_values(0, wrong);
      } else if (attr->has_shape()) {
        attr->mutable_shape()->mutable_dims(0)->set_extent(wrong);
      } else {
        continue;
      }
      EXPECT_FALSE(FromProto(bad).ok()) << attr->ShortDebugString();
      ++refused;
    }
  }
  EXPECT_GE(refused, 20);
  proto::ProgramProto bad = good;
  proto::ProgramProto* const body = [&] {
    for (int a = 0;; ++a) {
      proto::AttrProto* const attr = bad.mutable_nodes(scan)->mutable_attrs(a);
      if (attr->has_body()) return attr->mutable_body();
    }
  }();
  body->mutable_inputs(0)->set_capacity(true);
  EXPECT_THAT(std::string(FromProto(bad).status().message()), HasSubstr("is a capacity"));
}

TEST(LoopTest, RunsUntilItsConditionFails) {
  Eager eager;
  const Var x = eager.Input("x", Tensor::Of<float>({2}, {1, 3}));
  const auto step = [&](Var i, Vars c, Vars) -> LoopStep {
    const Var doubled = c[0] * 2.0;
    return {ops::Less(ops::Sum(doubled), 30.0), {doubled}, {doubled, i}};
  };
  const Var yes = eager.Input("yes", Tensor::Scalar<bool>(true));
  const Var no = eager.Input("no", Tensor::Scalar<bool>(false));
  const WhileResult loop = Loop(yes, step, {x}, {}, {.max_steps = Dim(5)});
  ASSERT_TRUE(eager.status().ok()) << eager.status();
  EXPECT_EQ(eager.ValueOf(loop.count)->item<int64_t>(), 3);
  EXPECT_THAT(eager.ValueOf(loop.carries[0])->data<float>(), ElementsAre(8, 24));
  EXPECT_THAT(eager.ValueOf(loop.ys[0])->data<float>(),
              ElementsAre(2, 6, 4, 12, 8, 24, 0, 0, 0, 0));
  EXPECT_THAT(eager.ValueOf(loop.ys[1])->data<int64_t>(), ElementsAre(0, 1, 2, 0, 0));
  EXPECT_THAT(eager.ValueOf(Gradients(ops::Sum(loop.carries[0]), {&x, 1})[0])->data<float>(),
              ElementsAre(8, 8));
  EXPECT_EQ(eager.ValueOf(Loop(yes, step, {x}, {}, {.max_steps = Dim(2)}).count)->item<int64_t>(),
            2);
  const WhileResult none = Loop(no, step, {x}, {}, {.max_steps = Dim(2)});
  EXPECT_THAT(eager.ValueOf(none.carries[0])->data<float>(), ElementsAre(1, 3));
  EXPECT_THAT(eager.ValueOf(none.ys[0])->data<float>(), ElementsAre(0, 0, 0, 0));
}

TEST(LoopTest, WithoutAGreatestNumberOfStepsThereIsNoGradient) {
  Eager eager;
  const Var x = eager.Input("x", Tensor::Scalar<float>(1));
  const WhileResult loop = Loop(ops::Less(x, 10.0),
                                [](Var, Vars c, Vars) -> LoopStep {
                                  return {ops::Less(c[0] * 3.0, 10.0), {c[0] * 3.0}};
                                },
                                {x});
  EXPECT_EQ(eager.ValueOf(loop.carries[0])->item<float>(), 27);
  Gradients(loop.carries[0], {&x, 1});
  EXPECT_THAT(std::string(eager.TakeStatus().message()), HasSubstr("give it max_steps"));
}

TEST(LoopTest, WhatNobodyReadsIsDropped) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", F32({2}));
  const WhileResult loop = Loop(ops::Less(ops::Sum(x), 10.0),
                                [&](Var i, Vars c, Vars) -> LoopStep {
                                  return {ops::Less(i, 3), {c[0] + x, ops::Exp(c[1])}, {c[1]}};
                                },
                                {x, x}, {}, {.max_steps = Dim(9)});
  const Program compiled = Compiled(ProgramOf(g, {x}, {loop.carries[0]}));
  const Node& node = *NodesOf(compiled, LoopOp())[0];
  EXPECT_EQ(node.outputs.size(), 2u) << "the carry and the count: " << compiled.ToString();
}

TEST(IfTest, OnlyTheBranchTakenRuns) {
  Eager eager;
  const Var yes = eager.Input("yes", Tensor::Scalar<bool>(true));
  const Var x = eager.Input("x", Tensor::Of<float>({2}, {5, 6}));
  const Var bad = eager.Input("bad", Tensor::Scalar<int64_t>(7));
  const auto good = [&](Vars) { return std::vector<Var>{ops::Sum(x)}; };
  const auto fails = [&](Vars in) { return std::vector<Var>{ops::Gather(x, in[0])}; };
  EXPECT_EQ(eager.ValueOf(If(yes, good, fails, {bad})[0])->item<float>(), 11);
  If(yes, fails, good, {bad});
  EXPECT_THAT(std::string(eager.status().message()), HasSubstr("gather"));
}

TEST(IfTest, ResultsAndOperandsThatNobodyNeedsAreDropped) {
  auto g = std::make_shared<Graph>();
  const Var c = g->Input("c", {DType::kBool, {}});
  const Var x = g->Input("x", F32({2}));
  const Var y = g->Input("y", F32({2}));
  const std::vector<Var> both = If(
      c,
      [&](Vars) {
        return std::vector<Var>{x, ops::Exp(y)};
      },
      [&](Vars) {
        return std::vector<Var>{x * 2.0, y};
      });
  const Program compiled = Compiled(ProgramOf(g, {c, x, y}, {both[0]}));
  const Node& node = *NodesOf(compiled, IfOp())[0];
  EXPECT_EQ(node.outputs.size(), 1u);
  EXPECT_EQ(node.inputs.size(), 3u) << "the condition, x and 2 x: " << compiled.ToString();
  EXPECT_TRUE(NodesOf(compiled, ops::ExpOp()).empty());
}

}  // namespace
}  // namespace adjoint::graph
