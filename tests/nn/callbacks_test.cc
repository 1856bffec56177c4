// Callbacks beside what Keras 2.4's do: numbers of epochs worked out by hand.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "core/io/crc32c.h"
#include "gmock/gmock.h"
#include "nn/event.pb.h"
#include "nn/event_writer.h"
#include "nn/nn.h"
#include "optim/extended.h"
#include "optim/sgd.h"
#include "tests/nn/files.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

Tensor F(Shape shape, std::initializer_list<float> values) {
  return Tensor::Of<float>(shape, values);
}

// A model that any data trains, and logs that are made up: "watched" of epoch i is values[i].
struct Staged {
  explicit Staged(std::vector<double> watched)
      : values(std::move(watched)),
        model({Dense(1, {.use_bias = false, .kernel_initializer = "ones"})}) {
    EXPECT_TRUE(model
                    .Compile(optim::MakeSgd({.learning_rate = 1}),
                             Loss("self", [](ops::Var, ops::Var y_pred) { return y_pred; }))
                    .ok());
  }

  absl::StatusOr<History> Fit(std::shared_ptr<Callback> callback, FitOptions options = {}) {
    auto stage = LambdaCallback({.on_epoch_end = [this](Model&, int epoch, Logs& logs) {
      if (static_cast<size_t>(epoch) < values.size()) logs.Set("watched", values[epoch]);
    }});
    options.epochs = static_cast<int>(values.size());
    options.verbose = 0;
    options.callbacks = {stage, std::move(callback)};
    return model.Fit(F({1, 1}, {1}), F({1}, {0}), options);
  }
  // Of Dense: 1 at first, and less by 1 after each epoch.
  double weight() const { return model.GetWeights()[0].ValueAt(0); }

  std::vector<double> values;
  Sequential model;
};

int EpochsOf(const absl::StatusOr<History>& history) {
  EXPECT_TRUE(history.ok()) << history.status();
  return history.ok() ? history->num_epochs() : -1;
}

TEST(EarlyStoppingTest, StopsAsKeras) {
  const auto epochs = [](std::vector<double> values, EarlyStoppingOptions options) {
    options.monitor = options.monitor == "val_loss" ? "watched" : options.monitor;
    return EpochsOf(Staged(std::move(values)).Fit(EarlyStopping(options)));
  };
  // The first epoch that is not better ends it when patience is 0, and 1 likewise.
  EXPECT_EQ(epochs({5, 4, 4, 3, 2}, {}), 3);
  EXPECT_EQ(epochs({5, 4, 4, 3, 2}, {.patience = 1}), 3);
  EXPECT_EQ(epochs({5, 4, 4, 3, 3, 3, 1}, {.patience = 2}), 6);
  EXPECT_EQ(epochs({5, 4, 3, 2}, {.patience = 2}), 4);
  // 0.5 less is not enough when min_delta is 0.5.
  EXPECT_EQ(epochs({5, 4.5, 4, 3}, {.min_delta = 0.5, .patience = 2}), 4);
  EXPECT_EQ(epochs({5, 4.5, 4.25, 4.75, 3}, {.min_delta = -0.5, .patience = 2}), 5);
  EXPECT_EQ(epochs({1, 2, 3, 2, 1}, {.patience = 2, .mode = "max"}), 5);
  EXPECT_EQ(epochs({1, 2, 3, 2, 1, 9}, {.patience = 2, .mode = "max"}), 5);
  EXPECT_EQ(epochs({5, 4, 3, 2}, {.patience = 2, .mode = "max"}), 3);
  EXPECT_EQ(epochs({5, 4, 3, 2}, {.patience = 3, .baseline = 3.5}), 4);
  EXPECT_EQ(epochs({5, 4, 3, 2}, {.patience = 2, .baseline = 1}), 2);
  EXPECT_EQ(epochs({5, NAN, NAN, 2}, {.patience = 2}), 3);
  // What is not in the logs stops nothing.
  testing::internal::CaptureStderr();
  EXPECT_EQ(epochs({5, 5, 5, 5}, {.monitor = "val_accuracy"}), 4);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "WARNING: Early stopping conditioned on metric `val_accuracy` which is not available. "
            "Available metrics are: loss,watched\n");
}

TEST(EarlyStoppingTest, AutoModeGoesByTheName) {
  EXPECT_TRUE(Monitor("val_accuracy", "auto", 0).maximizes());
  EXPECT_TRUE(Monitor("acc", "auto", 0).maximizes());
  EXPECT_FALSE(Monitor("val_loss", "auto", 0).maximizes());
  EXPECT_FALSE(Monitor("auc", "auto", 0).maximizes());
  EXPECT_FALSE(Monitor("accuracy", "min", 0).maximizes());
}

TEST(EarlyStoppingTest, RestoresTheBestWeightsWhenItStops) {
  Staged stopped({5, 3, 4, 4, 4});
  auto callback =
      EarlyStopping({.monitor = "watched", .patience = 2, .restore_best_weights = true});
  EXPECT_EQ(EpochsOf(stopped.Fit(callback)), 4);
  EXPECT_EQ(callback->stopped_epoch(), 3);
  EXPECT_EQ(callback->best(), 3);
  EXPECT_EQ(stopped.weight(), -1);  // after the second epoch
  // Keras 2.4 leaves the last weights where training runs to its end.
  Staged through({5, 3, 4});
  EXPECT_EQ(EpochsOf(through.Fit(EarlyStopping(
                {.monitor = "watched", .patience = 2, .restore_best_weights = true}))),
            3);
  EXPECT_EQ(through.weight(), -2);
  // A callback that is used again begins anew.
  EXPECT_EQ(EpochsOf(stopped.Fit(callback)), 4);
}

TEST(EarlyStoppingTest, Mistakes) {
  EXPECT_EQ(Staged({1}).Fit(EarlyStopping({.mode = "least"})).status().message(),
            "EarlyStopping: mode is 'least'; it must be min, max or auto");
  EXPECT_EQ(Staged({1}).Fit(EarlyStopping({.min_delta = NAN})).status().message(),
            "EarlyStopping: min_delta is nan; it must be a finite number");
}

TEST(ReduceLROnPlateauTest, AsKeras) {
  const auto rates = [](std::vector<double> values, ReduceLROnPlateauOptions options) {
    options.monitor = "watched";
    Staged staged(std::move(values));
    auto history = staged.Fit(ReduceLROnPlateau(options));
    EXPECT_TRUE(history.ok()) << history.status();
    std::vector<double> all = history.ok() ? (*history)["lr"] : std::vector<double>();
    all.push_back(staged.model.learning_rate());
    return all;
  };
  // "lr" is the rate that an epoch was trained with.
  EXPECT_THAT(rates({3, 3, 3, 3}, {.factor = 0.5, .patience = 1}),
              ElementsAre(1, 1, 0.5, 0.25, 0.125));
  EXPECT_THAT(rates({3, 3, 3, 3, 3}, {.factor = 0.5, .patience = 2}),
              ElementsAre(1, 1, 1, 0.5, 0.5, 0.25));
  // Better by 1e-4 is not better.
  EXPECT_THAT(rates({3, 2.99995, 2.5}, {.factor = 0.5, .patience = 1}),
              ElementsAre(1, 1, 0.5, 0.5));
  EXPECT_THAT(rates({3, 3, 3, 3, 3}, {.factor = 0.5, .patience = 1, .cooldown = 2}),
              ElementsAre(1, 1, 0.5, 0.5, 0.25, 0.25));
  EXPECT_THAT(rates({3, 3, 3, 3}, {.factor = 0.5, .patience = 1, .min_lr = 0.375}),
              ElementsAre(1, 1, 0.5, 0.375, 0.375));
  EXPECT_THAT(rates({3, 4, 4, 4}, {.factor = 0.5, .patience = 1, .mode = "max"}),
              ElementsAre(1, 1, 1, 0.5, 0.25));
  EXPECT_EQ(Staged({1}).Fit(ReduceLROnPlateau({.factor = 1})).status().message(),
            "ReduceLROnPlateau: factor is 1; it must be at least 0 and less than 1");
}

TEST(LearningRateSchedulerTest, SetsTheRateBeforeEveryEpoch) {
  Staged staged({0, 0, 0});
  auto history = staged.Fit(
      LearningRateScheduler([](int epoch, double rate) { return epoch == 1 ? rate : rate / 2; }));
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_THAT((*history)["lr"], ElementsAre(0.5, 0.5, 0.25));
  EXPECT_EQ(staged.weight(), 1 - 1.25);
  EXPECT_THAT(std::string(Staged({0})
                              .Fit(LearningRateScheduler([](int, double) { return -1.0; }))
                              .status()
                              .message()),
              HasSubstr("LearningRateScheduler: SetLearningRate: a rate is finite"));
  EXPECT_FALSE(Staged({0}).Fit(LearningRateScheduler(nullptr)).ok());
}

TEST(FormatPathTest, IsPythons) {
  Logs logs;
  logs.Set("val_loss", 0.28125);
  logs.Set("accuracy", -0.5);
  const auto format = [&](const char* path) {
    auto text = FormatPath(path, 7, logs);
    return text.ok() ? *text : std::string(text.status().message());
  };
  EXPECT_EQ(format("weights.{epoch:02d}-{val_loss:.2f}.bin"), "weights.07-0.28.bin");
  EXPECT_EQ(format("{epoch} {epoch:4d} {epoch:d} {epoch:.1f}"), "7    7 7 7.0");
  EXPECT_EQ(format("{val_loss} {val_loss:08.3f} {val_loss:.1e} {val_loss:.3g} {val_loss:.1%}"),
            "0.28125 0000.281 2.8e-01 0.281 28.1%");
  EXPECT_EQ(format("{accuracy:06.2f} {{x}}"), "-00.50 {x}");
  EXPECT_EQ(format("{loss:.2f}"),
            "there is no 'loss' to replace; there are epoch, val_loss, accuracy");
  EXPECT_THAT(format("{epoch:2x}"), HasSubstr("'{epoch:2x}' is not a format"));
  EXPECT_THAT(format("{val_loss:d}"), HasSubstr("is not a format"));
  EXPECT_THAT(format("{epoch:99999d}"), HasSubstr("is not a format"));
  EXPECT_THAT(format("{epoch:-2d}"), HasSubstr("is not a format"));
  EXPECT_THAT(format("{val_loss:.f}"), HasSubstr("is not a format"));
  EXPECT_EQ(format("{epoch"), "'{epoch' has a '{' without its '}'");
  EXPECT_EQ(format("a}"), "'a}' has a '}' without its '{'");
}

TEST(ModelCheckpointTest, SavesEveryEpochOrTheBest) {
  const std::string folder = Folder("checkpoint");
  const std::string path = folder + "/{epoch:02d}-{watched:.1f}.model";
  ASSERT_EQ(EpochsOf(Staged({3, 4, 2}).Fit(ModelCheckpoint({.filepath = path}))), 3);
  EXPECT_THAT(FilesIn(folder), ElementsAre("01-3.0.model", "02-4.0.model", "03-2.0.model"));
  auto loaded = Model::Load(folder + "/02-4.0.model");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->GetWeights()[0].ValueAt(0), -1);

  const std::string best = Folder("best");
  auto callback = ModelCheckpoint({.filepath = best + "/{epoch}.weights",
                                   .monitor = "watched",
                                   .save_best_only = true,
                                   .save_weights_only = true});
  Staged staged({3, 4, 3, 2});
  ASSERT_EQ(EpochsOf(staged.Fit(callback)), 4);
  EXPECT_THAT(FilesIn(best), ElementsAre("1.weights", "4.weights"));
  EXPECT_EQ(callback->best(), 2);
  ASSERT_TRUE(staged.model.LoadWeights(best + "/1.weights").ok());
  EXPECT_EQ(staged.weight(), 0);

  const std::string batches = Folder("batches");
  Staged model({1, 1, 1, 1, 1});
  ASSERT_EQ(
      EpochsOf(model.Fit(ModelCheckpoint({.filepath = batches + "/{epoch}", .save_freq = 2}))), 5);
  EXPECT_THAT(FilesIn(batches), ElementsAre("2", "4"));
}

TEST(ModelCheckpointTest, WhatCannotBeWrittenEndsTheTraining) {
  Staged staged({1, 1});
  auto history = staged.Fit(ModelCheckpoint({.filepath = "/nowhere/at/all"}));
  EXPECT_THAT(std::string(history.status().message()),
              MatchesRegex("ModelCheckpoint: saving model 'sequential' to /nowhere/at/all.*|"
                           "ModelCheckpoint: .*/nowhere/at/all.*"));
  EXPECT_EQ(staged.weight(), 0);
  EXPECT_EQ(Staged({1}).Fit(ModelCheckpoint({.filepath = "{auc}"})).status().message(),
            "ModelCheckpoint: there is no 'auc' to replace; there are epoch, loss, watched");
}

TEST(CSVLoggerTest, WritesALineAnEpoch) {
  const std::string path = Folder("csv") + "/log.csv";
  ASSERT_EQ(EpochsOf(Staged({3, 0.1}).Fit(CSVLogger({.filename = path}))), 2);
  EXPECT_EQ(ReadAll(path), "epoch,loss,watched\n0,1,3\n1,0,0.1\n");
  ASSERT_EQ(EpochsOf(Staged({5}).Fit(CSVLogger({.filename = path, .append = true}))), 1);
  EXPECT_EQ(ReadAll(path), "epoch,loss,watched\n0,1,3\n1,0,0.1\n0,1,5\n");
  ASSERT_EQ(EpochsOf(Staged({5, NAN}).Fit(CSVLogger({.filename = path, .separator = "; "}))), 2);
  EXPECT_EQ(ReadAll(path), "epoch; loss; watched\n0; 1; 5\n1; 0; nan\n");
  EXPECT_THAT(std::string(Staged({1}).Fit(CSVLogger({.filename = "/no/where"})).status().message()),
              HasSubstr("CSVLogger: cannot write '/no/where'"));
}

TEST(TerminateOnNaNTest, EndsWithTheBatch) {
  Sequential model({Dense(1)});
  ASSERT_TRUE(model.Compile("sgd", "mse").ok());
  testing::internal::CaptureStdout();
  auto history = model.Fit(F({4, 1}, {1, 1, NAN, 1}), F({4}, {0, 0, 0, 0}),
                           {.epochs = 3,
                            .batch_size = 1,
                            .shuffle = false,
                            .verbose = 0,
                            .callbacks = {TerminateOnNaN()}});
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "Batch 2: Invalid loss, terminating training\n");
  EXPECT_EQ(EpochsOf(history), 1);
  EXPECT_EQ(model.variables().Find("optimizer/step")->item<int64_t>(), 3);
}

TEST(WeightsTest, SetAndLoad) {
  const ToyData data(8, 3);
  Sequential a({Input({3}), Dense(2), Dense(1)}, {.seed = 1});
  Sequential b({Input({3}), Dense(2), Dense(1)}, {.seed = 2});
  Sequential other({Input({3}), Dense(4), Dense(1)});
  for (Sequential* model : {&a, &b, &other}) ASSERT_TRUE(model->Compile("adam", "mse").ok());
  const std::string path = Folder("weights") + "/w";
  ASSERT_TRUE(a.SaveWeights(path).ok());
  EXPECT_FALSE(BitwiseEqual(*a.Predict(data.x), *b.Predict(data.x)));
  ASSERT_TRUE(b.LoadWeights(path).ok());
  EXPECT_TRUE(BitwiseEqual(*a.Predict(data.x), *b.Predict(data.x)));
  EXPECT_THAT(
      std::string(other.LoadWeights(path).message()),
      HasSubstr("weight 'dense/kernel' is f32[3,2] in the file, but the network wants f32[3,4]"));
  EXPECT_EQ(b.SetWeights({}).message(), "SetWeights: the model has 4 weights, but was given 0");
  EXPECT_THAT(std::string(b.SetWeights(other.GetWeights()).message()),
              HasSubstr("SetWeights: weight 'dense/kernel' is f32[3,2], but was given f32[3,4]"));
  EXPECT_FALSE(Sequential({Dense(1)}).LoadWeights(path).ok());
  EXPECT_FALSE(b.LoadWeights(path + "none").ok());
}

// TensorBoard's files, read by code of their own ----------------------------------------------

// Bit by bit, unlike the writer's table.
uint32_t Crc32cBitwise(const std::string& bytes) {
  uint32_t crc = ~0u;
  for (unsigned char byte : bytes) {
    for (int bit = 0; bit < 8; ++bit, byte >>= 1) {
      const bool flip = (crc ^ byte) & 1;
      crc = (crc >> 1) ^ (flip ? 0x82f63b78u : 0);
    }
  }
  return ~crc;
}

uint64_t Number(const std::string& bytes) {
  uint64_t x = 0;
  for (size_t i = bytes.size(); i-- > 0;) x = x << 8 | static_cast<unsigned char>(bytes[i]);
  return x;
}

uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

std::vector<proto::EventProto> ReadEvents(const std::string& folder) {
  std::vector<proto::EventProto> events;
  const std::vector<std::string> files = FilesIn(folder);
  EXPECT_EQ(files.size(), 1u);
  if (files.empty()) return events;
  EXPECT_THAT(files[0], MatchesRegex("events\\.out\\.tfevents\\.[0-9]+\\..+\\.[0-9]+\\.[0-9]+"));
  const std::string bytes = ReadAll(folder + "/" + files[0]);
  for (size_t at = 0; at < bytes.size();) {
    const uint64_t length = Number(bytes.substr(at, 8));
    EXPECT_EQ(Number(bytes.substr(at + 8, 4)), Masked(Crc32cBitwise(bytes.substr(at, 8))));
    EXPECT_LE(at + 16 + length, bytes.size());
    if (at + 16 + length > bytes.size()) return events;
    const std::string data = bytes.substr(at + 12, length);
    EXPECT_EQ(Number(bytes.substr(at + 12 + length, 4)), Masked(Crc32cBitwise(data)));
    EXPECT_TRUE(events.emplace_back().ParseFromString(data));
    at += 16 + length;
  }
  return events;
}

std::string Scalars(const std::vector<proto::EventProto>& events) {
  std::string text;
  for (const proto::EventProto& event : events) {
    for (const auto& value : event.summary().value()) {
      if (value.has_histo()) continue;
      absl::StrAppend(&text, event.step(), " ", value.tag(), " ", value.simple_value(), "\n");
    }
  }
  return text;
}

TEST(TensorBoardTest, TheCheckIsCastagnolis) {
  // RFC 3720, appendix B.4, and the usual test of nine digits.
  EXPECT_EQ(Crc32cBitwise("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32cBitwise(std::string(32, '\0')), 0x8A9136AAu);
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(io::Crc32c(bytes), Crc32cBitwise(bytes));
    bytes.push_back(static_cast<char>(i * 37));
  }
}

TEST(TensorBoardTest, WritesScalarsHistogramsAndTheGraph) {
  const std::string folder = Folder("tensorboard");
  Sequential model({Dense(1, {.use_bias = false, .kernel_initializer = "ones"})});
  ASSERT_TRUE(model.Compile(optim::MakeSgd({.learning_rate = 0}), "mse", {"mae"}).ok());
  auto history = model.Fit(
      F({4, 2}, {1, 1, 1, 1, 2, 0, 0, 2}), F({4}, {0, 0, 0, 0}),
      {.epochs = 2,
       .batch_size = 2,
       .validation_data = {F({1, 2}, {3, 0}), F({1}, {0})},
       .verbose = 0,
       .callbacks = {TensorBoard({.log_dir = folder, .histogram_freq = 1, .update_freq = 2})}});
  ASSERT_TRUE(history.ok()) << history.status();
  const std::vector<proto::EventProto> train = ReadEvents(folder + "/train");
  EXPECT_EQ(Scalars(train),
            "1 batch_loss 4\n1 batch_mae 2\n"
            "0 epoch_loss 4\n0 epoch_mae 2\n0 epoch_learning_rate 0\n"
            "3 batch_loss 4\n3 batch_mae 2\n"
            "1 epoch_loss 4\n1 epoch_mae 2\n1 epoch_learning_rate 0\n");
  EXPECT_EQ(Scalars(ReadEvents(folder + "/validation")),
            "0 epoch_loss 9\n0 epoch_mae 3\n1 epoch_loss 9\n1 epoch_mae 3\n");
  ASSERT_FALSE(train.empty());
  EXPECT_EQ(train[0].file_version(), "brain.Event:2");
  EXPECT_GT(train[0].wall_time(), 1.5e9);
  int histograms = 0, graphs = 0;
  for (const proto::EventProto& event : train) {
    for (const auto& value : event.summary().value()) {
      if (!value.has_histo()) continue;
      ++histograms;
      EXPECT_EQ(value.tag(), "dense/kernel");
      EXPECT_EQ(value.histo().num(), 2);
      EXPECT_EQ(value.histo().sum_squares(), 2);
      EXPECT_EQ(value.histo().bucket_size(), 1);
    }
    if (event.graph_def().empty()) continue;
    ++graphs;
    proto::GraphDefProto graph;
    ASSERT_TRUE(graph.ParseFromString(event.graph_def()));
    std::set<std::string> names;
    bool matmul = false;
    for (const proto::NodeDefProto& node : graph.node()) {
      EXPECT_TRUE(names.insert(node.name()).second) << node.name();
      for (const std::string& input : node.input()) {
        EXPECT_TRUE(names.count(input.substr(0, input.find(':')))) << input;
      }
      if (node.op() != "matmul") continue;
      matmul = true;
      EXPECT_EQ(node.attr().at("T").type(), 1);
    }
    EXPECT_TRUE(matmul);
  }
  EXPECT_EQ(histograms, 2);
  EXPECT_EQ(graphs, 1);
}

TEST(TensorBoardTest, HistogramsHoldEveryFiniteElementOnce) {
  const std::string folder = Folder("histogram");
  std::vector<float> values = {NAN, INFINITY, -3, 7};
  for (int i = 0; i < 98; ++i) values.push_back(static_cast<float>(i % 10) - 3);
  {
    auto writer = EventWriter::Create(folder);
    ASSERT_TRUE(writer.ok()) << writer.status();
    (*writer)->Histogram("w", Tensor::Vector<float>(values), 5);
    (*writer)->Histogram("none", Tensor::Vector<float>({}), 5);
    (*writer)->Histogram("wide", F({2}, {-3e38, 3e38}), 5);
    ASSERT_TRUE((*writer)->Flush().ok());
  }
  const std::vector<proto::EventProto> events = ReadEvents(folder);
  ASSERT_EQ(events.size(), 4u);
  const proto::HistogramProto& histogram = events[1].summary().value(0).histo();
  EXPECT_EQ(histogram.min(), -3);
  EXPECT_EQ(histogram.max(), 7);
  EXPECT_EQ(histogram.num(), 100);
  ASSERT_EQ(histogram.bucket_size(), 30);
  ASSERT_EQ(histogram.bucket_limit_size(), 30);
  double count = 0;
  for (int i = 0; i < 30; ++i) {
    const double left = i == 0 ? -3 : histogram.bucket_limit(i - 1);
    EXPECT_LT(left, histogram.bucket_limit(i));
    double inside = 0;
    for (float x : values)
      inside += x >= left && (x < histogram.bucket_limit(i) || (i == 29 && x == 7));
    EXPECT_EQ(histogram.bucket(i), inside) << i;
    count += histogram.bucket(i);
  }
  EXPECT_EQ(count, 100);
  EXPECT_EQ(events[2].summary().value(0).histo().num(), 0);
  EXPECT_EQ(events[3].summary().value(0).histo().bucket(29), 1);
}

TEST(TensorBoardTest, WhatCannotBeWrittenEndsTheTraining) {
  EXPECT_THAT(
      std::string(Staged({1}).Fit(TensorBoard({.log_dir = "/proc/none"})).status().message()),
      HasSubstr("TensorBoard: "));
}

}  // namespace
}  // namespace adjoint::nn
