// Layers over maps: shapes, layouts, padding, files and mistakes. Numbers beside PyTorch's are in
// spatial_golden_test.cc.

#include <string>
#include <vector>

#include "core/philox.h"
#include "gmock/gmock.h"
#include "nn/nn.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Tensor Noise(Shape shape, uint64_t seed = 1) {
  Tensor t = Tensor::Empty({DType::kF32, std::move(shape)});
  PhiloxEngine random({.seed = seed});
  for (float& v : t.mutable_data<float>()) v = UniformFloat(random()) * 2 - 1;
  return t;
}

std::string OutputShape(std::vector<LayerHandle> layers, Shape x) {
  Sequential model(std::move(layers));
  auto y = model.Predict(Noise(std::move(x)));
  return y.ok() ? y->shape().ToString() : Message(y.status());
}

// Channels last to channels first.
Tensor ChannelsFirst(const Tensor& t) {
  const Shape& s = t.shape();
  int64_t positions = 1;
  Shape shape{s[0], s[s.rank() - 1]};
  for (int i = 1; i + 1 < s.rank(); ++i) {
    positions *= s[i];
    shape.push_back(s[i]);
  }
  Tensor out = Tensor::Empty({DType::kF32, shape});
  const int64_t channels = s[s.rank() - 1];
  for (int64_t n = 0; n < s[0]; ++n) {
    for (int64_t p = 0; p < positions; ++p) {
      for (int64_t c = 0; c < channels; ++c) {
        out.mutable_data<float>()[(n * channels + c) * positions + p] =
            t.data<float>()[(n * positions + p) * channels + c];
      }
    }
  }
  return out;
}

TEST(SpatialLayersTest, ShapesAreKeras) {
  EXPECT_EQ(OutputShape({Conv1D(4, 3)}, {2, 9, 3}), "[2,7,4]");
  EXPECT_EQ(OutputShape({Conv1D(4, 3, {.strides = 2, .padding = "same"})}, {2, 9, 3}), "[2,5,4]");
  EXPECT_EQ(OutputShape({Conv1D(4, 3, {.padding = "causal", .dilation_rate = 2})}, {2, 9, 3}),
            "[2,9,4]");
  EXPECT_EQ(OutputShape({Conv2D(4, {3, 2}, {.strides = {1, 2}})}, {2, 6, 7, 3}), "[2,4,3,4]");
  EXPECT_EQ(OutputShape({Conv3D(4, 2)}, {1, 4, 5, 6, 2}), "[1,3,4,5,4]");
  EXPECT_EQ(OutputShape({Conv1DTranspose(4, 3, {.strides = 2})}, {2, 5, 3}), "[2,11,4]");
  EXPECT_EQ(OutputShape({Conv1DTranspose(4, 2, {.strides = 3})}, {2, 5, 3}), "[2,15,4]");
  EXPECT_EQ(OutputShape({Conv2DTranspose(4, 3, {.strides = 2, .padding = "same"})}, {2, 5, 4, 3}),
            "[2,10,8,4]");
  EXPECT_EQ(OutputShape({Conv2DTranspose(4, 3, {.strides = 2, .output_padding = 1})}, {2, 5, 4, 3}),
            "[2,12,10,4]");
  EXPECT_EQ(OutputShape({Conv3DTranspose(2, 2)}, {1, 2, 3, 4, 3}), "[1,3,4,5,2]");
  EXPECT_EQ(OutputShape({DepthwiseConv2D(3, {.depth_multiplier = 2})}, {2, 5, 5, 3}), "[2,3,3,6]");
  EXPECT_EQ(OutputShape({DepthwiseConv1D(3)}, {2, 5, 3}), "[2,3,3]");
  EXPECT_EQ(OutputShape({SeparableConv2D(8, 3)}, {2, 5, 5, 3}), "[2,3,3,8]");
  EXPECT_EQ(OutputShape({SeparableConv1D(8, 3)}, {2, 5, 3}), "[2,3,8]");
  EXPECT_EQ(OutputShape({MaxPooling1D()}, {2, 7, 3}), "[2,3,3]");
  EXPECT_EQ(OutputShape({MaxPooling2D(3, {.strides = 2, .padding = "same"})}, {2, 7, 8, 3}),
            "[2,4,4,3]");
  EXPECT_EQ(OutputShape({MaxPooling3D()}, {2, 4, 5, 6, 3}), "[2,2,2,3,3]");
  EXPECT_EQ(OutputShape({AveragePooling1D(3)}, {2, 7, 3}), "[2,2,3]");
  EXPECT_EQ(OutputShape({AveragePooling2D({2, 3})}, {2, 7, 8, 3}), "[2,3,2,3]");
  EXPECT_EQ(OutputShape({AveragePooling3D()}, {2, 4, 5, 6, 3}), "[2,2,2,3,3]");
  EXPECT_EQ(OutputShape({GlobalMaxPooling1D()}, {2, 7, 3}), "[2,3]");
  EXPECT_EQ(OutputShape({GlobalMaxPooling2D({.keepdims = true})}, {2, 7, 8, 3}), "[2,1,1,3]");
  EXPECT_EQ(
      OutputShape({GlobalAveragePooling3D({.data_format = "channels_first"})}, {2, 4, 5, 6, 3}),
      "[2,4]");
}

TEST(SpatialLayersTest, BothLayoutsAgree) {
  for (const bool training : {false, true}) {
    const auto net = [&](const std::string& format) {
      const int64_t axis = format == "channels_last" ? -1 : 1;
      return Sequential(
          {Conv2D(6, 3,
                  {.padding = "same", .data_format = format, .groups = 3, .activation = "relu"}),
           BatchNormalization({.axis = axis, .momentum = 0.5}),
           MaxPooling2D(2, {.padding = "same", .data_format = format}),
           SeparableConv2D(4, 2, {.data_format = format}),
           GroupNormalization({.groups = 2, .axis = axis}),
           Conv2DTranspose(5, 3, {.strides = 2, .data_format = format}),
           AveragePooling2D(3, {.strides = 2, .padding = "same", .data_format = format}),
           GlobalAveragePooling2D({.data_format = format})},
          {.seed = 3});
    };
    const Tensor x = Noise({4, 9, 8, 3});
    Sequential last = net("channels_last"), first = net("channels_first");
    if (training) {
      const Tensor target = Noise({4, 5}, 2);
      const FitOptions fit{.epochs = 3, .batch_size = 2, .verbose = 0};
      for (auto* const model : {&last, &first}) {
        ASSERT_TRUE(model->Compile("sgd", "mean_squared_error").ok());
        auto history = model->Fit(model == &last ? x : ChannelsFirst(x), target, fit);
        ASSERT_TRUE(history.ok()) << history.status();
      }
    }
    auto a = last.Predict(x), b = first.Predict(ChannelsFirst(x));
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    ASSERT_EQ(a->shape(), b->shape());
    for (int64_t i = 0; i < a->size(); ++i) EXPECT_NEAR(a->ValueAt(i), b->ValueAt(i), 1e-4) << i;
  }
}

TEST(SpatialLayersTest, CausalLooksBackOnly) {
  Sequential model({Conv1D(1, 2, {.padding = "causal", .kernel_initializer = "ones"})});
  auto y = model.Predict(Tensor::Of<float>({1, 4, 1}, {1, 2, 4, 8}));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT(std::vector<float>(y->data<float>().begin(), y->data<float>().end()),
              ElementsAre(1, 3, 6, 12));
}

TEST(SpatialLayersTest, FilesHoldAllOfThem) {
  Sequential model(
      {Conv2D(6, 3, {.padding = "same", .dilation_rate = 2, .activation = "relu"}),
       BatchNormalization({.momentum = 0.9, .center = false}),
       DepthwiseConv2D(2, {.depth_multiplier = 2, .depthwise_initializer = "he_normal"}),
       LayerNormalization({.epsilon = 0.01}),
       SeparableConv2D(4, {1, 2}, {.pointwise_regularizer = L2(0.1)}),
       Conv2DTranspose(4, 3, {.strides = 2, .output_padding = 1}),
       GroupNormalization({.groups = 2}), MaxPooling2D(2, {.strides = {1, 2}}),
       AveragePooling2D(2, {.padding = "same"}), GlobalMaxPooling2D({.keepdims = true}), Flatten()},
      {.seed = 1});
  const Tensor x = Noise({2, 9, 8, 3});
  ASSERT_TRUE(model.Compile("sgd", "mean_squared_error").ok());
  ASSERT_TRUE(model.Fit(x, Noise({2, 4}), {.verbose = 0}).ok());
  const std::string path = ::testing::TempDir() + "/maps.adjoint";
  ASSERT_EQ(Message(model.Save(path)), "");
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->Summary(), model.Summary());
  EXPECT_TRUE(BitwiseEqual(*model.Predict(x), *loaded->Predict(x)));
}

TEST(SpatialLayersTest, Mistakes) {
  const auto message = [](LayerHandle layer, Shape x) {
    return OutputShape({std::move(layer)}, std::move(x));
  };
  EXPECT_THAT(
      message(Conv2D(4, 3), {2, 5, 3}),
      HasSubstr("Conv2D takes an input of rank 4, a batch of maps with 2 axes and channels, "
                "but was given f32[batch,5,3]"));
  EXPECT_THAT(message(Conv2D(4, 3, {.padding = "causal"}), {2, 5, 5, 3}),
              HasSubstr("padding is 'causal'; there are 'valid' and 'same'"));
  EXPECT_THAT(message(Conv2D(4, 3, {.data_format = "NHWC"}), {2, 5, 5, 3}),
              HasSubstr("data_format is 'NHWC'"));
  EXPECT_THAT(message(Conv2D(0, 3), {2, 5, 5, 3}), HasSubstr("but was given 0, 1 and 1"));
  EXPECT_THAT(message(Conv2D(4, {3, 3, 3}), {2, 5, 5, 3}),
              HasSubstr("kernel_size has 3 entries for 2 axes"));
  EXPECT_THAT(message(Conv2D(4, {3, -3}), {2, 5, 5, 3}),
              HasSubstr("kernel_size [3,-3] must be positive"));
  EXPECT_THAT(message(Conv2D(4, 3, {.groups = 2}), {2, 5, 5, 3}), HasSubstr("given 2 for 3 and 4"));
  EXPECT_THAT(message(Conv2D(4, 6), {2, 5, 5, 3}),
              HasSubstr("the window spans 6 along spatial axis 0, but the operand has 5"));
  EXPECT_THAT(message(Conv2DTranspose(4, 3, {.output_padding = {1, -1}}), {2, 5, 5, 3}),
              HasSubstr("wants an output_padding for each of 2 axes"));
  EXPECT_THAT(message(MaxPooling2D(0), {2, 5, 5, 3}),
              HasSubstr("pool_size [0,0] must be positive"));
  EXPECT_THAT(message(BatchNormalization({.axis = 0}), {2, 5}),
              HasSubstr("BatchNormalization wants an axis after the batch"));
  EXPECT_THAT(message(BatchNormalization({.momentum = 2}), {2, 5}),
              HasSubstr("wants a momentum from 0 to 1, but was given 2"));
  EXPECT_THAT(message(GroupNormalization({.groups = 4}), {2, 5, 6}),
              HasSubstr("groups that divide 6 channels, but was given 4"));
  EXPECT_THAT(message(LayerNormalization({.epsilon = -1}), {2, 6}),
              HasSubstr("an epsilon that is not negative, but was given -1"));
}

}  // namespace
}  // namespace adjoint::nn
