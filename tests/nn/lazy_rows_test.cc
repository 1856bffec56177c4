// Updates of the rows that a batch looks up (lazy_rows of optim/extended.h).

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "nn/nn.h"
#include "optim/optimizer.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Tensor Words(const std::vector<int32_t>& words) {
  return Tensor::Of<int32_t>({static_cast<int64_t>(words.size()) / 3, 3}, words);
}

Tensor Table(int64_t rows) {
  Tensor table = Tensor::Empty({DType::kF32, Shape{rows, 3}});
  double i = 0;
  for (float& v : table.mutable_data<float>()) v = static_cast<float>(std::sin(i++));
  return table;
}

struct Trained {
  std::vector<std::vector<float>> tables;  // after each step
  std::map<std::string, int64_t> kernels;
};

Trained Train(optim::OptimizerConfig config, bool lazy, const std::vector<Tensor>& batches,
              EmbeddingOptions options = {}, float target = 1) {
  if (lazy) config.values["lazy_rows"] = 1;
  const int64_t rows = 7;
  Sequential model({Embedding(rows, 3, options)});
  EXPECT_EQ(Message(model.Compile(config, "mse")), "");
  EXPECT_EQ(Message(model.Build(batches[0])), "");
  EXPECT_EQ(Message(model.SetWeights(std::vector<Tensor>{Table(rows)})), "");
  Trained trained;
  for (const Tensor& batch : batches) {
    Tensor targets = Tensor::Empty({DType::kF32, Shape{batch.shape()[0], 3, 3}});
    for (float& v : targets.mutable_data<float>()) v = target;
    auto history = model.Fit(batch, targets, {.batch_size = 32, .verbose = 0});
    EXPECT_TRUE(history.ok()) << history.status();
    trained.tables.push_back(Values(model.GetWeights()[0]));
  }
  trained.kernels = model.KernelCounts();
  return trained;
}

std::vector<Tensor> GoldenBatches() {
  std::vector<Tensor> batches;
  for (int step = 0; step < 5; ++step) {
    std::vector<int32_t> words;
    for (int i = 0; i < 6; ++i) words.push_back((5 * i + 3 * step) % 4);
    batches.push_back(Words(words));
  }
  return batches;
}

TEST(LazyRowsTest, GiveTheNumbersOfPyTorchsSparseOptimizers) {
  std::ifstream in("tests/golden/lazy_rows_torch.json");
  const Json golden = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(golden.is_object()) << "tests/golden/lazy_rows_torch.json is missing or damaged";
  ASSERT_EQ(golden["cases"].size(), 3u);
  for (const Json& c : golden["cases"]) {
    const std::string name = c["name"];
    SCOPED_TRACE(name);
    const Trained trained =
        Train({name, c["values"].get<std::map<std::string, double>>()}, true, GoldenBatches(), {},
              /*target=*/2);
    for (size_t step = 0; step < trained.tables.size(); ++step) {
      const std::vector<double> want = c["steps"][step];
      ASSERT_EQ(want.size(), trained.tables[step].size());
      for (size_t i = 0; i < want.size(); ++i) {
        EXPECT_NEAR(trained.tables[step][i], want[i], 2e-6) << "step " << step << ", " << i;
      }
    }
    EXPECT_GT(trained.kernels.count("sum_by_row/radix"), 0u);
    EXPECT_GT(trained.kernels.count("update_rows/rows"), 0u);
    EXPECT_EQ(trained.kernels.count("scatter_add/simd"), 0u) << "no gradient of the whole table";
  }
}

// Whatever was looked up changes as in whole updates when every batch looks it up; other rows and
// their slots keep their bits.
TEST(LazyRowsTest, EveryRowwiseOptimizer) {
  const std::vector<Tensor> all(4, Words({0, 1, 2, 3, 4, 5, 6, 0, 3}));
  const std::vector<Tensor> some(4, Words({5, 1, 1}));
  for (const char* name : {"sgd", "rmsprop", "adam", "adamw", "adagrad", "adadelta", "adamax",
                           "nadam", "ftrl", "lion"}) {
    SCOPED_TRACE(name);
    std::map<std::string, double> values = {{"learning_rate", 0.01}, {"clipvalue", 0.3}};
    if (std::string(name) == "sgd") values["momentum"] = 0.9;
    const Trained lazy = Train({name, values}, true, all),
                  whole = Train({name, values}, false, all);
    for (size_t i = 0; i < 21; ++i) {
      EXPECT_NEAR(lazy.tables.back()[i], whole.tables.back()[i], 1e-6) << i;
    }
    const Trained few = Train({name, values}, true, some);
    const std::vector<float> start = Values(Table(7));
    for (size_t i = 0; i < 21; ++i) {
      const size_t row = i / 3;
      if (row == 1 || row == 5) {
        EXPECT_NE(few.tables.back()[i], start[i]) << i;
      } else {
        EXPECT_EQ(few.tables.back()[i], start[i]) << i;
      }
    }
  }
}

// A gradient's length is that of its rows: clipping does not see the difference.
TEST(LazyRowsTest, ClipsByTheLengthOfAllRows) {
  const std::vector<Tensor> batches(3, Words({5, 1, 1, 0, 5, 5}));
  for (const char* clip : {"clipnorm", "global_clipnorm"}) {
    const optim::OptimizerConfig config{"sgd", {{"learning_rate", 0.5}, {clip, 0.05}}};
    const Trained lazy = Train(config, true, batches), whole = Train(config, false, batches);
    for (size_t i = 0; i < 21; ++i) {
      EXPECT_NEAR(lazy.tables.back()[i], whole.tables.back()[i], 1e-6) << clip << i;
    }
  }
}

TEST(LazyRowsTest, ARegularizedTableIsUpdatedAsAWhole) {
  const optim::OptimizerConfig config{"sgd", {{"learning_rate", 0.1}}};
  const std::vector<Tensor> batches(2, Words({5, 1, 1}));
  const EmbeddingOptions decay{.regularizer = L2(0.1)};
  const Trained lazy = Train(config, true, batches, decay);
  EXPECT_EQ(lazy.tables, Train(config, false, batches, decay).tables);
  EXPECT_EQ(lazy.kernels.count("update_rows/rows"), 0u);
}

TEST(LazyRowsTest, TrainsATableThatTwoInputsLookUp) {
  const ToyData data(64, 6);
  Tensor words = Tensor::Empty({DType::kI32, Shape{64, 6}});
  for (int64_t i = 0; i < words.size(); ++i) {
    words.mutable_data<int32_t>()[i] = static_cast<int32_t>(2 * (i % 6) + data.x.ValueAt(i));
  }
  const auto loss = [&](bool lazy) {
    const auto a = Input({6}, {.dtype = DType::kI32}), b = Input({6}, {.dtype = DType::kI32});
    const auto table = Embedding(1000, 4);
    const auto h = Concatenate()({table(a), table(b)});
    Model model({a, b}, Dense(1, {.activation = "sigmoid"})(Flatten()(h)), {.seed = 8});
    EXPECT_EQ(Message(model.Compile(
                  optim::OptimizerConfig{"adagrad",
                                         {{"learning_rate", 0.1}, {"lazy_rows", lazy ? 1.0 : 0.0}}},
                  "binary_crossentropy")),
              "");
    auto history = model.Fit(DataList({words, words}), data.y, {.epochs = 8, .verbose = 0});
    EXPECT_TRUE(history.ok()) << history.status();
    return (*history)["loss"];
  };
  const std::vector<double> lazy = loss(true), whole = loss(false);
  for (size_t i = 0; i < lazy.size(); ++i) EXPECT_NEAR(lazy[i], whole[i], 1e-5) << i;
  EXPECT_LT(lazy.back(), lazy.front());
}

TEST(LazyRowsTest, Mistakes) {
  const auto error = [](const char* name, std::map<std::string, double> values) {
    values["lazy_rows"] = 1;
    return Message(optim::MakeOptimizer(optim::OptimizerConfig{name, values}).status());
  };
  EXPECT_EQ(error("lamb", {}),
            "optimizer 'lamb': lazy_rows is given, but it updates parameters as wholes");
  EXPECT_THAT(error("lbfgs", {}), HasSubstr("updates parameters as wholes"));
  EXPECT_THAT(error("adam", {{"ema_momentum", 0.9}}), HasSubstr("averages (ema_momentum) move"));
  EXPECT_THAT(error("adam", {{"gradient_accumulation_steps", 2}}), HasSubstr("several steps"));
}

}  // namespace
}  // namespace adjoint::nn
