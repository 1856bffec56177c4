#include <cmath>
#include <limits>
#include <sstream>

#include "core/parallel.h"
#include "gmock/gmock.h"
#include "graph/program.h"
#include "nn/batches.h"
#include "nn/nn.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "optim/extended.h"
#include "optim/rmsprop.h"
#include "optim/sgd.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Tensor F(Shape shape, std::initializer_list<float> values) {
  return Tensor::Of<float>(shape, values);
}

Sequential Classifier(uint64_t seed = 0, double dropout = 0) {
  Sequential model(
      {Dense(16, {.activation = "relu"}), Dropout(dropout), Dense(1, {.activation = "sigmoid"})},
      {.seed = seed});
  EXPECT_TRUE(model.Compile("rmsprop", "binary_crossentropy", {"accuracy"}).ok());
  return model;
}

TEST(FitTest, LearnsWhatCanBeLearnt) {
  const ToyData train(2000, 20), test(1000, 20, 2);
  Sequential model = Classifier();
  auto history = model.Fit(
      train.x, train.y,
      {.epochs = 25, .batch_size = 32, .validation_data = {test.x, test.y}, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->num_epochs(), 25);
  EXPECT_GT((*history)["loss"].front(), 0.55);
  EXPECT_LT((*history)["loss"].back(), 0.1);
  EXPECT_GT((*history)["val_accuracy"].back(), 0.97);
  std::vector<std::string> names;
  for (const auto& [name, values] : history->entries()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("loss", "accuracy", "val_loss", "val_accuracy"));
  // Evaluation agrees with validation, whatever the batches.
  const Logs logs = *model.Evaluate(test.x, test.y, {.batch_size = 333, .verbose = 0});
  EXPECT_NEAR(logs["loss"], (*history)["val_loss"].back(), 1e-6);
  EXPECT_EQ(logs["accuracy"], (*history)["val_accuracy"].back());
  EXPECT_EQ(model.epochs_trained(), 25);
}

// y = w x with w = 1 at first and y = 0, so that everything can be computed by hand.
TEST(FitTest, EpochMeansAreOverSamples) {
  Sequential model(
      {Dense(1, {.use_bias = false, .kernel_initializer = "ones", .kernel_regularizer = L2(0.5)})});
  ASSERT_TRUE(model.Compile(optim::MakeSgd({.learning_rate = 0.1}), "mse", {"mae"}).ok());
  const Tensor x = F({3, 1}, {1, 2, 4});
  const Tensor y = F({3}, {0, 0, 0});
  const Logs before = *model.Evaluate(x, y, {.batch_size = 2, .verbose = 0});
  EXPECT_NEAR(before["loss"], 7 + 0.5, 1e-6);  // (1 + 4 + 16) / 3 and the penalty
  EXPECT_NEAR(before["mae"], 7.0 / 3, 1e-6);
  // Batches {1, 2} and {4}. The first has loss 2.5 w^2 + 0.5 w^2, so w becomes 1 - 0.1 * 6 = 0.4;
  // the second 16.5 * 0.16.
  auto history = model.Fit(x, y, {.batch_size = 2, .shuffle = false, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_NEAR((*history)["loss"][0], (2 * 3.0 + 16.5 * 0.16) / 3, 1e-5);
  EXPECT_NEAR((*history)["mae"][0], (1 + 2 + 4 * 0.4) / 3, 1e-6);
  EXPECT_NEAR(Values(*model.variables().Get("dense/kernel"))[0], 0.4 - 0.1 * 33 * 0.4, 1e-5);
}

TEST(FitTest, CompilingAgainKeepsTheWeights) {
  const ToyData data(200, 10);
  Sequential model = Classifier();
  ASSERT_TRUE(model.Fit(data.x, data.y, {.verbose = 0}).ok());
  const Tensor kernel = *model.variables().Get("dense/kernel");
  EXPECT_TRUE(model.variables().Has("optimizer/dense/kernel/rms"));
  ASSERT_TRUE(model.Compile("sgd", "mse").ok());
  EXPECT_TRUE(BitwiseEqual(kernel, *model.variables().Get("dense/kernel")));
  EXPECT_FALSE(model.variables().Has("optimizer/dense/kernel/rms"));
  EXPECT_NEAR(model.learning_rate(), 0.01, 1e-9);
  auto history = model.Fit(data.x, data.y, {.verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->entries().size(), 1u);
}

TEST(FitTest, EqualSeedsGiveEqualBytesAtAnyNumberOfThreads) {
  // Large enough that kernels and gathering work in several parts.
  const ToyData data(700, 400);
  const auto weights = [&](int threads, uint64_t seed, bool sparse) {
    SetNumThreads(threads);
    Sequential model = Classifier(seed, 0.3);
    auto history = sparse
                       ? model.Fit(data.csr, data.y, {.epochs = 2, .batch_size = 256, .verbose = 0})
                       : model.Fit(data.x, data.y, {.epochs = 2, .batch_size = 256, .verbose = 0});
    EXPECT_TRUE(history.ok()) << history.status();
    return *model.variables().Get("dense/kernel");
  };
  const int threads = NumThreads();
  for (bool sparse : {false, true}) {
    const Tensor one = weights(1, 5, sparse);
    EXPECT_TRUE(BitwiseEqual(one, weights(1, 5, sparse)));
    EXPECT_TRUE(BitwiseEqual(one, weights(2, 5, sparse)));
    EXPECT_FALSE(BitwiseEqual(one, weights(2, 6, sparse)));
  }
  SetNumThreads(threads);
}

TEST(FitTest, SparseAndDenseAgree) {
  const ToyData data(600, 50);
  Sequential dense = Classifier(3), sparse = Classifier(3);
  const FitOptions options{.epochs = 3, .batch_size = 64, .validation_split = 0.25, .verbose = 0};
  auto a = dense.Fit(data.x, data.y, options);
  auto b = sparse.Fit(data.csr, data.y, options);
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  for (const auto& [name, values] : a->entries()) {
    for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], (*b)[name][i], 1e-5) << name;
  }
  // One model takes both.
  const Tensor p = *sparse.Predict(data.x);
  const Tensor q = *sparse.Predict(data.csr);
  for (int64_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p.ValueAt(i), q.ValueAt(i), 1e-6);
  EXPECT_GT(sparse.KernelCounts().count("csr_matmul/simd"), 0u);
}

// Ones are not fed; values that are none, later on, must be.
TEST(FitTest, SparseValuesMayStopBeingOnes) {
  const ToyData data(128, 20);
  ASSERT_TRUE(data.csr.all_ones());
  Tensor half = data.x.Clone();
  for (float& value : half.mutable_data<float>()) value *= 0.5f;
  auto half_csr = CsrMatrix::FromDense(half);
  ASSERT_TRUE(half_csr.ok());
  EXPECT_FALSE(half_csr->all_ones());

  Sequential model = Classifier(3);
  const FitOptions options{.epochs = 1, .batch_size = 64, .verbose = 0};
  ASSERT_TRUE(model.Fit(data.csr, data.y, options).ok());
  const auto expect_alike = [&](const CsrMatrix& sparse, const Tensor& dense) {
    const Tensor p = *model.Predict(sparse), q = *model.Predict(dense);
    for (int64_t i = 0; i < p.size(); ++i) ASSERT_NEAR(p.ValueAt(i), q.ValueAt(i), 1e-6) << i;
  };
  expect_alike(data.csr, data.x);
  expect_alike(*half_csr, half);

  // The first batch is all ones, the second is not.
  const auto mixed = [&](const Data& ones, const Data& halves) {
    using datasets::Dataset;
    return ones.is_csr() ? Dataset::FromCsr(ones.csr(), {data.y})
                               .Concat(Dataset::FromCsr(halves.csr(), {data.y}))
                               .Batch(128)
                         : Dataset::FromTensors({ones.dense()}, {data.y})
                               .Concat(Dataset::FromTensors({halves.dense()}, {data.y}))
                               .Batch(128);
  };
  const auto sparse_loss = model.Evaluate(mixed(data.csr, *half_csr), {.verbose = 0});
  const auto dense_loss = model.Evaluate(mixed(data.x, half), {.verbose = 0});
  ASSERT_TRUE(sparse_loss.ok() && dense_loss.ok()) << sparse_loss.status() << dense_loss.status();
  EXPECT_NEAR((*sparse_loss)["loss"], (*dense_loss)["loss"], 1e-5);
}

TEST(FitTest, TwoFitsAreOneFit) {
  const ToyData data(300, 20);
  Sequential once = Classifier(1, 0.5), twice = Classifier(1, 0.5);
  ASSERT_TRUE(once.Fit(data.x, data.y, {.epochs = 3, .verbose = 0}).ok());
  ASSERT_TRUE(twice.Fit(data.x, data.y, {.epochs = 1, .verbose = 0}).ok());
  ASSERT_TRUE(twice.Fit(data.x, data.y, {.epochs = 3, .verbose = 0, .initial_epoch = 1}).ok());
  EXPECT_TRUE(
      BitwiseEqual(*once.variables().Get("dense/kernel"), *twice.variables().Get("dense/kernel")));
}

TEST(FitTest, ValidationSplitTakesTheLastSamples) {
  Sequential model({Dense(1, {.use_bias = false, .kernel_initializer = "ones"})});
  ASSERT_TRUE(model.Compile(optim::MakeSgd({.learning_rate = 0}), "mae").ok());
  auto history = model.Fit(F({5, 1}, {1, 2, 3, 10, 20}), F({5}, {0, 0, 0, 0, 0}),
                           {.validation_split = 0.4, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_FLOAT_EQ((*history)["loss"][0], 2);
  EXPECT_FLOAT_EQ((*history)["val_loss"][0], 15);
}

TEST(FitTest, PrintsAsKeras) {
  const ToyData data(64, 6);
  Sequential model = Classifier();
  std::ostringstream out;
  ASSERT_TRUE(model.Fit(data.x, data.y, {.epochs = 2, .validation_split = 0.5, .out = &out}).ok());
  const std::string line =
      "1/1 \\[==============================\\] - 0s [0-9]+[um]s/step - loss: [0-9.]+ - accuracy: "
      "[0-9.]+ - val_loss: [0-9.]+ - val_accuracy: [0-9.]+\n";
  EXPECT_THAT(out.str(), MatchesRegex("Epoch 1/2\n" + line + "Epoch 2/2\n" + line));
  out.str("");
  ASSERT_TRUE(model.Evaluate(data.x, data.y, {.out = &out}).ok());
  EXPECT_THAT(out.str(), MatchesRegex("2/2 \\[=+\\] - 0s [0-9]+[um]s/step - loss: [0-9.]+ - "
                                      "accuracy: [0-9.]+\n"));
}

TEST(FitTest, CallbacksSeeAndSteer) {
  const ToyData data(64, 6);
  Sequential model = Classifier();
  std::vector<std::string> events;
  auto written = std::make_shared<HistoryCallback>();
  auto hooks = LambdaCallback({
      .on_train_begin = [&](Model&) { events.push_back("begin"); },
      .on_train_end =
          [&](Model&, const Logs& logs) {
            events.push_back(logs.Has("loss") ? "end" : "end without logs");
          },
      .on_epoch_end =
          [&](Model& m, int epoch, const Logs& logs) {
            events.push_back(absl::StrCat("epoch ", epoch));
            EXPECT_TRUE(logs.Has("accuracy"));
            EXPECT_TRUE(m.SetLearningRate(m.learning_rate() / 2).ok());
            EXPECT_THAT(Message(m.Compile("sgd", "mse")), HasSubstr("it is being trained"));
            EXPECT_TRUE(m.Evaluate(data.x, data.y, {.verbose = 0}).ok());
            if (epoch == 1) m.StopTraining();
          },
      .on_train_batch_end = [&](Model&, int64_t batch,
                                const Logs&) { events.push_back(absl::StrCat("batch ", batch)); },
  });
  auto history =
      model.Fit(data.x, data.y, {.epochs = 10, .verbose = 0, .callbacks = {hooks, written}});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_THAT(events, ElementsAre("begin", "batch 0", "batch 1", "epoch 0", "batch 0", "batch 1",
                                  "epoch 1", "end"));
  EXPECT_EQ(history->num_epochs(), 2);
  EXPECT_EQ(written->history()["loss"], (*history)["loss"]);
  EXPECT_NEAR(model.learning_rate(), 0.00025, 1e-9);
}

// The loss is w, so that every step moves w by the rate alone.
TEST(FitTest, SchedulesSetTheRateOfEveryStepAndCompileNothingAgain) {
  const auto compile = [](Sequential& model, const OptimizerArg& optimizer) {
    EXPECT_TRUE(
        model.Compile(optimizer, Loss("self", [](ops::Var, ops::Var y_pred) { return y_pred; }))
            .ok());
  };
  Sequential model({Dense(1, {.use_bias = false, .kernel_initializer = "zeros"})});
  compile(model, optim::Extended(optim::MakeSgd(),
                                 {.schedule = "piecewise_constant_decay(1, 3, 1, 10, 100)"}));
  const Tensor x = F({2, 1}, {1, 1}), y = F({2}, {0, 0});
  std::vector<double> rates;
  auto hooks = LambdaCallback({.on_train_batch_end = [&](Model& m, int64_t, const Logs&) {
    rates.push_back(m.learning_rate());
  }});
  ASSERT_TRUE(
      model.Fit(x, y, {.epochs = 3, .batch_size = 1, .verbose = 0, .callbacks = {hooks}}).ok());
  EXPECT_THAT(rates, ElementsAre(1, 1, 10, 10, 100, 100));
  EXPECT_EQ(Values(*model.variables().Get("dense/kernel"))[0], -222);
  EXPECT_EQ(
      Message(model.SetLearningRate(1)),
      "SetLearningRate: the optimizer's schedule, piecewise_constant_decay(1, 3, 1, 10, 100), "
      "sets the rate");
  // A rate that is no number ends the training.
  Sequential wild({Dense(1, {.use_bias = false, .kernel_initializer = "zeros"})});
  compile(wild, optim::OptimizerConfig{"sgd", {}, "step_decay(1, 1, 1e300)"});
  EXPECT_EQ(Message(wild.Fit(x, y, {.epochs = 3, .batch_size = 1, .verbose = 0}).status()),
            "the schedule step_decay(1, 1, 1e+300) gives a rate of inf at step 2");
}

TEST(FitTest, AveragedWeights) {
  const Tensor x = F({2, 1}, {1, 1}), y = F({2}, {0, 0});
  const auto fit = [&](double ema) {
    Sequential model({Dense(1, {.use_bias = false, .kernel_initializer = "ones"})});
    EXPECT_TRUE(model
                    .Compile(optim::Extended(optim::MakeSgd({.learning_rate = 0.25}),
                                             {.ema_momentum = ema}),
                             "mse")
                    .ok());
    EXPECT_THAT(Message(model.OverwriteWithAverages()), HasSubstr("before the first step"));
    EXPECT_TRUE(model.Fit(x, y, {.batch_size = 1, .verbose = 0}).ok());
    return model;
  };
  Sequential model = fit(0.75);  // w: 1, 0.5, 0.25
  const float average = 0.75f * (0.75f * 1 + 0.25f * 0.5f) + 0.25f * 0.25f;
  EXPECT_EQ(Values(*model.variables().Get("dense/kernel"))[0], 0.25);
  // Looked at without disturbing what is trained.
  EXPECT_EQ(Values(*model.Predict(x, {.use_averages = true}))[0], average);
  EXPECT_EQ((*model.Evaluate(x, y, {.use_averages = true, .verbose = 0}))["loss"],
            average * average);
  EXPECT_EQ(Values(*model.Predict(x))[0], 0.25);
  auto history = model.Fit(x, y,
                           {.epochs = 1,
                            .batch_size = 1,
                            .validation_data = {x, y},
                            .validate_averages = true,
                            .verbose = 0});  // w: 0.125, 0.0625
  ASSERT_TRUE(history.ok()) << history.status();
  const float later = 0.75f * (0.75f * average + 0.25f * 0.125f) + 0.25f * 0.0625f;
  EXPECT_FLOAT_EQ((*history)["val_loss"][0], later * later);
  ASSERT_TRUE(model.OverwriteWithAverages().ok());
  EXPECT_EQ(Values(*model.variables().Get("dense/kernel"))[0], later);
  Sequential none = fit(0);
  EXPECT_THAT(Message(none.OverwriteWithAverages()), HasSubstr("keeps no averages"));
  EXPECT_THAT(Message(none.Predict(x, {.use_averages = true}).status()),
              HasSubstr("Predict, use_averages: the optimizer keeps no averages"));
}

TEST(FitTest, FrozenWeightsAreThoseOfNow) {
  const ToyData data(200, 40);
  Sequential model({Input(Shape{40}), Dense(70, {.activation = "relu"}), Dense(1)});
  ASSERT_TRUE(model.Compile("adam", "mean_squared_error").ok());
  const Tensor before = *model.Predict(data.x);
  ASSERT_TRUE(model.Freeze().ok());
  EXPECT_TRUE(model.frozen());
  EXPECT_TRUE(BitwiseEqual(before, *model.Predict(data.x)));
  EXPECT_TRUE(model.FindProgram("predict")->states.empty());
  // Another number of samples is another program.
  EXPECT_TRUE(BitwiseEqual(before.Rows(0, 9).Clone(), *model.Predict(data.x.Rows(0, 9))));

  // Whatever changes the weights ends it.
  ASSERT_TRUE(model.Fit(data.x, data.y, {.epochs = 1, .verbose = 0}).ok());
  EXPECT_FALSE(model.frozen());
  const Tensor trained = *model.Predict(data.x);
  EXPECT_FALSE(BitwiseEqual(before, trained));
  EXPECT_FALSE(model.FindProgram("predict")->states.empty());
  ASSERT_TRUE(model.Freeze().ok());
  EXPECT_TRUE(BitwiseEqual(trained, *model.Predict(data.x)));
  std::vector<Tensor> weights = model.GetWeights();
  for (float& w : weights[0].mutable_data<float>()) w = 0;
  ASSERT_TRUE(model.SetWeights(weights).ok());
  EXPECT_FALSE(BitwiseEqual(trained, *model.Predict(data.x)));
  ASSERT_TRUE(model.Freeze().ok());
  model.mutable_variables().FindMutable("dense_1/bias")->mutable_data<float>()[0] = 1000;
  EXPECT_GT(model.Predict(data.x)->ValueAt(0), 500);

  Sequential unbuilt({Dense(1)});
  EXPECT_EQ(
      Message(unbuilt.Freeze()),
      "Freeze of model 'sequential': it has no weights yet; give its first layer an Input, or "
      "call Build");
}

TEST(FitTest, Mistakes) {
  const ToyData data(64, 6);
  Sequential model = Classifier();
  const auto fit = [&](const DataList& x, const DataList& y, FitOptions options) {
    options.verbose = options.verbose == 1 ? 0 : options.verbose;
    return Message(model.Fit(x, y, options).status());
  };
  EXPECT_EQ(fit(data.x, data.y.Rows(0, 60), {}),
            "Fit: x has 64 samples (f32[64,6]), but y has 60 (f32[60]); they must have equally "
            "many");
  EXPECT_EQ(fit(data.csr, data.y.Rows(0, 1), {}),
            absl::StrCat("Fit: x has 64 samples (", data.csr.ToString(),
                         "), but y has 1 (f32[1]); they must have equally many"));
  EXPECT_EQ(fit(data.x.Rows(0, 0), data.y.Rows(0, 0), {}),
            "Fit: there are no samples: x is f32[0,6]");
  EXPECT_EQ(fit(Tensor::Scalar<float>(1), data.y, {}),
            "Fit: x is a scalar, f32[]; its first axis must count the samples");
  EXPECT_EQ(fit({}, data.y, {}), "Fit: the model takes 1 inputs, but x has 0");
  EXPECT_EQ(fit(data.x, data.csr, {}),
            absl::StrCat("Fit: y is sparse, ", data.csr.ToString(), "; targets must be dense"));
  EXPECT_EQ(fit(data.x, data.y, {.batch_size = 0}), "Fit: batch_size must be at least 1, but is 0");
  EXPECT_EQ(fit(data.x, data.y, {.validation_batch_size = -2}),
            "Fit: validation_batch_size must be at least 1, but is -2");
  EXPECT_EQ(fit(data.x, data.y, {.epochs = -1}),
            "Fit: epochs and initial_epoch must not be negative, but are -1 and 0");
  EXPECT_EQ(fit(data.x, data.y, {.validation_split = 1}),
            "Fit: validation_split must be at least 0 and below 1, but is 1");
  EXPECT_EQ(fit(data.x, data.y, {.validation_split = std::numeric_limits<double>::quiet_NaN()}),
            "Fit: validation_split must be at least 0 and below 1, but is nan");
  EXPECT_EQ(fit(data.x, data.y, {.validation_split = 0.999}),
            "Fit: validation_split 0.999 of 64 samples leaves 0 for training and 64 for "
            "validation; both need one");
  EXPECT_EQ(fit(data.x, data.y, {.validation_data = {data.x, data.y}, .validation_split = 0.5}),
            "Fit: both validation_data and validation_split are given; give one of them");
  EXPECT_EQ(fit(data.x, data.y, {.validation_data = {data.x, {}}}),
            "Fit: validation_data wants both x and y");
  EXPECT_EQ(fit(data.x, data.y, {.validation_data = {data.x, data.y.Rows(0, 3)}}),
            "Fit, validation_data: x has 64 samples (f32[64,6]), but y has 3 (f32[3]); they must "
            "have equally many");
  EXPECT_EQ(fit(data.x, data.y, {.verbose = 3}), "Fit: verbose must be 0, 1 or 2, but is 3");
  EXPECT_EQ(fit(data.x, data.y, {.callbacks = {nullptr}}), "Fit: a callback is a null pointer");
  // Data of other columns than the weights were made for.
  ASSERT_EQ(fit(data.x, data.y, {}), "");
  EXPECT_THAT(fit(ToyData(8, 7).csr, data.y.Rows(0, 8), {}),
              MatchesRegex("nn/dense \\(.*tests/nn/fit_test.cc:[0-9]+\\): csr_matmul\\((.|\n)*"
                           "7(.|\n)*6(.|\n)*"));

  EXPECT_EQ(Message(Sequential({Dense(1)}).Fit(data.x, data.y).status()),
            "Fit of model 'sequential': it is not compiled; call Compile with an optimizer and a "
            "loss first");
  EXPECT_THAT(Message(model.Compile("adam", "hinged")),
              HasSubstr("compiling model 'sequential': there is no loss 'hinged'"));
  EXPECT_THAT(Message(model.Compile("adam", "mse", {"f1"})), HasSubstr("there is no metric 'f1'"));
  EXPECT_THAT(Message(model.Compile("adem", "mse")), HasSubstr("there is no optimizer 'adem'"));
  EXPECT_THAT(Message(model.Compile(optim::MakeRmsProp({.rho = 2}), "mse")), HasSubstr("rho"));
  EXPECT_EQ(Message(model.Evaluate(data.x, data.y, {.batch_size = -1}).status()),
            "Evaluate: batch_size must be at least 1, but is -1");
  EXPECT_EQ(Message(model.Predict(data.x, {.batch_size = 0}).status()),
            "Predict: batch_size must be at least 1, but is 0");
  EXPECT_EQ(Message(model.Predict(data.x, {.verbose = 3}).status()),
            "Predict: verbose must be 0, 1 or 2, but is 3");
  std::ostringstream out;
  ASSERT_TRUE(model.Predict(data.x, {.verbose = 1, .out = &out}).ok());
  EXPECT_THAT(out.str(), testing::StartsWith("2/2 [==============================] - "));
  EXPECT_THAT(Message(model.SetLearningRate(-1)), HasSubstr("but was given -1"));
}

TEST(FitTest, InputsThatWereSaidToBeOthers) {
  Sequential model({Input({10}), Dense(1)});
  ASSERT_TRUE(model.Compile("sgd", "mse").ok());
  const ToyData data(8, 6);
  EXPECT_THAT(Message(model.Fit(data.x, data.y, {.verbose = 0}).status()),
              MatchesRegex("nn/input_1 \\(.*\\): samples were said to make \\[batch,10\\], but the "
                           "data makes \\[batch,6\\]"));
}

TEST(BatchFeederTest, GathersWithoutCopyingSparseEntries) {
  const ToyData data(10, 4);
  Tensor half = data.x.Clone();
  for (float& value : half.mutable_data<float>()) value *= 0.5f;
  const CsrMatrix csr = *CsrMatrix::FromDense(half);
  auto feeder = BatchFeeder::Create(csr, nullptr, 4, /*gathers=*/true);
  ASSERT_TRUE(feeder.ok());
  EXPECT_EQ(feeder->num_batches(), 3);
  const std::vector<uint32_t> order = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  const absl::Span<const Tensor> feed = feeder->Gather(2, order);
  ASSERT_EQ(feed.size(), 3u);
  EXPECT_EQ(feed[0].shape(), (Shape{2, 2}));
  EXPECT_EQ(feed[0].data<int64_t>()[0], csr.ranges().data<int64_t>()[2]);
  EXPECT_EQ(feed[0].data<int64_t>()[2], csr.ranges().data<int64_t>()[0]);
  EXPECT_EQ(feed[1].raw(), csr.columns().raw());
  EXPECT_EQ(feed[2].raw(), csr.values().raw());
  EXPECT_EQ(feeder->View(1)[0].raw(),
            static_cast<const char*>(csr.ranges().raw()) + 4 * 2 * sizeof(int64_t));

  // Ones are left out.
  auto of_ones = BatchFeeder::Create(data.csr, nullptr, 4, /*gathers=*/true);
  ASSERT_TRUE(of_ones.ok());
  ASSERT_EQ(of_ones->Gather(2, order).size(), 2u);
  EXPECT_EQ(of_ones->Gather(2, order)[1].raw(), data.csr.columns().raw());
}

}  // namespace
}  // namespace adjoint::nn
