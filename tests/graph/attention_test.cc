// Attention beside numbers that PyTorch gave (tests/golden/recurrent_torch.py).

#include "graph/attention.h"

#include <cmath>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "graph/eager.h"
#include "graph/gradient_check.h"
#include "graph/gradients.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/reduce.h"

namespace adjoint::graph {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Tensor TensorOf(const Json& entry) {
  const std::vector<int64_t> extents = entry["shape"];
  const std::vector<double> data = entry["data"];
  return Tensor::Of<double>(Shape::Of(extents), data);
}

void ExpectNear(const absl::StatusOr<Tensor>& got, const Json& want) {
  ASSERT_TRUE(got.ok()) << got.status();
  const std::vector<double> data = want["data"];
  ASSERT_EQ(got->size(), static_cast<int64_t>(data.size()));
  for (int64_t i = 0; i < got->size(); ++i) EXPECT_NEAR(got->ValueAt(i), data[i], 1e-12) << i;
}

TEST(AttentionTest, OutputsAndGradientsAreThoseOfPyTorch) {
  std::ifstream in("tests/golden/recurrent_torch.json");
  const Json golden = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_EQ(golden["attention"].size(), 3u);
  for (const Json& a_case : golden["attention"]) {
    SCOPED_TRACE(a_case["name"]);
    Eager eager;
    std::vector<Var> x;
    for (const char* name : {"q", "k", "v"}) {
      x.push_back(eager.Input(name, TensorOf(a_case["inputs"][name])));
    }
    AttentionOptions options{.causal = a_case["causal"]};
    if (a_case["inputs"].contains("mask")) {
      options.mask =
          ops::Cast(eager.Input("mask", TensorOf(a_case["inputs"]["mask"])), DType::kBool);
    }
    const Var y = ScaledDotProductAttention(x[0], x[1], x[2], options).output;
    const Var weights = eager.Input("weights", TensorOf(a_case["weights"]["y_weights"]));
    const std::vector<Var> gradients = Gradients(ops::Sum(y * weights), x);
    ExpectNear(eager.ValueOf(y), a_case["outputs"]["y"]);
    ExpectNear(eager.ValueOf(gradients[0]), a_case["gradients"]["q"]);
    ExpectNear(eager.ValueOf(gradients[1]), a_case["gradients"]["k"]);
    ExpectNear(eager.ValueOf(gradients[2]), a_case["gradients"]["v"]);
  }
}

TEST(AttentionTest, AQueryThatMayLookAtNothingLooksAtEverythingAlike) {
  Eager eager;
  const Var x = eager.Input("x", Tensor::Of<double>({2, 1}, {1, 5}));
  const Var none = eager.Input("none", Tensor::Of<bool>({2}, {false, false}));
  const Var y = ScaledDotProductAttention(x, x, x, {.mask = none}).output;
  EXPECT_THAT(eager.ValueOf(y)->data<double>(), Each(3));
}

TEST(AttentionTest, GradientsToSecondOrder) {
  const absl::Status status = CheckGradients(
      [](absl::Span<const Var> v) {
        const AttentionResult r =
            ScaledDotProductAttention(v[0], v[1], v[2], {.mask = v[3], .causal = true});
        return std::vector<Var>{r.output, r.weights};
      },
      {Tensor::Of<double>({2, 2}, {0.1, -0.4, 0.7, 0.3}),
       Tensor::Of<double>({3, 2}, {0.5, 0.2, -0.3, 0.9, 0.4, -0.8}),
       Tensor::Of<double>({3, 1}, {0.6, -0.1, 0.2}),
       Tensor::Of<double>({2, 3}, {0.3, 0, -0.2, 0.1, 0.5, 0})});
  EXPECT_TRUE(status.ok()) << status;
}

TEST(AttentionTest, StepsMayBeSymbols) {
  Graph g;
  const Dim batch = Dim::Symbol("batch"), steps = Dim::Symbol("steps");
  const Var x = g.Input("x", {DType::kF32, {batch, steps, 8}});
  const AttentionResult r = ScaledDotProductAttention(x, x, x, {.causal = true});
  ASSERT_TRUE(g.status().ok()) << g.status();
  EXPECT_EQ(r.output.spec(), x.spec());
  EXPECT_EQ(r.weights.spec().ToString(), "f32[batch,steps,steps]");
  ScaledDotProductAttention(ops::Sum(x), x, x);
  EXPECT_THAT(std::string(g.status().message()), HasSubstr("must have rank 2 or more"));
}

}  // namespace
}  // namespace adjoint::graph
