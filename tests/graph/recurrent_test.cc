// Recurrent networks beside numbers that PyTorch gave (tests/golden/recurrent_torch.py).

#include "graph/recurrent.h"

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "graph/eager.h"
#include "graph/executable.h"
#include "graph/gradient_check.h"
#include "graph/gradients.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Vars = absl::Span<const Var>;

Json Golden() {
  std::ifstream in("tests/golden/recurrent_torch.json");
  return Json::parse(in, nullptr, /*allow_exceptions=*/false);
}

Tensor TensorOf(const Json& entry, DType dtype) {
  const std::vector<int64_t> extents = entry["shape"];
  const std::vector<double> data = entry["data"];
  Tensor t = Tensor::Empty({dtype, Shape::Of(extents)});
  for (size_t i = 0; i < data.size(); ++i) {
    if (dtype == DType::kF64) {
      t.mutable_data<double>()[i] = data[i];
    } else {
      t.mutable_data<float>()[i] = static_cast<float>(data[i]);
    }
  }
  return t;
}

void ExpectNear(const Tensor& got, const Json& want, double tolerance, const std::string& what) {
  const std::vector<double> data = want["data"];
  ASSERT_EQ(got.size(), static_cast<int64_t>(data.size())) << what;
  for (int64_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got.ValueAt(i), data[i], tolerance * std::max(1.0, std::abs(data[i])))
        << what << ", element " << i;
  }
}

RecurrentResult Build(const Json& a_case, std::map<std::string, Var>& in, Graph& graph) {
  RecurrentOptions options{
      .direction = a_case["bidirectional"] ? Direction::kBidirectional : Direction::kForward,
      .bias = in["bias"],
      .initial_h = in.count("initial_h") ? in["initial_h"] : Var{},
      .initial_c = in.count("initial_c") ? in["initial_c"] : Var{},
      .linear_before_reset = true};
  const std::vector<int32_t> lengths = a_case["lengths"];
  if (!lengths.empty()) options.lengths = graph.Constant(Tensor::Vector<int32_t>(lengths));
  const std::string op = a_case["op"];
  if (op == "rnn") return Rnn(in["x"], in["w"], in["r"], options);
  if (op == "gru") return Gru(in["x"], in["w"], in["r"], options);
  return Lstm(in["x"], in["w"], in["r"], options);
}

// Outputs and gradients as PyTorch has them.
void Check(const Json& a_case, DType dtype, bool optimize, double tolerance) {
  auto graph = std::make_shared<Graph>();
  Program program{
      .name = a_case["name"], .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  std::map<std::string, Var> in;
  std::vector<Var> xs;
  std::vector<Tensor> feeds, results;
  for (const auto& [name, entry] : a_case["inputs"].items()) {
    feeds.push_back(TensorOf(entry, dtype));
    in[name] = graph->Input(name, feeds.back().spec());
    program.AddInput(name, in[name]);
    xs.push_back(in[name]);
  }
  const RecurrentResult result = Build(a_case, in, *graph);
  const std::map<std::string, Var> outputs = {{"y", result.y}, {"h", result.h}, {"c", result.c}};
  Var loss =
      graph->Constant(dtype == DType::kF64 ? Tensor::Scalar<double>(0) : Tensor::Scalar<float>(0));
  std::vector<std::pair<std::string, Json>> expected;
  for (const auto& [name, entry] : a_case["outputs"].items()) {
    const Var weights = graph->Constant(TensorOf(a_case["weights"][name + "_weights"], dtype));
    loss = loss + ops::Sum(outputs.at(name) * weights);
    program.AddOutput(name, outputs.at(name));
    expected.emplace_back(name, entry);
  }
  const std::vector<Var> gradients = Gradients(loss, xs);
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  size_t k = 0;
  for (const auto& [name, entry] : a_case["inputs"].items()) {
    program.AddOutput("gradient", gradients[k++]);
    expected.emplace_back("gradient of " + name, a_case["gradients"][name]);
  }
  CompileOptions options;
  options.optimize = optimize;
  auto exe = Executable::Compile(program, options);
  ASSERT_TRUE(exe.ok()) << exe.status();
  auto ws = (*exe)->NewWorkspace();
  ASSERT_TRUE((*exe)->Run(**ws, feeds, nullptr, &results).ok());
  for (size_t i = 0; i < results.size(); ++i) {
    ExpectNear(results[i], expected[i].second, tolerance,
               std::string(a_case["name"]) + ", " + expected[i].first);
  }
}

TEST(RecurrentTest, OutputsAndGradientsAreThoseOfPyTorch) {
  const Json golden = Golden();
  ASSERT_GE(golden["recurrent"].size(), 7u);
  for (const Json& a_case : golden["recurrent"]) {
    Check(a_case, DType::kF64, true, 1e-12);
    Check(a_case, DType::kF64, false, 1e-12);
    Check(a_case, DType::kF32, true, 1e-5);
  }
}

Tensor Random(Shape shape, int seed) {
  Tensor t = Tensor::Empty({DType::kF64, shape});
  for (int64_t i = 0; i < t.size(); ++i) {
    t.mutable_data<double>()[i] = std::sin(1.7 * static_cast<double>(i) + seed);
  }
  return t;
}

TEST(RecurrentTest, EveryOptionHasGradientsToSecondOrder) {
  const std::vector<Tensor> inputs = {Random({3, 2, 2}, 1), Random({1, 12, 2}, 2),
                                      Random({1, 12, 3}, 3), Random({1, 24}, 4), Random({1, 9}, 5)};
  for (const bool coupled : {false, true}) {
    const absl::Status status = CheckGradients(
        [&](Vars v) {
          RecurrentOptions options{.direction = Direction::kReverse,
                                   .bias = v[3],
                                   .peepholes = v[4],
                                   .activations = {[](Var x) { return ops::Sigmoid(x); },
                                                   [](Var x) { return ops::Softplus(x); },
                                                   [](Var x) { return ops::Tanh(x); }},
                                   .clip = 9,
                                   .input_forget = coupled};
          const RecurrentResult r = Lstm(v[0], v[1], v[2], options);
          return std::vector<Var>{r.y, r.h, r.c};
        },
        inputs);
    EXPECT_TRUE(status.ok()) << status;
  }
  const std::vector<Tensor> gru = {Random({3, 2, 2}, 1), Random({1, 9, 2}, 2), Random({1, 9, 3}, 3),
                                   Random({1, 18}, 4)};
  for (const bool before : {false, true}) {
    const absl::Status status = CheckGradients(
        [&](Vars v) {
          const RecurrentResult r =
              Gru(v[0], v[1], v[2], {.bias = v[3], .linear_before_reset = before});
          return std::vector<Var>{r.y};
        },
        gru);
    EXPECT_TRUE(status.ok()) << status;
  }
}

// ONNX' definition of the GRU whose reset gate comes before the product, by hand for one step.
TEST(RecurrentTest, TheResetGateBeforeTheProduct) {
  Eager eager;
  const Var x = eager.Input("x", Tensor::Of<double>({1, 1, 1}, {0.5}));
  const Var w = eager.Input("w", Tensor::Of<double>({1, 3, 1}, {0.1, 0.2, 0.3}));
  const Var r = eager.Input("r", Tensor::Of<double>({1, 3, 1}, {0.4, 0.5, 0.6}));
  const Var h0 = eager.Input("h0", Tensor::Of<double>({1, 1, 1}, {0.7}));
  const RecurrentResult result = Gru(x, w, r, {.initial_h = h0});
  ASSERT_TRUE(eager.status().ok()) << eager.status();
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  const double z = sigmoid(0.05 + 0.28), reset = sigmoid(0.1 + 0.35);
  const double n = std::tanh(0.15 + reset * 0.7 * 0.6);
  EXPECT_NEAR(eager.ValueOf(result.h)->item<double>(), (1 - z) * n + z * 0.7, 1e-15);
}

TEST(RecurrentTest, MaskedStepsHoldTheStateAndTheLastOutput) {
  Eager eager;
  const Var x = eager.Input("x", Tensor::Of<double>({4, 1, 1}, {1, 2, 3, 4}));
  const Var one = eager.Input("one", Tensor::Of<double>({1, 1}, {1}));
  const Var h0 = eager.Input("h0", Tensor::Of<double>({1, 1}, {100}));
  const Var mask = eager.Input("mask", Tensor::Of<bool>({4, 1}, {false, true, false, true}));
  const auto run = [&](bool hold) {
    const SequenceResult result =
        RnnSequence(x, {.kernel = one, .recurrent = one}, [](Var v) { return v; },
                    {.mask = mask, .hold = hold, .initial_h = h0});
    EXPECT_EQ(eager.ValueOf(result.h)->item<double>(), 106);
    const Tensor y = *eager.ValueOf(result.y);
    return std::vector<double>(y.data<double>().begin(), y.data<double>().end());
  };
  EXPECT_THAT(run(true), ::testing::ElementsAre(0, 102, 102, 106));
  EXPECT_THAT(run(false), ::testing::ElementsAre(0, 102, 0, 106));
}

TEST(RecurrentTest, TheBatchAndTheTimeMayBeSymbols) {
  Graph g;
  const Dim time = Dim::Symbol("time"), batch = Dim::Symbol("batch");
  const Var x = g.Input("x", {DType::kF32, {time, batch, 2}});
  const Var w = g.Input("w", {DType::kF32, {2, 12, 2}});
  const Var r = g.Input("r", {DType::kF32, {2, 12, 3}});
  const Var lengths = g.Input("lengths", {DType::kI32, {batch}});
  const RecurrentResult result =
      Lstm(x, w, r, {.direction = Direction::kBidirectional, .lengths = lengths});
  ASSERT_TRUE(g.status().ok()) << g.status();
  EXPECT_EQ(result.y.spec().ToString(), "f32[time,2,batch,3]");
  EXPECT_EQ(result.h.spec().ToString(), "f32[2,batch,3]");
  EXPECT_TRUE(Gradients(ops::Sum(result.y), {w})[0].valid()) << g.status();
}

TEST(RecurrentTest, ShapesThatDoNotFitAreErrors) {
  const auto message = [](Shape x, Shape w, Shape r, Shape bias) {
    Graph g;
    RecurrentOptions options;
    options.bias = g.Input("bias", {DType::kF32, bias});
    EXPECT_FALSE(Gru(g.Input("x", {DType::kF32, x}), g.Input("w", {DType::kF32, w}),
                     g.Input("r", {DType::kF32, r}), options)
                     .y.valid());
    return std::string(g.status().message());
  };
  EXPECT_THAT(message({2, 3}, {1, 9, 2}, {1, 9, 3}, {1, 18}), HasSubstr("must have rank 3"));
  EXPECT_THAT(message({5, 1, 2}, {1, 8, 2}, {1, 9, 3}, {1, 18}),
              HasSubstr("gru: w must be [1,9,2], but is f32[1,8,2]"));
  EXPECT_THAT(message({5, 1, 2}, {1, 9, 2}, {1, 9, 3}, {1, 9}),
              HasSubstr("gru: bias must be [1,18], but is f32[1,9]"));
}

}  // namespace
}  // namespace adjoint::graph
