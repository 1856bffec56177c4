// Functions of one number beside PyTorch's values and slopes (tests/golden/activations_torch.py).

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/clip.h"
#include "ops/elementary.h"
#include "ops/more_activations.h"
#include "ops/rounding.h"

namespace adjoint::ops {
namespace {

using Json = nlohmann::json;
using Values = std::vector<double>;

const std::map<std::string, std::function<Var(Var)>>& Functions() {
  static const auto* const functions = new std::map<std::string, std::function<Var(Var)>>{
      {"relu", [](Var x) { return Relu(x); }},
      {"leaky_relu", [](Var x) { return LeakyRelu(x); }},
      {"elu", [](Var x) { return Elu(x); }},
      {"elu_0.7", [](Var x) { return Elu(x, 0.7); }},
      {"selu", [](Var x) { return Selu(x); }},
      {"celu_2", [](Var x) { return Celu(x, 2); }},
      {"gelu", [](Var x) { return Gelu(x); }},
      {"gelu_tanh", [](Var x) { return GeluTanh(x); }},
      {"silu", [](Var x) { return Silu(x); }},
      {"mish", [](Var x) { return Mish(x); }},
      {"softplus", [](Var x) { return Softplus(x); }},
      {"softsign", [](Var x) { return Softsign(x); }},
      {"log_sigmoid", [](Var x) { return LogSigmoid(x); }},
      {"tanh_shrink", [](Var x) { return TanhShrink(x); }},
      {"hard_sigmoid_sixth", [](Var x) { return HardSigmoid(x, 1.0 / 6, 0.5); }},
      {"hard_swish", [](Var x) { return HardSwish(x); }},
      {"relu6", [](Var x) { return Relu6(x); }},
      {"hard_tanh", [](Var x) { return HardTanh(x); }},
      {"threshold_1", [](Var x) { return ThresholdedRelu(x); }},
      {"hard_shrink", [](Var x) { return HardShrink(x); }},
      {"soft_shrink", [](Var x) { return SoftShrink(x); }},
      {"clamp", [](Var x) { return Clamp(x, -1.5, 2.5); }},
      {"expm1", [](Var x) { return Expm1(x); }},
      {"log1p_abs", [](Var x) { return Log1p(Abs(x)); }},
      {"rsqrt_square", [](Var x) { return Rsqrt(x * x + 1); }},
      {"sin", [](Var x) { return Sin(x); }},
      {"cos", [](Var x) { return Cos(x); }},
      {"atan", [](Var x) { return Atan(x); }},
      {"asinh", [](Var x) { return Asinh(x); }},
      {"fmod_0.7", [](Var x) { return Fmod(x, 0.7); }},
      {"mod_-0.7", [](Var x) { return Mod(x, -0.7); }},
      {"round", [](Var x) { return Round(x); }},
  };
  return *functions;
}

// The values and the slopes.
std::vector<Values> Evaluate(const std::function<Var(Var)>& f, const Values& x) {
  auto g = std::make_shared<graph::Graph>();
  graph::Program program;
  program.graph = g;
  const Tensor input = Tensor::Vector<double>(x);
  const Var v = g->Input("x", input.spec());
  program.AddInput("x", v);
  const Var y = f(v);
  program.AddOutput("y", y);
  program.AddOutput("slope", graph::Gradients(y, {v})[0]);
  EXPECT_TRUE(g->status().ok()) << g->status();
  const auto executable = graph::Executable::Compile(program);
  EXPECT_TRUE(executable.ok()) << executable.status();
  const auto workspace = (*executable)->NewWorkspace();
  std::vector<Tensor> outputs;
  const absl::Status status = (*executable)->Run(**workspace, {input}, nullptr, &outputs);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<Values> results;
  for (const Tensor& t : outputs) {
    results.emplace_back(t.data<double>().begin(), t.data<double>().end());
  }
  return results;
}

TEST(ActivationsGoldenTest, ValuesAndSlopesArePyTorchs) {
  std::ifstream in("tests/golden/activations_torch.json");
  const Json golden = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(golden.is_array());
  EXPECT_EQ(golden.size(), Functions().size());
  for (const Json& entry : golden) {
    const std::string name = entry["name"].get<std::string>();
    const auto f = Functions().find(name);
    ASSERT_NE(f, Functions().end()) << name;
    const Values x = entry["x"].get<Values>();
    const std::vector<Values> got = Evaluate(f->second, x);
    const Values want[] = {entry["y"].get<Values>(), entry["slope"].get<Values>()};
    for (int k = 0; k < 2; ++k) {
      for (size_t i = 0; i < x.size(); ++i) {
        // PyTorch's softplus is x itself above 20.
        EXPECT_NEAR(got[k][i], want[k][i], 2e-13 * std::max(1.0, std::abs(want[k][i])))
            << name << (k == 0 ? "" : "'") << "(" << x[i] << ")";
      }
    }
  }
}

}  // namespace
}  // namespace adjoint::ops
