#include "nn/losses.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/graph.h"
#include "graph/program.h"
#include "nn/metrics.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "ops/softmax.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ops::Var;
using ::testing::HasSubstr;

enum class From { kProbabilities, kSigmoid, kSoftmax, kOtherSoftmax };

// The mean of what `function` gives for these tensors.
template <typename F>
absl::StatusOr<float> MeanOf(const F& function, const Tensor& y_true, const Tensor& y_pred,
                             From from = From::kProbabilities) {
  auto graph = std::make_shared<graph::Graph>();
  const Var t = graph->Input("y_true", y_true.spec());
  const Var x = graph->Input("y_pred", y_pred.spec());
  const Var p = from == From::kSigmoid        ? ops::Sigmoid(x)
                : from == From::kSoftmax      ? ops::Softmax(x)
                : from == From::kOtherSoftmax ? ops::Softmax(x, 0)
                                              : x;
  const Var values = function(t, p);
  if (!graph->status().ok()) return graph->status();
  graph::Program program;
  program.name = "test";
  program.graph = graph;
  program.AddInput("y_true", t);
  program.AddInput("y_pred", x);
  program.AddOutput("mean", ops::Mean(values));
  auto executable = graph::Executable::Compile(program);
  if (!executable.ok()) return executable.status();
  auto workspace = (*executable)->NewWorkspace();
  std::vector<Tensor> outputs;
  const absl::Status run = (*executable)->Run(**workspace, {y_true, y_pred}, nullptr, &outputs);
  if (!run.ok()) return run;
  return outputs[0].item<float>();
}

Tensor F(Shape shape, std::initializer_list<float> values) {
  return Tensor::Of<float>(shape, values);
}

TEST(LossesTest, BinaryCrossentropy) {
  // -(ln 0.9 + ln 0.8) / 2.
  const float want = -(std::log(0.9) + std::log(0.8)) / 2;
  EXPECT_NEAR(*MeanOf(Loss("binary_crossentropy"), F({2}, {1, 0}), F({2, 1}, {0.9, 0.2})), want,
              1e-6);
  // Clipped to [1e-7, 1 - 1e-7].
  EXPECT_NEAR(*MeanOf(Loss("binary_crossentropy"), F({1}, {1}), F({1, 1}, {0})), 16.1181, 1e-3);
  // From logits there is nothing to clip: softplus(40).
  EXPECT_NEAR(*MeanOf(Loss("binary_crossentropy"), F({1}, {1}), F({1, 1}, {-40}), From::kSigmoid),
              40, 1e-4);
  // Integer targets are as good.
  EXPECT_NEAR(
      *MeanOf(Loss("binary_crossentropy"), Tensor::Of<int64_t>({2}, {1, 0}), F({2, 1}, {0.9, 0.2})),
      want, 1e-6);
}

TEST(LossesTest, Regression) {
  EXPECT_FLOAT_EQ(*MeanOf(Loss("mean_squared_error"), F({2}, {1, 2}), F({2, 1}, {2, 4})), 2.5);
  EXPECT_FLOAT_EQ(*MeanOf(Loss("mse"), F({2, 1}, {1, 2}), F({2, 1}, {2, 4})), 2.5);
  EXPECT_FLOAT_EQ(*MeanOf(Loss("mean_absolute_error"), F({2}, {1, 2}), F({2, 1}, {2, 4})), 1.5);
}

TEST(LossesTest, CategoricalCrossentropies) {
  const Tensor p = F({2, 3}, {0.7, 0.2, 0.1, 0.3, 0.3, 0.4});
  const Tensor one_hot = F({2, 3}, {1, 0, 0, 0, 0, 1});
  const float want = -(std::log(0.7) + std::log(0.4)) / 2;
  EXPECT_NEAR(*MeanOf(Loss("categorical_crossentropy"), one_hot, p), want, 1e-6);
  for (const Tensor& labels :
       {Tensor::Of<int32_t>({2}, {0, 2}), Tensor::Of<int32_t>({2, 1}, {0, 2})}) {
    EXPECT_NEAR(*MeanOf(Loss("sparse_categorical_crossentropy"), labels, p), want, 1e-6);
  }
  EXPECT_NEAR(*MeanOf(Loss("sparse_categorical_crossentropy"), F({2}, {0, 2}), p), want, 1e-6);
  // Probabilities that do not sum to 1 are scaled, as in Keras.
  const Tensor twice = F({2, 3}, {1.4, 0.4, 0.2, 0.6, 0.6, 0.8});
  EXPECT_NEAR(*MeanOf(Loss("categorical_crossentropy"), one_hot, twice), want, 1e-6);
  // From the logits of a softmax that has run into 0 and 1.
  const Tensor far = F({1, 2}, {0, 200});
  EXPECT_FLOAT_EQ(*MeanOf(Loss("categorical_crossentropy"), F({1, 2}, {1, 0}), far, From::kSoftmax),
                  200);
  EXPECT_FLOAT_EQ(*MeanOf(Loss("sparse_categorical_crossentropy"), Tensor::Of<int32_t>({1}, {0}),
                          far, From::kSoftmax),
                  200);
  // A softmax over another axis does not count: over axis 0 of one row it gives ones, of which
  // each class has one half.
  EXPECT_NEAR(
      *MeanOf(Loss("categorical_crossentropy"), F({1, 2}, {1, 0}), far, From::kOtherSoftmax),
      std::log(2), 1e-6);
}

TEST(LossesTest, FunctionsOfTheUsers) {
  const Loss doubled("doubled", [](Var y_true, Var y_pred) { return 2 * (y_pred - y_true); });
  EXPECT_TRUE(doubled.Check().ok());
  EXPECT_EQ(doubled.name(), "doubled");
  // The targets come as [batch,1] and as floats.
  EXPECT_FLOAT_EQ(*MeanOf(doubled, Tensor::Of<uint8_t>({2}, {1, 2}), F({2, 1}, {2, 4})), 3);
}

TEST(LossesTest, Mistakes) {
  EXPECT_THAT(std::string(Loss("hinged").Check().message()),
              HasSubstr("there is no loss 'hinged'; there are binary_crossentropy, "
                        "mean_squared_error, mse, mean_absolute_error, mae, "));
  EXPECT_THAT(
      std::string(
          MeanOf(Loss("mse"), F({2}, {1, 2}), F({2, 3}, {1, 2, 3, 4, 5, 6})).status().message()),
      HasSubstr("targets are f32[2] and predictions are f32[2,3]; their shapes must be "
                "equal"));
  EXPECT_THAT(std::string(MeanOf(Loss("sparse_categorical_crossentropy"),
                                 F({2, 3}, {1, 2, 3, 4, 5, 6}), F({2, 3}, {1, 2, 3, 4, 5, 6}))
                              .status()
                              .message()),
              HasSubstr("targets must have the predictions' shape without the last axis"));
  EXPECT_THAT(std::string(MeanOf(Loss("sparse_categorical_crossentropy"),
                                 Tensor::Of<int32_t>({1}, {2}), F({1, 2}, {0.5, 0.5}))
                              .status()
                              .message()),
              HasSubstr("2"));
}

TEST(MetricsTest, BinaryAccuracy) {
  const Tensor p = F({4, 1}, {0.9, 0.5, 0.51, 0.1});
  EXPECT_FLOAT_EQ(*MeanOf(Metric("binary_accuracy"), F({4}, {1, 1, 1, 1}), p), 0.5);
  EXPECT_FLOAT_EQ(*MeanOf(Metric("accuracy"), F({4}, {1, 0, 1, 0}), p), 1);
}

TEST(MetricsTest, CategoricalAccuracies) {
  // The second row is a tie, of which the first place counts; NaN is never right.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor p = F({3, 3}, {0.1, 0.7, 0.2, 0.4, 0.2, 0.4, nan, 0.1, 0.2});
  EXPECT_NEAR(
      *MeanOf(Metric("sparse_categorical_accuracy"), Tensor::Of<int32_t>({3}, {1, 2, 0}), p),
      1.0 / 3, 1e-6);
  EXPECT_NEAR(*MeanOf(Metric("accuracy"), Tensor::Of<uint8_t>({3, 1}, {1, 0, 2}), p), 2.0 / 3,
              1e-6);
  const Tensor one_hot = F({3, 3}, {0, 1, 0, 1, 0, 0, 0, 0, 1});
  EXPECT_NEAR(*MeanOf(Metric("categorical_accuracy"), one_hot, p), 2.0 / 3, 1e-6);
  EXPECT_NEAR(*MeanOf(Metric("acc"), one_hot, p), 2.0 / 3, 1e-6);
}

TEST(MetricsTest, LossesAreMetrics) {
  EXPECT_FLOAT_EQ(*MeanOf(Metric("mae"), F({2}, {1, 2}), F({2, 1}, {2, 4})), 1.5);
  EXPECT_THAT(std::string(Metric("f1").Check().message()),
              HasSubstr("there is no metric 'f1'; there are accuracy, acc, binary_accuracy"));
}

}  // namespace
}  // namespace adjoint::nn
