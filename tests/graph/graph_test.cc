#include "graph/graph.h"

#include <cmath>

#include "gmock/gmock.h"
#include "graph/dot.h"
#include "graph/gradient_check.h"
#include "graph/gradients.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/matmul.h"
#include "ops/reduce.h"

namespace adjoint::graph {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TensorSpec F32(Shape shape) { return {DType::kF32, std::move(shape)}; }

TEST(GraphTest, RecordsNodesInOrderWithTheirSpecs) {
  Graph g;
  const Var x = g.Input("x", F32({Dim::Symbol("batch"), 3}));
  const Var w = g.Input("w", F32({3, 2}));
  const Var y = ops::Relu(ops::MatMul(x, w));
  ASSERT_TRUE(g.status().ok()) << g.status();
  EXPECT_EQ(y.spec().ToString(), "f32[batch,2]");
  EXPECT_EQ(g.num_nodes(), 4);
  EXPECT_THAT(g.NodeToString(2),
              MatchesRegex("%2: matmul\\(%0:x f32\\[batch,3\\], %1:w f32\\[3,2\\]\\).* -> "
                           "f32\\[batch,2\\]   # .*graph_test.cc:[0-9]+"));
}

TEST(GraphTest, AnErrorNamesTheOpTheOperandsTheRuleTheLayerAndTheLine) {
  Graph g;
  const Var x = g.Input("x", F32({Dim::Symbol("batch"), 16}));
  const Var kernel = g.Input("kernel", F32({32, 1}));
  const ops::ScopedName scope(g, "dense_2");
  const int line = __LINE__ + 1;
  const Var y = ops::MatMul(x, kernel);
  EXPECT_FALSE(y.valid());
  const std::string message(g.status().message());
  EXPECT_THAT(message, HasSubstr("dense_2 (tests/graph/graph_test.cc:" + std::to_string(line) +
                                 "): matmul(%0:x f32[batch,16], %1:kernel f32[32,1])"));
  EXPECT_THAT(message, HasSubstr("\n  inner dimensions differ: lhs has 16, rhs has 32"));
}

TEST(GraphTest, OperatorsQuoteTheLineOfTheExpression) {
  Graph g;
  const Var a = g.Input("a", F32({2}));
  const Var b = g.Input("b", F32({3}));
  const int line = __LINE__ + 1;
  const Var c = a * 2.0 + b;
  EXPECT_FALSE(c.valid());
  EXPECT_THAT(std::string(g.status().message()),
              HasSubstr("graph_test.cc:" + std::to_string(line) + ": add("));
  EXPECT_THAT(std::string(g.status().message()), HasSubstr("2 and 3"));
}

TEST(GraphTest, TheFirstErrorStaysAndLaterOpsDoNothing) {
  Graph g;
  const Var a = g.Input("a", F32({2}));
  const Var b = g.Input("b", F32({3}));
  const Var bad = a + b;
  const absl::Status first = g.status();
  const int nodes = g.num_nodes();
  const Var worse = ops::Relu(ops::MatMul(bad, a));
  EXPECT_FALSE(worse.valid());
  EXPECT_EQ(g.status(), first);
  EXPECT_EQ(g.num_nodes(), nodes);
  EXPECT_EQ(worse.spec().ToString(), "f32[]");
}

TEST(GraphTest, RefusesOperandsOfTwoGraphsAndEmptyVars) {
  Graph g, other;
  const Var a = g.Input("a", F32({2}));
  const Var b = other.Input("b", F32({2}));
  ops::Add(a, b);
  EXPECT_THAT(std::string(g.status().message()), HasSubstr("two builders"));
  Graph third;
  ops::Add(third.Input("a", F32({2})), Var{});
  EXPECT_THAT(std::string(third.status().message()), HasSubstr("default-constructed Var"));
}

TEST(GraphTest, TheOutermostLocationIsQuoted) {
  Graph g;
  const Var a = g.Input("a", F32({2}));
  const std::source_location mine = std::source_location::current();
  {
    const ops::ScopedName layer(g, "layer", &mine);
    const ops::ScopedName inner(g, "inner");
    EXPECT_EQ(g.ScopePath(), "layer/inner");
    ops::Relu(a);
  }
  EXPECT_EQ(g.PlaceOf(1),
            "layer/inner (tests/graph/graph_test.cc:" + std::to_string(mine.line()) + ")");
  EXPECT_EQ(g.ScopePath(), "");
}

TEST(GradientsTest, RefusesWhatHasNoGradient) {
  Graph g;
  const Var i = g.Input("i", {DType::kI32, Shape{2}});
  const Var x = g.Input("x", F32({2}));
  Gradients(i, {x});
  EXPECT_THAT(std::string(g.status().message()), HasSubstr("only floating values have gradients"));
  Graph h;
  const Var y = h.Input("y", F32({2}));
  const Var seed = h.Input("seed", F32({3}));
  Gradients({y}, {y}, {seed});
  EXPECT_THAT(std::string(h.status().message()), HasSubstr("seed 0 is f32[3], but y 0 is f32[2]"));
}

TEST(GraphTest, RefusesExtentsBeyondTheAddressSpaceAlsoOfNothing) {
  Graph g;
  g.Input("x", F32({0, int64_t{1} << 40, int64_t{1} << 40}));
  EXPECT_THAT(std::string(g.status().message()),
              HasSubstr("f32[0,1099511627776,1099511627776] is larger than the address space"));
  Graph symbolic;
  symbolic.Input("x", F32({Dim::Symbol("n"), int64_t{1} << 62}));
  EXPECT_FALSE(symbolic.status().ok());
}

// 0.5 beside an integer would silently be 0.
TEST(GraphTest, RefusesNumbersThatAnIntegerTypeCannotHold) {
  for (const double number : {0.5, 2147483648.0, std::nan("")}) {
    Graph g;
    const Var x = g.Input("x", {DType::kI32, Shape{2}});
    const int line = __LINE__ + 1;
    EXPECT_FALSE(ops::Mul(x, number).valid());
    EXPECT_THAT(std::string(g.status().message()),
                HasSubstr("graph_test.cc:" + std::to_string(line) + ": the number "));
    EXPECT_THAT(std::string(g.status().message()), HasSubstr("stands beside i32[2]"));
  }
  Graph g;
  ops::Mul(g.Input("x", {DType::kI32, Shape{2}}), -2147483648.0);
  ops::Mul(g.Input("y", {DType::kU8, Shape{2}}), 255);
  EXPECT_TRUE(g.status().ok()) << g.status();
}

TEST(GradientsTest, ErrorsReachTheGraph) {
  Graph g;
  const Var x = g.Input("x", F32({2}));
  EXPECT_FALSE(Gradients(Var{}, {x})[0].valid());
  EXPECT_THAT(std::string(g.status().message()), HasSubstr("must come from one graph"));
  Graph h;
  EXPECT_FALSE(Gradients({}, {h.Input("x", F32({2}))}, {})[0].valid());
  EXPECT_THAT(std::string(h.status().message()), HasSubstr("there is no y"));
  // An earlier error stays.
  const absl::Status first = h.status();
  EXPECT_FALSE(Gradients(Var{&h, -1, 0}, {Var{&h, -1, 0}})[0].valid());
  EXPECT_EQ(h.status(), first);
}

TEST(GradientCheckTest, RefusesToCheckNothing) {
  const Tensor x = Tensor::Of<double>({2}, {1, 2});
  const auto nothing = [](absl::Span<const Var>) { return std::vector<Var>{Var{}}; };
  EXPECT_EQ(CheckGradients(nothing, {x}).message(), "no output is f64: there is nothing to check");
}

TEST(GradientsTest, KeepsSymbolicShapes) {
  Graph g;
  const Var x = g.Input("x", F32({Dim::Symbol("batch"), 3}));
  const Var b = g.Input("b", F32({3}));
  const Var loss = ops::Mean(ops::Square(x + b));
  const std::vector<Var> grads = Gradients(loss, {x, b});
  ASSERT_TRUE(g.status().ok()) << g.status();
  EXPECT_EQ(grads[0].spec().ToString(), "f32[batch,3]");
  EXPECT_EQ(grads[1].spec().ToString(), "f32[3]");
}

TEST(DotTest, ShowsNodesPortsAndLayers) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", {DType::kF32, Shape{2}});
  Program p{.name = "a \"name\"", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("x", x);
  {
    const ops::ScopedName scope(*g, "layer");
    p.AddOutput("y", ops::Exp(x));
  }
  EXPECT_EQ(ToDot(p), R"(digraph "a \"name\"" {
  node [shape=box, fontname="sans-serif", fontsize=10]
  n0 [shape=ellipse, label="x\nf32[2]"]
  subgraph cluster_0 {
    style=dashed; label="layer"
    n1 [label="exp\nf32[2]"]
  }
  n0 -> n1
  out0 [shape=ellipse, peripheries=2, label="y"]
  n1 -> out0
}
)");
}

}  // namespace
}  // namespace adjoint::graph
