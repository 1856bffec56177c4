// Golden text of programs before and after each pass.

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/passes/pass.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/elementary.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "ops/statistics.h"

namespace adjoint::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TensorSpec F32(Shape shape) { return {DType::kF32, std::move(shape)}; }

// The program's text without the places in the source.
std::string Dump(const Program& program) {
  std::string text;
  for (absl::string_view line : absl::StrSplit(program.ToString(), '\n')) {
    absl::StrAppend(&text, line.substr(0, line.find("   # ")), "\n");
  }
  return text.substr(0, text.size() - 1);
}

// Dumps by the name of the pass; "" is before the first.
std::map<std::string, std::string> DumpsOf(const Program& program) {
  std::map<std::string, std::string> dumps;
  PassOptions options;
  options.observe = [&](absl::string_view pass, const Program& p) {
    dumps[std::string(pass)] = Dump(p);
  };
  auto result = RunPasses(program, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return dumps;
}

// Applies one pass.
std::string After(const std::string& name, const Program& program) {
  for (const Pass& pass : AllPasses()) {
    if (pass.name != name) continue;
    auto result = pass.run(program);
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(Verify(*result).ok());
    return Dump(*result);
  }
  ADD_FAILURE() << "no pass " << name;
  return "";
}

class Builder {
 public:
  Var In(const char* name, Shape shape) {
    const Var v = graph_->Input(name, F32(std::move(shape)));
    program_.AddInput(name, v);
    return v;
  }
  Graph& graph() { return *graph_; }
  Program& program() { return program_; }

 private:
  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
  Program program_{.name = "p", .graph = graph_, .inputs = {}, .outputs = {}, .states = {}};
};

TEST(PassesTest, DeadCodeGoesAndInputsStay) {
  Builder b;
  const Var x = b.In("x", {2});
  b.In("unused", {3});
  ops::Exp(x);
  b.program().AddOutput("y", ops::Relu(x));
  EXPECT_EQ(After("dce", b.program()), R"(program p
  in x = %0
  in unused = %1
  %0: input(){dtype=f32, name='x', shape=[2]} -> f32[2]
  %1: input(){dtype=f32, name='unused', shape=[3]} -> f32[3]
  %2: relu(%0:x f32[2]) -> f32[2]
  out y = %2
)");
}

TEST(PassesTest, SimplifyRemovesWhatDoesNothing) {
  Builder b;
  const Var x = b.In("x", {2, 3});
  const Var w = b.In("w", {4, 3});
  Var y = ops::Cast(ops::Mul(ops::Div(x, 1.0), 1.0), DType::kF32);
  y = ops::Reshape(ops::Reshape(y, Shape{6}), Shape{2, 3});
  b.program().AddOutput("y", ops::MatMul(y, ops::Transpose(w)));
  const std::string text = After("simplify", b.program());
  EXPECT_THAT(text, HasSubstr("matmul(%"));
  EXPECT_THAT(text, HasSubstr("%1:w f32[4,3]){transpose_a=false, transpose_b=true} -> f32[2,4]"));
  EXPECT_THAT(text, Not(HasSubstr(": mul(")));
  EXPECT_THAT(text, Not(HasSubstr("cast(")));
}

TEST(PassesTest, ConstantsAreComputedUnlessTheyGrow) {
  Builder b;
  const Var x = b.In("x", {2});
  const Var c = b.graph().Constant(Tensor::Of<float>({2}, {1, 2}));
  b.program().AddOutput("y", x * ops::Sqrt(c + c));
  b.program().AddOutput("zeros", ops::BroadcastTo(c * 0.0, Shape{1000, 2}));
  b.program().AddOutput("n", ops::SizeOf(x, {0}, DType::kF32));
  const std::string text = After("fold", b.program());
  EXPECT_THAT(text, HasSubstr("constant(){value=f32[2] {1.41421, 2}}"));
  EXPECT_THAT(text, HasSubstr("broadcast_to("));
  EXPECT_THAT(text, HasSubstr("constant(){value=f32[] {2}}"));
}

TEST(PassesTest, EqualNodesAreMergedAndDrawsAreNot) {
  Builder b;
  const Var x = b.In("x", {4});
  const Var y = b.In("y", {4});
  const Var seed = b.graph().Constant(Tensor::Scalar<int64_t>(1));
  const Var a = ops::Dropout(x, 0.5, seed, seed);
  const Var c = ops::Dropout(x, 0.5, seed, seed);
  b.program().AddOutput("sum", ops::Exp(x + y) + ops::Exp(y + x));
  b.program().AddOutput("draws", a - c);
  auto exe = Executable::Compile(b.program());
  ASSERT_TRUE(exe.ok()) << exe.status();
  const std::string text = After("cse", b.program());
  const auto count = [&](absl::string_view what) {
    return static_cast<int>(std::vector<std::string>(absl::StrSplit(text, what)).size()) - 1;
  };
  EXPECT_EQ(count(": exp("), 1);
  EXPECT_EQ(count(": dropout("), 2);
}

// A fused chain whose middle also feeds a matmul that feeds the chain: it must not become a cycle.
TEST(PassesTest, AGroupDoesNotLeaveAndReturn) {
  Builder b;
  const Var x = b.In("x", {2, 2});
  const Var e = ops::Exp(x);
  const Var m = ops::MatMul(e, x);
  b.program().AddOutput("y", ops::Relu(e) + m);
  const std::string text = After("fuse_elementwise", b.program());
  EXPECT_THAT(text, HasSubstr("%1: fused_elementwise(%0:x f32[2,2]){tape=(%0 f32) %1 = exp(%0); "
                              "%2 = relu(%1); -> %1, %2}"));
  EXPECT_THAT(text, HasSubstr("%2: matmul(%1.0 f32[2,2], %0:x f32[2,2])"));
  EXPECT_THAT(text, HasSubstr("%3: add(%1.1 f32[2,2], %2 f32[2,2])"));
}

// With the passes left out that remove it, dead code reaches the last one.
TEST(PassesTest, DeadChainsAreNotFused) {
  Builder b;
  const Var x = b.In("x", {2});
  ops::Exp(ops::Neg(x));
  b.program().AddOutput("y", ops::Relu(x));
  EXPECT_THAT(After("fuse_elementwise", b.program()), Not(HasSubstr("fused")));
}

// x - (-0) is +0 for x = -0.
TEST(PassesTest, SubtractingNegativeZeroIsNotNothing) {
  Builder b;
  const Var x = b.In("x", {2});
  b.program().AddOutput("plus", ops::Sub(x, 0.0));
  b.program().AddOutput("minus", ops::Sub(x, -0.0));
  const std::string text = After("simplify", b.program());
  EXPECT_THAT(text, HasSubstr("out plus = %0"));
  EXPECT_THAT(text, HasSubstr("%2: sub("));
}

// Rules of arithmetic that keep every bit, those of -0 and NaN too.
TEST(PassesTest, SimplifyComputesWithLess) {
  Builder b;
  const Var x = b.In("x", {2, 3});
  const Var y = b.In("y", {2, 3});
  b.program().AddOutput("square", ops::Pow(x, 2.0));
  b.program().AddOutput("difference", x + ops::Neg(y));
  b.program().AddOutput("other way", ops::Neg(x) + y);
  b.program().AddOutput("sum", x - ops::Neg(y));
  b.program().AddOutput("product", ops::Neg(x) * ops::Neg(y));
  b.program().AddOutput("itself", ops::Neg(ops::Neg(x)));
  b.program().AddOutput("quarter", x / 4.0);
  b.program().AddOutput("third", x / 3.0);
  b.program().AddOutput("exp", ops::Exp(x) + 0.0);
  b.program().AddOutput("not x", x + 0.0);  // -0 + 0 is +0
  b.program().AddOutput("stopped", ops::StopGradient(x));
  b.program().AddOutput("turned", ops::Transpose(ops::Transpose(x)));
  const std::string text = After("simplify", b.program());
  for (const char* kept :
       {": square(%0:x f32[2,3])", ": sub(%0:x f32[2,3], %1:y f32[2,3])",
        ": sub(%1:y f32[2,3], %0:x f32[2,3])", ": add(%0:x f32[2,3], %1:y f32[2,3])",
        ": mul(%0:x f32[2,3], %1:y f32[2,3])", "constant(){value=f32[] {0.25}}",
        ": div(%0:x f32[2,3]", "out itself = %0\n", "out stopped = %0\n", "out turned = %0\n"}) {
    EXPECT_THAT(text, HasSubstr(kept));
  }
  EXPECT_THAT(text, Not(HasSubstr(": pow(")));
  // Of the sums with zero only the one that changes -0 is left.
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(text, ": add(")).size(), 3u);
}

TEST(PassesTest, SparseProductsReadNoValuesThatAreOnes) {
  Builder b;
  const ops::CsrVar x = b.graph().CsrOnesInput("x", 2, 3);
  b.program().AddInput("x", x);
  b.program().AddOutput("y", ops::MatMul(x, b.In("w", {3, 1})));
  const absl::StatusOr<Program> concrete = Specialize(b.program(), {{"x_nnz", 8}});
  ASSERT_TRUE(concrete.ok()) << concrete.status();
  EXPECT_EQ(After("simplify", *concrete), R"(program p
  in x.ranges = %0
  in x.columns = %1
  in w = %2
  %0: input(){dtype=i64, name='x.ranges', shape=[2,2]} -> i64[2,2]
  %1: input(){dtype=i32, name='x.columns', shape=[8]} -> i32[8]
  %2: input(){dtype=f32, name='w', shape=[3,1]} -> f32[3,1]
  %3: csr_matmul(%0:x.ranges i64[2,2], %1:x.columns i32[8], %2:w f32[3,1]){cols=3} -> f32[2,1]
  out y = %3
)");
}

// What einsum makes of sums over several axes: the axes rotated, then merged.
TEST(PassesTest, ARotationOfAxesBecomesAFlagOfTheProduct) {
  Builder b;
  const Var x = b.In("x", {2, 3, 4});
  const Var w = b.In("w", {2, 3, 5});
  const Var rotated = ops::Transpose(x, {2, 0, 1});
  b.program().AddOutput(
      "y", ops::MatMul(ops::Reshape(rotated, Shape{4, 6}), ops::Reshape(w, Shape{6, 5})));
  const std::string text = After("simplify", b.program());
  EXPECT_THAT(text, HasSubstr("reshape(%0:x f32[2,3,4]){shape=[6,4]}"));
  EXPECT_THAT(text, HasSubstr("{transpose_a=true, transpose_b=false} -> f32[4,5]"));
}

TEST(PassesTest, TheTransposeOfAProductIsAProduct) {
  Builder b;
  const Var x = b.In("x", {2, 3});
  const Var w = b.In("w", {5, 3});
  b.program().AddOutput("y", ops::Transpose(ops::MatMul(x, w, false, true)));
  EXPECT_EQ(After("simplify", b.program()), R"(program p
  in x = %0
  in w = %1
  %0: input(){dtype=f32, name='x', shape=[2,3]} -> f32[2,3]
  %1: input(){dtype=f32, name='w', shape=[5,3]} -> f32[5,3]
  %2: matmul(%1:w f32[5,3], %0:x f32[2,3]){transpose_a=false, transpose_b=true} -> f32[5,2]
  out y = %2
)");
  // Not where the product is needed too, and not where a product takes the transpose as a flag.
  Builder c;
  const Var z = c.In("z", {3, 3});
  const Var square = ops::MatMul(z, z);
  c.program().AddOutput("square", square);
  c.program().AddOutput("turned", ops::Transpose(square));
  EXPECT_THAT(After("simplify", c.program()), HasSubstr(": transpose("));
  Builder d;
  const Var u = d.In("u", {2, 3, 3});
  d.program().AddOutput("y", ops::MatMul(ops::Transpose(ops::MatMul(u, u), {0, 2, 1}), u));
  EXPECT_EQ(After("simplify", d.program()), R"(program p
  in u = %0
  %0: input(){dtype=f32, name='u', shape=[2,3,3]} -> f32[2,3,3]
  %1: matmul(%0:u f32[2,3,3], %0:u f32[2,3,3]){transpose_a=false, transpose_b=false} -> f32[2,3,3]
  %2: matmul(%1 f32[2,3,3], %0:u f32[2,3,3]){transpose_a=true, transpose_b=false} -> f32[2,3,3]
  out y = %2
)");
}

TEST(PassesTest, TransposesThatMoveNothingAreReshapes) {
  Builder b;
  const Var x = b.In("x", {4, 1, 3});
  b.program().AddOutput("moved", ops::Transpose(x, {1, 0, 2}));
  b.program().AddOutput("turned", ops::Transpose(x, {1, 2, 0}));
  b.program().AddOutput("flat", ops::Reshape(ops::Transpose(x, {0, 2, 1}), Shape{12}));
  EXPECT_EQ(After("simplify", b.program()), R"(program p
  in x = %0
  %0: input(){dtype=f32, name='x', shape=[4,1,3]} -> f32[4,1,3]
  %1: reshape(%0:x f32[4,1,3]){shape=[1,4,3]} -> f32[1,4,3]
  %2: transpose(%0:x f32[4,1,3]){permutation=[1,2,0]} -> f32[1,3,4]
  %3: reshape(%0:x f32[4,1,3]){shape=[12]} -> f32[12]
  out moved = %1
  out turned = %2
  out flat = %3
)");
}

// A block of a residual network, and scaled scores.
TEST(PassesTest, ScaleAndResidualJoinTheProduct) {
  Builder b;
  const Var x = b.In("x", {8, 4});
  const Var w = b.In("w", {4, 4});
  const Var bias = b.In("b", {4});
  b.program().AddOutput("block", ops::Relu(x + (ops::MatMul(x, w) + bias)));
  b.program().AddOutput("scores", ops::Softmax(ops::MatMul(x, x, false, true) * 0.5));
  EXPECT_EQ(After("fuse_matmul", b.program()), R"(program p
  in x = %0
  in w = %1
  in b = %2
  %0: input(){dtype=f32, name='x', shape=[8,4]} -> f32[8,4]
  %1: input(){dtype=f32, name='w', shape=[4,4]} -> f32[4,4]
  %2: input(){dtype=f32, name='b', shape=[4]} -> f32[4]
  %3: fused_matmul(%0:x f32[8,4], %1:w f32[4,4], %2:b f32[4], %0:x f32[8,4]){activation='relu', residual=true, transpose_a=false, transpose_b=false} -> f32[8,4]
  %4: constant(){value=f32[] {0.5}} -> f32[]
  %5: fused_matmul(%0:x f32[8,4], %0:x f32[8,4], %4 f32[]){activation='', scale=true, transpose_a=false, transpose_b=true} -> f32[8,8]
  %6: softmax(%5 f32[8,8]){axis=1} -> f32[8,8]
  out block = %3
  out scores = %6
)");
}

// A sum of two products is one's residual, and the other keeps its bias; what elementwise nodes
// read is left to them.
TEST(PassesTest, SumsOfProductsAreTakenOnce) {
  Builder b;
  const Var x = b.In("x", {8, 4});
  const Var w = b.In("w", {4, 4});
  const Var bias = b.In("b", {4});
  const Var first = ops::MatMul(x, w);
  const Var second = ops::MatMul(x, w, false, true) + bias;
  b.program().AddOutput("sum", first + second);
  b.program().AddOutput("step", w - 0.1 * ops::MatMul(x, x, true, false));
  const std::string text = After("fuse_matmul", b.program());
  EXPECT_THAT(text, HasSubstr("%3: fused_matmul(%0:x f32[8,4], %1:w f32[4,4], %2:b f32[4])"
                              "{activation='', transpose_a=false, transpose_b=true}"));
  EXPECT_THAT(text, HasSubstr("%4: fused_matmul(%0:x f32[8,4], %1:w f32[4,4], %3 f32[8,4])"
                              "{activation='', residual=true, "));
  EXPECT_THAT(text, HasSubstr(": matmul(%0:x f32[8,4], %0:x f32[8,4])"));
  EXPECT_THAT(text, HasSubstr(": mul("));
}

TEST(PassesTest, SoftmaxAndItsLogarithmAreRecognized) {
  Builder b;
  const Var x = b.In("x", {4, 8});
  const Var shifted = ops::Exp(x - ops::ReduceMax(x, {1}, true));
  const Var p = shifted / ops::Sum(shifted, {1}, true);
  b.program().AddOutput("p", p);
  EXPECT_EQ(After("recognize", b.program()), R"(program p
  in x = %0
  %0: input(){dtype=f32, name='x', shape=[4,8]} -> f32[4,8]
  %1: softmax(%0:x f32[4,8]){axis=1} -> f32[4,8]
  out p = %1
)");
  // With its gradient: no quotient by a probability, which may be zero, is left.
  Builder c;
  const Var logits = c.In("x", {4, 8});
  const Var labels = c.In("labels", {4, 8});
  const Var loss = ops::Neg(ops::Sum(labels * ops::Log(ops::Softmax(logits))));
  c.program().AddOutput("loss", loss);
  c.program().AddOutput("gradient", Gradients(loss, {logits})[0]);
  const std::string text = DumpsOf(c.program()).at("recognize");
  EXPECT_THAT(text, HasSubstr("log_softmax(%0:x f32[4,8])"));
  EXPECT_THAT(text, Not(HasSubstr(": div(")));
  EXPECT_THAT(text, Not(HasSubstr(": log(")));
}

TEST(PassesTest, LayerNormalizationIsRecognizedWithItsMoments) {
  Builder b;
  const Var x = b.In("x", {4, 8});
  const Var mean = ops::Mean(x, {1}, true);
  const Var centered = x - mean;
  const Var variance = ops::Mean(ops::Square(centered), {1}, true);
  b.program().AddOutput("y", centered * ops::Rsqrt(variance + 1e-5));
  b.program().AddOutput("mean", mean);
  EXPECT_EQ(After("recognize", b.program()), R"(program p
  in x = %0
  %0: input(){dtype=f32, name='x', shape=[4,8]} -> f32[4,8]
  %1: layer_norm(%0:x f32[4,8]){axis=1, centered=true, epsilon=1e-05} -> f32[4,8], f32[4,1], f32[4,1]
  out y = %1.0
  out mean = %1.1
)");
  Builder c;
  const Var z = c.In("x", {4, 8});
  const Var root = ops::Sqrt(ops::Variance(z, {1}, true) + 1e-5);
  c.program().AddOutput("y", (z - ops::Mean(z, {1}, true)) / root);
  const std::string text = DumpsOf(c.program()).at("recognize");
  EXPECT_THAT(text, HasSubstr("layer_norm(%0:x f32[4,8])"));
  EXPECT_THAT(text, Not(HasSubstr("mean(")));
}

TEST(PassesTest, AReductionClosesATape) {
  Builder b;
  const Var x = b.In("x", {2, 300});
  const Var y = b.In("y", {2, 300});
  b.program().AddOutput("loss", ops::Mean(ops::Square(x - y)));
  EXPECT_EQ(After("fuse_elementwise", b.program()), R"(program p
  in x = %0
  in y = %1
  %0: input(){dtype=f32, name='x', shape=[2,300]} -> f32[2,300]
  %1: input(){dtype=f32, name='y', shape=[2,300]} -> f32[2,300]
  %2: fused_elementwise(%0:x f32[2,300], %1:y f32[2,300]){closings=[mean over 2], tape=(%0 f32, %1 f32) %2 = sub(%0, %1); %3 = square(%2); -> %3} -> f32[]
  out loss = %2
)");
}

// One step of gradient descent on a dense layer, through all passes.
TEST(PassesTest, ATrainingStepBecomesFiveKernels) {
  Builder b;
  const Var x = b.In("x", {8, 4});
  const Var w = b.graph().Input("w", F32({4, 2}));
  const Var bias = b.graph().Input("b", F32({2}));
  const Var y = ops::Relu(ops::MatMul(x, w) + bias);
  const Var loss = ops::Mean(ops::Square(y));
  const std::vector<Var> grads = Gradients(loss, {w, bias});
  b.program().states = {{"w", w, w - 0.1 * grads[0]}, {"b", bias, bias - 0.1 * grads[1]}};
  ASSERT_TRUE(b.graph().status().ok()) << b.graph().status();
  const auto dumps = DumpsOf(b.program());
  EXPECT_EQ(dumps.at("fold"), R"(program p
  in x = %0
  %0: input(){dtype=f32, name='x', shape=[8,4]} -> f32[8,4]
  %1: input(){dtype=f32, name='w', shape=[4,2]} -> f32[4,2]
  %2: input(){dtype=f32, name='b', shape=[2]} -> f32[2]
  %3: matmul(%0:x f32[8,4], %1:w f32[4,2]){transpose_a=false, transpose_b=false} -> f32[8,2]
  %4: add(%3 f32[8,2], %2:b f32[2]) -> f32[8,2]
  %5: relu(%4 f32[8,2]) -> f32[8,2]
  %6: constant(){value=f32[1,1] {0.0625}} -> f32[1,1]
  %7: broadcast_to(%6 f32[1,1]){shape=[8,2]} -> f32[8,2]
  %8: constant(){value=f32[] {2}} -> f32[]
  %9: mul(%5 f32[8,2], %8 f32[]) -> f32[8,2]
  %10: mul(%7 f32[8,2], %9 f32[8,2]) -> f32[8,2]
  %11: constant(){value=f32[] {0}} -> f32[]
  %12: greater(%5 f32[8,2], %11 f32[]) -> bool[8,2]
  %13: constant(){value=f32[] {0}} -> f32[]
  %14: where(%12 bool[8,2], %10 f32[8,2], %13 f32[]) -> f32[8,2]
  %15: sum(%14 f32[8,2]){axes=[0], keepdims=false} -> f32[2]
  %16: matmul(%0:x f32[8,4], %14 f32[8,2]){transpose_a=true, transpose_b=false} -> f32[4,2]
  %17: constant(){value=f32[] {0.1}} -> f32[]
  %18: mul(%17 f32[], %16 f32[4,2]) -> f32[4,2]
  %19: sub(%1:w f32[4,2], %18 f32[4,2]) -> f32[4,2]
  %20: constant(){value=f32[] {0.1}} -> f32[]
  %21: mul(%20 f32[], %15 f32[2]) -> f32[2]
  %22: sub(%2:b f32[2], %21 f32[2]) -> f32[2]
  state w: %1 -> %19
  state b: %2 -> %22
)");
  EXPECT_EQ(dumps.at("fuse_elementwise"), R"(program p
  in x = %0
  %0: input(){dtype=f32, name='x', shape=[8,4]} -> f32[8,4]
  %1: input(){dtype=f32, name='w', shape=[4,2]} -> f32[4,2]
  %2: input(){dtype=f32, name='b', shape=[2]} -> f32[2]
  %3: fused_matmul(%0:x f32[8,4], %1:w f32[4,2], %2:b f32[2]){activation='relu', transpose_a=false, transpose_b=false} -> f32[8,2]
  %4: constant(){value=f32[1,1] {0.0625}} -> f32[1,1]
  %5: constant(){value=f32[] {2}} -> f32[]
  %6: constant(){value=f32[] {0}} -> f32[]
  %7: fused_elementwise(%3 f32[8,2], %5 f32[], %4 f32[1,1], %6 f32[]){tape=(%0 f32, %1 f32, %2 f32, %3 f32) %4 = mul(%0, %1); %5 = mul(%2, %4); %6 = greater(%0, %3); %7 = where(%6, %5, %3); -> %7} -> f32[8,2]
  %8: sum(%7 f32[8,2]){axes=[0], keepdims=false} -> f32[2]
  %9: matmul(%0:x f32[8,4], %7 f32[8,2]){transpose_a=true, transpose_b=false} -> f32[4,2]
  %10: constant(){value=f32[] {0.1}} -> f32[]
  %11: fused_elementwise(%10 f32[], %9 f32[4,2], %1:w f32[4,2]){tape=(%0 f32, %1 f32, %2 f32) %3 = mul(%0, %1); %4 = sub(%2, %3); -> %4} -> f32[4,2]
  %12: fused_elementwise(%10 f32[], %8 f32[2], %2:b f32[2]){tape=(%0 f32, %1 f32, %2 f32) %3 = mul(%0, %1); %4 = sub(%2, %3); -> %4} -> f32[2]
  state w: %1 -> %11
  state b: %2 -> %12
)");
  EXPECT_THAT(dumps.at("group_updates"), HasSubstr(R"(
  %11: multi_elementwise(%10 f32[], %9 f32[4,2], %1:w f32[4,2], %10 f32[], %8 f32[2], %2:b f32[2]){tapes=(%0 f32, %1 f32, %2 f32) %3 = mul(%0, %1); %4 = sub(%2, %3); -> %4 | (%0 f32, %1 f32, %2 f32) %3 = mul(%0, %1); %4 = sub(%2, %3); -> %4} -> f32[4,2], f32[2]
  state w: %1 -> %11.0
  state b: %2 -> %11.1
)"));
  auto exe = Executable::Compile(b.program());
  ASSERT_TRUE(exe.ok()) << exe.status();
  std::vector<std::string> kernels;
  for (const auto& step : (*exe)->Steps()) kernels.push_back(step.kernel);
  EXPECT_THAT(kernels, ElementsAre("fused_matmul/simd", "fused_elementwise/simd", "sum/simd",
                                   "matmul/simd", "multi_elementwise/simd"));
  EXPECT_EQ((*exe)->storage().in_place_variables, 2);
}

}  // namespace
}  // namespace adjoint::graph
