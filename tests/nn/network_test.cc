#include "nn/network.h"

#include "gmock/gmock.h"
#include "graph/program.h"
#include "nn/nn.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Tensor F(Shape shape, std::initializer_list<float> values) {
  return Tensor::Of<float>(shape, values);
}

TEST(NetworkTest, SummaryOfAChain) {
  Sequential model({Dense(16, {.activation = "relu"}), Dropout(0.5),
                    Dense(16, {.activation = "relu"}), Dense(1, {.activation = "sigmoid"})});
  ASSERT_TRUE(model.Build(Tensor::Zeros({DType::kF32, Shape{1, 10000}})).ok());
  EXPECT_EQ(model.Summary(),
            "Model: \"sequential\"\n"
            "_________________________________________________________________\n"
            "Layer (type)                 Output Shape              Param #\n"
            "=================================================================\n"
            "dense (Dense)                (None, 16)                160016\n"
            "_________________________________________________________________\n"
            "dropout (Dropout)            (None, 16)                0\n"
            "_________________________________________________________________\n"
            "dense_1 (Dense)              (None, 16)                272\n"
            "_________________________________________________________________\n"
            "dense_2 (Dense)              (None, 1)                 17\n"
            "=================================================================\n"
            "Total params: 160,305\n"
            "Trainable params: 160,305\n"
            "Non-trainable params: 0\n"
            "_________________________________________________________________\n");
}

TEST(NetworkTest, SummaryOfAGraph) {
  auto a = Input({4}, {.name = "a"});
  auto b = Input({4});
  auto shared = Dense(3, {.name = "shared"});
  auto y = nn::Add()({shared(a), shared(b)});
  Model model({a, b}, y, {.name = "siamese"});
  ASSERT_TRUE(model.Compile("sgd", "mse").ok());
  const std::string line(98, '_');
  EXPECT_EQ(model.Summary(),
            "Model: \"siamese\"\n" + line +
                "\n"
                "Layer (type)                    Output Shape         Param #     Connected to\n" +
                std::string(98, '=') +
                "\n"
                "a (InputLayer)                  [(None, 4)]          0\n" +
                line +
                "\n"
                "input_1 (InputLayer)            [(None, 4)]          0\n" +
                line +
                "\n"
                "shared (Dense)                  (None, 3)            15          a[0]\n"
                "                                                                 input_1[0]\n" +
                line +
                "\n"
                "add (Add)                       (None, 3)            0           shared[0]\n"
                "                                                                 shared[0]\n" +
                std::string(98, '=') +
                "\n"
                "Total params: 15\nTrainable params: 15\nNon-trainable params: 0\n" +
                line + "\n");
}

TEST(NetworkTest, SharedLayersShareTheirWeights) {
  auto a = Input({2});
  auto b = Input({2});
  auto shared = Dense(1, {.use_bias = false, .kernel_initializer = "ones"});
  Model model({a, b}, nn::Add()({shared(a), shared(b)}));
  ASSERT_TRUE(model.Compile("sgd", "mse").ok());
  EXPECT_THAT(model.WeightNames(), ElementsAre("dense/kernel"));
  const DataList x = {F({1, 2}, {1, 2}), F({1, 2}, {3, 4})};
  EXPECT_THAT(Values(*model.Predict(x)), ElementsAre(10));
  // One step of rate 0.01 on (10 - 9)^2: both calls add to the gradient, 2 (a + b) = {8, 12}.
  ASSERT_TRUE(model.Fit(x, F({1}, {9}), {.verbose = 0}).ok());
  EXPECT_THAT(Values(*model.variables().Get("dense/kernel")), ElementsAre(1 - 0.08f, 1 - 0.12f));
}

TEST(NetworkTest, SeveralOutputs) {
  auto x = Input({2});
  auto sum = Dense(1, {.kernel_initializer = "ones", .name = "sum"})(x);
  auto twice = Dense(2, {.kernel_initializer = "ones", .name = "twice"})(sum);
  Model model(x, {sum, twice});
  ASSERT_TRUE(
      model.Compile("sgd", Objective{.losses = {"mse", "mae"}, .metrics = {{"mae"}, {}}}).ok());
  const Tensor data = F({2, 2}, {1, 2, 3, 4});
  auto outputs = model.PredictAll(data);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(Values((*outputs)[0]), ElementsAre(3, 7));
  EXPECT_THAT(Values((*outputs)[1]), ElementsAre(3, 3, 7, 7));
  EXPECT_EQ(Message(model.Predict(data).status()),
            "Predict: the model gives 2 outputs; PredictAll returns them");
  const DataList y = {F({2}, {1, 7}), F({2, 2}, {3, 4, 7, 8})};
  auto logs = model.Evaluate(data, y, {.verbose = 0});
  ASSERT_TRUE(logs.ok()) << logs.status();
  using Entry = Logs::Entry;
  EXPECT_THAT(logs->entries(), ElementsAre(Entry("loss", 2.5), Entry("sum_loss", 2),
                                           Entry("twice_loss", 0.5), Entry("sum_mae", 1)));
  EXPECT_EQ(Message(model.Compile("sgd", Objective{.losses = {"mse"}, .metrics = {}})),
            "compiling model 'model': it has 2 outputs, but was given 1 losses and metrics for 2");
}

TEST(NetworkTest, SymbolicAxesOfSamples) {
  auto words = Input({Dim::Symbol("words")}, {.dtype = DType::kI32});
  Model model(words, Embedding(7, 2, {.initializer = "ones"})(words));
  for (int64_t n : {3, 5}) {
    auto y = model.Predict(Tensor::Zeros({DType::kI32, Shape{2, n}}));
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ(y->shape(), (Shape{2, n, 2}));
  }
  EXPECT_EQ(model.FindProgram("predict")->inputs[0].var.spec().ToString(), "i32[batch,words]");
}

TEST(NetworkTest, DimensionsThatDoNotFitNameTheUsersLine) {
  auto x = Input({16});
  auto h = Flatten()(x);
  const int line = __LINE__ + 1;
  auto dense = Dense(4);
  auto y = nn::Add()({dense(h), dense(Dense(8)(h))});
  Model model(x, y);
  EXPECT_THAT(Message(model.Compile("sgd", "mse")),
              testing::MatchesRegex(absl::StrCat(
                  "compiling model 'model': nn/dense \\(.*tests/nn/network_test.cc:", line,
                  "\\): matmul\\(.*\\).*:\n  inner dimensions differ: lhs has 8, rhs has 16")));
}

TEST(NetworkTest, MistakesOfConstruction) {
  EXPECT_EQ(Message(Sequential().Compile("sgd", "mse")),
            "compiling model 'sequential': a Sequential wants at least one layer, but was given "
            "none");
  EXPECT_THAT(Message(Sequential({Dense(1), Input({2})}).Compile("sgd", "mse")),
              HasSubstr("in a Sequential an Input can only be the first item"));
  EXPECT_THAT(
      Message(Sequential({Dense(1, {.name = "a"}), Dense(1, {.name = "a"})}).Compile("sgd", "mse")),
      HasSubstr("two layers of the model have this name"));
  EXPECT_THAT(Message(Sequential({Dense(1, {.name = "a/b"})}).Compile("sgd", "mse")),
              HasSubstr("a layer's name must not hold a '/' nor be \"optimizer\""));
  auto a = Input({2});
  auto b = Input({2});
  auto y = nn::Add()({a, b});
  EXPECT_THAT(Message(Model(a, y).Compile("sgd", "mse")),
              HasSubstr("the outputs depend on this Input, which is listed 0 times among the "
                        "model's inputs; list it once"));
  EXPECT_THAT(Message(Model({a, b, y}, y).Compile("sgd", "mse")),
              HasSubstr("is listed among the model's inputs, which must come from nn::Input"));
  EXPECT_THAT(Message(Model({a, b}, Dense(1)(y).Output(1)).Compile("sgd", "mse")),
              HasSubstr("the model's output is output 1 of layer 'dense', which has 1"));
  Sequential late({Dense(1)});
  ASSERT_TRUE(late.Build(F({1, 2}, {1, 2})).ok());
  late.Add(Dense(1));
  EXPECT_THAT(Message(late.Compile("sgd", "mse")), HasSubstr("add all layers first"));
}

TEST(NetworkTest, AddBuildsAChain) {
  Sequential model;
  model.Add(Dense(3));
  model.Add(Dense(2));
  EXPECT_EQ(model.Predict(F({1, 2}, {1, 2}))->spec().ToString(), "f32[1,2]");
}

}  // namespace
}  // namespace adjoint::nn
