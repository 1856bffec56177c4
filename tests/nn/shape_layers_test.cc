#include "nn/shape_layers.h"

#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "nn/nn.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::FloatNear;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// 1, 2, 3, ...
Tensor Counting(Shape shape) {
  Tensor t = Tensor::Empty({DType::kF32, std::move(shape)});
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_data<float>()[i] = static_cast<float>(i + 1);
  return t;
}

// What a layer makes of a batch.
Tensor Apply(LayerHandle layer, const Tensor& x) {
  Sequential model({std::move(layer)});
  auto y = model.Predict(x);
  EXPECT_TRUE(y.ok()) << y.status();
  return y.ok() ? *y : Tensor();
}

Tensor F(Shape shape, std::initializer_list<float> values) {
  return Tensor::Of<float>(shape, values);
}

TEST(ShapeLayersTest, ReshapePermuteRepeat) {
  const Tensor x = Counting({2, 2, 3});
  EXPECT_EQ(Apply(Reshape({3, 2}), x).spec().ToString(), "f32[2,3,2]");
  EXPECT_EQ(Apply(Reshape({-1}), x).spec().ToString(), "f32[2,6]");
  EXPECT_EQ(Apply(Reshape({1, -1, 2}), x).spec().ToString(), "f32[2,1,3,2]");
  const Tensor turned = Apply(Permute({2, 1}), x);
  EXPECT_EQ(turned.spec().ToString(), "f32[2,3,2]");
  EXPECT_THAT(Values(turned), ElementsAre(1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12));
  const Tensor repeated = Apply(RepeatVector(2), Counting({2, 2}));
  EXPECT_EQ(repeated.spec().ToString(), "f32[2,2,2]");
  EXPECT_THAT(Values(repeated), ElementsAre(1, 2, 1, 2, 3, 4, 3, 4));
}

TEST(ShapeLayersTest, PaddingAndCropping) {
  const Tensor steps = Counting({1, 2, 2});
  EXPECT_THAT(Values(Apply(ZeroPadding1D({1, 2}), steps)),
              ElementsAre(0, 0, 1, 2, 3, 4, 0, 0, 0, 0));
  EXPECT_THAT(Values(Apply(ZeroPadding1D(), steps)), ElementsAre(0, 0, 1, 2, 3, 4, 0, 0));
  EXPECT_THAT(Values(Apply(Cropping1D({1, 0}), steps)), ElementsAre(3, 4));
  const Tensor map = Counting({1, 2, 2, 1});
  EXPECT_THAT(Values(Apply(ZeroPadding2D({1, 0, 0, 2}), map)),
              ElementsAre(0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0));
  EXPECT_EQ(Apply(ZeroPadding2D({1, 2}), map).spec().ToString(), "f32[1,4,6,1]");
  EXPECT_EQ(Apply(ZeroPadding2D({3}, {.data_format = "channels_first"}), map).spec().ToString(),
            "f32[1,2,8,7]");
  EXPECT_THAT(Values(Apply(Cropping2D({0, 1, 1, 0}), Counting({1, 2, 2, 2}))), ElementsAre(3, 4));
  EXPECT_EQ(Apply(Cropping2D(), map).spec().ToString(), "f32[1,2,2,1]");
}

TEST(ShapeLayersTest, UpSampling) {
  EXPECT_THAT(Values(Apply(UpSampling1D(), Counting({1, 2, 2}))),
              ElementsAre(1, 2, 1, 2, 3, 4, 3, 4));
  EXPECT_THAT(Values(Apply(UpSampling2D({1, 2}), Counting({1, 2, 2, 1}))),
              ElementsAre(1, 1, 2, 2, 3, 3, 4, 4));
  EXPECT_THAT(
      Values(Apply(UpSampling2D({2}, {.data_format = "channels_first"}), Counting({1, 1, 1, 2}))),
      ElementsAre(1, 1, 2, 2, 1, 1, 2, 2));
}

TEST(ShapeLayersTest, LambdaTrainsAndIsNotSaved) {
  Sequential model({Lambda([](Var x) { return x * x; }), Dense(1)});
  const ToyData data(10, 6);
  ASSERT_TRUE(model.Compile("sgd", "mse").ok());
  ASSERT_TRUE(model.Fit(data.x, data.y, {.epochs = 1, .verbose = 0}).ok());
  EXPECT_THAT(Message(model.Save(::testing::TempDir() + "/lambda.adjoint")),
              HasSubstr("Lambda holds a function of your own and cannot be saved"));
}

TEST(MergeLayersTest, Elementwise) {
  const struct {
    LayerHandle layer;
    std::vector<float> want;
  } cases[] = {
      {Multiply(), {4, -10, 18}},  {Average(), {2.5, -1.5, 4.5}}, {nn::Maximum(), {4, 2, 6}},
      {nn::Minimum(), {1, -5, 3}}, {Subtract(), {-3, 7, -3}},
  };
  for (const auto& c : cases) {
    auto a = Input({3}), b = Input({3});
    Model model({a, b}, c.layer({a, b}));
    auto y = model.Predict({F({1, 3}, {1, 2, 3}), F({1, 3}, {4, -5, 6})});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_THAT(Values(*y), ElementsAreArray(c.want));
  }
  auto a = Input({1}), b = Input({1}), c = Input({1});
  Model model({a, b, c}, Average()({a, b, c}));
  EXPECT_THAT(Values(*model.Predict({F({1, 1}, {1}), F({1, 1}, {2}), F({1, 1}, {6})})),
              ElementsAre(3));
}

TEST(MergeLayersTest, Dot) {
  auto a = Input({3}), b = Input({3});
  Model vectors({a, b}, {Dot(1, 1)({a, b}), Dot(-1, 1, {.normalize = true})({a, b})});
  auto y = vectors.PredictAll({F({2, 3}, {1, 2, 2, 0, 3, 0}), F({2, 3}, {2, 0, 0, 0, -2, 0})});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].spec().ToString(), "f32[2,1]");
  EXPECT_THAT(Values((*y)[0]), ElementsAre(2, -6));
  EXPECT_NEAR((*y)[1].ValueAt(0), 1.0 / 3, 1e-6);
  EXPECT_NEAR((*y)[1].ValueAt(1), -1, 1e-6);

  auto m = Input({2, 3}), n = Input({4, 3});
  Model matrices({m, n}, Dot(2, 2)({m, n}));
  auto product = matrices.Predict({Counting({2, 2, 3}), Counting({2, 4, 3})});
  ASSERT_TRUE(product.ok()) << product.status();
  EXPECT_EQ(product->spec().ToString(), "f32[2,2,4]");
  EXPECT_EQ(product->ValueAt(0), 1 + 4 + 9);
  EXPECT_EQ(product->ValueAt(15), 10 * 22 + 11 * 23 + 12 * 24);
}

// The mean and the mean square of what a layer makes of ones in training, and what it predicts.
struct Training {
  double mean, square;
  Tensor prediction;
};
Training TrainOnOnes(LayerHandle layer, Shape sample) {
  Sequential model({std::move(layer)});
  EXPECT_TRUE(model
                  .Compile("sgd", Loss("zero", [](Var, Var p) { return 0 * p; }),
                           {Metric("mean", [](Var, Var p) { return p; }),
                            Metric("square", [](Var, Var p) { return p * p; })})
                  .ok());
  Shape shape{500};
  for (Dim d : sample.dims()) shape.push_back(d);
  Tensor x = Tensor::Empty({DType::kF32, shape});
  for (float& v : x.mutable_data<float>()) v = 1;
  auto history = model.Fit(x, x, {.epochs = 1, .batch_size = 50, .verbose = 0});
  EXPECT_TRUE(history.ok()) << history.status();
  return {(*history)["mean"][0], (*history)["square"][0], *model.Predict(x)};
}

TEST(NoiseLayersTest, DisturbInTrainingOnly) {
  Training t = TrainOnOnes(GaussianNoise(0.5), {60});  // 30,000 draws
  EXPECT_NEAR(t.mean, 1, 5 * 0.5 / std::sqrt(30'000));
  EXPECT_NEAR(t.square, 1.25, 5 * 1.1 / std::sqrt(30'000));
  EXPECT_THAT(Values(t.prediction), Each(1));
  t = TrainOnOnes(GaussianDropout(0.2), {60});
  EXPECT_NEAR(t.mean, 1, 5 * 0.5 / std::sqrt(30'000));
  EXPECT_NEAR(t.square, 1.25, 5 * 1.1 / std::sqrt(30'000));
  EXPECT_THAT(Values(t.prediction), Each(1));
  t = TrainOnOnes(SpatialDropout1D(0.5), {2, 60});
  EXPECT_NEAR(t.mean, 1, 5 / std::sqrt(30'000));
  EXPECT_NEAR(t.square, 2, 10 / std::sqrt(30'000));
  EXPECT_THAT(Values(t.prediction), Each(1));
}

TEST(NoiseLayersTest, SpatialDropoutDropsWholeChannels) {
  const auto spread = [](LayerHandle layer, Shape sample, std::vector<int64_t> places) {
    // The variance over the places of a channel: zero when they share their fate.
    Sequential model({std::move(layer)});
    EXPECT_TRUE(model
                    .Compile("sgd", Loss("zero", [](Var, Var p) { return 0 * p; }),
                             {Metric("spread",
                                     [places](Var, Var p) {
                                       const Var mean = ops::Mean(p, places, true);
                                       return ops::Square(p - mean);
                                     }),
                              Metric("square", [](Var, Var p) { return ops::Square(p - 1); })})
                    .ok());
    Shape shape{20};
    for (Dim d : sample.dims()) shape.push_back(d);
    Tensor x = Tensor::Empty({DType::kF32, shape});
    for (float& v : x.mutable_data<float>()) v = 1;
    auto history = model.Fit(x, x, {.epochs = 1, .verbose = 0});
    EXPECT_TRUE(history.ok()) << history.status();
    EXPECT_NEAR((*history)["square"][0], 1, 0.3);
    return (*history)["spread"][0];
  };
  EXPECT_EQ(spread(SpatialDropout1D(0.5), {4, 30}, {1}), 0);
  EXPECT_EQ(spread(SpatialDropout2D(0.5), {4, 4, 30}, {1, 2}), 0);
  EXPECT_EQ(spread(SpatialDropout2D(0.5, {.data_format = "channels_first"}), {30, 4, 4}, {2, 3}),
            0);
  EXPECT_GT(spread(Dropout(0.5), {4, 30}, {1}), 0.3);
}

TEST(ShapeLayersTest, RescalingMakesNumbersOfPixels) {
  const auto pixels = Input({3}, {.dtype = DType::kU8});
  Model model({pixels}, Rescaling(1.0 / 255, -0.5)(pixels));
  const auto y = model.Predict(Tensor::Of<uint8_t>({1, 3}, {0, 51, 255}));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT(Values(*y), ElementsAre(-0.5f, FloatNear(-0.3f, 1e-6), 0.5f));
}

TEST(ShapeLayersTest, AreSavedAndLoaded) {
  auto x = Input({4, 6, 3});
  auto y = ZeroPadding2D({1, 2})(x);
  y = Cropping2D({0, 1, 2, 0}, {.name = "crop"})(y);
  y = UpSampling2D({2, 1})(y);
  y = SpatialDropout2D(0.25)(y);
  y = GaussianNoise(0.1)(y);
  y = Rescaling(0.25, -1)(y);
  y = GaussianDropout(0.1)(y);
  y = Permute({2, 1, 3})(y);
  y = Reshape({-1, 3})(y);
  y = ZeroPadding1D({2, 0})(Cropping1D({1, 1})(SpatialDropout1D(0.5)(UpSampling1D(3)(y))));
  auto flat = Flatten()(y);
  auto again = Reshape({-1, 3})(RepeatVector(2)(flat));
  auto both = Multiply()(
      {again, Average()({again, nn::Maximum()({again, nn::Minimum()({again, again})})})});
  auto z = Dot(2, 2, {.normalize = true})({Subtract()({both, again}), again});
  Model model({x}, z);
  const Tensor data = Counting({2, 4, 6, 3});
  auto before = model.Predict(data);
  ASSERT_TRUE(before.ok()) << before.status();
  const std::string path = ::testing::TempDir() + "/shape_layers.adjoint";
  ASSERT_TRUE(model.Save(path).ok()) << model.Save(path);
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  auto after = loaded->Predict(data);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_TRUE(BitwiseEqual(*after, *before));
  EXPECT_EQ(loaded->Summary(), model.Summary());
}

TEST(ShapeLayersTest, MistakesNameTheUsersLine) {
  const struct {
    LayerHandle layer;
    int line;
    std::string message;
  } cases[] = {
      {Reshape({-2}), __LINE__, "Reshape wants extents of at least 0, or -1, but was given {-2}"},
      {Permute({1, 1, 2}), __LINE__, "Permute wants each of 1 to 3 once, but was given {1, 1, 2}"},
      {Permute({2, 1}), __LINE__, "Permute takes inputs of 3 axes, but was given f32[batch,4,6,3]"},
      {RepeatVector(2), __LINE__, "RepeatVector takes inputs of 2 axes"},
      {ZeroPadding2D({1, 2, 3}), __LINE__,
       "ZeroPadding2D wants 1, 2 or 4 amounts of at least 0, but was given {1, 2, 3}"},
      {Cropping2D({-1}), __LINE__, "Cropping2D wants 1, 2 or 4 amounts of at least 0"},
      {Cropping2D({9}), __LINE__, "axis 1 of extent 4 cannot be cropped by 18"},
      {ZeroPadding2D({1}, {.data_format = "nchw"}), __LINE__,
       "ZeroPadding2D wants data_format channels_last or channels_first, but was given 'nchw'"},
      {UpSampling2D({0}), __LINE__, "UpSampling2D wants 1 or 2 sizes of at least 1"},
      {SpatialDropout2D(1), __LINE__,
       "SpatialDropout2D wants a rate of at least 0 and below 1, but was given 1"},
      {GaussianNoise(-1), __LINE__,
       "GaussianNoise wants a finite deviation of at least 0, but was given -1"},
      {Rescaling(NAN), __LINE__,
       "Rescaling wants finite numbers, but was given scale nan and offset 0"},
      {Lambda(nullptr), __LINE__, "Lambda wants a function"},
      {Subtract(), __LINE__, "Subtract takes two inputs, but was given 1"},
      {Multiply(), __LINE__, "Multiply takes two inputs or more, but was given 1"},
  };
  for (const auto& c : cases) {
    Sequential model({Input({4, 6, 3}), c.layer});
    const std::string message = Message(model.Compile("sgd", "mse"));
    EXPECT_THAT(message, HasSubstr(c.message));
    EXPECT_THAT(message, HasSubstr(absl::StrCat("tests/nn/shape_layers_test.cc:", c.line)));
  }
}

}  // namespace
}  // namespace adjoint::nn
