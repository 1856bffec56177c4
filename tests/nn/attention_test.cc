#include "nn/attention.h"

#include <fstream>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "nn/nn.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Tensor TensorOf(const Json& entry) {
  const std::vector<int64_t> extents = entry["shape"];
  const std::vector<double> data = entry["data"];
  const std::vector<float> floats(data.begin(), data.end());
  return Tensor::Of<float>(Shape::Of(extents), floats);
}

TEST(MultiHeadAttentionTest, GivesTheNumbersOfPyTorch) {
  std::ifstream in("tests/golden/recurrent_torch.json");
  const Json golden = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_EQ(golden["multi_head"].size(), 1u);
  const Json& a_case = golden["multi_head"][0];
  const Json& inputs = a_case["inputs"];
  const Tensor x = TensorOf(inputs["x"]), m = TensorOf(inputs["m"]);
  const int64_t size = x.shape()[2], heads = a_case["heads"];
  const auto query = Input({x.shape()[1], size});
  const auto memory = Input({m.shape()[1], size});
  const auto y = MultiHeadAttention(heads, size / heads, {.name = "attention"})({query, memory});
  Model model({query, memory}, y);
  ASSERT_EQ(Message(model.Build(DataList({x, m}))), "");
  for (const char* part : {"query", "key", "value", "output"}) {
    for (const char* kind : {"_kernel", "_bias"}) {
      const std::string name = std::string("attention/") + part + kind;
      const Tensor value = TensorOf(inputs[std::string(part) + kind]);
      ASSERT_EQ(model.variables().Get(name)->spec(), value.spec()) << name;
      model.mutable_variables().Set(name, value);
    }
  }
  auto got = model.Predict(DataList({x, m}));
  ASSERT_TRUE(got.ok()) << got.status();
  const std::vector<double> want = a_case["outputs"]["y"]["data"];
  ASSERT_EQ(got->size(), static_cast<int64_t>(want.size()));
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got->ValueAt(i), want[i], 1e-5) << i;
}

TEST(MultiHeadAttentionTest, MasksAndScores) {
  const auto x = Input({3, 4});
  const auto mask = Input({3, 3});
  const auto y = MultiHeadAttention(
      2, 5,
      {.output_shape = 7, .attention_mask = true, .return_attention_scores = true})({x, x, mask});
  Model model({x, mask}, {y, y.Output(1)});
  Tensor ones = Tensor::Zeros({DType::kF32, Shape{1, 3, 4}});
  for (float& v : ones.mutable_data<float>()) v = 1;
  const Tensor first = Tensor::Of<float>({1, 3, 3}, {1, 0, 0, 1, 0, 0, 1, 1, 0});
  auto got = model.PredictAll(DataList({ones, first}));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ((*got)[0].spec().ToString(), "f32[1,3,7]");
  EXPECT_THAT(Values((*got)[1]),
              ElementsAre(1, 0, 0, 1, 0, 0, 0.5, 0.5, 0, 1, 0, 0, 1, 0, 0, 0.5, 0.5, 0));
}

TEST(MultiHeadAttentionTest, TrainsSavesAndRefuses) {
  const auto x = Input({6, 4});
  auto h = MultiHeadAttention(2, 3, {.dropout = 0.1, .causal = true})({x, x});
  Model model(x, Dense(1, {.activation = "sigmoid"})(Flatten()(h)));
  const ToyData data(64, 24);
  const Tensor steps = *data.x.Reshaped(Shape{64, 6, 4});
  ASSERT_EQ(Message(model.Compile("rmsprop", "binary_crossentropy")), "");
  auto history = model.Fit(steps, data.y, {.epochs = 15, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  const std::string path = ::testing::TempDir() + "/attention.adjoint";
  ASSERT_EQ(Message(model.Save(path)), "");
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(BitwiseEqual(*model.Predict(steps), *loaded->Predict(steps)));

  const auto error = [&](int64_t heads, int64_t size, MultiHeadAttentionOptions options) {
    Model wrong(x, MultiHeadAttention(heads, size, options)({x, x}));
    return Message(wrong.Build(steps));
  };
  EXPECT_THAT(error(0, 3, {}), HasSubstr("but was given 0 and 3"));
  EXPECT_THAT(error(1, 3, {.dropout = 1}), HasSubstr("below 1, but was given 1"));
  EXPECT_THAT(error(1, 3, {.attention_mask = true}), HasSubstr("then the mask, but was given 2"));
}

}  // namespace
}  // namespace adjoint::nn
