#include "nn/onnx/onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/checker.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "core/io/file.h"
#include "graph/onnx/import.h"
#include "nn/nn.h"
#include "optim/adam.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::HasSubstr;

std::string Path(const std::string& name) { return testing::TempDir() + "/" + name; }
std::string Message(const absl::Status& status) { return std::string(status.message()); }

absl::Status Compile(Model& model) {
  return model.Compile(optim::MakeAdam({.learning_rate = 0.01}), "binary_crossentropy",
                       {"accuracy"});
}

Sequential Trained(const ToyData& data) {
  Sequential model({Dense(16, {.activation = "gelu"}), LayerNormalization(), Dropout(0.3),
                    Dense(1, {.activation = "sigmoid", .name = "out"})});
  EXPECT_EQ(Message(Compile(model)), "");
  EXPECT_TRUE(model.Fit(data.x, data.y, {.epochs = 1, .verbose = 0}).ok());
  return model;
}

void ExpectClose(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.spec(), b.spec());
  for (int64_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a.ValueAt(i), b.ValueAt(i), 1e-5);
}

Sequential Around(const std::string& path, const OnnxLayerOptions& options = {}) {
  auto layer = LoadOnnx(path, options);
  EXPECT_TRUE(layer.ok()) << layer.status();
  Sequential model({*layer});
  EXPECT_EQ(Message(Compile(model)), "");
  return model;
}

TEST(OnnxTest, AModelGoesOutAndComesBackToBeTrainedOn) {
  const ToyData data(300, 20);
  Sequential model = Trained(data);
  const std::string path = Path("model.onnx");
  ASSERT_EQ(Message(SaveOnnx(model, path)), "");
  ::onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(*io::ReadFile(path)));
  EXPECT_NO_THROW(::onnx::checker::check_model(proto));
  EXPECT_EQ(proto.graph().input(0).name(), "x0");
  EXPECT_EQ(proto.graph().input(0).type().tensor_type().shape().dim(0).dim_param(), "batch");

  Sequential back = Around(path);
  ExpectClose(*back.Predict(data.x), *model.Predict(data.x));
  const double before = *(*back.Evaluate(data.x, data.y, {.verbose = 0})).Find("loss");
  ASSERT_TRUE(back.Fit(data.x, data.y, {.epochs = 3, .verbose = 0}).ok());
  const double after = *(*back.Evaluate(data.x, data.y, {.verbose = 0})).Find("loss");
  EXPECT_LT(after, 0.9 * before);

  // Once more, and as a model of our own.
  ASSERT_EQ(Message(SaveOnnx(back, path)), "");
  Sequential again = Around(path);
  ExpectClose(*again.Predict(data.x), *back.Predict(data.x));
  ASSERT_EQ(Message(back.Save(Path("model.adjoint"))), "");
  auto loaded = Model::Load(Path("model.adjoint"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(BitwiseEqual(*loaded->Predict(data.x), *back.Predict(data.x)));
}

TEST(OnnxTest, WeightsInAFileOfTheirOwn) {
  const ToyData data(64, 20);
  Sequential model = Trained(data);
  const std::string path = Path("external.onnx");
  ASSERT_EQ(Message(SaveOnnx(model, path, {.external_from = 256})), "");
  EXPECT_TRUE(std::filesystem::exists(path + ".data"));
  EXPECT_NO_THROW(::onnx::checker::check_model(path));
  Sequential back = Around(path);
  ExpectClose(*back.Predict(data.x), *model.Predict(data.x));
  std::filesystem::resize_file(path + ".data", 100);
  EXPECT_THAT(Message(LoadOnnx(path).status()), HasSubstr("external.onnx.data"));
}

TEST(OnnxTest, FrozenWeightsStay) {
  const ToyData data(64, 20);
  Sequential model = Trained(data);
  const std::string path = Path("frozen.onnx");
  ASSERT_EQ(Message(SaveOnnx(model, path)), "");
  auto frozen = LoadOnnx(path, {.name = "base", .trainable = false});
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  Sequential top({*frozen, Dense(1, {.activation = "sigmoid"})});
  ASSERT_EQ(Message(Compile(top)), "");
  ASSERT_EQ(Message(top.Build(data.x)), "");
  const Tensor kernel = *top.variables().Find("base/out/kernel");
  ASSERT_TRUE(top.Fit(data.x, data.y, {.epochs = 1, .verbose = 0}).ok());
  EXPECT_TRUE(BitwiseEqual(*top.variables().Find("base/out/kernel"), kernel));
}

TEST(OnnxTest, MistakesAreNamed) {
  const ToyData data(8, 20);
  Sequential fresh({Dense(1)});
  EXPECT_THAT(Message(SaveOnnx(fresh, Path("no.onnx"))), HasSubstr("it has no weights yet"));
  EXPECT_THAT(Message(LoadOnnx(Path("missing.onnx")).status()), HasSubstr("missing.onnx"));
  ASSERT_TRUE(io::WriteFileAtomically(Path("damaged.onnx"), "nonsense").ok());
  EXPECT_THAT(Message(LoadOnnx(Path("damaged.onnx")).status()), HasSubstr("damaged one"));
  Sequential model = Trained(data);
  const std::string path = Path("types.onnx");
  ASSERT_EQ(Message(SaveOnnx(model, path)), "");
  Sequential wrong = Around(path);
  EXPECT_THAT(Message(wrong.Build(Tensor::Zeros({DType::kI64, {8, 20}}))),
              HasSubstr("input 'x0' is of type FLOAT"));
}

}  // namespace
}  // namespace adjoint::nn
