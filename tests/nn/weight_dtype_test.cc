// Weights stored in 16 bits with f32 masters (ModelOptions::weight_dtype).

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "nn/nn.h"
#include "optim/extended.h"
#include "optim/optimizer.h"
#include "optim/sgd.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Sequential Classifier(DType dtype) {
  return Sequential({Dense(8, {.activation = "relu", .kernel_regularizer = L2(1e-3)}),
                     BatchNormalization(), Dense(1, {.activation = "sigmoid"})},
                    {.seed = 3, .weight_dtype = dtype});
}

TEST(WeightDtypeTest, TrainedWeightsAreStoredInItAndTheNetworkReadsThem) {
  const ToyData data(200, 10);
  Sequential model = Classifier(DType::kBF16), whole = Classifier(DType::kF32);
  for (Sequential* m : {&model, &whole}) {
    ASSERT_EQ(Message(m->Compile(optim::OptimizerConfig{"adam", {{"learning_rate", 0.02}}},
                                 "binary_crossentropy", {"accuracy"})),
              "");
    auto history = m->Fit(data.x, data.y, {.epochs = 20, .verbose = 0});
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_GT((*history)["accuracy"].back(), 0.9);
  }
  for (const std::string& name : model.WeightNames()) {
    const Tensor& weight = *model.variables().Find(name);
    const bool moving = name.find("moving") != std::string::npos;
    EXPECT_EQ(weight.dtype(), moving ? DType::kF32 : DType::kBF16) << name;
    if (moving) continue;
    const Tensor& master = *model.variables().Find("optimizer/" + name + "/master");
    EXPECT_EQ(master.dtype(), DType::kF32);
    bool inexact = false;
    for (int64_t i = 0; i < weight.size(); ++i) {
      EXPECT_EQ(
          weight.ValueAt(i),
          static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(master.ValueAt(i))))))
          << name;
      inexact |= weight.ValueAt(i) != master.ValueAt(i);
    }
    EXPECT_TRUE(inexact) << name << ": masters have more bits";
  }
  // The network with the stored weights as f32 is the same network.
  std::vector<Tensor> stored = model.GetWeights();
  for (Tensor& weight : stored) {
    Tensor wide = Tensor::Empty({DType::kF32, weight.shape()});
    for (int64_t i = 0; i < weight.size(); ++i) {
      wide.mutable_data<float>()[i] = static_cast<float>(weight.ValueAt(i));
    }
    weight = wide;
  }
  ASSERT_EQ(Message(whole.SetWeights(stored)), "");
  EXPECT_EQ(Values(*model.Predict(data.x)), Values(*whole.Predict(data.x)));
}

// Steps of 1 / 1024 from 1, where bf16 has no number between 1 - 1/256 and 1.
TEST(WeightDtypeTest, SmallStepsAreNotLost) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    Sequential model({Dense(1, {.use_bias = false, .kernel_initializer = "ones"})},
                     {.weight_dtype = dtype});
    const Loss constant("slope", [](ops::Var, ops::Var p) { return p; });
    ASSERT_EQ(Message(model.Compile(optim::MakeSgd({.learning_rate = 1.0 / 1024}), constant)), "");
    const Tensor one = Tensor::Of<float>({1, 1}, {1});
    ASSERT_TRUE(model.Fit(one, one, {.epochs = 1, .verbose = 0}).ok());
    EXPECT_EQ(model.GetWeights()[0].ValueAt(0), dtype == DType::kF32 ? 1 - 1.0 / 1024 : 1);
    ASSERT_TRUE(model.Fit(one, one, {.epochs = 31, .verbose = 0}).ok());
    EXPECT_EQ(model.GetWeights()[0].ValueAt(0), 1 - 32.0 / 1024);
  }
}

TEST(WeightDtypeTest, IsSavedAtHalfTheSizeAndTrainsOn) {
  const ToyData data(64, 2000);
  const auto path = [](DType dtype) {
    return ::testing::TempDir() + "/weights_" + std::string(DTypeName(dtype));
  };
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    Sequential model = Classifier(dtype);
    ASSERT_EQ(Message(model.Compile("rmsprop", "binary_crossentropy")), "");
    ASSERT_TRUE(model.Fit(data.x, data.y, {.epochs = 2, .verbose = 0}).ok());
    ASSERT_EQ(Message(model.Save(path(dtype) + ".small", {.include_optimizer = false})), "");
    ASSERT_EQ(Message(model.Save(path(dtype))), "");
    auto loaded = Model::Load(path(dtype));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(Values(*loaded->Predict(data.x)), Values(*model.Predict(data.x)));
    ASSERT_TRUE(model.Fit(data.x, data.y, {.verbose = 0}).ok());
    ASSERT_TRUE(loaded->Fit(data.x, data.y, {.verbose = 0}).ok());
    EXPECT_EQ(Values(*loaded->Predict(data.x)), Values(*model.Predict(data.x)));
    auto small = Model::Load(path(dtype) + ".small");
    ASSERT_TRUE(small.ok()) << small.status();
    ASSERT_TRUE(small->Fit(data.x, data.y, {.verbose = 0}).ok());
  }
  const auto size = [&](DType dtype) {
    return static_cast<double>(std::filesystem::file_size(path(dtype) + ".small"));
  };
  EXPECT_LT(size(DType::kBF16), 0.7 * size(DType::kF32));
}

TEST(WeightDtypeTest, MastersFollowWhatIsSet) {
  const ToyData data(64, 10);
  Sequential model = Classifier(DType::kBF16);
  ASSERT_EQ(Message(model.Compile(
                optim::Extended(optim::MakeSgd({.learning_rate = 0}), {.ema_momentum = 0.5}),
                "binary_crossentropy")),
            "");
  ASSERT_TRUE(model.Fit(data.x, data.y, {.verbose = 0}).ok());
  std::vector<Tensor> weights = model.GetWeights();
  for (BFloat16& v : weights[0].mutable_data<BFloat16>()) v = BFloat16(0.5f);
  ASSERT_EQ(Message(model.SetWeights(weights)), "");
  // A rate of 0 leaves the masters, and thereby the weights, as they were set.
  ASSERT_TRUE(model.Fit(data.x, data.y, {.verbose = 0}).ok());
  EXPECT_EQ(model.GetWeights()[0].ValueAt(0), 0.5);
  ASSERT_TRUE(model.Predict(data.x, {.use_averages = true}).ok());
  ASSERT_EQ(Message(model.OverwriteWithAverages()), "");
}

TEST(WeightDtypeTest, OtherTypesAreRefused) {
  Sequential model({Dense(1)}, {.weight_dtype = DType::kI32});
  EXPECT_THAT(Message(model.Compile("sgd", "mse")),
              HasSubstr("weight_dtype is i32; it must be f32, bf16 or f16"));
}

}  // namespace
}  // namespace adjoint::nn
