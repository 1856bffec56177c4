#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/imdb/attribution.h"
#include "core/csr_matrix.h"
#include "nn/nn.h"

namespace adjoint::apps::imdb {
namespace {

using ::testing::HasSubstr;

CsrMatrix Row(const std::vector<float>& values) {
  const std::vector<int64_t> offsets = {0, 3};
  const std::vector<int32_t> columns = {1, 4, 6};
  return *CsrMatrix::Create(8, offsets, columns, values);
}

double Logit(nn::Model& model, const CsrMatrix& x) {
  const double p = model.Predict(x)->ValueAt(0);
  return std::log(p) - std::log1p(-p);
}

TEST(AttributionTest, OfALinearModelIsItsTerms) {
  nn::Sequential model({nn::Dense(1, {.activation = "sigmoid"})}, {.seed = 3});
  const CsrMatrix x = Row({1, 2, -1});
  ASSERT_TRUE(model.Build(x).ok());
  auto attribution = Attribution::Create(model, nn::Data(x).spec());
  ASSERT_TRUE(attribution.ok()) << attribution.status();
  const auto result = attribution->Run(model, x);
  ASSERT_TRUE(result.ok()) << result.status();
  const Tensor& kernel = *model.variables().Find("dense/kernel");
  ASSERT_EQ(result->shares.size(), 3);
  EXPECT_FLOAT_EQ(result->shares.ValueAt(0), kernel.ValueAt(1));
  EXPECT_FLOAT_EQ(result->shares.ValueAt(1), 2 * kernel.ValueAt(4));
  EXPECT_FLOAT_EQ(result->shares.ValueAt(2), -kernel.ValueAt(6));
  EXPECT_NEAR(result->logit, Logit(model, x), 1e-5);
}

TEST(AttributionTest, RowsOfAllLengths) {
  nn::Sequential model({nn::Dense(1, {.activation = "sigmoid"})}, {.seed = 3});
  const auto row = [](int entries) {
    std::vector<int64_t> offsets = {0, entries};
    std::vector<int32_t> columns;
    for (int i = 0; i < entries; ++i) columns.push_back(2 * i);
    return *CsrMatrix::Create(5000, offsets, columns);
  };
  ASSERT_TRUE(model.Build(row(1)).ok());
  const Tensor& kernel = *model.variables().Find("dense/kernel");
  auto attribution = Attribution::Create(model, nn::Data(row(1)).spec());
  ASSERT_TRUE(attribution.ok()) << attribution.status();
  for (const int entries : {0, 1, 7, 1024, 1025, 2500, 3}) {
    const auto result = attribution->Run(model, row(entries));
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->shares.size(), entries);
    for (int i = 0; i < entries; ++i) {
      ASSERT_EQ(result->shares.ValueAt(i), kernel.ValueAt(2 * i)) << entries << " " << i;
    }
    EXPECT_NEAR(result->logit, Logit(model, row(entries)), 1e-5);
  }
}

TEST(AttributionTest, OfADeepModelIsItsGradientTimesItsInput) {
  nn::Sequential model({nn::Dense(5, {.activation = "tanh"}), nn::Dropout(0.5),
                        nn::Dense(1, {.activation = "sigmoid"})},
                       {.seed = 4});
  const std::vector<float> values = {1, 0.5, -2};
  ASSERT_TRUE(model.Build(Row(values)).ok());
  auto attribution = Attribution::Create(model, nn::Data(Row(values)).spec());
  ASSERT_TRUE(attribution.ok()) << attribution.status();
  const auto result = attribution->Run(model, Row(values));
  ASSERT_TRUE(result.ok()) << result.status();
  for (size_t i = 0; i < values.size(); ++i) {
    constexpr float kStep = 1.0f / 64;
    std::vector<float> up = values, down = values;
    up[i] += kStep;
    down[i] -= kStep;
    const double slope = (Logit(model, Row(up)) - Logit(model, Row(down))) / (2 * kStep);
    EXPECT_NEAR(result->shares.ValueAt(static_cast<int64_t>(i)), slope * values[i], 1e-3) << i;
  }
}

TEST(AttributionTest, WantsASigmoidAtTheEnd) {
  nn::Sequential model({nn::Dense(1)});
  ASSERT_TRUE(model.Build(Row({1, 1, 1})).ok());
  const auto attribution = Attribution::Create(model, nn::Data(Row({1, 1, 1})).spec());
  ASSERT_FALSE(attribution.ok());
  EXPECT_THAT(
      std::string(attribution.status().message()),
      HasSubstr("explanations want a network that ends with a sigmoid; this one ends with "));
}

}  // namespace
}  // namespace adjoint::apps::imdb
