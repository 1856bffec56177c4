#include "graph/eager.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "graph/gradients.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/indexing.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor F32(std::initializer_list<float> values) {
  return Tensor::Of<float>({static_cast<int64_t>(values.size())}, values);
}

std::vector<float> Values(const Eager& eager, Var v) {
  const absl::StatusOr<Tensor> value = eager.ValueOf(v);
  EXPECT_TRUE(value.ok()) << value.status();
  if (!value.ok()) return {};
  return {value->data<float>().begin(), value->data<float>().end()};
}

TEST(EagerTest, ValuesAndGradientsAreThereAtOnce) {
  Eager eager;
  const Var x = eager.Input("x", F32({1, 2, 3}));
  const Var y = x * x + 1.0;
  EXPECT_THAT(Values(eager, y), ElementsAre(2, 5, 10));
  const Var g = Gradients(ops::Sum(y * x), {&x, 1})[0];  // 3 x^2 + 1
  EXPECT_THAT(Values(eager, g), ElementsAre(4, 13, 28));
  EXPECT_THAT(Values(eager, Gradients(g, {&x, 1})[0]), ElementsAre(6, 12, 18));
}

TEST(EagerTest, ViewsShareTheirOperandsMemory) {
  Eager eager;
  const Var x = eager.Input("x", F32({1, 2, 3, 4}));
  const Var y = ops::Reshape(x, Shape{2, Dim(-1)});
  ASSERT_TRUE(eager.status().ok()) << eager.status();
  EXPECT_EQ(eager.ValueOf(x)->raw(), eager.ValueOf(y)->raw());
  EXPECT_EQ(eager.ValueOf(y)->shape(), (Shape{2, 2}));
}

TEST(EagerTest, RepeatedOpsOfEqualSpecsArePreparedOnce) {
  Eager eager;
  const Var w = eager.Input("w", Tensor::Of<float>({2, 2}, {1, 2, 3, 4}));
  const auto step = [&] { return ops::MatMul(ops::Tanh(ops::MatMul(w, w)), w, true); };
  step();
  const int64_t prepared = eager.num_prepared();
  EXPECT_EQ(prepared, 3);
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(eager.num_prepared(), prepared);
}

TEST(EagerTest, AScopeFreesWhatItMadeExceptWhatIsKept) {
  Eager eager;
  const Var w = eager.Input("w", F32({1, 2}));
  const int before = eager.num_nodes();
  Var kept, lost;
  Tensor inner = F32({0});
  {
    Eager::Scope scope(eager);
    lost = w * 3.0;
    kept = lost + 1.0;
    inner = *eager.ValueOf(lost);
    EXPECT_FALSE(inner.HoldsBufferAlone());
    scope.Keep(&kept);
  }
  EXPECT_TRUE(inner.HoldsBufferAlone()) << "the builder has let go of it";
  EXPECT_EQ(eager.num_nodes(), before + 1);
  EXPECT_THAT(Values(eager, kept), ElementsAre(4, 7));
  EXPECT_THAT(Values(eager, Gradients(kept * w, {&w, 1})[0]), ElementsAre(4, 7))
      << "a kept value is a leaf";
}

TEST(EagerTest, GradientDescentInBoundedMemory) {
  Eager eager;
  const Var w = eager.Input("w", F32({4}));
  const int nodes = eager.num_nodes();
  for (int step = 0; step < 50; ++step) {
    Eager::Scope scope(eager);
    const Var loss = ops::Sum(ops::Square(w - 1.0));
    eager.Assign(w, w - 0.1 * Gradients(loss, {&w, 1})[0]);
  }
  ASSERT_TRUE(eager.status().ok()) << eager.status();
  EXPECT_EQ(eager.num_nodes(), nodes);
  EXPECT_NEAR(Values(eager, w)[0], 1, 1e-4);
  eager.Assign(w, eager.Input("v", F32({1, 2})));
  EXPECT_THAT(std::string(eager.TakeStatus().message()),
              AllOf(HasSubstr("f32[1]"), HasSubstr("f32[2]")));
}

TEST(EagerTest, AnErrorOfValuesNamesOpPlaceAndRuleAndCanBeLifted) {
  Eager eager;
  const Var x = eager.Input("x", F32({1, 2, 3}));
  const Var i = eager.Input("i", Tensor::Of<int64_t>({1}, {7}));
  const int line = __LINE__ + 1;
  const Var y = ops::Gather(x, i);
  EXPECT_FALSE(y.valid());
  EXPECT_FALSE(eager.ValueOf(x).ok()) << "the first error stays";
  const std::string message(eager.TakeStatus().message());
  EXPECT_THAT(message, AllOf(HasSubstr("eager_test.cc:" + std::to_string(line)),
                             HasSubstr("gather(%0:x f32[3], %1:i i64[1])"), HasSubstr("7")));
  EXPECT_THAT(Values(eager, x + 1.0), ElementsAre(2, 3, 4));
}

TEST(EagerTest, AnInputWithoutValueIsAnError) {
  Eager eager;
  Graph& graph = eager;
  EXPECT_FALSE(graph.Input("x", {DType::kF32, Shape{2}}).valid());
  EXPECT_THAT(std::string(eager.status().message()), HasSubstr("Eager::Input"));
}

TEST(EagerTest, CheckingFindsTheOpThatMakesANaN) {
  Eager eager({.check_numbers = true});
  const Var x = eager.Input("x", F32({1, -1, 0}));
  const Var y = ops::Square(x);
  const int line = __LINE__ + 1;
  const Var z = ops::Log(x);
  EXPECT_FALSE(z.valid());
  EXPECT_THAT(
      std::string(eager.TakeStatus().message()),
      AllOf(HasSubstr("log(%0:x f32[3])"), HasSubstr("eager_test.cc:" + std::to_string(line)),
            HasSubstr("output 0 has NaN at element 1 of 3")));
  EXPECT_THAT(Values(eager, y), ElementsAre(1, 1, 0));
}

TEST(EagerTest, CheckingLooksAtInputsAndOperands) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Eager eager({.check_numbers = true});
  EXPECT_FALSE(eager.Input("x", F32({1, nan})).valid());
  EXPECT_THAT(std::string(eager.TakeStatus().message()),
              HasSubstr("input 'x' has NaN at element 1 of 2"));
  // relu(NaN) may be 0 in a library: the operand is what must be looked at.
  eager.set_check_numbers(false);
  const Var x = eager.Input("x", F32({1, nan}));
  const Var a = eager.Input("a", F32({1, 2}));
  eager.set_check_numbers(true);
  ops::Maximum(a, x);
  EXPECT_THAT(std::string(eager.TakeStatus().message()),
              AllOf(HasSubstr("maximum("), HasSubstr("operand 1 has NaN at element 1 of 2")));
}

TEST(EagerTest, CheckingNamesTheOpWhoseGradientIsInfinite) {
  Eager eager({.check_numbers = true});
  const Var x = eager.Input("x", F32({4, 0}));
  const int line = __LINE__ + 1;
  const Var y = ops::Sqrt(x);
  ASSERT_TRUE(eager.status().ok()) << eager.status();
  EXPECT_FALSE(Gradients(y, {&x, 1})[0].valid());
  const std::string message(eager.TakeStatus().message());
  EXPECT_THAT(message, AllOf(HasSubstr("of the gradient of %1: sqrt(%0:x f32[2])"),
                             HasSubstr("eager_test.cc:" + std::to_string(line)),
                             HasSubstr("infinity at element 1 of 2")));
}

}  // namespace
}  // namespace adjoint::graph
