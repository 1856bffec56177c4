#include <cmath>

#include "gmock/gmock.h"
#include "nn/nn.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Tensor F(Shape shape, std::initializer_list<float> values) {
  return Tensor::Of<float>(shape, values);
}

TEST(DenseTest, Computes) {
  Sequential model({Dense(
      2, {.activation = "relu", .kernel_initializer = "ones", .bias_initializer = Constant(-4)})});
  auto y = model.Predict(F({2, 3}, {1, 2, 3, -1, 0, 5.5}));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT(Values(*y), ElementsAre(2, 2, 0.5, 0.5));
  EXPECT_THAT(model.WeightNames(), ElementsAre("dense/kernel", "dense/bias"));
}

TEST(DenseTest, TakesIntegersAndMoreAxes) {
  Sequential model({Dense(1, {.use_bias = false, .kernel_initializer = "ones"})});
  auto y = model.Predict(Tensor::Of<uint8_t>({1, 2, 3}, {1, 2, 3, 200, 250, 255}));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->spec().ToString(), "f32[1,2,1]");
  EXPECT_THAT(Values(*y), ElementsAre(6, 705));
  EXPECT_THAT(model.WeightNames(), ElementsAre("dense/kernel"));
}

TEST(DenseTest, ActivationsOfTheUsers) {
  Sequential model(
      {Dense(1, {.activation = [](ops::Var x) { return x * x; }, .kernel_initializer = "ones"})});
  auto y = model.Predict(F({1, 2}, {1, 2}));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT(Values(*y), ElementsAre(9));
}

TEST(InitializersTest, DrawFromTheRightDistributions) {
  const auto moments = [](const Initializer& initializer) {
    const Tensor t = *initializer.Draw({DType::kF32, Shape{300, 500}}, 7, "a/kernel");
    double sum = 0, squares = 0, largest = 0;
    for (float v : t.data<float>()) {
      sum += v;
      squares += double{v} * v;
      largest = std::max(largest, std::abs(double{v}));
    }
    const double n = static_cast<double>(t.size());
    return std::array<double, 3>{sum / n, std::sqrt(squares / n), largest};
  };
  const struct {
    const char* name;
    double deviation, bound;
  } cases[] = {
      {"glorot_uniform", std::sqrt(2.0 / 800), std::sqrt(6.0 / 800)},
      {"glorot_normal", std::sqrt(2.0 / 800), 2 * std::sqrt(2.0 / 800) / 0.8796},
      {"he_uniform", std::sqrt(2.0 / 300), std::sqrt(6.0 / 300)},
      {"he_normal", std::sqrt(2.0 / 300), 2 * std::sqrt(2.0 / 300) / 0.8796},
      {"random_uniform(-0.3, 0.3)", 0.3 / std::sqrt(3.0), 0.3},
  };
  for (const auto& c : cases) {
    const auto [mean, deviation, largest] = moments(c.name);
    EXPECT_NEAR(mean, 0, 0.01 * c.deviation) << c.name;
    EXPECT_NEAR(deviation, c.deviation, 0.01 * c.deviation) << c.name;
    EXPECT_LE(largest, c.bound * 1.0001) << c.name;
    EXPECT_GE(largest, c.bound * 0.99) << c.name;
  }
  const auto [mean, deviation, largest] = moments(RandomNormal(2, 0.5));
  EXPECT_NEAR(mean, 2, 0.01);
  EXPECT_NEAR(deviation, std::sqrt(4.25), 0.01);
  EXPECT_GT(largest, 3.5);
}

TEST(InitializersTest, DependOnSeedAndPathAlone) {
  const Initializer initializer("he_normal");
  const TensorSpec spec{DType::kF32, Shape{5, 4}};
  const Tensor a = *initializer.Draw(spec, 1, "dense/kernel");
  EXPECT_TRUE(BitwiseEqual(a, *initializer.Draw(spec, 1, "dense/kernel")));
  EXPECT_FALSE(BitwiseEqual(a, *initializer.Draw(spec, 2, "dense/kernel")));
  EXPECT_FALSE(BitwiseEqual(a, *initializer.Draw(spec, 1, "dense_1/kernel")));
}

TEST(InitializersTest, Mistakes) {
  const TensorSpec spec{DType::kF32, Shape{2}};
  EXPECT_THAT(Message(Initializer("xavier").Draw(spec, 0, "w").status()),
              HasSubstr("there is no initializer 'xavier'; there are zeros, ones, constant"));
  EXPECT_EQ(Message(Initializer("zeros(1)").Draw(spec, 0, "w").status()),
            "initializer 'zeros' takes 0 numbers, but was given 1");
  EXPECT_EQ(Message(Initializer("constant(nan)").Draw(spec, 0, "w").status()),
            "'nan' in 'constant(nan)' is not a finite number");
  EXPECT_EQ(Message(Initializer("constant(1").Draw(spec, 0, "w").status()),
            "'constant(1' has an opening parenthesis but does not end with ')'");
}

TEST(RegularizersTest, TextAndBack) {
  const Regularizer r = *Regularizer::Parse(L1L2(0.1, 1.0 / 3).ToString());
  EXPECT_EQ(r.l1, 0.1);
  EXPECT_EQ(r.l2, 1.0 / 3);
  EXPECT_EQ(Regularizer::Parse("l2(0.5)")->l2, 0.5);
  EXPECT_EQ(Regularizer::Parse("l1")->l1, 0.01);
  EXPECT_TRUE(Regularizer::Parse("")->empty());
  EXPECT_FALSE(Regularizer::Parse("l3(1)").ok());
}

TEST(DropoutTest, DropsInTrainingOnly) {
  // Learning rate 0 keeps the weights; the mean of the outputs is what the metric sees in training.
  Sequential model({Dropout(0.5)});
  ASSERT_TRUE(model
                  .Compile("sgd",
                           Loss("zero", [](ops::Var, ops::Var y_pred) { return 0 * y_pred; }),
                           {Metric("mean", [](ops::Var, ops::Var y_pred) { return y_pred; }),
                            Metric("square", [](ops::Var, ops::Var p) { return p * p; })})
                  .ok());
  Tensor x = Tensor::Empty({DType::kF32, Shape{500, 40}});
  for (float& v : x.mutable_data<float>()) v = 1;
  auto history = model.Fit(x, x, {.epochs = 2, .batch_size = 64, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  // Kept elements are doubled: mean 1, mean square 2. 20,000 draws: deviation 0.007.
  EXPECT_NEAR((*history)["mean"][0], 1, 0.03);
  EXPECT_NEAR((*history)["square"][0], 2, 0.06);
  EXPECT_NE((*history)["mean"][0], (*history)["mean"][1]);
  const Logs logs = *model.Evaluate(x, x, {.verbose = 0});
  EXPECT_EQ(logs["mean"], 1);
  EXPECT_EQ(logs["square"], 1);
  EXPECT_THAT(Values(*model.Predict(x)), Each(1));
}

TEST(LayersTest, FlattenEmbeddingAndMerges) {
  auto words = Input({2}, {.dtype = DType::kI32});
  auto vectors = Embedding(5, 3, {.initializer = "ones"})(words);
  auto flat = Flatten()(vectors);
  auto other = Input({1});
  auto joined = Concatenate()({flat, other});
  auto sum = nn::Add()({joined, other});
  Model model({words, other}, sum);
  auto y = model.Predict({Tensor::Of<int32_t>({1, 2}, {4, 0}), F({1, 1}, {10})});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->spec().ToString(), "f32[1,7]");
  EXPECT_THAT(Values(*y), ElementsAre(11, 11, 11, 11, 11, 11, 20));
  EXPECT_THAT(
      Message(model.Predict({Tensor::Of<int32_t>({1, 2}, {5, 0}), F({1, 1}, {10})}).status()),
      HasSubstr("5"));
}

// The numbers are PyTorch's, but those of hard_sigmoid, which differs, and of the slope 0.2.
TEST(LayersTest, ActivationsByName) {
  const std::vector<std::pair<std::string, std::vector<double>>> cases = {
      {"linear", {-3, -0.5, 2}},
      {"relu", {0, 0, 2}},
      {"relu6", {0, 0, 2}},
      {"leaky_relu", {-0.6, -0.1, 2}},
      {"elu", {-0.950212932, -0.39346934, 2}},
      {"selu", {-1.67056873, -0.691758188, 2.10140197}},
      {"gelu", {-0.00404969409, -0.154268769, 1.95449974}},
      {"gelu_tanh", {-0.00363739208, -0.15428599, 1.95459769}},
      {"swish", {-0.14227762, -0.188770334, 1.76159416}},
      {"silu", {-0.14227762, -0.188770334, 1.76159416}},
      {"mish", {-0.145647461, -0.220743775, 1.94395896}},
      {"softplus", {0.0485873516, 0.474076984, 2.12692801}},
      {"softsign", {-0.75, -0.333333333, 0.666666667}},
      {"sigmoid", {0.0474258732, 0.377540669, 0.880797078}},
      {"log_sigmoid", {-3.04858735, -0.974076984, -0.126928011}},
      {"hard_sigmoid", {0, 0.4, 0.9}},
      {"hard_swish", {-0, -0.208333333, 1.66666667}},
      {"tanh", {-0.995054754, -0.462117157, 0.96402758}},
      {"tanh_shrink", {-2.00494525, -0.0378828427, 1.03597242}},
      {"exponential", {0.0497870684, 0.60653066, 7.3890561}},
      {"softmax", {0.00618828527, 0.075388748, 0.918422967}},
      {"log_softmax", {-5.08509725, -2.58509725, -0.0850972464}},
  };
  for (const auto& [name, want] : cases) {
    Sequential model({Activation(name)});
    const auto y = model.Predict(F({1, 3}, {-3, -0.5, 2}));
    ASSERT_TRUE(y.ok()) << name << ": " << y.status();
    for (int64_t i = 0; i < 3; ++i) EXPECT_NEAR(y->ValueAt(i), want[i], 1e-6) << name;
  }
}

TEST(LayersTest, MistakesNameTheUsersLine) {
  const struct {
    LayerHandle layer;
    int line;
    std::string message;
  } cases[] = {
      {Dense(0), __LINE__, "Dense wants at least 1 unit, but was given 0"},
      {Dense(2, {.activation = "rleu"}), __LINE__,
       "there is no activation 'rleu'; there are linear, relu, sigmoid, tanh, softmax, "
       "log_softmax, elu, selu, gelu, gelu_tanh, swish, silu, mish, softplus, softsign, "
       "log_sigmoid, hard_sigmoid, hard_swish, leaky_relu, relu6, tanh_shrink, exponential"},
      {Dense(2, {.kernel_regularizer = L2(NAN)}), __LINE__,
       "the regularizer of variable 'kernel' wants finite factors, but was given 0 and nan"},
      {Dropout(1), __LINE__, "Dropout wants a rate of at least 0 and below 1, but was given 1"},
      {Embedding(0, 4), __LINE__,
       "Embedding wants positive dimensions, but was given input_dim 0 and output_dim 4"},
      {nn::Add(), __LINE__, "Add takes two inputs or more, but was given 1"},
      {Concatenate(), __LINE__, "Concatenate takes two inputs or more, but was given 1"},
  };
  for (const auto& c : cases) {
    Sequential model({Input({4}), c.layer});
    const std::string message = Message(model.Compile("sgd", "mse"));
    EXPECT_THAT(message, HasSubstr("compiling model 'sequential': nn/"));
    EXPECT_THAT(message,
                HasSubstr(absl::StrCat("tests/nn/layers_test.cc:", c.line, "): ", c.message)));
  }
}

TEST(LayersTest, SparseInputsWhereTheyAreNotTaken) {
  const ToyData data(10, 6);
  Sequential model({Dropout(0.5), Dense(1)});
  EXPECT_THAT(Message(model.Predict(data.csr).status()),
              HasSubstr("Dropout takes a dense input, but was given csr f32[batch,6]; a Dense "
                        "layer takes it, and CsrMatrix::ToDense converts it"));
}

// A layer of the user's, with a state of its own: it counts the batches it has seen in training and
// adds the count to its input.
class Counting final : public Layer {
 public:
  using Layer::Layer;
  std::string ClassName() const override { return "CountingLayer"; }
  absl::Status Build(absl::Span<const ValueSpec>,
                     std::vector<VariableDecl>* variables) const override {
    variables->push_back({.name = "count",
                          .spec = {DType::kF32, Shape{}},
                          .initializer = "zeros",
                          .trainable = false});
    return absl::OkStatus();
  }
  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    const ops::Var count = context.Variable("count");
    context.SetVariable("count", count + 1.0);
    context.AddLoss(100 * count);
    return {inputs[0].dense() + count};
  }
};

TEST(LayersTest, LayersOfTheUsers) {
  Sequential model({Dense(1, {.kernel_initializer = "zeros"}), Make<Counting>()});
  ASSERT_TRUE(model.Compile("sgd", Loss("zero", [](ops::Var, ops::Var p) { return 0 * p; })).ok());
  const ToyData data(10, 6);
  auto history = model.Fit(data.x, data.y, {.epochs = 2, .batch_size = 5, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_THAT((*history)["loss"], ElementsAre(50, 250));
  EXPECT_EQ(model.variables().Get("counting_layer/count")->item<float>(), 4);
  EXPECT_THAT(Values(*model.Predict(data.x)), Each(4));
  EXPECT_THAT(model.Summary(), HasSubstr("Non-trainable params: 1\n"));
}

class Careless final : public Layer {
 public:
  std::string ClassName() const override { return "Careless"; }
  std::vector<Value> Call(CallContext& context, absl::Span<const Value>) const override {
    return {context.Variable("kernel")};
  }
};

TEST(LayersTest, MistakesOfLayersOfTheUsers) {
  Sequential model({Input({2}), Make<Careless>()});
  EXPECT_THAT(Message(model.Compile("sgd", "mse")),
              HasSubstr("has no variable 'kernel'; Layer::Build declares variables"));
}

}  // namespace
}  // namespace adjoint::nn
