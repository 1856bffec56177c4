// How much samples and steps count: weights of samples and classes, masks.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "nn/nn.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "optim/optimizer.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// A model that gives its input, so that losses and metrics are of numbers that the test chooses.
Model Identity(const Shape& shape, const Loss& loss, std::vector<Metric> metrics,
               std::vector<Metric> weighted) {
  const auto x = Input(shape);
  Model model(x, Activation("linear")(x));
  EXPECT_EQ(Message(model.Compile("sgd", loss, std::move(metrics), std::move(weighted))), "");
  return model;
}

TEST(SampleWeightTest, LossIsDividedByTheNumberOfSamplesAndMetricsByTheirWeight) {
  Model model = Identity({2}, "mean_squared_error", {"mae"}, {"mean_absolute_error"});
  const Tensor p = Tensor::Of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor t = Tensor::Of<float>({3, 2}, {0, 0, 0, 0, 0, 0});
  const Tensor w = Tensor::Of<float>({3}, {1, 0, 4});
  // Whatever the batches: two of two and one, of all three.
  for (const int64_t batch_size : {2, 3}) {
    auto logs = model.Evaluate(p, t, {.batch_size = batch_size, .sample_weight = w, .verbose = 0});
    ASSERT_TRUE(logs.ok()) << logs.status();
    // Keras: sum over samples of w times the mean over a sample, divided by the samples.
    EXPECT_NEAR((*logs)["loss"], (1 * 2.5 + 4 * 30.5) / 3, 1e-5);
  }
  auto logs = model.Evaluate(p, t, {.sample_weight = w, .verbose = 0});
  ASSERT_TRUE(logs.ok());
  EXPECT_NEAR((*logs)["mean_absolute_error"], (1 * 1.5 + 4 * 5.5) / 5, 1e-6);
  EXPECT_NEAR((*logs)["mae"], 3.5, 1e-6) << "metrics do not weigh";
}

TEST(SampleWeightTest, AWholeWeightIsASampleThatManyTimes) {
  const std::vector<float> weights = {1, 0, 3, 2, 1, 5};
  const std::vector<float> p = {0.1f, 0.9f, 0.6f, 0.4f, 0.55f, 0.3f};
  const std::vector<float> t = {0, 1, 1, 1, 0, 1};
  std::vector<float> repeated_p, repeated_t;
  for (size_t i = 0; i < weights.size(); ++i) {
    for (int n = 0; n < weights[i]; ++n) {
      repeated_p.push_back(p[i]);
      repeated_t.push_back(t[i]);
    }
  }
  const auto column = [](const std::vector<float>& v) {
    return Tensor::Of<float>({static_cast<int64_t>(v.size()), 1}, v);
  };
  const std::vector<Metric> metrics = {"AUC",
                                       "auc_pr",
                                       "Precision",
                                       "Recall",
                                       "F1Score",
                                       "TruePositives",
                                       "TrueNegatives",
                                       "FalsePositives",
                                       "FalseNegatives",
                                       "RootMeanSquaredError",
                                       "R2Score",
                                       "binary_accuracy",
                                       "mean_absolute_error",
                                       "binary_crossentropy"};
  Model model = Identity({1}, "mse", {}, metrics);
  auto weighted = model.Evaluate(
      column(p), column(t),
      {.batch_size = 4, .sample_weight = Tensor::Vector<float>(weights), .verbose = 0});
  auto repeated =
      model.Evaluate(column(repeated_p), column(repeated_t), {.batch_size = 5, .verbose = 0});
  ASSERT_TRUE(weighted.ok()) << weighted.status();
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  for (const auto& [name, value] : repeated->entries()) {
    if (name == "loss") continue;
    EXPECT_NEAR((*weighted)[name], value, 1e-6) << name;
  }
}

TEST(SampleWeightTest, TrainsAsIfLightSamplesWereNotThere) {
  const ToyData data(60, 8);
  std::vector<float> weights(60, 1.0f);
  for (size_t i = 30; i < 60; ++i) weights[i] = 0;
  const auto weights_after = [&](const DataList& x, const DataList& y, const DataList& w,
                                 double rate) {
    Sequential model({Dense(1, {.activation = "sigmoid"})}, {.seed = 3});
    EXPECT_EQ(Message(model.Compile(optim::OptimizerConfig{"sgd", {{"learning_rate", rate}}},
                                    "binary_crossentropy")),
              "");
    auto history = model.Fit(
        x, y, {.epochs = 5, .batch_size = 60, .sample_weight = w, .shuffle = false, .verbose = 0});
    EXPECT_TRUE(history.ok()) << history.status();
    return Values(model.GetWeights()[0]);
  };
  // The loss is divided by all samples: half the rate.
  const std::vector<float> light =
      weights_after(data.x, data.y, Tensor::Vector<float>(weights), 0.2);
  const std::vector<float> absent = weights_after(data.x.Rows(0, 30), data.y.Rows(0, 30), {}, 0.1);
  for (size_t i = 0; i < light.size(); ++i) EXPECT_NEAR(light[i], absent[i], 1e-6) << i;
}

TEST(SampleWeightTest, StepsAndOutputsHaveTheirOwn) {
  const auto x = Input({2, 1});
  Model model(x, {Activation("linear", {.name = "a"})(x), Activation("linear", {.name = "b"})(x)});
  ASSERT_EQ(Message(model.Compile("sgd", "mae")), "");
  const Tensor p = Tensor::Of<float>({2, 2, 1}, {1, 2, 3, 4});
  const Tensor t = Tensor::Zeros({DType::kF32, Shape{2, 2, 1}});
  auto logs = model.Evaluate(p, DataList({t, t}),
                             {.sample_weight = DataList({Tensor::Of<float>({2, 2}, {1, 0, 0, 2}),
                                                         Tensor::Of<int32_t>({2}, {1, 3})}),
                              .verbose = 0});
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_NEAR((*logs)["a_loss"], (1 + 8) / 4.0, 1e-6);
  EXPECT_NEAR((*logs)["b_loss"], (1 + 2 + 9 + 12) / 4.0, 1e-6);
}

TEST(ClassWeightTest, IsASampleWeightByClass) {
  const ToyData data(64, 8);
  const auto history_of = [&](FitOptions options, const Tensor& y, const char* loss, int units) {
    Sequential model({Dense(units, {.activation = units == 1 ? "sigmoid" : "softmax"})},
                     {.seed = 5});
    EXPECT_EQ(Message(model.Compile("sgd", loss, {}, {"accuracy"})), "");
    options.epochs = 2;
    options.verbose = 0;
    options.validation_split = 0.25;
    auto history = model.Fit(data.x, y, options);
    EXPECT_TRUE(history.ok()) << history.status();
    return history.ok() ? history->entries() : std::vector<History::Entry>();
  };
  std::vector<float> weights;
  for (const float y : Values(data.y)) weights.push_back(y > 0 ? 0.5f : 4.0f);
  const auto by_class =
      history_of({.class_weight = {{0, 4}, {1, 0.5}}}, data.y, "binary_crossentropy", 1);
  // Validation is weighed by sample weights alone, so only training is compared.
  const auto by_sample = history_of({.sample_weight = Tensor::Vector<float>(weights)}, data.y,
                                    "binary_crossentropy", 1);
  EXPECT_EQ(by_class[0], by_sample[0]);
  EXPECT_EQ(by_class[1], by_sample[1]);
  EXPECT_NE(by_class[2], by_sample[2]);

  // One-hot rows are classes too.
  Tensor one_hot = Tensor::Zeros({DType::kF32, Shape{64, 2}});
  for (int64_t i = 0; i < 64; ++i) {
    one_hot.mutable_data<float>()[2 * i + (data.y.data<float>()[i] > 0 ? 1 : 0)] = 1;
  }
  const auto a =
      history_of({.class_weight = {{0, 4}, {1, 0.5}}}, one_hot, "categorical_crossentropy", 2);
  const auto b = history_of({.class_weight = {{0, 4}, {1, 0.5}}}, data.y,
                            "sparse_categorical_crossentropy", 2);
  EXPECT_NEAR(a[0].second[1], b[0].second[1], 1e-6);
}

TEST(SampleWeightTest, Mistakes) {
  const ToyData data(8, 4);
  Sequential model({Dense(1)});
  ASSERT_EQ(Message(model.Compile("sgd", "mse")), "");
  const auto error = [&](FitOptions options) {
    options.verbose = 0;
    return Message(model.Fit(data.x, data.y, options).status());
  };
  EXPECT_EQ(error({.sample_weight = Tensor::Vector<float>({1, 2})}),
            "Fit: sample_weight is f32[2]; it must be a tensor of numbers, [8] or [8,steps], for x "
            "has 8 samples");
  EXPECT_THAT(error({.sample_weight = Tensor::Vector<float>({1, 2, 3, 4, kNaN, 0, 0, 0})}),
              HasSubstr("has nan at place 4; weights must be finite"));
  EXPECT_THAT(error({.sample_weight = DataList({data.y, data.y})}),
              HasSubstr("gives 1 outputs, but sample_weight has 2"));
  EXPECT_THAT(error({.class_weight = {{0, 1}}}),
              HasSubstr("is of class 1; there are weights for classes 0 to 0"));
  EXPECT_THAT(error({.class_weight = {{1, 1}}}), HasSubstr("classes 1; classes are 0 to n - 1"));
  EXPECT_THAT(error({.sample_weight = Tensor::Zeros({DType::kF32, Shape{8, 3}})}),
              HasSubstr("the sample weights of f32[batch,3] cannot weigh values of shape"));
}

// Sequences of word numbers, 0 being padding, of which the last steps of the second are masked.
const int32_t kWords[] = {1, 2, 3, 4, 2, 1, 0, 0};
Tensor Words() { return Tensor::Of<int32_t>({2, 4}, kWords); }

double Crossentropy(double t, double p) { return -(t * std::log(p) + (1 - t) * std::log(1 - p)); }

TEST(MaskTest, ReachesLossAndMetricsThroughTheLayers) {
  const auto words = Input({4}, {.dtype = DType::kI32});
  auto h = Embedding(5, 3, {.mask_zero = true})(words);
  h = LayerNormalization()(h);
  h = LSTM(3, {.return_sequences = true})(h);
  h = Dropout(0.5)(Add()({h, SpatialDropout1D(0.5)(h)}));
  h = GaussianNoise(0.1)(BatchNormalization()(h));
  Model model(words, Dense(1, {.activation = "sigmoid"})(h), {.seed = 1});
  ASSERT_EQ(Message(model.Compile("sgd", "binary_crossentropy", {"binary_accuracy", "Precision"},
                                  {"mae"})),
            "");
  const std::vector<float> targets = {1, 0, 1, 0, 0, 1, 1, 0};
  const Tensor y = Tensor::Of<float>({2, 4, 1}, targets);
  const Tensor weights = Tensor::Of<float>({2}, {1, 3});
  const Tensor p = *model.Predict(Words());
  double sum = 0, right = 0, tp = 0, fp = 0, absolute = 0;
  for (int i = 0; i < 6; ++i) {
    const double w = i < 4 ? 1 : 3;
    const bool positive = p.ValueAt(i) > 0.5;
    sum += w * Crossentropy(targets[i], p.ValueAt(i));
    right += positive == (targets[i] == 1);
    (targets[i] == 1 ? tp : fp) += positive;
    absolute += w * std::abs(targets[i] - p.ValueAt(i));
  }
  auto logs = model.Evaluate(Words(), y, {.sample_weight = weights, .verbose = 0});
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_NEAR((*logs)["loss"], sum / 6, 1e-5);
  EXPECT_NEAR((*logs)["binary_accuracy"], right / 6, 1e-6);
  EXPECT_NEAR((*logs)["precision"], tp + fp == 0 ? 0 : tp / (tp + fp), 1e-6);
  EXPECT_NEAR((*logs)["mae"], absolute / (4 * 1 + 2 * 3), 1e-6);
}

TEST(MaskTest, WhatIsMaskedChangesNoGradient) {
  const auto fit = [&](float masked_target) {
    const auto words = Input({4}, {.dtype = DType::kI32});
    auto h = GRU(3, {.return_sequences = true})(Embedding(5, 3, {.mask_zero = true})(words));
    Model model(words, Dense(1)(h), {.seed = 2});
    EXPECT_EQ(Message(model.Compile("sgd", "mse")), "");
    const Tensor y = Tensor::Of<float>({2, 4, 1}, {1, 0, 1, 0, 0, 1, masked_target, masked_target});
    EXPECT_TRUE(model.Fit(Words(), y, {.epochs = 3, .verbose = 0}).ok());
    std::vector<float> all;
    for (const Tensor& w : model.GetWeights()) {
      for (const float v : Values(w)) all.push_back(v);
    }
    return all;
  };
  const std::vector<float> a = fit(0);
  EXPECT_EQ(a, fit(1000));
}

TEST(MaskTest, MergesJoinMasksAsKeras) {
  const auto a = Input({3, 1}), b = Input({3, 1});
  const auto masked = [](const LayerOutput& x) { return Masking(0)(x); };
  const Tensor x = Tensor::Of<float>({1, 3, 1}, {1, 0, 1}),
               z = Tensor::Of<float>({1, 3, 1}, {1, 1, 0});
  const auto counted = [&](const LayerOutput& y, int64_t steps) {
    Model model({a, b}, y);
    EXPECT_EQ(Message(model.Compile("sgd", "mse", {Metric("true_negatives")})), "");
    const Tensor p = *model.Predict(DataList({x, z}));
    auto logs =
        model.Evaluate(DataList({x, z}),
                       Tensor::Zeros({DType::kF32, Shape{1, steps, p.shape()[2]}}), {.verbose = 0});
    EXPECT_TRUE(logs.ok()) << logs.status();
    // Predictions are 0, so every element that counts is a true negative.
    return (*logs)["true_negatives"] / static_cast<double>(p.shape()[2]);
  };
  const auto flat = [](const LayerOutput& y) {
    return Dense(2, {.use_bias = false, .kernel_initializer = "zeros"})(y);
  };
  EXPECT_EQ(counted(flat(Add()({masked(a), masked(b)})), 3), 1);
  EXPECT_EQ(counted(flat(Maximum()({masked(a), b})), 3), 2);
  EXPECT_EQ(counted(flat(Concatenate(-1)({masked(a), masked(b)})), 3), 1);
  EXPECT_EQ(counted(flat(Concatenate(1)({masked(a), masked(b)})), 6), 4);
  EXPECT_EQ(counted(flat(Concatenate(1)({masked(a), b})), 6), 5);
  EXPECT_EQ(counted(flat(Add()({a, b})), 3), 3);
}

TEST(MaskTest, PoolingAndAttentionPassOver) {
  const auto x = Input({3, 2});
  Model pooled(x, GlobalAveragePooling1D()(Masking(0)(x)));
  const Tensor steps = Tensor::Of<float>({2, 3, 2}, {1, 2, 0, 0, 5, 6, 0, 0, 0, 0, 0, 0});
  EXPECT_THAT(Values(*pooled.Predict(steps)), ElementsAre(3, 4, 0, 0));

  // Keys that are masked might as well not be there.
  const auto attend = [&](const Tensor& keys, bool mask) {
    const auto q = Input({2, 2}), k = Input({keys.shape()[1], 2});
    const LayerOutput value = mask ? Masking(0)(k) : LayerOutput(k);
    Model model({q, k}, MultiHeadAttention(2, 3, {.name = "attention"})({q, value}), {.seed = 4});
    return Values(*model.Predict(DataList({Tensor::Of<float>({1, 2, 2}, {1, 2, 3, 4}), keys})));
  };
  const std::vector<float> with = attend(Tensor::Of<float>({1, 3, 2}, {1, 2, 0, 0, 5, 6}), true);
  const std::vector<float> without = attend(Tensor::Of<float>({1, 2, 2}, {1, 2, 5, 6}), false);
  for (size_t i = 0; i < with.size(); ++i) EXPECT_NEAR(with[i], without[i], 1e-6) << i;
}

TEST(MaskTest, ALossWithoutStepsIsRefused) {
  const auto words = Input({4}, {.dtype = DType::kI32});
  Model model(words, Dense(1)(Embedding(5, 3, {.mask_zero = true})(words)));
  ASSERT_EQ(Message(model.Compile(
                "sgd", Loss("total", [](ops::Var t, ops::Var p) { return ops::Sum(t * p); }))),
            "");
  EXPECT_THAT(
      Message(model.Evaluate(Words(), Tensor::Zeros({DType::kF32, Shape{2, 4, 1}}), {.verbose = 0})
                  .status()),
      HasSubstr("loss/total: the mask of bool[batch,4] cannot weigh values of shape []"));
}

TEST(EmbeddingBagTest, SumsAndMeans) {
  const Tensor table = Tensor::Of<float>({4, 2}, {1, 10, 2, 20, 3, 30, 4, 40});
  const auto predict = [&](const LayerHandle& layer, const DataList& x, bool two) {
    Model model = [&] {
      if (x.items()[0].is_csr()) return Model(Sequential({layer}));
      const auto i = Input({3}, {.dtype = DType::kI32});
      if (!two) return Model(i, layer(i));
      const auto w = Input({3});
      return Model({i, w}, layer({i, w}));
    }();
    EXPECT_EQ(Message(model.Build(x)), "");
    EXPECT_EQ(Message(model.SetWeights({&table, 1})), "");
    auto y = model.Predict(x);
    EXPECT_TRUE(y.ok()) << y.status();
    return y.ok() ? Values(*y) : std::vector<float>();
  };
  const Tensor bags = Tensor::Of<int32_t>({2, 3}, {1, 3, 0, 0, 0, 0});
  const Tensor weights = Tensor::Of<float>({2, 3}, {0.5, 2, -1, 0, 1, 0});
  EXPECT_THAT(predict(EmbeddingBag(4, 2), bags, false), ElementsAre(7, 70, 3, 30));
  EXPECT_THAT(predict(EmbeddingBag(4, 2), DataList({bags, weights}), true),
              ElementsAre(8, 80, 1, 10));
  EXPECT_THAT(predict(EmbeddingBag(4, 2, {.mode = "mean"}), bags, false),
              ElementsAre(FloatEq(7 / 3.0f), FloatEq(70 / 3.0f), FloatEq(1), FloatEq(10)));
  EXPECT_THAT(predict(EmbeddingBag(4, 2, {.mode = "mean", .mask_zero = true}), bags, false),
              ElementsAre(3, 30, 0, 0));
  const CsrMatrix csr =
      *CsrMatrix::FromDense(Tensor::Of<float>({3, 4}, {0, 0.5, 0, 2, 0, 0, 0, 0, 1, 1, 1, 0}));
  EXPECT_THAT(predict(EmbeddingBag(4, 2), csr, false), ElementsAre(9, 90, 0, 0, 6, 60));
  EXPECT_THAT(predict(EmbeddingBag(4, 2, {.mode = "mean"}), csr, false),
              ElementsAre(4.5, 45, 0, 0, 2, 20));
}

TEST(EmbeddingBagTest, SparseAndDenseBagsTrainAlike) {
  const ToyData data(50, 6);
  // The indices of what is on, from 1, padded with 0.
  Tensor indices = Tensor::Zeros({DType::kI32, Shape{50, 6}});
  for (int64_t r = 0; r < 50; ++r) {
    for (int64_t c = 0, at = 0; c < 6; ++c) {
      if (data.x.ValueAt(r * 6 + c) != 0) {
        indices.mutable_data<int32_t>()[r * 6 + at++] = static_cast<int32_t>(c + 1);
      }
    }
  }
  Tensor shifted = Tensor::Zeros({DType::kF32, Shape{50, 7}});
  for (int64_t r = 0; r < 50; ++r) {
    for (int64_t c = 0; c < 6; ++c) {
      shifted.mutable_data<float>()[r * 7 + c + 1] = data.x.data<float>()[r * 6 + c];
    }
  }
  const auto train = [&](const DataList& x, EmbeddingBagOptions options) {
    options.name = "bag";
    Sequential model({EmbeddingBag(7, 3, options), Dense(1, {.activation = "sigmoid"})},
                     {.seed = 6});
    EXPECT_EQ(Message(model.Compile("sgd", "binary_crossentropy")), "");
    auto history = model.Fit(x, data.y, {.epochs = 3, .verbose = 0});
    EXPECT_TRUE(history.ok()) << history.status();
    const std::string path = ::testing::TempDir() + "/bag.adjoint";
    EXPECT_EQ(Message(model.Save(path)), "");
    auto loaded = Model::Load(path);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_TRUE(BitwiseEqual(*model.Predict(x), *loaded->Predict(x)));
    return Values(model.GetWeights()[0]);
  };
  for (const char* mode : {"sum", "mean"}) {
    const std::vector<float> sparse = train(*CsrMatrix::FromDense(shifted), {.mode = mode});
    const std::vector<float> dense = train(indices, {.mode = mode, .mask_zero = true});
    for (size_t i = 0; i < sparse.size(); ++i) EXPECT_NEAR(sparse[i], dense[i], 2e-5) << i;
  }
}

TEST(EmbeddingBagTest, Mistakes) {
  const auto error = [](const DataList& x, int64_t input_dim, EmbeddingBagOptions options) {
    Sequential model({EmbeddingBag(input_dim, 2, options)});
    return Message(model.Build(x));
  };
  const CsrMatrix csr = *CsrMatrix::FromDense(Tensor::Of<float>({1, 3}, {0, 1, 0}));
  EXPECT_THAT(error(csr, 4, {}),
              HasSubstr("has input_dim 4, but was given csr f32[batch,3]; the columns must be"));
  EXPECT_THAT(error(csr, 3, {.mask_zero = true}), HasSubstr("mask_zero with dense inputs alone"));
  EXPECT_THAT(error(csr, 3, {.mode = "max"}), HasSubstr("mode sum or mean, but was given 'max'"));
  EXPECT_THAT(error(Tensor::Vector<int32_t>({1}), 3, {}), HasSubstr("takes [batch, n]"));
}

}  // namespace
}  // namespace adjoint::nn
