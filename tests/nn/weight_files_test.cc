// Weights in the formats that others read.

#include "nn/weight_files.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/io/npz.h"
#include "core/io/safetensors.h"
#include "gmock/gmock.h"
#include "nn/nn.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::HasSubstr;

constexpr char kScript[] = "tests/nn/open_weights.py";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::string FreshFolder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/" + name + std::to_string(getpid());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

Sequential Network(uint64_t seed) {
  Sequential model(
      {Input({10}), Dense(4, {.activation = "relu"}), Dense(1, {.activation = "sigmoid"})},
      {.seed = seed});
  EXPECT_TRUE(model.Compile("rmsprop", "binary_crossentropy").ok());
  return model;
}

TEST(WeightFilesTest, EveryFormatThereAndBack) {
  const std::string folder = FreshFolder("formats");
  const ToyData data(100, 10);
  Sequential model = Network(1);
  ASSERT_TRUE(model.Fit(data.x, data.y, {.epochs = 2, .verbose = 0}).ok());
  for (const char* name : {"w.safetensors", "w.npz", "w.weights"}) {
    const std::string path = folder + "/" + name;
    ASSERT_TRUE(model.SaveWeights(path).ok());
    Sequential other = Network(2);
    ASSERT_TRUE(other.LoadWeights(path).ok()) << name;
    EXPECT_TRUE(BitwiseEqual(*model.Predict(data.x), *other.Predict(data.x))) << name;
    Sequential wider({Input({10}), Dense(5), Dense(1)});
    ASSERT_TRUE(wider.Compile("sgd", "mse").ok());
    EXPECT_THAT(Message(wider.LoadWeights(path)),
                HasSubstr("weight 'dense/kernel' is f32[10,4] in the file, but the network wants "
                          "f32[10,5]"));
    Sequential deeper({Input({10}), Dense(4), Dense(1), Dense(1)});
    ASSERT_TRUE(deeper.Compile("sgd", "mse").ok());
    EXPECT_THAT(Message(deeper.LoadWeights(path)),
                HasSubstr("the file has no weight 'dense_2/kernel', which the model has"));
    Sequential shorter({Input({10}), Dense(4)});
    ASSERT_TRUE(shorter.Compile("sgd", "mse").ok());
    EXPECT_THAT(Message(shorter.LoadWeights(path)), HasSubstr("the file has a weight 'dense_1/"));
    EXPECT_FALSE(model.LoadWeights(path + "/none").ok());
  }
  // A whole model's file serves as well; its optimizer's state is left aside.
  ASSERT_TRUE(model.Save(folder + "/model").ok());
  EXPECT_TRUE(Network(2).LoadWeights(folder + "/model").ok());
}

TEST(WeightFilesTest, OtherFloatingTypesWhereNoNumberChanges) {
  const std::string path = FreshFolder("types") + "/w.safetensors";
  Sequential model({Input({1}), Dense(2, {.use_bias = false})});
  ASSERT_TRUE(model.Compile("sgd", "mse").ok());
  const auto load = [&](const Tensor& kernel) {
    EXPECT_TRUE(io::WriteSafetensors(path, {{"dense/kernel", kernel}}).ok());
    return model.LoadWeights(path);
  };
  ASSERT_TRUE(load(Tensor::Of<Float16>({1, 2}, {Float16(1.5f), Float16(-2)})).ok());
  EXPECT_EQ(Values(model.GetWeights()[0]), (std::vector<float>{1.5, -2}));
  ASSERT_TRUE(load(Tensor::Of<BFloat16>({1, 2}, {BFloat16(3.f), BFloat16(-4.f)})).ok());
  EXPECT_EQ(Values(model.GetWeights()[0]), (std::vector<float>{3, -4}));
  ASSERT_TRUE(
      load(Tensor::Of<double>({1, 2}, {0.5, std::numeric_limits<double>::infinity()})).ok());
  EXPECT_THAT(Message(load(Tensor::Of<double>({1, 2}, {0.5, 0.1}))),
              HasSubstr("weight 'dense/kernel' is f64[1,2] in the file, but the network wants "
                        "f32[1,2]; element 1, 0.1, would become 0.100000001 as f32"));
  EXPECT_THAT(Message(load(Tensor::Of<int32_t>({1, 2}, {1, 2}))),
              HasSubstr("i32 does not become f32"));
  EXPECT_EQ(Values(model.GetWeights()[0])[0], 0.5);
}

TEST(WeightFilesTest, NumPyOpensWhatWasTrainedHere) {
  const std::string folder = FreshFolder("numpy");
  const ToyData data(200, 10);
  Sequential model = Network(1);
  ASSERT_TRUE(model.Fit(data.x, data.y, {.epochs = 3, .verbose = 0}).ok());
  ASSERT_TRUE(model.SaveWeights(folder + "/weights.npz").ok());
  ASSERT_TRUE(model.SaveWeights(folder + "/weights.safetensors").ok());
  ASSERT_TRUE(
      io::WriteNpz(folder + "/inputs.npz", {{"x", data.x}, {"y", *model.Predict(data.x)}}).ok());
  const std::string command = "/usr/bin/python3 " + std::string(kScript) + " '" + folder + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  // And what NumPy has made of it is opened here.
  for (const char* name : {"scaled.npz", "scaled.safetensors"}) {
    Sequential scaled = Network(2);
    const absl::Status status = scaled.LoadWeights(folder + "/" + name);
    ASSERT_TRUE(status.ok()) << status;
    const std::vector<Tensor> before = model.GetWeights(), after = scaled.GetWeights();
    for (size_t i = 0; i < before.size(); ++i) {
      for (int64_t j = 0; j < before[i].size(); ++j) {
        ASSERT_EQ(after[i].ValueAt(j), 2 * before[i].ValueAt(j)) << name;
      }
    }
  }
}

}  // namespace
}  // namespace adjoint::nn
