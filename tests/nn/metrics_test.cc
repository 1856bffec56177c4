// Metrics beside Keras' formulas (tests/golden/metrics_keras.py), as Evaluate and Fit report them.

#include "nn/metrics.h"

#include <cmath>
#include <fstream>
#include <limits>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "nn/nn.h"
#include "optim/sgd.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

Tensor Table(const Json& values, int64_t rows, int64_t columns) {
  const std::vector<float> floats = values;
  const Shape shape = columns == 1 ? Shape{rows} : Shape{rows, columns};
  return Tensor::Of<float>(shape, floats);
}

// A model that gives what it is fed, and does not change.
Sequential Echo(std::vector<Metric> metrics, int64_t columns = 1) {
  Sequential model({Dense(columns, {.use_bias = false, .kernel_initializer = "zeros"})});
  // A loss that takes targets of any shape.
  const Loss any("any", [](ops::Var, ops::Var y_pred) { return y_pred; });
  EXPECT_TRUE(model.Compile(optim::MakeSgd({.learning_rate = 0}), any, std::move(metrics)).ok());
  Tensor identity = Tensor::Zeros({DType::kF32, Shape{columns, columns}});
  for (int64_t i = 0; i < columns; ++i) identity.mutable_data<float>()[i * columns + i] = 1;
  EXPECT_TRUE(model.Build(Tensor::Zeros({DType::kF32, Shape{1, columns}})).ok());
  EXPECT_TRUE(model.SetWeights({identity}).ok());
  return model;
}

TEST(MetricsGoldenTest, AgreeWithKerasWhateverTheBatches) {
  std::ifstream in("tests/golden/metrics_keras.json");
  const Json golden = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(golden.is_object());
  ASSERT_GE(golden["cases"].size(), 30u);
  const int64_t rows = golden["rows"];
  for (const Json& a_case : golden["cases"]) {
    const std::string text = a_case["metric"];
    SCOPED_TRACE(text);
    const Json& data = golden["data"][a_case["data"].get<std::string>()];
    const int64_t columns = data["columns"][1];
    const Metric metric(text);
    ASSERT_TRUE(metric.Check().ok()) << metric.Check();
    Tensor y_pred = Table(data["y_pred"], rows, columns);
    y_pred = *y_pred.Reshaped(Shape{rows, columns});
    const Tensor y_true = Table(data["y_true"], rows, data["columns"][0]);
    const double expected = a_case["value"];
    Sequential model = Echo({metric}, columns);
    for (int64_t batch_size : {1000, 32, 7}) {
      auto logs = model.Evaluate(y_pred, y_true, {.batch_size = batch_size, .verbose = 0});
      ASSERT_TRUE(logs.ok()) << logs.status();
      EXPECT_NEAR((*logs)[metric.name()], expected, 2e-6 * std::max(1.0, std::abs(expected)))
          << batch_size;
    }
    // In the training program too.
    auto history = model.Fit(y_pred, y_true, {.batch_size = 16, .verbose = 0});
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_NEAR((*history)[metric.name()][0], expected, 2e-6 * std::max(1.0, std::abs(expected)));
  }
}

TEST(MetricsTest, KeysAndObjects) {
  EXPECT_EQ(Metric("AUC").name(), "auc");
  EXPECT_EQ(Metric("Precision(0.7)").name(), "precision");
  EXPECT_EQ(Metric("Precision(0.7)").text(), "Precision(0.7)");
  EXPECT_EQ(Metric("RootMeanSquaredError").name(), "root_mean_squared_error");
  EXPECT_EQ(Metric("mse").name(), "mse");
  EXPECT_EQ(AUC({.num_thresholds = 50, .curve = "PR", .name = "area"}).text(), "auc_pr(50)");
  EXPECT_EQ(AUC({.num_thresholds = 50, .curve = "PR", .name = "area"}).name(), "area");
  EXPECT_EQ(Recall({.threshold = 0.25, .class_id = 3}).text(), "recall(0.25, 3)");
  EXPECT_EQ(F1Score({.average = "weighted"}).text(), "f1_score(2, -1)");
  EXPECT_EQ(R2Score().name(), "r2_score");
}

// The example of Keras' own documentation.
TEST(MetricsTest, AucOfThreeThresholds) {
  Sequential model = Echo({AUC({.num_thresholds = 3})});
  const Tensor p = Tensor::Of<float>({4, 1}, {0, 0.5, 0.3, 0.9});
  const Tensor t = Tensor::Of<int32_t>({4}, {0, 0, 1, 1});
  EXPECT_EQ((*model.Evaluate(p, t, {.batch_size = 1, .verbose = 0}))["auc"], 0.75);
}

TEST(MetricsTest, NothingPositiveIsZeroRatherThanNaN) {
  Sequential model = Echo({"Precision", "Recall", "AUC", "auc_pr", "F1Score", "R2Score"});
  const Tensor zeros = Tensor::Zeros({DType::kF32, Shape{4, 1}});
  const Logs logs = *model.Evaluate(zeros, zeros, {.verbose = 0});
  for (const auto& [name, value] : logs.entries()) EXPECT_EQ(value, 0) << name;
}

TEST(MetricsTest, TopKOfWhatIsNotFiniteIsWrong) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Sequential model = Echo({"sparse_top_k_categorical_accuracy(3)"}, 3);
  // Weights of 0 times NaN would spread it: here every row stands alone.
  const Tensor p = Tensor::Of<float>({3, 3}, {nan, 1, 2, 3, 1, 2, 1, 2, 3});
  const Tensor t = Tensor::Of<int64_t>({3}, {1, 1, 5});  // the last is no class
  EXPECT_FLOAT_EQ(
      (*model.Evaluate(p, t, {.batch_size = 1, .verbose = 0}))["sparse_top_k_categorical_accuracy"],
      1.0 / 3);
}

TEST(MetricsTest, AreSavedWithTheirNumbersAndNames) {
  const ToyData data(40, 4);
  Sequential model({Dense(1, {.activation = "sigmoid"})});
  ASSERT_TRUE(model
                  .Compile("adam", "binary_crossentropy",
                           {"AUC", Precision({.threshold = 0.625, .name = "strict"}), "mae"})
                  .ok());
  ASSERT_TRUE(model.Fit(data.x, data.y, {.verbose = 0}).ok());
  const std::string path = testing::TempDir() + "/metrics.adjoint";
  ASSERT_TRUE(model.Save(path).ok());
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Logs a = *model.Evaluate(data.x, data.y, {.verbose = 0});
  EXPECT_TRUE(a.Has("strict"));
  EXPECT_EQ(a.entries(), (*loaded->Evaluate(data.x, data.y, {.verbose = 0})).entries());
}

TEST(MetricsTest, Mistakes) {
  const auto error = [](const Metric& metric) { return std::string(metric.Check().message()); };
  EXPECT_THAT(error("f2"), HasSubstr("there is no metric 'f2'; there are accuracy, acc, "));
  EXPECT_THAT(error("f2"), HasSubstr("auc, auc_pr, precision, recall, "));
  EXPECT_EQ(error("Precision(2)"),
            "metric 'Precision': threshold is 2; it must be at least 0 and at most 1");
  EXPECT_EQ(error("AUC(1)"),
            "metric 'AUC': num_thresholds is 1; it must be a whole number from 2 to 100000");
  EXPECT_EQ(error("AUC(2, 3)"), "metric 'AUC' takes 1 numbers, but was given 2");
  EXPECT_EQ(error("mape(2)"), "metric 'mape' takes 0 numbers, but was given 1");
  EXPECT_THAT(error("precision(0.5"), HasSubstr("does not end with ')'"));
  EXPECT_NE(error(AUC({.curve = "LIFT"})), "");
  EXPECT_NE(error(F1Score({.average = "none"})), "");
  // Shapes that do not fit, and a class that is not there.
  const Tensor x = Tensor::Zeros({DType::kF32, Shape{4, 2}});
  for (const char* metric : {"AUC", "Precision", "F1Score", "rmse", "R2Score", "mape"}) {
    Sequential model({Dense(2)});
    ASSERT_TRUE(
        model.Compile("sgd", Loss("zero", [](ops::Var, ops::Var p) { return p; }), {metric}).ok());
    EXPECT_THAT(
        std::string(model.Evaluate(x, Tensor::Zeros({DType::kF32, Shape{4, 3}}), {.verbose = 0})
                        .status()
                        .message()),
        HasSubstr("their shapes must be equal"))
        << metric;
  }
  Sequential model = Echo({Precision({.class_id = 2})}, 2);
  EXPECT_THAT(std::string(model.Evaluate(x, x, {.verbose = 0}).status().message()),
              HasSubstr("class_id 2 is not below the 2 classes of f32[batch,2]"));
}

TEST(ConfusionMatrixTest, Counts) {
  const Tensor labels = Tensor::Of<int32_t>({5}, {1, 2, 4, 2, 2});
  const Tensor predictions = Tensor::Of<int64_t>({5}, {2, 2, 4, 0, 2});
  auto matrix = ConfusionMatrix(labels, predictions);
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_TRUE(
      BitwiseEqual(*matrix, Tensor::Of<int64_t>({5, 5}, {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 2,
                                                         0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})));
  EXPECT_EQ(ConfusionMatrix(labels, predictions, 7)->shape(), (Shape{7, 7}));
  EXPECT_EQ(ConfusionMatrix(labels, predictions, 4).status().message(),
            "ConfusionMatrix: label 2 is 4; class numbers are at least 0 and below 4");
  EXPECT_FALSE(ConfusionMatrix(labels, Tensor::Of<int32_t>({5}, {0, -1, 0, 0, 0})).ok());
  EXPECT_FALSE(ConfusionMatrix(labels, Tensor::Of<int32_t>({1}, {0})).ok());
  EXPECT_FALSE(ConfusionMatrix(labels, Tensor::Of<float>({5}, {0, 0, 0, 0, 0})).ok());
  EXPECT_EQ(ConfusionMatrix(Tensor::Of<int32_t>({0}, {}), Tensor::Of<int32_t>({0}, {}))->size(), 0);
}

}  // namespace
}  // namespace adjoint::nn
