// Shapes, reductions and indexing beyond the samples: symbolic dims, special values, errors found
// while running, and bits that do not depend on threads.

#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "core/philox.h"
#include "graph/function.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "tests/ops/run_kernel.h"

namespace adjoint::ops {
namespace {

using adjoint::testing::Prepare;
using graph::Graph;
using Ints = std::vector<int64_t>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Tensor Random(Shape shape, uint64_t seed = 1) {
  Tensor t = Tensor::Empty({DType::kF32, std::move(shape)});
  PhiloxEngine engine({.seed = seed});
  for (float& x : t.mutable_data<float>()) x = 4 * UniformFloat(engine()) - 2;
  return t;
}

Tensor RandomIndices(Shape shape, uint32_t extent) {
  Tensor t = Tensor::Empty({DType::kI32, std::move(shape)});
  PhiloxEngine engine({.seed = 9});
  for (int32_t& i : t.mutable_data<int32_t>()) i = static_cast<int32_t>(engine.Below(extent));
  return t;
}

Tensor RunOp(const OpDef& op, const std::vector<Tensor>& inputs, const Attrs& attrs,
             std::vector<std::string> skip = {}) {
  auto prepared = Prepare(op, inputs, attrs, std::move(skip));
  EXPECT_TRUE(prepared.ok()) << prepared.status();
  auto out = prepared->Run(inputs);
  EXPECT_TRUE(out.ok()) << out.status();
  return *out;
}

std::string RunError(const OpDef& op, const std::vector<Tensor>& inputs, const Attrs& attrs) {
  std::string message;
  for (const KernelDef& def : op.kernels) {
    std::vector<std::string> skip;
    for (const KernelDef& other : op.kernels) {
      if (other.name != def.name) skip.push_back(other.name);
    }
    auto prepared = Prepare(op, inputs, attrs, skip);
    if (!prepared.ok()) continue;  // it declines the case
    auto out = prepared->Run(inputs);
    const std::string text(out.status().message());
    if (!message.empty()) {
      EXPECT_EQ(text, message) << def.name;
    }
    message = text;
  }
  return message;
}

std::vector<float> Floats(const Tensor& t) {
  return {t.data<float>().begin(), t.data<float>().end()};
}

// The specs that a chain of op functions infers, as text.
class SymbolicShapes : public ::testing::Test {
 protected:
  Var Input(Shape shape) { return graph_.Input("x", {DType::kF32, std::move(shape)}); }
  std::string Text(Var v) const {
    return graph_.status().ok() ? v.shape().ToString() : std::string(graph_.status().message());
  }

  Graph graph_;
  const Dim batch_ = Dim::Symbol("batch");
  const Dim time_ = Dim::Symbol("time");
};

TEST_F(SymbolicShapes, ReshapeNamesWhatRemains) {
  const Var x = Input({batch_, 4, 4});
  EXPECT_EQ(Text(Reshape(x, {batch_, -1})), "[batch,16]");
  EXPECT_EQ(Text(Reshape(x, {-1, 16})), "[batch,16]");
  EXPECT_EQ(Text(Reshape(x, {2, batch_, 8})), "[2,batch,8]");
  const Var flat = Reshape(x, {-1});
  EXPECT_EQ(Text(flat), "[batch*16]");
  EXPECT_EQ(Text(Reshape(flat, {batch_, 4, 4})), "[batch,4,4]");
  EXPECT_EQ(Text(Reshape(flat, {4, -1})), "[4,batch*4]");
  const Var y = Input({batch_, time_, 3});
  EXPECT_EQ(Text(Reshape(y, {-1, 3})), "[batch*time,3]");
  EXPECT_EQ(Text(Reshape(Reshape(y, {-1, 3}), {time_, batch_, -1})), "[time,batch,3]");
  EXPECT_EQ(Text(Reshape(Input({0, batch_}), {0})), "[0]");
}

TEST_F(SymbolicShapes, OtherRules) {
  const Var x = Input({batch_, time_, 3});
  EXPECT_EQ(Text(Transpose(x)), "[3,time,batch]");
  EXPECT_EQ(Text(ExpandDims(x, 1)), "[batch,1,time,3]");
  EXPECT_EQ(Text(Squeeze(ExpandDims(x, -1))), "[batch,time,3]");
  EXPECT_EQ(Text(BroadcastTo(Input({3}), {batch_, 2, 3})), "[batch,2,3]");
  EXPECT_EQ(Text(BroadcastTo(Input({batch_, 1}), {batch_, 7})), "[batch,7]");
  EXPECT_EQ(Text(SumTo(x, {1, 3})), "[1,3]");
  EXPECT_EQ(Text(SumTo(x, {batch_, 1, 1})), "[batch,1,1]");
  EXPECT_EQ(Text(Sum(x, {0, -1})), "[time]");
  EXPECT_EQ(Text(Mean(x, {1}, true)), "[batch,1,3]");
  EXPECT_EQ(Text(Softmax(x, 0)), "[batch,time,3]");
  EXPECT_EQ(Text(Slice(x, {0, 0, 1}, {kSliceToEnd, kSliceToEnd, 3})), "[batch,time,2]");
  EXPECT_EQ(Text(Slice(x, {kSliceToEnd}, {kSliceFromStart}, {-1})), "[batch,time,3]");
  EXPECT_EQ(Text(SliceAxis(x, 0, 0, 10)), "[slice(batch,0,10,1),time,3]");
  EXPECT_EQ(Text(Concat({x, x}, 2)), "[batch,time,6]");
  EXPECT_EQ(Text(Gather(Input({10, 8}), graph_.Input("i", {DType::kI32, {batch_, time_}}))),
            "[batch,time,8]");
  EXPECT_EQ(Text(OneHot(graph_.Input("i", {DType::kI32, {batch_}}), 5)), "[batch,5]");
}

// Gradients through names that only reshapes and slices give, run at two sizes.
TEST(SymbolicGradients, DerivedSizesTakeTheirNumbers) {
  auto graph = std::make_shared<Graph>();
  const Dim batch = Dim::Symbol("batch");
  const Var x = graph->Input("x", {DType::kF32, {batch, 2, 3}});
  const Var flat = Reshape(x, {-1});
  const Var first = Slice(flat, {0}, {4});
  const Var loss = Sum(first * first) + Sum(Mean(x, {0, 2})) + Sum(ReduceMax(flat, {0}));
  const Var gradient = graph::Gradients(loss, {x})[0];
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  graph::Program program;
  program.name = "derived";
  program.graph = graph;
  program.AddInput("x", x);
  program.AddOutput("gradient", gradient);
  auto function = graph::Function::Create(std::move(program));
  ASSERT_TRUE(function.ok()) << function.status();
  for (int64_t n : {1, 5}) {
    const Tensor input = Random({n, 2, 3}, 5);
    std::vector<Tensor> outputs;
    const absl::Status status = (*function)->Run({input}, nullptr, &outputs);
    ASSERT_TRUE(status.ok()) << status;
    const std::vector<float> values = Floats(input);
    const auto greatest = std::max_element(values.begin(), values.end()) - values.begin();
    for (int64_t i = 0; i < n * 6; ++i) {
      const float want = (i < 4 ? 2 * values[i] : 0) + 1.0f / (3.0f * static_cast<float>(n)) +
                         (i == greatest ? 1 : 0);
      EXPECT_NEAR(outputs[0].ValueAt(i), want, 1e-6) << "batch " << n << ", element " << i;
    }
  }
}

TEST(Reductions, SpecialValues) {
  const Tensor x = Tensor::Of<float>({3, 2}, {1, kNan, kInf, 2, -kInf, -kInf});
  const Attrs rows{{"axes", Ints{1}}, {"keepdims", false}};
  const Attrs columns{{"axes", Ints{0}}, {"keepdims", false}};
  for (const std::vector<std::string>& skip : {std::vector<std::string>{}, {"simd"}}) {
    const std::vector<float> max = Floats(RunOp(ReduceMaxOp(), {x}, rows, skip));
    EXPECT_TRUE(std::isnan(max[0]));
    EXPECT_EQ(max[1], kInf);
    EXPECT_EQ(max[2], -kInf);
    const std::vector<float> column_max = Floats(RunOp(ReduceMaxOp(), {x}, columns, skip));
    EXPECT_EQ(column_max[0], kInf);
    EXPECT_TRUE(std::isnan(column_max[1]));
    const std::vector<float> sum = Floats(RunOp(SumOp(), {x}, columns, skip));
    EXPECT_TRUE(std::isnan(sum[0]) && std::isnan(sum[1]));
    const Tensor nothing = Tensor::Zeros({DType::kF32, {2, 0}});
    EXPECT_EQ(Floats(RunOp(SumOp(), {nothing}, rows, skip)), (std::vector<float>{0, 0}));
    EXPECT_TRUE(std::isnan(RunOp(MeanOp(), {nothing}, rows, skip).ValueAt(0)));
  }
  // Integers wrap around.
  const Tensor wide = Tensor::Of<int32_t>({2}, {INT32_MAX, 1});
  EXPECT_EQ(RunOp(SumOp(), {wide}, {{"axes", Ints{0}}, {"keepdims", false}}).item<int32_t>(),
            INT32_MIN);
}

// Ten million ones and small numbers: adding them up one by one in f32 would be wrong in the
// second digit.
TEST(Reductions, LongSumsStayExact) {
  const int64_t n = 10'000'000;
  Tensor x = Tensor::Empty({DType::kF32, {n}});
  for (float& v : x.mutable_data<float>()) v = 0.1f;
  const double exact = static_cast<double>(0.1f) * static_cast<double>(n);
  const Attrs row{{"axes", Ints{0}}, {"keepdims", false}};
  EXPECT_NEAR(RunOp(SumOp(), {x}, row).ValueAt(0), exact, 1e-6 * exact);
  const Tensor columns = *x.Reshaped({n / 4, 4});
  const Tensor sums = RunOp(SumOp(), {columns}, row);
  for (int j = 0; j < 4; ++j) EXPECT_NEAR(sums.ValueAt(j), exact / 4, 1e-6 * exact / 4);
}

TEST(Softmax, SpecialValues) {
  const Tensor x = Tensor::Of<float>({5, 2}, {kNan, 0, kInf, 0, -kInf, -kInf, -kInf, 1, 200, -200});
  const Attrs last{{"axis", int64_t{1}}};
  for (const std::vector<std::string>& skip : {std::vector<std::string>{}, {"simd"}}) {
    const std::vector<float> y = Floats(RunOp(SoftmaxOp(), {x}, last, skip));
    const std::vector<float> log_y = Floats(RunOp(LogSoftmaxOp(), {x}, last, skip));
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2]) && std::isnan(y[4]));
    EXPECT_EQ(y[6], 0);
    EXPECT_EQ(y[7], 1);
    EXPECT_EQ(log_y[6], -kInf);
    EXPECT_EQ(log_y[7], 0);
    EXPECT_EQ(log_y[9], -400);
  }
}

TEST(Indexing, ErrorsNamePositionIndexAndExtent) {
  const Tensor table = Random({10, 3});
  const Tensor indices = Tensor::Of<int32_t>({2, 2}, {0, 9, -1, 12});
  const Attrs rows{{"axis", int64_t{0}}};
  EXPECT_EQ(RunError(GatherOp(), {table, indices}, rows),
            "gather: index -1 at position [1,0] is outside 0..9, axis 0 of the operand");
  EXPECT_EQ(RunError(ScatterAddOp(), {table, indices, Random({2, 2, 3})}, rows),
            "scatter_add: index -1 at position [1,0] is outside 0..9, axis 0 of the operand");
  EXPECT_EQ(RunError(OneHotOp(), {indices}, {{"depth", int64_t{12}}, {"dtype", DType::kF32}}),
            "one_hot: index -1 at position [1,0] is outside 0..11, the depth");
  EXPECT_EQ(RunError(SparseSoftmaxCrossEntropyOp(),
                     {Random({2, 4}), Tensor::Of<int64_t>({2}, {3, INT64_MIN})}, {}),
            "sparse_softmax_cross_entropy: label -9223372036854775808 at position [1] is outside "
            "0..3, the classes");
  EXPECT_EQ(RunError(GatherOp(), {Random({0, 3}), Tensor::Of<int32_t>({}, {0})}, rows),
            "gather: index 0 at position [] is outside the empty range of axis 0 of the operand");
}

// Large cases, which are cut into parts: against the reference, and the same bits at any number of
// threads.
TEST(Threads, ResultsDoNotDependOnTheirNumber) {
  struct Case {
    const OpDef* op;
    std::vector<Tensor> inputs;
    Attrs attrs;
    double tolerance;  // against the reference; 0: equal bits
  };
  const Tensor matrix = Random({700, 1300});
  const Tensor cube = Random({30, 70, 200});
  const auto axes = [](Ints list) { return Attrs{{"axes", std::move(list)}, {"keepdims", false}}; };
  const Tensor indices = RandomIndices({9000}, 500);
  const std::vector<Case> cases = {
      {&SumOp(), {matrix}, axes({0}), 1e-4},
      {&SumOp(), {matrix}, axes({1}), 1e-4},
      {&SumOp(), {matrix}, axes({0, 1}), 1e-3},
      {&SumOp(), {cube}, axes({1}), 1e-4},
      {&MeanOp(), {cube}, axes({0, 2}), 1e-4},
      {&SumOp(), {Random({300000, 3})}, axes({0}), 1e-3},
      {&ReduceMaxOp(), {matrix}, axes({0}), 0},
      {&ReduceMaxOp(), {matrix}, axes({0, 1}), 0},
      {&SoftmaxOp(), {matrix}, {{"axis", int64_t{1}}}, 1e-6},
      {&LogSoftmaxOp(), {matrix}, {{"axis", int64_t{1}}}, 1e-5},
      {&TransposeOp(), {matrix}, {{"permutation", Ints{1, 0}}}, 0},
      {&TransposeOp(), {cube}, {{"permutation", Ints{2, 0, 1}}}, 0},
      {&TransposeOp(), {cube}, {{"permutation", Ints{1, 0, 2}}}, 0},
      {&BroadcastToOp(), {Random({700, 1})}, {{"shape", Shape{5, 700, 90}}}, 0},
      {&BroadcastToOp(), {Random({})}, {{"shape", Shape{300, 1000}}}, 0},
      {&ConcatOp(), {matrix, Random({700, 5}), matrix}, {{"axis", int64_t{1}}}, 0},
      {&SliceOp(),
       {cube},
       {{"begin", Ints{1, -1, 3}},
        {"end", Ints{29, kSliceFromStart, 199}},
        {"step", Ints{2, -3, 1}}},
       0},
      {&GatherOp(), {Random({500, 40}), indices}, {{"axis", int64_t{0}}}, 0},
      {&GatherOp(), {Random({30, 500}), indices}, {{"axis", int64_t{1}}}, 0},
      {&ScatterAddOp(),
       {Random({500, 64}), indices, Random({9000, 64}, 3)},
       {{"axis", int64_t{0}}},
       0},
  };
  const int threads = NumThreads();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.op->name + c.inputs[0].spec().ToString() + c.attrs.ToString());
    SetNumThreads(1);
    const Tensor one = RunOp(*c.op, c.inputs, c.attrs);
    const Tensor reference = RunOp(*c.op, c.inputs, c.attrs, {"simd", "blocked", "rows"});
    for (int n : {2, 3}) {
      SetNumThreads(n);
      EXPECT_TRUE(BitwiseEqual(RunOp(*c.op, c.inputs, c.attrs), one)) << n << " threads";
    }
    if (c.tolerance == 0) {
      EXPECT_TRUE(BitwiseEqual(one, reference));
      continue;
    }
    for (int64_t i = 0; i < one.size(); ++i) {
      ASSERT_NEAR(one.ValueAt(i), reference.ValueAt(i), c.tolerance) << "element " << i;
    }
  }
  SetNumThreads(threads);
}

}  // namespace
}  // namespace adjoint::ops
