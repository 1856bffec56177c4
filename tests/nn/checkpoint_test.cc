// Checkpoints: a training that is killed at any moment and resumed ends as one that was not.

#include "nn/checkpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#include "core/philox.h"
#include "gmock/gmock.h"
#include "nn/nn.h"
#include "optim/optimizer.h"
#include "tests/nn/files.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

pid_t Start(const std::string& folder, const std::string& result) {
  const std::string program = "tests/nn/checkpoint_child";
  const pid_t child = fork();
  if (child == 0) {
    execl(program.c_str(), program.c_str(), folder.c_str(), result.c_str(), nullptr);
    _exit(127);
  }
  return child;
}

// The exit code; 128 and more for a signal.
int Wait(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(KillTest, AResumedTrainingEndsWithTheSameBits) {
  using Clock = std::chrono::steady_clock;
  const std::string folder = Folder("kill");
  const auto before = Clock::now();
  ASSERT_EQ(Wait(Start("-", folder + "/straight")), 0);
  const double seconds = std::chrono::duration<double>(Clock::now() - before).count();
  const std::string straight = ReadAll(folder + "/straight");
  ASSERT_THAT(straight, HasSubstr("val_auc"));
  EXPECT_THAT(straight, HasSubstr("\n10\n")) << "EarlyStopping ends it";

  // Kills at random moments of a run; the time that checkpoints take comes on top.
  PhiloxEngine random(RandomStream{.seed = static_cast<uint64_t>(getpid())});
  int kills = 0, kills_with_checkpoints = 0;
  for (int round = 0; round < 3; ++round) {
    const std::string checkpoints = absl::StrCat(folder, "/checkpoints_", round);
    const std::string result = absl::StrCat(folder, "/resumed_", round);
    int code = -1;
    for (int attempt = 0; attempt < 60 && code != 0; ++attempt) {
      const pid_t child = Start(checkpoints, result);
      if (attempt < 12) {
        const double moment = UniformFloat(random()) * seconds * 1.2;
        std::this_thread::sleep_for(std::chrono::duration<double>(moment));
        kill(child, SIGKILL);
      }
      code = Wait(child);
      ASSERT_TRUE(code == 0 || code == 128 + SIGKILL) << code;
      if (code == 0) break;
      ++kills;
      kills_with_checkpoints +=
          std::filesystem::exists(checkpoints) && !FilesIn(checkpoints).empty();
    }
    EXPECT_EQ(code, 0);
    EXPECT_EQ(ReadAll(result), straight);
    EXPECT_EQ(ReadAll(result + ".csv"), ReadAll(folder + "/straight.csv"));
    // A training that is over stays as it is.
    std::filesystem::remove(result);
    ASSERT_EQ(Wait(Start(checkpoints, result)), 0);
    EXPECT_EQ(ReadAll(result), straight);
  }
  EXPECT_GE(kills, 3);
  EXPECT_GE(kills_with_checkpoints, 1);
}

// At every step in turn, without a process.
struct Trained {
  Sequential model;
  absl::StatusOr<History> history;
};

Trained Train(const std::string& dir, FitOptions options, int64_t stop_at = -1,
              absl::string_view optimizer = "rmsprop") {
  static const ToyData* const data = new ToyData(100, 8);
  Trained trained{Sequential({Dense(4, {.activation = "relu"}), Dropout(0.5),
                              Dense(1, {.activation = "sigmoid"})},
                             {.seed = 5}),
                  absl::UnknownError("")};
  EXPECT_TRUE(trained.model
                  .Compile(std::string(optimizer), "binary_crossentropy", {"accuracy", "Precision"})
                  .ok());
  options.epochs = options.epochs == 1 ? 3 : options.epochs;
  options.verbose = 0;
  options.checkpoint.dir = dir;
  int64_t steps = 0;
  options.callbacks.push_back(LambdaCallback({.on_train_batch_begin = [&](Model& m, int64_t) {
    // As if the program ended here: what was trained since the last checkpoint is lost.
    if (steps++ == stop_at) m.StopTraining(absl::AbortedError("killed"));
  }}));
  trained.history = trained.model.Fit(data->x, data->y, options);
  return trained;
}

void ExpectSame(const Trained& a, const Trained& b) {
  ASSERT_TRUE(a.history.ok()) << a.history.status();
  ASSERT_TRUE(b.history.ok()) << b.history.status();
  EXPECT_EQ(a.history->entries(), b.history->entries());
  ASSERT_EQ(a.model.variables().Names(), b.model.variables().Names());
  for (const std::string& name : a.model.variables().Names()) {
    EXPECT_TRUE(BitwiseEqual(*a.model.variables().Find(name), *b.model.variables().Find(name)))
        << name;
  }
}

TEST(CheckpointTest, EveryPlaceInTheTraining) {
  const Trained straight = Train("", {});
  for (int64_t stop = 0; stop < 12; ++stop) {
    for (int every : {0, 1}) {
      SCOPED_TRACE(absl::StrCat("stopped at step ", stop, ", every_epochs ", every));
      const std::string dir = Folder("place");
      FitOptions options{.checkpoint = {.every_epochs = every, .every_steps = every == 0 ? 1 : 3}};
      EXPECT_EQ(Train(dir, options, stop).history.status().message(), "killed");
      options.checkpoint.resume = true;
      ExpectSame(Train(dir, options), straight);
      EXPECT_LE(FilesIn(dir).size(), 2u);
    }
  }
}

TEST(CheckpointTest, MoreEpochsThanBefore) {
  const std::string dir = Folder("more");
  ExpectSame(Train(dir, {.epochs = 2}), Train("", {.epochs = 2}));
  ExpectSame(Train(dir, {.epochs = 5, .checkpoint = {.resume = true}}), Train("", {.epochs = 5}));
}

TEST(CheckpointTest, ADamagedFileIsNamedAndTheOneBeforeItUsed) {
  const Trained straight = Train("", {});
  const std::string dir = Folder("damaged");
  FitOptions options{.checkpoint = {.every_steps = 1, .keep = 3}};
  EXPECT_FALSE(Train(dir, options, 9).history.ok());
  EXPECT_THAT(FilesIn(dir), ElementsAre("checkpoint-000000000000007.adjoint",
                                        "checkpoint-000000000000008.adjoint",
                                        "checkpoint-000000000000009.adjoint"));
  options.checkpoint.resume = true;
  const std::string newest = dir + "/checkpoint-000000000000009.adjoint";
  std::string bytes = ReadAll(newest);
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(newest, std::ios::binary) << bytes;
  std::ofstream(dir + "/checkpoint-000000000000008.adjoint") << "";
  // What a writer that was killed left behind.
  std::ofstream(dir + "/checkpoint-000000000000010.adjoint.123.0.tmp") << "half";
  testing::internal::CaptureStderr();
  ExpectSame(Train(dir, options), straight);
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, HasSubstr(newest));
  EXPECT_THAT(told, HasSubstr("checkpoint-000000000000008.adjoint"));
  for (const std::string& name : FilesIn(dir)) EXPECT_THAT(name, ::testing::Not(HasSubstr("tmp")));

  for (const std::string& name : FilesIn(dir)) std::ofstream(dir + "/" + name) << "nothing";
  testing::internal::CaptureStderr();
  EXPECT_THAT(std::string(Train(dir, options).history.status().message()),
              HasSubstr("can be used; remove them to begin anew"));
  testing::internal::GetCapturedStderr();
}

TEST(CheckpointTest, AnotherTrainingIsRefused) {
  const std::string dir = Folder("other");
  ASSERT_TRUE(Train(dir, {}).history.ok());
  const auto error = [&](FitOptions options, absl::string_view optimizer = "rmsprop") {
    options.checkpoint.resume = true;
    return std::string(Train(dir, options, -1, optimizer).history.status().message());
  };
  const std::string cannot = "the checkpoint cannot be resumed: it was made with ";
  EXPECT_EQ(error({.batch_size = 16}), cannot + "batch_size 32, this training has 16");
  EXPECT_EQ(error({.shuffle = false}), cannot + "shuffle 1, this training has 0");
  EXPECT_EQ(error({.seed = 77}), cannot + "seed 5, this training has 77");
  EXPECT_EQ(error({.validation_split = 0.5}),
            cannot + "a number of samples of 100, this training has 50");
  EXPECT_EQ(error({.callbacks = {EarlyStopping({.monitor = "loss"})}}),
            cannot + "a number of callbacks of 1, this training has 2");
  EXPECT_EQ(error({}, "adam"), cannot + "optimizer rmsprop, this training has adam");
  EXPECT_EQ(error({}), "");
  EXPECT_THAT(std::string(Train(dir, {}).history.status().message()),
              HasSubstr("holds checkpoints of another training"));
  EXPECT_EQ(Train(Folder("keep"), {.checkpoint = {.keep = 0}}).history.status().message(),
            "checkpoint: keep must be at least 1, but is 0");
  EXPECT_EQ(Train(Folder("every"), {.checkpoint = {.every_epochs = -1}}).history.status().message(),
            "checkpoint: every_epochs and every_steps must not be negative, but are -1 and 0");
  EXPECT_FALSE(Train("/proc/none", {}).history.ok());
}

// What would train on with other numbers is noticed, and both values are named.
TEST(CheckpointTest, ChangedSettingsAreNamed) {
  struct Choice {
    double dropout = 0.5, l2 = 0;
    std::string activation = "relu";
    std::string loss = "binary_crossentropy";
    optim::OptimizerConfig optimizer = {"adam", {}};
    std::vector<Metric> metrics = {"accuracy"};
    bool another_layer = false;
    std::map<int64_t, double> class_weight = {{0, 1}, {1, 2}};
  };
  const ToyData data(40, 8);
  const std::string dir = Folder("settings");
  const auto train = [&](const Choice& c, bool resume) {
    std::vector<LayerHandle> layers = {
        Dense(4, {.activation = c.activation, .kernel_regularizer = L2(c.l2)}), Dropout(c.dropout),
        Dense(1, {.activation = "sigmoid"})};
    if (c.another_layer) layers.insert(layers.begin() + 2, Activation("tanh"));
    Sequential model(layers, {.seed = 5});
    EXPECT_TRUE(model.Compile(c.optimizer, c.loss, c.metrics).ok());
    return std::string(model
                           .Fit(data.x, data.y,
                                {.epochs = 2,
                                 .class_weight = c.class_weight,
                                 .verbose = 0,
                                 .checkpoint = {.dir = dir, .resume = resume}})
                           .status()
                           .message());
  };
  ASSERT_EQ(train({}, false), "");
  const auto error = [&](const Choice& c) { return train(c, true); };
  const std::string cannot = "the checkpoint cannot be resumed: it was made with ";
  EXPECT_EQ(error({.dropout = 0.25}),
            cannot + "rate of layer 'dropout' 0.5, this training has 0.25");
  EXPECT_EQ(error({.l2 = 0.001}),
            cannot + "kernel_regularizer of layer 'dense' '', this training has 'l1_l2(0, 0.001)'");
  EXPECT_EQ(error({.activation = "tanh"}),
            cannot + "activation of layer 'dense' 'relu', this training has 'tanh'");
  EXPECT_EQ(error({.loss = "mse"}), cannot + "loss binary_crossentropy, this training has mse");
  EXPECT_EQ(error({.metrics = {"accuracy", "AUC"}}),
            cannot + "metrics [accuracy], this training has [accuracy, AUC]");
  EXPECT_EQ(error({.optimizer = {"adam", {{"beta_1", 0.8}}}}),
            cannot + "beta_1 of the optimizer 0.9, this training has 0.8");
  EXPECT_EQ(error({.optimizer = {"adam", {{"clipnorm", 1}}}}),
            cannot + "clipnorm of the optimizer none, this training has 1");
  EXPECT_EQ(error({.optimizer = {"adam", {}, "constant(0.1)"}}),
            cannot + "schedule of the optimizer none, this training has constant(0.1)");
  EXPECT_EQ(error({.class_weight = {{0, 1}, {1, 3}}}),
            cannot + "class_weight {0: 1, 1: 2}, this training has {0: 1, 1: 3}");
  EXPECT_EQ(error({.another_layer = true}),
            cannot + "the class of layer 'activation' none, this training has Activation");
  EXPECT_EQ(error({}), "");
}

}  // namespace
}  // namespace adjoint::nn
