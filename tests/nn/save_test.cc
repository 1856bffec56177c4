#include <cstdlib>
#include <fstream>

#include "gmock/gmock.h"
#include "graph/model_file.h"
#include "nn/network.pb.h"
#include "nn/nn.h"
#include "ops/arithmetic.h"
#include "optim/adam.h"
#include "tests/nn/toy_data.h"

namespace adjoint::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::string TempPath(const std::string& name) { return testing::TempDir() + "/" + name; }

Sequential Classifier() {
  Sequential model({Dense(16, {.activation = "relu", .kernel_regularizer = L2(0.001)}),
                    Dropout(0.3, {.name = "drop"}), Dense(1, {.activation = "sigmoid"})},
                   {.name = "reviews", .seed = 4});
  EXPECT_TRUE(
      model.Compile(optim::MakeAdam({.learning_rate = 0.01}), "binary_crossentropy", {"accuracy"})
          .ok());
  return model;
}

TEST(SaveTest, PredictsTheSameBitsAndTrainsOn) {
  const ToyData data(300, 20);
  for (bool sparse : {false, true}) {
    const DataList x = sparse ? DataList(data.csr) : DataList(data.x);
    Sequential model = Classifier();
    ASSERT_TRUE(model.Fit(x, data.y, {.epochs = 2, .verbose = 0}).ok());
    ASSERT_TRUE(model.SetLearningRate(0.005).ok());
    ASSERT_TRUE(model.SetSection("words", std::string("\0one\ntwo", 8)).ok());
    const std::string path = TempPath("reviews.adjoint");
    ASSERT_EQ(Message(model.Save(path)), "");

    auto loaded = Model::Load(path);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->name(), "reviews");
    EXPECT_EQ(loaded->Summary(), model.Summary());
    ASSERT_NE(loaded->FindSection("words"), nullptr);
    EXPECT_EQ(*loaded->FindSection("words"), std::string("\0one\ntwo", 8));
    EXPECT_TRUE(BitwiseEqual(*model.Predict(x), *loaded->Predict(x)));
    const Logs a = *model.Evaluate(x, data.y, {.verbose = 0});
    const Logs b = *loaded->Evaluate(x, data.y, {.verbose = 0});
    EXPECT_EQ(a.entries(), b.entries());

    // What was interrupted goes on as if it had not been.
    const FitOptions rest{.epochs = 4, .verbose = 0, .initial_epoch = 2};
    auto straight = model.Fit(x, data.y, rest);
    auto resumed = loaded->Fit(x, data.y, rest);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(straight->entries(), resumed->entries());
    for (const std::string& name : model.variables().Names()) {
      EXPECT_TRUE(BitwiseEqual(*model.variables().Get(name), *loaded->variables().Get(name)))
          << name;
    }
    EXPECT_EQ(loaded->epochs_trained(), 4);

    // Equal models, equal files.
    const std::string second = TempPath("again.adjoint");
    ASSERT_TRUE(model.Save(path).ok());
    ASSERT_TRUE(loaded->Save(second).ok());
    const auto bytes = [](const std::string& file) {
      std::ifstream in(file, std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(in), {});
    };
    EXPECT_EQ(bytes(path), bytes(second));
  }
}

TEST(SaveTest, GraphsOfManyKindsOfLayers) {
  auto words = Input({3}, {.dtype = DType::kI32, .name = "words"});
  auto numbers = Input({2});
  auto shared =
      Dense(4, {.activation = "tanh", .use_bias = false, .kernel_initializer = "he_normal"});
  auto v = Flatten()(Embedding(10, 2, {.regularizer = L1(0.1)})(words));
  auto joined = Concatenate()({v, numbers});
  auto h = nn::Add()({shared(joined), shared(joined)});
  auto y = Activation("softmax", {.name = "probabilities"})(h);
  Model model({words, numbers}, {y, h}, {.name = "many"});
  ASSERT_EQ(
      Message(model.Compile("sgd", Objective{.losses = {"sparse_categorical_crossentropy", "mse"},
                                             .metrics = {{"accuracy"}, {}}})),
      "");
  const std::string path = TempPath("many.adjoint");
  ASSERT_EQ(Message(model.Save(path)), "");
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->Summary(), model.Summary());
  const DataList x = {Tensor::Of<int32_t>({1, 3}, {1, 2, 9}), Tensor::Of<float>({1, 2}, {1, -1})};
  const DataList targets = {Tensor::Of<int32_t>({1}, {2}), Tensor::Of<float>({1, 4}, {1, 2, 3, 4})};
  auto a = model.Fit(x, targets, {.epochs = 2, .verbose = 0});
  auto b = loaded->Fit(x, targets, {.epochs = 2, .verbose = 0});
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  EXPECT_EQ(a->entries(), b->entries());
  EXPECT_TRUE(BitwiseEqual((*model.PredictAll(x))[1], (*loaded->PredictAll(x))[1]));
}

TEST(SaveTest, WithoutTheOptimizer) {
  const ToyData data(50, 5);
  Sequential model = Classifier();
  ASSERT_TRUE(model.Fit(data.x, data.y, {.verbose = 0}).ok());
  const std::string path = TempPath("small.adjoint");
  ASSERT_TRUE(model.Save(path, {.include_optimizer = false}).ok());
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->variables().Names(),
            (std::vector<std::string>{"dense/bias", "dense/kernel", "dense_1/bias",
                                      "dense_1/kernel", "optimizer/learning_rate"}));
  EXPECT_TRUE(loaded->Fit(data.x, data.y, {.verbose = 0}).ok());
}

TEST(SaveTest, FunctionsOfTheUsersAreAskedForAgain) {
  const ToyData data(50, 5);
  const Loss loss("tilted", [](ops::Var t, ops::Var p) { return (p - t) * (p - t); });
  Sequential model({Dense(1)});
  ASSERT_TRUE(model.Compile("adam", loss).ok());
  ASSERT_TRUE(model.Fit(data.x, data.y, {.verbose = 0}).ok());
  const std::string path = TempPath("tilted.adjoint");
  ASSERT_TRUE(model.Save(path).ok());
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(BitwiseEqual(*model.Predict(data.x), *loaded->Predict(data.x)));
  EXPECT_EQ(Message(loaded->Evaluate(data.x, data.y).status()),
            "Evaluate of model 'sequential': it is not compiled (its loss 'tilted' is a function "
            "that files do not hold); call Compile with an optimizer and a loss first");
  ASSERT_TRUE(loaded->Compile("adam", loss).ok());
  EXPECT_TRUE(loaded->Fit(data.x, data.y, {.verbose = 0}).ok());
}

// y = factor x.
class Scale final : public Layer {
 public:
  Scale(double factor, std::string name) : Layer(std::move(name)), factor_(factor) {}
  std::string ClassName() const override { return "Scale"; }
  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    return {factor_ * inputs[0].dense()};
  }
  absl::StatusOr<Attrs> Config() const override { return Attrs{{"factor", factor_}}; }

 private:
  const double factor_;
};

class Unsaved final : public Layer {
 public:
  std::string ClassName() const override { return "Unsaved"; }
  std::vector<Value> Call(CallContext&, absl::Span<const Value> inputs) const override {
    return {inputs[0]};
  }
};

TEST(SaveTest, LayersOfTheUsers) {
  const Tensor x = Tensor::Of<float>({1, 2}, {1, 2});
  Sequential model({Make<Scale>(2.5, "")});
  EXPECT_THAT(Values(*model.Predict(x)), ElementsAre(2.5, 5));
  const std::string path = TempPath("scale.adjoint");
  ASSERT_TRUE(model.Save(path).ok());
  EXPECT_THAT(Message(Model::Load(path).status()),
              HasSubstr("scale.adjoint: layer 'scale' is of class 'Scale', which is not known "
                        "here; known are Activation, Add, "));
  RegisterLayer("Scale", [](const LayerConfig& config) -> absl::StatusOr<LayerHandle> {
    ConfigReader reader(config);
    const double factor = reader.Get<double>("factor");
    if (!reader.status().ok()) return reader.status();
    return Make<Scale>(factor, config.name);
  });
  auto loaded = Model::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(Values(*loaded->Predict(x)), ElementsAre(2.5, 5));

  Sequential unsaved({Make<Unsaved>(), Dense(1)});
  ASSERT_TRUE(unsaved.Predict(x).ok());
  EXPECT_EQ(Message(unsaved.Save(TempPath("unsaved"))),
            "saving model 'sequential' to " + TempPath("unsaved") +
                ": layer 'unsaved': layers of class Unsaved cannot be saved: the class does not "
                "override Layer::Config; do so, and register a factory with nn::RegisterLayer");
  Sequential function({Dense(1, {.activation = [](ops::Var v) { return v; }})});
  ASSERT_TRUE(function.Predict(x).ok());
  EXPECT_THAT(Message(function.Save(TempPath("function"))),
              HasSubstr("layer 'dense': an activation that is a function of your own cannot be "
                        "saved"));
}

TEST(SaveTest, Mistakes) {
  Sequential fresh({Dense(1)});
  EXPECT_THAT(Message(fresh.Save(TempPath("fresh"))), HasSubstr("it has no weights yet"));
  EXPECT_THAT(Message(fresh.SetSection("nn.network", "")), HasSubstr("begins with \"nn.\""));
  EXPECT_THAT(Message(Model::Load(TempPath("absent")).status()), HasSubstr(TempPath("absent")));
}

// A file with changed content, whose checksum is right again.
TEST(SaveTest, DamagedDescriptionsAreRefused) {
  const ToyData data(50, 5);
  Sequential model = Classifier();
  ASSERT_TRUE(model.Fit(data.x, data.y, {.verbose = 0}).ok());
  const std::string path = TempPath("whole.adjoint");
  ASSERT_TRUE(model.Save(path).ok());
  const graph::ModelFile whole = *graph::ReadModelFile(path);
  const std::string broken = TempPath("broken.adjoint");
  const auto load = [&](const graph::ModelFile& file) {
    EXPECT_TRUE(graph::WriteModelFile(broken, file).ok());
    return Message(Model::Load(broken).status());
  };
  const auto with_network = [&](auto change) {
    graph::ModelFile file = whole;
    for (auto& [name, bytes] : file.sections) {
      if (name != "nn.network") continue;
      proto::NetworkProto message;
      EXPECT_TRUE(message.ParseFromString(bytes));
      change(message);
      bytes = message.SerializeAsString();
    }
    return load(file);
  };
  const std::string begin = "loading a model from " + broken + ": ";
  EXPECT_EQ(with_network([](auto&) {}), "");
  EXPECT_EQ(with_network([](auto& m) { m.set_version(7); }),
            begin + "section 'nn.network' has version 7, this build knows version 1");
  EXPECT_THAT(with_network([](auto& m) { m.mutable_layers(1)->set_class_name("Conv9D"); }),
              HasSubstr("layer 'dense' is of class 'Conv9D', which is not known here"));
  EXPECT_EQ(with_network([](auto& m) { m.mutable_calls(2)->mutable_inputs(0)->set_call(2); }),
            begin + "the network's description is damaged: a connection is out of range");
  EXPECT_EQ(with_network([](auto& m) { m.mutable_calls(2)->set_layer(99); }),
            begin + "the network's description is damaged: a layer is out of range");
  EXPECT_EQ(with_network([](auto& m) { m.mutable_outputs(0)->set_call(-1); }),
            begin + "the network's description is damaged: an output is out of range");
  EXPECT_EQ(with_network([](auto& m) { m.clear_built_for(); }),
            begin + "the model's description is damaged: inputs without a shape");
  EXPECT_EQ(with_network([](auto& m) { m.mutable_layers(1)->clear_values(); }),
            begin + "layer 'dense' of class Dense: value 'units' is missing");
  EXPECT_THAT(with_network([](auto& m) {
                for (auto& value : *m.mutable_layers(1)->mutable_values()) {
                  if (value.name() == "units") value.set_i(17);
                }
              }),
              HasSubstr("variable 'dense/kernel' is f32[5,16], but the network wants f32[5,17]"));
  EXPECT_THAT(with_network([](auto& m) {
                for (auto& value : *m.mutable_layers(1)->mutable_values()) {
                  if (value.name() == "units") value.set_i(int64_t{1} << 60);
                }
              }),
              HasSubstr("name='dense/kernel', shape=[5,1152921504606846976]}:\n  "
                        "f32[5,1152921504606846976] is larger than the address space"));
  graph::ModelFile file = whole;
  file.variables.Erase("dense_1/bias");
  EXPECT_EQ(load(file), begin +
                            "the model's description is damaged: variable 'dense_1/bias' is "
                            "missing");
  file = whole;
  for (auto& [name, bytes] : file.sections) {
    if (name == "nn.training") bytes = "\xff\xff";
  }
  EXPECT_EQ(load(file),
            begin + "the model's description is damaged: section 'nn.training' cannot be read");
  file.sections.clear();
  EXPECT_EQ(load(file),
            begin + "it has no section 'nn.network': it was not written by Model::Save");
  // Bytes cut off anywhere in the sections never crash.
  for (size_t cut = 0; cut < 40; ++cut) {
    file = whole;
    for (auto& [name, bytes] : file.sections) {
      if (name == "nn.network") bytes.resize(bytes.size() * cut / 40);
    }
    EXPECT_NE(load(file), "") << cut;
  }
}

}  // namespace
}  // namespace adjoint::nn
