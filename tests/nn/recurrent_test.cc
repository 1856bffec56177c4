// Recurrent layers: PyTorch's numbers (tests/golden/recurrent_torch.py) in Keras' layout, and what
// Keras says about masks, states and directions.

#include "nn/recurrent.h"

#include <cmath>
#include <fstream>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "nn/nn.h"
#include "optim/adam.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using Json = nlohmann::json;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// Numbers of a golden entry with their extents.
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> data;

  double At(int64_t i, int64_t j, int64_t k) const {
    return data[(i * shape[1] + j) * shape[2] + k];
  }
};

Array ArrayOf(const Json& entry) { return {entry["shape"], entry["data"]}; }

// [time, batch, n] as f32[batch, time, n].
Tensor BatchFirst(const Array& a) {
  Tensor t = Tensor::Empty({DType::kF32, Shape{a.shape[1], a.shape[0], a.shape[2]}});
  float* out = t.mutable_data<float>().data();
  for (int64_t b = 0; b < a.shape[1]; ++b) {
    for (int64_t s = 0; s < a.shape[0]; ++s) {
      for (int64_t i = 0; i < a.shape[2]; ++i) *out++ = static_cast<float>(a.At(s, b, i));
    }
  }
  return t;
}

// Which of ONNX' gates each of Keras' is.
std::vector<int64_t> GateOrder(const std::string& op) {
  if (op == "lstm") return {0, 2, 3, 1};  // i f c o of i o f c
  if (op == "gru") return {0, 1, 2};
  return {0};
}

// w [directions, gates * units, n] as [n, gates * units].
Tensor Kernel(const Array& w, int64_t direction, const std::vector<int64_t>& order) {
  const int64_t width = w.shape[1], units = width / static_cast<int64_t>(order.size());
  Tensor t = Tensor::Empty({DType::kF32, Shape{w.shape[2], width}});
  float* out = t.mutable_data<float>().data();
  for (int64_t i = 0; i < w.shape[2]; ++i) {
    for (int64_t gate : order) {
      for (int64_t u = 0; u < units; ++u) {
        *out++ = static_cast<float>(w.At(direction, gate * units + u, i));
      }
    }
  }
  return t;
}

// bias [directions, 2 * gates * units] as the sum of both halves, or as two rows (GRU).
Tensor Bias(const Array& bias, int64_t direction, const std::vector<int64_t>& order, bool two) {
  const int64_t width = bias.shape[1] / 2, units = width / static_cast<int64_t>(order.size());
  const auto at = [&](int64_t half, int64_t gate, int64_t u) {
    return bias.data[direction * 2 * width + half * width + gate * units + u];
  };
  std::vector<float> values;
  for (int64_t half = 0; half < (two ? 2 : 1); ++half) {
    for (int64_t gate : order) {
      for (int64_t u = 0; u < units; ++u) {
        values.push_back(static_cast<float>(at(half, gate, u) + (two ? 0.0 : at(1, gate, u))));
      }
    }
  }
  return Tensor::Of<float>(two ? Shape{2, width} : Shape{width}, values);
}

// Slice `direction` of [directions, batch, units].
Tensor State(const Array& a, int64_t direction) {
  const size_t n = static_cast<size_t>(a.shape[1] * a.shape[2]);
  const auto first = a.data.begin() + direction * static_cast<int64_t>(n);
  return Tensor::Of<float>({a.shape[1], a.shape[2]}, std::vector<float>(first, first + n));
}

TEST(RecurrentLayersTest, GiveTheNumbersOfPyTorch) {
  std::ifstream in("tests/golden/recurrent_torch.json");
  const Json golden = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  int checked = 0;
  for (const Json& a_case : golden["recurrent"]) {
    if (!a_case["lengths"].empty()) continue;
    SCOPED_TRACE(a_case["name"]);
    const std::string op = a_case["op"];
    const Json& inputs = a_case["inputs"];
    const Array x = ArrayOf(inputs["x"]), y = ArrayOf(a_case["outputs"]["y"]);
    const int64_t directions = y.shape[1], units = y.shape[3];
    const RecurrentOptions options{.return_sequences = true};
    LayerHandle layer = op == "lstm"  ? LSTM(units, options)
                        : op == "gru" ? GRU(units, options)
                                      : SimpleRNN(units, options);
    if (directions == 2) layer = Bidirectional(layer);
    std::vector<LayerOutput> entries = {Input({x.shape[0], x.shape[2]})};
    std::vector<Data> data = {BatchFirst(x)};
    for (int64_t d = 0; d < directions; ++d) {
      for (const char* state : {"initial_h", "initial_c"}) {
        if (!inputs.contains(state)) continue;
        entries.push_back(Input({units}));
        data.push_back(State(ArrayOf(inputs[state]), d));
      }
    }
    Model model(entries, layer(entries));
    ASSERT_EQ(Message(model.Build(data)), "");
    const std::vector<std::string> names = model.WeightNames();
    ASSERT_EQ(static_cast<int64_t>(names.size()), 3 * directions);
    const std::vector<int64_t> order = GateOrder(op);
    for (int64_t d = 0; d < directions; ++d) {
      graph::VariableStore& variables = model.mutable_variables();
      variables.Set(names[3 * d], Kernel(ArrayOf(inputs["w"]), d, order));
      variables.Set(names[3 * d + 1], Kernel(ArrayOf(inputs["r"]), d, order));
      variables.Set(names[3 * d + 2], Bias(ArrayOf(inputs["bias"]), d, order, op == "gru"));
    }
    auto got = model.Predict(data);
    ASSERT_TRUE(got.ok()) << got.status();
    // y is [time, directions, batch, units]; the layer's [batch, time, directions * units].
    const auto values = got->data<float>();
    for (int64_t s = 0; s < y.shape[0]; ++s) {
      for (int64_t d = 0; d < directions; ++d) {
        for (int64_t b = 0; b < y.shape[2]; ++b) {
          for (int64_t u = 0; u < units; ++u) {
            const double want = y.data[((s * directions + d) * y.shape[2] + b) * units + u];
            EXPECT_NEAR(values[((b * y.shape[0] + s) * directions + d) * units + u], want, 1e-5);
          }
        }
      }
    }
    ++checked;
  }
  EXPECT_GE(checked, 5);
}

// A network that adds up what comes in: h' = h + x.
RecurrentOptions Adding(RecurrentOptions options = {}) {
  options.activation = "linear";
  options.kernel_initializer = "ones";
  options.recurrent_initializer = "ones";
  return options;
}

Tensor Steps(std::initializer_list<float> values) {
  return Tensor::Of<float>({1, static_cast<int64_t>(values.size()), 1}, values);
}

std::vector<float> OutputOf(std::vector<LayerHandle> layers, const Tensor& x) {
  Sequential model(std::move(layers));
  auto y = model.Predict(x);
  EXPECT_TRUE(y.ok()) << y.status();
  return y.ok() ? Values(*y) : std::vector<float>{};
}

TEST(RecurrentLayersTest, DirectionsAndSequencesAreThoseOfKeras) {
  const Tensor x = Steps({1, 2, 4});
  EXPECT_THAT(OutputOf({SimpleRNN(1, Adding())}, x), ElementsAre(7));
  EXPECT_THAT(OutputOf({SimpleRNN(1, Adding({.return_sequences = true}))}, x),
              ElementsAre(1, 3, 7));
  EXPECT_THAT(OutputOf({SimpleRNN(1, Adding({.return_sequences = true, .go_backwards = true}))}, x),
              ElementsAre(4, 6, 7));
  const LayerHandle all = SimpleRNN(1, Adding({.return_sequences = true}));
  EXPECT_THAT(OutputOf({Bidirectional(all)}, x), ElementsAre(1, 7, 3, 6, 7, 4));
  EXPECT_THAT(OutputOf({Bidirectional(all, {.merge_mode = "sum"})}, x), ElementsAre(8, 9, 11));
  EXPECT_THAT(OutputOf({Bidirectional(all, {.merge_mode = "mul"})}, x), ElementsAre(7, 18, 28));
  EXPECT_THAT(OutputOf({Bidirectional(all, {.merge_mode = "ave"})}, x), ElementsAre(4, 4.5, 5.5));
  EXPECT_THAT(OutputOf({Bidirectional(SimpleRNN(1, Adding()))}, x), ElementsAre(7, 7));
}

TEST(RecurrentLayersTest, StatesComeInAndGoOut) {
  const auto x = Input({3, 1});
  const auto h = Input({1});
  const auto y = SimpleRNN(1, Adding({.return_state = true}))({x, h});
  Model model({x, h}, {y, y.Output(1)});
  auto got = model.PredictAll(DataList({Steps({1, 2, 4}), Tensor::Of<float>({1, 1}, {10})}));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(Values((*got)[0]), ElementsAre(17));
  EXPECT_THAT(Values((*got)[1]), ElementsAre(17));
}

TEST(RecurrentLayersTest, MaskedStepsDoNotCount) {
  const Tensor x = Steps({1, 0, 4, 0});
  EXPECT_THAT(OutputOf({Masking(4.0), SimpleRNN(1, Adding({.return_sequences = true}))}, x),
              ElementsAre(1, 1, 1, 1));
  // A bias shows whether a step ran.
  RecurrentOptions biased = Adding({.return_sequences = true});
  biased.bias_initializer = Constant(10);
  EXPECT_THAT(OutputOf({Masking(), SimpleRNN(1, biased)}, x), ElementsAre(11, 11, 25, 25));
  EXPECT_THAT(OutputOf({Masking(), Dropout(0.5), SimpleRNN(1, biased)}, x),
              ElementsAre(11, 11, 25, 25));
  const Tensor words = Tensor::Of<int32_t>({2, 3}, {1, 2, 0, 2, 0, 0});
  const auto embedding = [](bool mask) {
    return Embedding(3, 1, {.initializer = "ones", .mask_zero = mask});
  };
  EXPECT_THAT(OutputOf({embedding(true), SimpleRNN(1, Adding())}, words), ElementsAre(2, 1));
  EXPECT_THAT(OutputOf({embedding(false), SimpleRNN(1, Adding())}, words), ElementsAre(3, 3));
}

TEST(RecurrentLayersTest, BeginAsInKeras) {
  const Tensor x = Tensor::Zeros({DType::kF32, Shape{1, 4, 3}});
  Sequential model({LSTM(5, {.name = "lstm"}), GRU(5, {.name = "gru"})});
  EXPECT_FALSE(model.Build(x).ok()) << "the GRU wants a sequence";
  model =
      Sequential({LSTM(5, {.return_sequences = true, .name = "lstm"}), GRU(5, {.name = "gru"})});
  ASSERT_EQ(Message(model.Build(x)), "");
  const graph::VariableStore& variables = model.variables();
  EXPECT_THAT(Values(*variables.Get("lstm/bias")),
              ElementsAre(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  // Orthonormal rows.
  const std::vector<float> r = Values(*variables.Get("lstm/recurrent_kernel"));
  for (int a = 0; a < 5; ++a) {
    for (int b = 0; b < 5; ++b) {
      double dot = 0;
      for (int i = 0; i < 20; ++i) dot += double{r[a * 20 + i]} * r[b * 20 + i];
      EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-6);
    }
  }
  EXPECT_EQ(variables.Get("gru/bias")->shape(), (Shape{2, 15}));
}

// The second of six bits: it must be kept until the end.
TEST(RecurrentLayersTest, LearnsFromSequencesTheSameWithinASavedModel) {
  const int64_t rows = 256, steps = 6;
  Tensor x = Tensor::Zeros({DType::kF32, Shape{rows, steps, 1}});
  Tensor y = Tensor::Zeros({DType::kF32, Shape{rows}});
  for (int64_t r = 0; r < rows; ++r) {
    int bits[6];
    for (int64_t s = 0; s < steps; ++s) {
      const int bit = (r * 37 + 11) >> s & 1;
      x.mutable_data<float>()[r * steps + s] = static_cast<float>(2 * bit - 1);
      bits[s] = bit;
    }
    y.mutable_data<float>()[r] = static_cast<float>(bits[1]);
  }
  Sequential model({LSTM(12, {.recurrent_dropout = 0.01, .return_sequences = true}),
                    Bidirectional(GRU(6)), Dense(1, {.activation = "sigmoid"})},
                   {.seed = 2});
  ASSERT_TRUE(
      model.Compile(optim::MakeAdam({.learning_rate = 0.02}), "binary_crossentropy", {"accuracy"})
          .ok());
  auto history = model.Fit(x, y, {.epochs = 60, .batch_size = 64, .verbose = 0});
  ASSERT_TRUE(history.ok()) << history.status();
  auto logs = model.Evaluate(x, y, {.verbose = 0});
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_GT((*logs)["accuracy"], 0.95);
  const std::string path = ::testing::TempDir() + "/recurrent.adjoint";
  ASSERT_EQ(Message(model.Save(path)), "");
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(BitwiseEqual(*model.Predict(x), *loaded->Predict(x)));
}

TEST(RecurrentLayersTest, RefuseByMessage) {
  const auto error = [](LayerHandle layer, Shape sample) {
    Shape shape{1};
    for (Dim d : sample.dims()) shape.push_back(d);
    return Message(Sequential({layer}).Build(Tensor::Zeros({DType::kF32, shape})));
  };
  EXPECT_THAT(error(LSTM(0), {4, 3}), HasSubstr("LSTM wants at least 1 unit, but was given 0"));
  EXPECT_THAT(error(GRU(2), {4}), HasSubstr("GRU takes [batch, time, inputs]"));
  EXPECT_THAT(error(LSTM(2, {.recurrent_dropout = 1}), {4, 3}), HasSubstr("but was given 1"));
  EXPECT_THAT(error(Bidirectional(Dense(2)), {4, 3}), HasSubstr("but was given Dense"));
  EXPECT_THAT(error(Bidirectional(LSTM(2), {.merge_mode = "max"}), {4, 3}),
              HasSubstr("there is no merge mode 'max'"));
  EXPECT_THAT(error(Bidirectional(LSTM(2, {.go_backwards = true})), {4, 3}),
              HasSubstr("without go_backwards"));
  EXPECT_THAT(error(Masking(), {4}), HasSubstr("at least 3 axes"));
}

}  // namespace
}  // namespace adjoint::nn
