#include "graph/transforms.h"

#include <cmath>
#include <string>

#include "core/philox.h"
#include "gmock/gmock.h"
#include "graph/eager.h"
#include "graph/executable.h"
#include "graph/gradient_check.h"
#include "graph/gradients.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using Vars = absl::Span<const Var>;

Tensor F64(Shape shape, std::initializer_list<double> values) {
  return Tensor::Of<double>(shape, values);
}

std::vector<double> Values(const Eager& eager, Var v) {
  const absl::StatusOr<Tensor> value = eager.ValueOf(v);
  EXPECT_TRUE(value.ok()) << value.status();
  std::vector<double> result;
  for (int64_t i = 0; value.ok() && i < value->size(); ++i) result.push_back(value->ValueAt(i));
  return result;
}

// f(x) = (x0 x1, sin-like x1^3): J = ((x1, x0), (0, 3 x1^2)).
std::vector<Var> Polynomial(Vars in) {
  const Var a = ops::SliceAxis(in[0], 0, 0, 1), b = ops::SliceAxis(in[0], 0, 1, 2);
  return {ops::Concat({a * b, b * b * b}, 0)};
}

TEST(TransformsTest, ForwardAndReverseAreTransposes) {
  Eager eager;
  const Var x = eager.Input("x", F64({2}, {2, 3}));
  const Var v = eager.Input("v", F64({2}, {10, 100}));
  const FunctionAndDerivative forward = Jvp(Polynomial, {x}, {v});
  const FunctionAndDerivative reverse = Vjp(Polynomial, {x}, {v});
  ASSERT_TRUE(eager.status().ok()) << eager.status();
  EXPECT_THAT(Values(eager, forward.outputs[0]), ElementsAre(6, 27));
  EXPECT_THAT(Values(eager, forward.derivative[0]), ElementsAre(3 * 10 + 2 * 100, 27 * 100));
  EXPECT_THAT(Values(eager, reverse.derivative[0]), ElementsAre(3 * 10, 2 * 10 + 27 * 100));
}

TEST(TransformsTest, JvpOfVarsFollowsEveryPath) {
  Eager eager;
  const Var x = eager.Input("x", F64({3}, {1, 2, 3}));
  const Var square = x * x;
  const Var y = ops::Sum(square * x);
  const Var one = eager.Input("one", F64({3}, {1, 0, 1}));
  EXPECT_THAT(Values(eager, Jvp({y}, {x}, {one})[0]), ElementsAre(3 + 27));
  // What a function captures counts as constant.
  const auto captures = [&](Vars in) { return std::vector<Var>{ops::Sum(square * in[0])}; };
  EXPECT_THAT(Values(eager, Jvp(captures, {x}, {one}).derivative[0]), ElementsAre(1 + 9));
}

TEST(TransformsTest, HessianVectorProducts) {
  Eager eager;
  const Var x = eager.Input("x", F64({2}, {2, 3}));
  const Var v = eager.Input("v", F64({2}, {1, 10}));
  const Var a = ops::SliceAxis(x, 0, 0, 1), b = ops::SliceAxis(x, 0, 1, 2);
  const Var y = a * a * b;  // H = ((2b, 2a), (2a, 0))
  EXPECT_THAT(Values(eager, HessianVectorProduct(y, {x}, {v})[0]), ElementsAre(6 + 40, 4));
}

TEST(TransformsTest, JacobiansByRowsAndByColumns) {
  Eager eager;
  const Var x = eager.Input("x", F64({2}, {2, 3}));
  EXPECT_THAT(Values(eager, Jacobian(Polynomial({{x}})[0], x)), ElementsAre(3, 2, 0, 27));
  const Var tall = ops::Concat({x, x * x}, 0);
  EXPECT_THAT(Values(eager, Jacobian(tall, x)), ElementsAre(1, 0, 0, 1, 4, 0, 0, 6));
  const Var w = eager.Input("w", F64({2, 1}, {5, 7}));
  const Var wide = ops::MatMul(ops::Reshape(x, Shape{1, 2}), w);
  EXPECT_EQ(Jacobian(wide, w).shape(), (Shape{1, 1, 2, 1}));
  EXPECT_THAT(Values(eager, Jacobian(wide, w)), ElementsAre(2, 3));
  // The Hessian, as the Jacobian of a gradient; and of what does not depend on x.
  const Var cube = ops::Sum(x * x * x);
  EXPECT_THAT(Values(eager, Jacobian(Gradients(cube, {&x, 1})[0], x)), ElementsAre(12, 0, 0, 18));
  EXPECT_THAT(Values(eager, Jacobian(w, x)), ElementsAre(0, 0, 0, 0));
  const Var none = eager.Input("none", F64({0}, {}));
  EXPECT_EQ(Jacobian(none, x).shape(), (Shape{0, 2}));
  ASSERT_TRUE(eager.status().ok()) << eager.status();
}

TEST(TransformsTest, DirectionsMustFit) {
  Graph g;
  const Var x = g.Input("x", {DType::kF64, {2}});
  EXPECT_FALSE(Jvp({x * x}, {x}, {ops::Sum(x)})[0].valid());
  EXPECT_THAT(std::string(g.status().message()),
              HasSubstr("Jvp: direction 0 is f64[], var 0 is f64[2]"));
  Graph h;
  const Var z = h.Input("z", {DType::kF64, {Dim::Symbol("n")}});
  EXPECT_FALSE(Jacobian(z * z, z).valid());
  EXPECT_THAT(std::string(h.status().message()), HasSubstr("shapes must be known"));
}

// Derivatives of derivatives, in one more way: the check is by differences.
TEST(TransformsTest, AreDifferentiableThemselves) {
  const std::vector<Tensor> inputs = {F64({3}, {0.3, -0.7, 1.1}), F64({3}, {1, -2, 0.5})};
  const auto build = [](Vars in) {
    const auto f = [](Vars x) { return std::vector<Var>{ops::Tanh(x[0]) * ops::Sum(x[0])}; };
    const Var y = f(in.subspan(0, 1))[0];
    return std::vector<Var>{Jvp(f, in.subspan(0, 1), in.subspan(1)).derivative[0],
                            HessianVectorProduct(y, in.subspan(0, 1), in.subspan(1))[0],
                            Jacobian(y, in[0])};
  };
  const absl::Status status = CheckGradients(build, inputs);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(CustomGradientTest, ReplacesTheRule) {
  Eager eager;
  const Var x = eager.Input("x", F64({3}, {0.4, 0.6, -2}));
  // A straight-through step.
  const Var y = CustomGradient(
      [](Vars in) {
        return std::vector<Var>{ops::Where(ops::Greater(in[0], 0.5), 1.0 + in[0] * 0.0, 0.0)};
      },
      [](Vars, Vars outputs, Vars cts) { return std::vector<Var>{cts[0] * (outputs[0] + 1.0)}; },
      {x})[0];
  EXPECT_THAT(Values(eager, y), ElementsAre(0, 1, 0));
  const Var g = Gradients(ops::Sum(y * 3.0), {&x, 1})[0];
  EXPECT_THAT(Values(eager, g), ElementsAre(3, 6, 3));
  // Its derivative again goes by the output, and so by the rule.
  EXPECT_THAT(Values(eager, Gradients(g, {&x, 1})[0]), ElementsAre(3, 6, 3));
}

TEST(CustomGradientTest, ZerosAndCaptures) {
  Eager eager;
  const Var x = eager.Input("x", F64({2}, {1, 2}));
  const Var k = eager.Input("k", F64({2}, {5, 7}));
  const auto product = [](Vars in) { return std::vector<Var>{in[0] * in[1]}; };
  const Var y = CustomGradient(product,
                               [&](Vars, Vars, Vars cts) {
                                 return std::vector<Var>{cts[0] * k, Var{}};
                               },
                               {x, x * 2.0})[0];
  EXPECT_THAT(Values(eager, Gradients(y, {&x, 1})[0]), ElementsAre(5, 7));
  const Var z =
      CustomGradient([&](Vars in) { return std::vector<Var>{in[0] * k}; },
                     [](Vars, Vars, Vars cts) { return std::vector<Var>{cts[0]}; }, {x})[0];
  EXPECT_THAT(Values(eager, Gradients(z, {&x, 1})[0]), ElementsAre(1, 1));
  Gradients(z, {&k, 1});
  EXPECT_THAT(std::string(eager.TakeStatus().message()), HasSubstr("make it an input"));
  CustomGradient(product,
                 [](Vars, Vars, Vars cts) {
                   return std::vector<Var>{ops::Sum(cts[0]), Var{}};
                 },
                 {x, x});
  EXPECT_THAT(std::string(eager.TakeStatus().message()),
              HasSubstr("the gradient gives f64[] for input 0, which is f64[2]"));
  CustomGradient(product, [](Vars, Vars, Vars) { return std::vector<Var>{}; }, {x, x});
  EXPECT_THAT(std::string(eager.TakeStatus().message()), HasSubstr("does not fit 2 inputs"));
}

// A deep network of tanh layers, in parts of `part` layers.
struct DeepNetwork {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  Program program;

  DeepNetwork(int layers, int part, bool checkpoint) {
    const Var x = graph->Input("x", {DType::kF32, Shape{64, 32}});
    Var h = x;
    std::vector<Var> weights;
    for (int i = 0; i < layers; ++i) {
      weights.push_back(graph->Input("w" + std::to_string(i), {DType::kF32, Shape{32, 32}}));
    }
    for (int first = 0; first < layers; first += part) {
      const auto stack = [&](Vars in) {
        Var v = in[0];
        for (Var w : in.subspan(1)) v = ops::Softplus(ops::Tanh(ops::MatMul(v, w)) * v);
        return std::vector<Var>{v};
      };
      std::vector<Var> in = {h};
      in.insert(in.end(), weights.begin() + first, weights.begin() + first + part);
      h = checkpoint ? Checkpoint(stack, in)[0] : stack(in)[0];
    }
    const Var loss = ops::Mean(ops::Square(h));
    const std::vector<Var> gradients = Gradients(loss, weights);
    program = {.name = "deep", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
    program.AddInput("x", x);
    for (Var w : weights) program.AddInput("w", w);
    program.AddOutput("loss", loss);
    // The sizes of the gradients alone: as outputs they would lie outside the arena.
    for (Var g : gradients) program.AddOutput("gradient", g);
  }

  std::vector<Tensor> Run(int64_t* arena) const {
    auto exe = Executable::Compile(program);
    EXPECT_TRUE(exe.ok()) << exe.status();
    *arena = (*exe)->storage().arena_bytes;
    PhiloxEngine random({.seed = 3});
    std::vector<Tensor> inputs, outputs;
    for (const Port& p : program.inputs) {
      Tensor t = Tensor::Empty(p.var.spec());
      for (float& v : t.mutable_data<float>()) v = UniformFloat(random()) - 0.5f;
      inputs.push_back(t);
    }
    auto ws = (*exe)->NewWorkspace();
    const absl::Status status = (*exe)->Run(**ws, inputs, nullptr, &outputs);
    EXPECT_TRUE(status.ok()) << status;
    return outputs;
  }
};

TEST(CheckpointTest, ADeepNetworkTakesLessMemoryForTheSameBits) {
  int64_t kept = 0, recomputed = 0;
  const std::vector<Tensor> want = DeepNetwork(36, 6, false).Run(&kept);
  const std::vector<Tensor> got = DeepNetwork(36, 6, true).Run(&recomputed);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(BitwiseEqual(got[i], want[i])) << "output " << i;
  }
  EXPECT_LT(recomputed, kept / 2) << "of " << kept;
}

TEST(CheckpointTest, GradientsToSecondOrderWithCaptures) {
  const absl::Status status = CheckGradients(
      [](Vars in) {
        return Checkpoint(
            [&](Vars x) {
              return std::vector<Var>{ops::Tanh(x[0] * in[1]), ops::Sum(ops::Exp(x[0]))};
            },
            {in[0]});
      },
      {F64({3}, {0.3, -0.7, 1.1}), F64({3}, {1, -2, 0.5})});
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace adjoint::graph
