// Ops beside numbers that NumPy and PyTorch gave (tests/golden/*_numpy.py, *_torch.py).

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/strip.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/ops/golden_cases.h"

namespace adjoint::testing {
namespace {

using Json = nlohmann::json;
using ops::Var;

Json Read(const std::string& file) {
  std::ifstream in("tests/golden/" + file);
  return Json::parse(in, nullptr, /*allow_exceptions=*/false);
}

Tensor ToTensor(const Json& json, DType dtype) {
  const std::vector<int64_t> extents = json["shape"];
  Tensor t = Tensor::Empty({dtype, Shape::Of(extents)});
  for (int64_t i = 0; i < t.size(); ++i) {
    // Infinite numbers are written as JSON's null.
    const Json& value = json["values"][i];
    const double number =
        value.is_null() ? std::numeric_limits<double>::infinity() : value.get<double>();
    if (dtype == DType::kF32) {
      t.mutable_data<float>()[i] = static_cast<float>(number);
    } else {
      t.mutable_data<double>()[i] = number;
    }
  }
  return t;
}

void ExpectNear(const Tensor& got, const Json& want, double tolerance, const std::string& what) {
  const Tensor expected = ToTensor(want, DType::kF64);
  ASSERT_EQ(got.shape(), expected.shape()) << what;
  for (int64_t i = 0; i < got.size(); ++i) {
    const double a = got.ValueAt(i), b = expected.ValueAt(i);
    if (a == b) continue;
    EXPECT_LE(std::abs(a - b), tolerance * std::max(1.0, std::abs(b)))
        << what << ", element " << i << ": " << a << " for " << b;
  }
}

// Runs one case in `dtype` and compares outputs and gradients.
void Check(const Json& json, const GoldenBuild& build, DType dtype, double tolerance) {
  auto graph = std::make_shared<graph::Graph>();
  std::vector<Var> vars;
  std::vector<Tensor> inputs;
  graph::Program program{
      .name = "golden", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  for (const Json& input : json["inputs"]) {
    inputs.push_back(ToTensor(input, dtype));
    vars.push_back(graph->Input("x" + std::to_string(vars.size()), inputs.back().spec()));
    program.AddInput("x" + std::to_string(vars.size() - 1), vars.back());
  }
  const std::vector<Var> outputs = build(vars);
  ASSERT_TRUE(graph->status().ok()) << graph->status();
  ASSERT_EQ(outputs.size(), json["outputs"].size());
  for (Var y : outputs) program.AddOutput("y" + std::to_string(program.outputs.size()), y);
  std::vector<const Json*> expected;
  for (const Json& y : json["outputs"]) expected.push_back(&y);
  if (json.contains("gradients")) {
    std::vector<Var> wanted;
    for (size_t i = 0; i < vars.size(); ++i) {
      if (json["gradients"][i].is_null()) continue;
      wanted.push_back(vars[i]);
      expected.push_back(&json["gradients"][i]);
    }
    for (Var g : graph::Gradients(outputs, wanted)) {
      program.AddOutput("g" + std::to_string(program.outputs.size()), g);
    }
    ASSERT_TRUE(graph->status().ok()) << graph->status();
  }
  auto executable = graph::Executable::Compile(program);
  ASSERT_TRUE(executable.ok()) << executable.status();
  auto workspace = (*executable)->NewWorkspace();
  ASSERT_TRUE(workspace.ok()) << workspace.status();
  std::vector<Tensor> results;
  const absl::Status run = (*executable)->Run(**workspace, inputs, nullptr, &results);
  ASSERT_TRUE(run.ok()) << run;
  for (size_t i = 0; i < results.size(); ++i) {
    ExpectNear(results[i], *expected[i], tolerance, program.outputs[i].name);
  }
}

void CheckFile(const std::string& file, const std::map<std::string, GoldenBuild>& builds) {
  const Json golden = Read(file);
  ASSERT_TRUE(golden.is_object()) << file << " is missing or damaged";
  std::set<std::string> seen;
  for (const Json& a_case : golden["cases"]) {
    const std::string name = a_case["name"];
    SCOPED_TRACE(golden["source"].get<std::string>() + ": " + name);
    seen.insert(name);
    const auto at = builds.find(name);
    absl::string_view equation = name;
    if (at == builds.end() && !absl::ConsumePrefix(&equation, "einsum ")) {
      ADD_FAILURE() << "nothing here is called '" << name << "'";
      continue;
    }
    const GoldenBuild build = at != builds.end() ? at->second : GoldenEinsum(std::string(equation));
    Check(a_case, build, DType::kF64, 1e-11);
    Check(a_case, build, DType::kF32, 2e-5);
  }
  for (const auto& [name, build] : builds) {
    EXPECT_TRUE(seen.count(name)) << file << " has no case '" << name << "'";
  }
}

TEST(GoldenTest, NumPy) { CheckFile("ops_numpy.json", NumPyCases()); }
TEST(GoldenTest, TorchLosses) { CheckFile("losses_torch.json", TorchLossCases()); }
TEST(GoldenTest, Reductions) { CheckFile("reductions_torch.json", ReductionCases()); }

}  // namespace
}  // namespace adjoint::testing
