// What training takes in memory: arenas near the least that is possible, and limits on a model.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "gtest/gtest.h"
#include "nn/nn.h"
#include "nn/programs.h"
#include "optim/optimizer.h"

namespace adjoint::nn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct NamedModel {
  std::string name;
  absl::StatusOr<Network> network;
  std::string optimizer, loss;
  ValueSpec x;
  TensorSpec y;
};

TensorSpec Batched(DType dtype, absl::Span<const int64_t> extents) {
  Shape shape = {Dim::Symbol("batch")};
  for (int64_t e : extents) shape.push_back(e);
  return {dtype, shape};
}

absl::StatusOr<Network> Chain(std::vector<LayerHandle> layers) { return Network::Chain(layers); }

// A block of a transformer.
absl::StatusOr<Network> Attention() {
  const auto x = Input({50, 64});
  const auto a = LayerNormalization()(Add()({x, MultiHeadAttention(4, 16)({x, x})}));
  const auto h = Dense(64)(Dense(256, {.activation = "gelu"})(a));
  const auto y = GlobalAveragePooling1D()(LayerNormalization()(Add()({a, h})));
  const std::vector<LayerOutput> inputs = {x}, outputs = {Dense(10, {.activation = "softmax"})(y)};
  return Network::Between(inputs, outputs);
}

// The models of the benchmarks.
std::vector<NamedModel> Models() {
  const TensorSpec classes = Batched(DType::kI64, {});
  const auto notebook = [](bool sparse) {
    return NamedModel{sparse ? "notebook, sparse" : "notebook, dense",
                      Chain({Dense(16, {.activation = "relu"}), Dense(16, {.activation = "relu"}),
                             Dense(1, {.activation = "sigmoid"})}),
                      "rmsprop",
                      "binary_crossentropy",
                      {Batched(DType::kF32, {10000}), sparse},
                      Batched(DType::kF32, {1})};
  };
  return {
      notebook(true),
      notebook(false),
      {"perceptron",
       Chain({Dense(512, {.activation = "relu"}), Dense(512, {.activation = "relu"}),
              Dense(10, {.activation = "softmax"})}),
       "adam",
       "sparse_categorical_crossentropy",
       {Batched(DType::kF32, {784})},
       classes},
      {"convnet",
       Chain({Conv2D(32, 3, {.activation = "relu"}), MaxPooling2D(2),
              Conv2D(64, 3, {.activation = "relu"}), MaxPooling2D(2), Flatten(), Dropout(0.5),
              Dense(10, {.activation = "softmax"})}),
       "adam",
       "sparse_categorical_crossentropy",
       {Batched(DType::kF32, {28, 28, 1})},
       classes},
      {"lstm",
       Chain({LSTM(64), Dense(1, {.activation = "sigmoid"})}),
       "adam",
       "binary_crossentropy",
       {Batched(DType::kF32, {100, 64})},
       Batched(DType::kF32, {1})},
      {"normalized",
       Chain({Dense(256), LayerNormalization(), Activation("gelu"), Dense(256),
              LayerNormalization(), Activation("gelu"), Dense(10, {.activation = "softmax"})}),
       "adam",
       "sparse_categorical_crossentropy",
       {Batched(DType::kF32, {256})},
       classes},
      {"attention",
       Attention(),
       "adam",
       "sparse_categorical_crossentropy",
       {Batched(DType::kF32, {50, 64})},
       classes},
  };
}

TEST(MemoryTest, ArenasAreNearTheLowerBound) {
  std::vector<NamedModel> models = Models();
  for (NamedModel& m : models) {
    ASSERT_TRUE(m.network.ok()) << m.name << m.network.status();
    ASSERT_TRUE(m.network->Build({m.x}).ok()) << m.name;
    const auto optimizer = optim::MakeOptimizer(m.optimizer);
    ASSERT_TRUE(optimizer.ok()) << optimizer.status();
    const Objective objective{.losses = {Loss(m.loss)},
                              .metrics = std::vector<std::vector<Metric>>(1)};
    const auto step =
        BuildTrainProgram(*m.network, objective, **optimizer, {m.x}, {.targets = {m.y}});
    ASSERT_TRUE(step.ok()) << m.name << step.status();
    const auto program =
        graph::Specialize(step->program, {{"batch", 128}, {"x0_nnz", int64_t{1} << 16}});
    ASSERT_TRUE(program.ok()) << m.name << program.status();
    const auto executable = graph::Executable::Compile(*program);
    ASSERT_TRUE(executable.ok()) << m.name << executable.status();
    const graph::StoragePlan& storage = (*executable)->storage();
    EXPECT_LE(storage.arena_bytes, storage.arena_lower_bound * 1.1)
        << m.name << " takes " << storage.arena_bytes << " bytes, the lower bound is "
        << storage.arena_lower_bound;
  }
}

TEST(MemoryTest, AModelRefusesWhatIsAboveItsLimit) {
  Sequential model({Dense(64, {.activation = "tanh"}), Dense(1)});
  ASSERT_TRUE(model.Compile("sgd", "mean_squared_error").ok());
  const Tensor x = Tensor::Zeros({DType::kF32, {256, 32}}),
               y = Tensor::Zeros({DType::kF32, {256, 1}});
  graph::CompileOptions options;
  options.memory_limit = 60000;
  model.SetCompileOptions(options);
  const auto refused = model.Fit(x, y, {.batch_size = 256, .verbose = 0});
  EXPECT_THAT(
      std::string(refused.status().message()),
      AllOf(HasSubstr("program train: a run would hold "), HasSubstr("but memory_limit is 58.6 KB"),
            HasSubstr("# nn/dense"), HasSubstr("memory_test.cc:")));
  // Smaller batches fit.
  EXPECT_TRUE(model.Fit(x, y, {.batch_size = 32, .verbose = 0}).ok());
}

TEST(MemoryTest, AModelsProgramsCanBeObserved) {
  Sequential model({Dense(3)});
  ASSERT_TRUE(model.Compile("sgd", "mean_squared_error").ok());
  std::vector<std::string> seen;
  graph::CompileOptions options;
  options.passes.observe = [&](absl::string_view pass, const graph::Program& program) {
    seen.push_back(absl::StrCat(program.name, " ", pass));
  };
  model.SetCompileOptions(options);
  ASSERT_TRUE(model.Predict(Tensor::Zeros({DType::kF32, {2, 2}})).ok());
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.front(), "predict ");
  EXPECT_EQ(seen.back(), absl::StrCat("predict ", graph::AllPasses().back().name));
}

}  // namespace
}  // namespace adjoint::nn
