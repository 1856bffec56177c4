// A small convolutional network on the real digits: $ADJOINT_DATA/mnist, or skipped without.

#include <zlib.h>

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "nn/nn.h"
#include "optim/adam.h"

namespace adjoint::nn {
namespace {

// The first `count` items of a gzipped idx file of bytes, `header` bytes after its start; fewer
// when there are not as many.
std::string ReadIdx(const std::string& path, int header, int64_t bytes) {
  std::string data(header + bytes, '\0');
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return "";
  const int read = gzread(file, data.data(), static_cast<unsigned>(data.size()));
  gzclose(file);
  return read < header ? "" : data.substr(header, read - header);
}

struct Digits {
  Tensor images, labels;
};

Digits Load(const std::string& folder, const std::string& name, int64_t count) {
  const std::string pixels =
      ReadIdx(folder + "/" + name + "-images-idx3-ubyte.gz", 16, count * 28 * 28);
  const std::string labels = ReadIdx(folder + "/" + name + "-labels-idx1-ubyte.gz", 8, count);
  if (static_cast<int64_t>(pixels.size()) != count * 28 * 28 ||
      static_cast<int64_t>(labels.size()) != count) {
    return {};
  }
  Digits d{Tensor::Empty({DType::kF32, Shape{count, 28, 28, 1}}),
           Tensor::Empty({DType::kI64, Shape{count}})};
  for (size_t i = 0; i < pixels.size(); ++i) {
    d.images.mutable_data<float>()[i] = static_cast<float>(static_cast<uint8_t>(pixels[i])) / 255;
  }
  for (size_t i = 0; i < labels.size(); ++i) d.labels.mutable_data<int64_t>()[i] = labels[i];
  return d;
}

TEST(MnistTest, AConvolutionalNetworkLearnsTheDigits) {
  const char* const data = std::getenv("ADJOINT_DATA");
  if (data == nullptr || *data == '\0') GTEST_SKIP() << "ADJOINT_DATA is not set";
  const std::string folder = std::string(data) + "/mnist";
  const Digits train = Load(folder, "train", 20000), test = Load(folder, "t10k", 5000);
  if (train.images.size() < 20000 * 784 || test.images.size() < 5000 * 784) {
    GTEST_SKIP() << "no digits in " << folder;
  }
  Sequential model(
      {Conv2D(32, 3, {.activation = "relu"}), MaxPooling2D(), Conv2D(64, 3, {.activation = "relu"}),
       MaxPooling2D(), Conv2D(64, 3, {.activation = "relu"}), Flatten(),
       Dense(64, {.activation = "relu"}), Dense(10, {.activation = "softmax"})},
      {.seed = 1});
  ASSERT_TRUE(model
                  .Compile(optim::MakeAdam(), "sparse_categorical_crossentropy",
                           {"sparse_categorical_accuracy"})
                  .ok());
  auto history =
      model.Fit(train.images, train.labels, {.epochs = 2, .batch_size = 128, .verbose = 2});
  ASSERT_TRUE(history.ok()) << history.status();
  auto logs = model.Evaluate(test.images, test.labels, {.batch_size = 250, .verbose = 0});
  ASSERT_TRUE(logs.ok()) << logs.status();
  // PyTorch's like network reaches 95.7 % with a loss of 0.128 on these digits, the harder half of
  // the test set, after as many steps; runs differ by a percent.
  EXPECT_GT((*logs)["sparse_categorical_accuracy"], 0.93);
  EXPECT_LT((*logs)["loss"], 0.22);
  for (const auto& [kernel, count] : model.KernelCounts()) {
    EXPECT_EQ(kernel.find("conv/reference"), std::string::npos);
    EXPECT_EQ(kernel.find("gradient/reference"), std::string::npos) << kernel;
  }
}

}  // namespace
}  // namespace adjoint::nn
