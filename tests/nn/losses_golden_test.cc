// Losses by their names beside numbers of Keras' formulas (tests/golden/losses_keras.py).

#include <cmath>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nn/losses.h"
#include "ops/reduce.h"

namespace adjoint::nn {
namespace {

using Json = nlohmann::json;
using ops::Var;

Tensor ToTensor(const Json& json, DType dtype) {
  const std::vector<int64_t> extents = json["shape"];
  Tensor t = Tensor::Empty({dtype, Shape::Of(extents)});
  for (int64_t i = 0; i < t.size(); ++i) {
    const double value = json["values"][i];
    if (dtype == DType::kF32) {
      t.mutable_data<float>()[i] = static_cast<float>(value);
    } else {
      t.mutable_data<double>()[i] = value;
    }
  }
  return t;
}

void Check(const Json& json, DType dtype, double tolerance) {
  const Loss loss(json["name"].get<std::string>());
  ASSERT_TRUE(loss.Check().ok()) << loss.Check();
  auto graph = std::make_shared<graph::Graph>();
  std::vector<Tensor> inputs;
  for (const Json& input : json["inputs"]) inputs.push_back(ToTensor(input, dtype));
  const Var t = graph->Input("t", inputs[0].spec()), p = graph->Input("p", inputs[1].spec());
  const Var mean = ops::Mean(loss(t, p));
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  const Var wanted[] = {p};
  graph::Program program{
      .name = "golden", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("t", t);
  program.AddInput("p", p);
  program.AddOutput("mean", mean);
  program.AddOutput("gradient", graph::Gradients(mean, wanted)[0]);
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  auto executable = graph::Executable::Compile(program);
  ASSERT_TRUE(executable.ok()) << executable.status();
  auto workspace = (*executable)->NewWorkspace();
  ASSERT_TRUE(workspace.ok()) << workspace.status();
  std::vector<Tensor> results;
  const absl::Status run = (*executable)->Run(**workspace, inputs, nullptr, &results);
  ASSERT_TRUE(run.ok()) << run;
  const Json* expected[] = {&json["outputs"][0], &json["gradients"][1]};
  for (int k = 0; k < 2; ++k) {
    const Tensor want = ToTensor(*expected[k], DType::kF64);
    ASSERT_EQ(results[k].shape(), want.shape());
    for (int64_t i = 0; i < want.size(); ++i) {
      const double b = want.ValueAt(i);
      EXPECT_NEAR(results[k].ValueAt(i), b, tolerance * std::max(1.0, std::abs(b)))
          << (k == 0 ? "value" : "gradient") << ", element " << i;
    }
  }
}

TEST(LossesGoldenTest, Keras) {
  std::ifstream in("tests/golden/losses_keras.json");
  const Json golden = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(golden.is_object()) << "losses_keras.json is missing or damaged";
  std::set<std::string> seen;
  for (const Json& a_case : golden["cases"]) {
    SCOPED_TRACE(a_case["name"].get<std::string>());
    seen.insert(a_case["name"].get<std::string>());
    Check(a_case, DType::kF64, 1e-10);
    Check(a_case, DType::kF32, 2e-5);
  }
  for (const std::string& name : Loss::Names()) {
    // Second names are those of the same function.
    if (name == "mse" || name == "mae" || name == "mape" || name == "msle" || name == "kld" ||
        name == "kullback_leibler_divergence" || name == "logcosh") {
      continue;
    }
    bool found = false;
    for (const std::string& s : seen) found |= s.substr(0, s.find('(')) == name;
    EXPECT_TRUE(found) << "no case of loss '" << name << "'";
  }
}

TEST(LossesGoldenTest, ObjectsAreNamesWithNumbers) {
  EXPECT_EQ(Huber().name(), "huber");
  EXPECT_EQ(Huber(0.5).name(), "huber(0.5)");
  EXPECT_EQ(BinaryCrossentropy({.from_logits = true, .label_smoothing = 0.1}).name(),
            "binary_crossentropy(1, 0.1)");
  EXPECT_EQ(CategoricalCrossentropy().name(), "categorical_crossentropy");
  EXPECT_EQ(BinaryFocalCrossentropy(1.5, 0.25).name(), "binary_focal_crossentropy(1.5, 0.25)");
  for (const Loss& loss : {Huber(), Huber(2), BinaryCrossentropy(), CategoricalCrossentropy(),
                           SparseCategoricalCrossentropy(true), BinaryFocalCrossentropy(),
                           CategoricalFocalCrossentropy(0.5, 1)}) {
    EXPECT_TRUE(loss.Check().ok()) << loss.Check();
  }
}

TEST(LossesGoldenTest, Mistakes) {
  const auto message = [](const char* text) { return std::string(Loss(text).Check().message()); };
  EXPECT_EQ(message("huber(1, 2)"), "loss 'huber' takes up to 1 numbers, but was given 2");
  EXPECT_EQ(message("poisson(1)"), "loss 'poisson' takes up to 0 numbers, but was given 1");
  EXPECT_EQ(message("huber(0)"), "loss 'huber' wants a number above 0, but was given 0");
  EXPECT_EQ(message("binary_crossentropy(2)"),
            "loss 'binary_crossentropy' wants from_logits 0 or 1, but was given 2");
  EXPECT_EQ(message("categorical_crossentropy(0, 1.5)"),
            "loss 'categorical_crossentropy' wants a smoothing of 0 to 1, but was given 1.5");
  EXPECT_EQ(message("huber(x)"), "'x' in 'huber(x)' is not a finite number");
}

}  // namespace
}  // namespace adjoint::nn
