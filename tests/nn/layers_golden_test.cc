// Every layer's values and gradients beside PyTorch's (tests/golden/layers_torch.py).

#include <cmath>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "nlohmann/json.hpp"
#include "nn/nn.h"
#include "nn/state_bindings.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/reduce.h"

namespace adjoint::nn {
namespace {

using Json = nlohmann::json;
using Ints = std::vector<int64_t>;

Tensor OperandOf(int k, const Shape& shape) {
  Tensor t = Tensor::Empty({DType::kF32, shape});
  double i = 0;
  for (float& v : t.mutable_data<float>()) {
    v = static_cast<float>(std::sin(1.3 * i + 0.7 * k + 0.4));
    ++i;
  }
  return t;
}

Tensor WordsOf(int k, const Shape& shape, int64_t words) {
  Tensor t = Tensor::Empty({DType::kI64, shape});
  int64_t i = 0;
  for (int64_t& v : t.mutable_data<int64_t>()) v = (7 * i++ + 3 * k + 1) % words;
  return t;
}

const std::map<std::string, LayerHandle>& Layers() {
  const RecurrentOptions sequences{.return_sequences = true};
  // Nothing of the layer's own is left out: where the golden case has no bias, it says so.
  static const auto* const layers = new std::map<std::string, LayerHandle>{
      {"dense relu", Dense(5, {.activation = "relu"})},
      {"dense on sequences", Dense(5, {.activation = "tanh"})},
      {"dense softmax", Dense(5, {.activation = "softmax", .use_bias = false})},
      {"embedding", Embedding(6, 3)},
      {"embedding bag sum", EmbeddingBag(6, 3)},
      {"embedding bag mean", EmbeddingBag(6, 3, {.mode = "mean"})},
      {"embedding bag mean without padding",
       EmbeddingBag(6, 3, {.mode = "mean", .mask_zero = true})},
      {"embedding bag weighted", EmbeddingBag(6, 3)},
      {"conv1d", Conv1D(4, 3, {.strides = 2})},
      {"conv1d causal", Conv1D(4, 3, {.padding = "causal", .dilation_rate = 2})},
      {"conv3d", Conv3D(3, {2, 2, 3})},
      {"conv1d transposed", Conv1DTranspose(5, 3, {.strides = 2})},
      {"conv3d transposed", Conv3DTranspose(3, 2, {.strides = 2})},
      {"depthwise conv1d", DepthwiseConv1D(3, {.depth_multiplier = 2})},
      {"separable conv1d", SeparableConv1D(4, 3, {.depth_multiplier = 2})},
      {"max pooling 1d", MaxPooling1D()},
      {"max pooling 2d", MaxPooling2D()},
      {"max pooling 3d", MaxPooling3D()},
      {"average pooling 1d", AveragePooling1D()},
      {"average pooling 2d", AveragePooling2D()},
      {"average pooling 3d", AveragePooling3D()},
      {"global max pooling 1d", GlobalMaxPooling1D()},
      {"global max pooling 2d", GlobalMaxPooling2D()},
      {"global max pooling 3d", GlobalMaxPooling3D()},
      {"global average pooling 1d", GlobalAveragePooling1D()},
      {"global average pooling 2d", GlobalAveragePooling2D()},
      {"global average pooling 3d", GlobalAveragePooling3D()},
      {"reshape", Reshape({3, -1})},
      {"permute", Permute({2, 1})},
      {"flatten", Flatten()},
      {"repeat vector", RepeatVector(4)},
      {"zero padding 1d", ZeroPadding1D({1, 2})},
      {"zero padding 2d", ZeroPadding2D({1, 2})},
      {"cropping 1d", Cropping1D({1, 2})},
      {"cropping 2d", Cropping2D({1, 1, 2, 1})},
      {"up sampling 1d", UpSampling1D(3)},
      {"up sampling 2d", UpSampling2D({2, 3})},
      {"add", Add()},
      {"subtract", Subtract()},
      {"multiply", Multiply()},
      {"average", Average()},
      {"maximum", Maximum()},
      {"minimum", Minimum()},
      {"concatenate", Concatenate(1)},
      {"dot", Dot(1, 1)},
      {"dot normalized", Dot(1, 1, {.normalize = true})},
      {"rnn", SimpleRNN(2)},
      {"rnn sequences", SimpleRNN(2, sequences)},
      {"rnn bidirectional", Bidirectional(SimpleRNN(2, sequences))},
      {"lstm", LSTM(2)},
      {"lstm sequences", LSTM(2, sequences)},
      {"lstm bidirectional", Bidirectional(LSTM(2, sequences))},
      {"gru", GRU(2)},
      {"gru sequences", GRU(2, sequences)},
      {"gru bidirectional", Bidirectional(GRU(2, sequences))},
      {"multi-head attention", MultiHeadAttention(2, 3)},
      {"causal attention", MultiHeadAttention(2, 3, {.causal = true})},
      {"torch's attention", MultiHeadAttention(2, 2)},
      {"layer normalization", LayerNormalization()},
      {"group normalization", GroupNormalization({.groups = 3})},
      {"batch normalization in training", BatchNormalization()},
  };
  return *layers;
}

void ExpectNear(const Tensor& got, const Json& want, const std::string& what) {
  ASSERT_EQ(got.size(), static_cast<int64_t>(want.size())) << what;
  for (int64_t i = 0; i < got.size(); ++i) {
    const double w = want[i];
    EXPECT_NEAR(got.ValueAt(i), w, 2e-5 * std::max(1.0, std::abs(w))) << what << ", element " << i;
  }
}

void Check(const Json& c, const LayerHandle& layer) {
  std::vector<LayerOutput> inputs;
  std::vector<Tensor> feed;
  std::vector<ValueSpec> specs;
  const int64_t words = c["words"];
  for (size_t k = 0; k < c["inputs"].size(); ++k) {
    const Shape shape = Shape::Of(c["inputs"][k].get<Ints>());
    const bool numbers = k == 0 && words > 0;
    feed.push_back(numbers ? WordsOf(static_cast<int>(k), shape, words)
                           : OperandOf(static_cast<int>(k), shape));
    inputs.push_back(Input(Shape(shape.dims().subspan(1)), {.dtype = feed.back().dtype()}));
    specs.push_back({.tensor = feed.back().spec()});
  }
  auto network = Network::Between(inputs, std::vector<LayerOutput>{layer(inputs)});
  ASSERT_TRUE(network.ok()) << network.status();
  ASSERT_TRUE(network->Build(specs).ok()) << network->Build(specs);

  auto graph = std::make_shared<graph::Graph>();
  graph::Program program{
      .name = "layer", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  StateBindings states(*graph);
  std::vector<Value> values;
  std::vector<Var> wrt;
  for (size_t k = 0; k < specs.size(); ++k) {
    values.push_back(AddInput(program, *graph, absl::StrCat("x", k), specs[k]));
    if (IsFloating(specs[k].tensor.dtype)) wrt.push_back(values.back().dense());
  }
  const Var zero = graph->Constant(Tensor::Scalar<int64_t>(0));
  auto traced =
      network->Trace(*graph, values, {.training = true, .seed = zero, .step = zero}, states);
  ASSERT_TRUE(traced.ok()) << traced.status();
  const Var y = traced->outputs[0].dense();
  ASSERT_EQ(y.shape(), Shape::Of(c["shape"].get<Ints>()));

  graph::VariableStore store;
  std::vector<Json> shapes = c["variables"];
  int k = static_cast<int>(specs.size());
  size_t trained = 0;
  for (const Network::Variable& variable : network->Variables()) {
    if (!variable.decl->trainable) {
      store.Set(variable.path, *Tensor::AllocateZeros(variable.decl->spec));
      continue;
    }
    ASSERT_LT(trained, shapes.size()) << variable.path;
    const Shape shape = Shape::Of(shapes[trained++].get<Ints>());
    ASSERT_EQ(variable.decl->spec.shape, shape) << variable.path;
    store.Set(variable.path, OperandOf(k++, shape));
    wrt.push_back(states.Read(variable.path, variable.decl->spec));
  }
  ASSERT_EQ(trained, shapes.size());
  program.AddOutput("y", y);
  const Var sum = ops::Sum(y * ops::Constant(*graph, OperandOf(19, y.shape())));
  if (!wrt.empty()) {
    for (const Var g : graph::Gradients(sum, wrt)) {
      program.AddOutput(absl::StrCat("g", program.outputs.size()), g);
    }
  }
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  program.states = states.bindings();
  auto executable = graph::Executable::Compile(program, {});
  ASSERT_TRUE(executable.ok()) << executable.status();
  auto workspace = (*executable)->NewWorkspace();
  std::vector<Tensor> outputs;
  const absl::Status status = (*executable)->Run(**workspace, feed, &store, &outputs);
  ASSERT_TRUE(status.ok()) << status;
  ExpectNear(outputs[0], c["output"], "output");
  ASSERT_EQ(outputs.size(), 1 + c["gradients"].size());
  for (size_t i = 1; i < outputs.size(); ++i) {
    ExpectNear(outputs[i], c["gradients"][i - 1], absl::StrCat("gradient ", i - 1));
  }
}

TEST(LayersGoldenTest, ValuesAndGradientsOfPyTorch) {
  std::ifstream in("tests/golden/layers_torch.json");
  const Json golden = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(golden.is_object()) << "tests/golden/layers_torch.json is missing or damaged";
  std::set<std::string> seen;
  for (const Json& c : golden["cases"]) {
    const std::string name = c["name"];
    SCOPED_TRACE(name);
    const auto layer = Layers().find(name);
    ASSERT_NE(layer, Layers().end()) << "no layer for this case";
    seen.insert(name);
    Check(c, layer->second);
  }
  for (const auto& [name, layer] : Layers()) EXPECT_TRUE(seen.count(name)) << name;
}

}  // namespace
}  // namespace adjoint::nn
