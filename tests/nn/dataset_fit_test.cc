// Models trained, evaluated and asked with datasets.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "datasets/dataset.h"
#include "gmock/gmock.h"
#include "nn/nn.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using datasets::Dataset;
using datasets::Element;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Sequential Classifier(double dropout = 0.2) {
  Sequential model(
      {Dense(16, {.activation = "relu"}), Dropout(dropout), Dense(1, {.activation = "sigmoid"})},
      {.seed = 3});
  EXPECT_TRUE(model.Compile("rmsprop", "binary_crossentropy", {"accuracy"}).ok());
  return model;
}

void ExpectSameWeights(const Model& a, const Model& b) {
  const std::vector<Tensor> wa = a.GetWeights(), wb = b.GetWeights();
  ASSERT_EQ(wa.size(), wb.size());
  for (size_t i = 0; i < wa.size(); ++i) EXPECT_TRUE(BitwiseEqual(wa[i], wb[i])) << i;
}

TEST(DatasetFitTest, SameBitsAsDataInMemory) {
  const ToyData train(250, 20), test(100, 20, 2);
  for (const bool sparse : {false, true}) {
    const datasets::Component x = sparse ? datasets::Component(train.csr) : train.x;
    const datasets::Component test_x = sparse ? datasets::Component(test.csr) : test.x;
    const auto list = [](const datasets::Component& component) {
      return std::visit([](const auto& part) { return DataList(part); }, component);
    };
    Sequential a = Classifier(), b = Classifier(), c = Classifier();
    const auto memory = a.Fit(
        list(x), train.y,
        {.epochs = 3, .batch_size = 32, .validation_data = {list(test_x), test.y}, .verbose = 0});
    ASSERT_TRUE(memory.ok()) << memory.status();
    const Dataset dataset =
        Dataset::FromTensors({x}, {train.y}).Shuffle({.seed = 3}).Batch(32).Prefetch(2);
    const Dataset validation = Dataset::FromTensors({test_x}, {test.y}).Batch(32);
    const auto streamed =
        b.Fit(dataset, {.epochs = 3, .validation_data = {.dataset = validation}, .verbose = 0});
    ASSERT_TRUE(streamed.ok()) << streamed.status();
    EXPECT_EQ(memory->entries(), streamed->entries());
    ExpectSameWeights(a, b);
    // Also where each sample passes through a function on its own.
    const Dataset mapped =
        Dataset::FromTensors({x}, {train.y})
            .Shuffle({.seed = 3})
            .Map([](Element e) -> absl::StatusOr<Element> { return e; }, {.parallel = true})
            .Batch(32);
    ASSERT_TRUE(c.Fit(mapped, {.epochs = 3, .verbose = 0}).ok());
    ExpectSameWeights(a, c);
    const auto logs = a.Evaluate(list(test_x), test.y, {.verbose = 0});
    const auto dataset_logs = b.Evaluate(validation, {.verbose = 0});
    ASSERT_TRUE(dataset_logs.ok()) << dataset_logs.status();
    EXPECT_EQ((*logs)["loss"], (*dataset_logs)["loss"]);
    const auto predicted = a.Predict(list(test_x));
    const auto from_dataset = b.Predict(validation);
    ASSERT_TRUE(from_dataset.ok()) << from_dataset.status();
    EXPECT_TRUE(BitwiseEqual(*predicted, *from_dataset));
    EXPECT_TRUE(BitwiseEqual(*predicted, *b.Predict(Dataset::FromTensors({test_x}).Batch(7))));
  }
}

// A dataset by a function, which tells no size.
Dataset Generated(const ToyData& data, int64_t batch_size) {
  return Dataset::FromGenerator([data, batch_size](int64_t) -> absl::StatusOr<Dataset::Generator> {
    return [data, batch_size, at = int64_t{0}]() mutable -> absl::StatusOr<std::optional<Element>> {
      const int64_t end = std::min(at + batch_size, data.x.shape()[0]);
      if (at == end) return std::nullopt;
      const int64_t begin = std::exchange(at, end);
      return Element{.x = {data.x.Rows(begin, end)}, .y = {data.y.Rows(begin, end)}};
    };
  });
}

TEST(DatasetFitTest, OfUnknownLength) {
  const ToyData data(100, 10);
  Sequential a = Classifier(), b = Classifier();
  std::ostringstream out;
  const auto history = a.Fit(Generated(data, 30), {.epochs = 2, .verbose = 1, .out = &out});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_THAT(out.str(), HasSubstr("Epoch 1/2\n4/4 [=============================="));
  EXPECT_THAT(out.str(), HasSubstr("Epoch 2/2\n4/4 [=============================="));
  ASSERT_TRUE(
      b.Fit(data.x, data.y, {.epochs = 2, .batch_size = 30, .shuffle = false, .verbose = 0}).ok());
  ExpectSameWeights(a, b);
  EXPECT_TRUE(BitwiseEqual(*a.Predict(Generated(data, 30)), *b.Predict(data.x)));
}

TEST(DatasetFitTest, StepsPerEpochGoOnThroughAPass) {
  const ToyData data(100, 10);
  const Dataset batches = Dataset::FromTensors({data.x}, {data.y}).Shuffle({.seed = 4}).Batch(10);
  // Two passes of ten batches as five epochs of four; the same batches in the same order.
  Sequential a = Classifier(0), b = Classifier(0);
  const auto history = a.Fit(batches.Repeat(), {.epochs = 5, .steps_per_epoch = 4, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->num_epochs(), 5);
  ASSERT_TRUE(b.Fit(batches, {.epochs = 2, .verbose = 0}).ok());
  ExpectSameWeights(a, b);
  EXPECT_THAT(Message(a.Fit(batches, {.epochs = 3, .steps_per_epoch = 4, .verbose = 0}).status()),
              HasSubstr("Fit: the dataset ended after 2 batches of an epoch that has "
                        "steps_per_epoch 4; Repeat it"));
}

TEST(DatasetFitTest, WeightsOfSamplesAndClasses) {
  const ToyData data(100, 10);
  const std::map<int64_t, double> by_class = {{0, 0.5}, {1, 2}};
  Tensor weights = Tensor::Empty({DType::kF32, Shape{100}});
  for (int i = 0; i < 100; ++i)
    weights.mutable_data<float>()[i] = 0.25f * static_cast<float>(i % 5);
  const Dataset plain = Dataset::FromTensors({data.x}, {data.y}).Shuffle({.seed = 3});
  const Dataset weighed = Dataset::FromTensors({data.x}, {data.y}, {weights}).Shuffle({.seed = 3});
  for (const bool by_sample : {false, true}) {
    for (const bool classes : {false, true}) {
      Sequential a = Classifier(), b = Classifier();
      FitOptions options{.epochs = 2, .batch_size = 32, .verbose = 0};
      if (classes) options.class_weight = by_class;
      const auto streamed = b.Fit((by_sample ? weighed : plain).Batch(32).Prefetch(), options);
      ASSERT_TRUE(streamed.ok()) << streamed.status();
      if (by_sample) options.sample_weight = weights;
      const auto memory = a.Fit(data.x, data.y, options);
      ASSERT_TRUE(memory.ok()) << memory.status();
      EXPECT_EQ(memory->entries(), streamed->entries());
      ExpectSameWeights(a, b);
      const auto logs = a.Evaluate(data.x, data.y, {.sample_weight = weights, .verbose = 0});
      const auto dataset_logs =
          b.Evaluate(Dataset::FromTensors({data.x}, {data.y}, {weights}).Batch(32), {.verbose = 0});
      ASSERT_TRUE(dataset_logs.ok()) << dataset_logs.status();
      EXPECT_EQ((*logs)["loss"], (*dataset_logs)["loss"]);
    }
  }
  // Through a function of each sample, which sees the weight.
  const Dataset mapped =
      weighed.Map([](Element e) -> absl::StatusOr<Element> { return e; }).Batch(32);
  Sequential a = Classifier(), b = Classifier();
  ASSERT_TRUE(a.Fit(weighed.Batch(32), {.verbose = 0}).ok());
  ASSERT_TRUE(b.Fit(mapped, {.verbose = 0}).ok());
  ExpectSameWeights(a, b);
}

TEST(DatasetFitTest, ResumesInTheMidstOfAnEpoch) {
  const ToyData data(100, 10);
  const Dataset one_pass =
      Dataset::FromTensors({data.x}, {data.y}).Shuffle({.seed = 4}).Batch(10).Prefetch(2);
  for (const int64_t steps : {0, 4}) {
    const Dataset batches = steps > 0 ? one_pass.Repeat() : one_pass;
    const std::string dir =
        testing::TempDir() + "/dataset_resume" + std::to_string(steps) + std::to_string(getpid());
    std::filesystem::remove_all(dir);
    Sequential whole = Classifier();
    const auto expected = whole.Fit(batches, {.epochs = 3, .steps_per_epoch = steps, .verbose = 0});
    ASSERT_TRUE(expected.ok()) << expected.status();
    Sequential begun = Classifier();
    // Ends with an error amid the second epoch, as a kill would.
    int64_t batch = 0;
    const auto stop =
        LambdaCallback({.on_train_batch_end = [&](Model& model, int64_t, const Logs&) {
          if (++batch == (steps > 0 ? 7 : 14)) model.StopTraining(absl::AbortedError("killed"));
        }});
    const CheckpointOptions checkpoint{.dir = dir, .every_steps = 3};
    EXPECT_TRUE(absl::IsAborted(begun
                                    .Fit(batches, {.epochs = 3,
                                                   .steps_per_epoch = steps,
                                                   .verbose = 0,
                                                   .callbacks = {stop},
                                                   .checkpoint = checkpoint})
                                    .status()));
    Sequential resumed = Classifier();
    CheckpointOptions again = checkpoint;
    again.resume = true;
    const auto history = resumed.Fit(batches, {.epochs = 3,
                                               .steps_per_epoch = steps,
                                               .verbose = 0,
                                               .callbacks = {LambdaCallback({})},
                                               .checkpoint = again});
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_EQ(history->entries(), expected->entries());
    ExpectSameWeights(whole, resumed);
  }
}

TEST(DatasetFitTest, BatchesOfSeveralLengths) {
  Sequential model({Input({Dim::Symbol("length"), 3}), SimpleRNN(4), Dense(1)});
  ASSERT_TRUE(model.Compile("sgd", "mse").ok());
  const auto of_length = [](int64_t samples, int64_t length) {
    return Dataset::FromTensors({Tensor::Zeros({DType::kF32, Shape{samples, length, 3}})},
                                {Tensor::Zeros({DType::kF32, Shape{samples}})})
        .Batch(samples);
  };
  const Dataset lengths = of_length(4, 5).Concat(of_length(2, 7));
  const auto history = model.Fit(lengths, {.epochs = 2, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(model.Predict(lengths)->shape(), (Shape{6, 1}));
}

TEST(DatasetFitTest, Errors) {
  const ToyData data(100, 10);
  const Dataset samples = Dataset::FromTensors({data.x}, {data.y});
  Sequential model = Classifier();
  const auto fit = [&](const Dataset& dataset, FitOptions options = {}) {
    options.verbose = 0;
    return Message(model.Fit(dataset, options).status());
  };
  EXPECT_THAT(fit(samples), HasSubstr("Fit: the dataset gives single samples, ({f32[10]}, "
                                      "{f32[]}); make batches of them with Batch"));
  EXPECT_EQ(fit(samples.Batch(0)), "Dataset::Batch: batch_size must be at least 1, but is 0");
  EXPECT_THAT(fit(samples.Take(0).Batch(3)), HasSubstr("Fit: there are no samples"));
  EXPECT_THAT(fit(samples.Batch(3).Repeat()), HasSubstr("Fit: the dataset has no end; say how"));
  EXPECT_THAT(fit(Dataset::FromTensors({data.x}).Batch(3)),
              HasSubstr("Fit: the model gives 1 outputs, but y has 0"));
  EXPECT_THAT(fit(samples.Batch(30), {.validation_split = 0.5}),
              HasSubstr("divide a dataset by Take and Skip"));
  EXPECT_THAT(fit(samples.Batch(30), {.validation_data = {.dataset = samples}}),
              HasSubstr("Fit, validation_data: the dataset gives single samples"));
  EXPECT_THAT(fit(samples.Batch(30),
                  {.validation_data = {.x = data.x, .y = data.y, .dataset = samples.Batch(2)}}),
              HasSubstr("validation_data has both x and a dataset"));
  const Dataset fails =
      samples.Batch(30).Map([n = 0](Element e) mutable -> absl::StatusOr<Element> {
        if (n++ == 2) return absl::DataLossError("a torn page");
        return e;
      });
  EXPECT_EQ(fit(fails), "Fit, batch 2: mapping element 2: a torn page");
  const ToyData wide(10, 11);
  EXPECT_THAT(fit(samples.Batch(50).Concat(Dataset::FromTensors({wide.x}, {wide.y}).Batch(10))),
              HasSubstr("Fit, batch 2: x is f32[batch,11], but the first batch made it "
                        "f32[batch,10]; batches may differ"));
  const Tensor ones = Tensor::Zeros({DType::kF32, Shape{100}});
  EXPECT_EQ(fit(samples.Batch(30), {.sample_weight = ones}),
            "Fit: sample_weight is for data in memory; elements of a dataset have their own");
  EXPECT_THAT(fit(samples.Batch(30), {.class_weight = {{0, 1}}}),
              HasSubstr(" is of class 1; there are weights for classes 0 to 0"));
  EXPECT_EQ(fit(Dataset::FromTensors({data.x}, {data.y}, {ones, ones}).Batch(30)),
            "Fit: the model gives 1 outputs, but sample_weight has 2");
  EXPECT_EQ(
      fit(samples.Batch(30).Concat(Dataset::FromTensors({data.x}, {data.y}, {ones}).Batch(30))),
      "Fit, batch 4: it has sample_weight, but the first batch had none; all batches must "
      "have it, or none");
  EXPECT_THAT(fit(Dataset::FromTensors({data.x}, {data.y}, {ones.Rows(0, 5)}).Batch(30)),
              HasSubstr("x has 100 rows (f32[100,10]), but sample_weight has 5 (f32[5])"));
  EXPECT_THAT(Message(model.Fit(data.x, data.y, {.steps_per_epoch = 3}).status()),
              HasSubstr("steps_per_epoch is for datasets"));
  EXPECT_THAT(fit(samples.Batch(3), {.steps_per_epoch = -1}), HasSubstr("must not be negative"));
}

}  // namespace
}  // namespace adjoint::nn
