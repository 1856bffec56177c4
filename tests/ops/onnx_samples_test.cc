// Every sample of every op, exported to ONNX and imported again, gives the same numbers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/checker.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/function.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/op_lookup.h"
#include "tests/ops/sample_inputs.h"
#include "tests/ops/samples.h"
#include "tests/ops/samples_control_flow.h"

namespace adjoint::testing {
namespace {

using graph::Graph;
using graph::Program;
using onnx::HostValue;
using ops::Var;
using ::testing::HasSubstr;

// What operator set 17 cannot say, by the reason that the exporter gives.
const std::map<std::string, std::string>& Inexpressible() {
  static const auto* const ops = new std::map<std::string, std::string>{
      {"bitwise_and", "from operator set 18 on"},
      {"bitwise_or", "from operator set 18 on"},
      {"bitwise_xor", "from operator set 18 on"},
      {"cholesky", "no form in ONNX"},
      {"ctc_loss", "no form in ONNX"},
      {"ctc_loss_gradient", "no form in ONNX"},
      {"random_normal", "no truncated normal"},
      {"scatter", "from operator set 18 on"},
      {"scatter_along_axis", "from operator set 18 on"},
      {"solve", "no form in ONNX"},
      {"sum_by_row", "no form in ONNX"},
      {"update_rows", "no form in ONNX"},
  };
  return *ops;
}

std::vector<Sample> EverySample() {
  std::vector<Sample> all = AllSamples();
  for (Sample& sample : ControlFlowSamples()) all.push_back(std::move(sample));
  return all;
}

bool IsRandom(const Program& program) {
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    const std::string& op = program.graph->node(id).op->name;
    if (op == "dropout" || absl::StartsWith(op, "random_")) return true;
  }
  return false;
}

// The sample's results and, on request, the gradients of their sum.
absl::StatusOr<Program> BuildProgram(const Sample& sample, const std::vector<Tensor>& inputs,
                                     bool gradients) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "sample", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  std::vector<Var> vars, xs, ys;
  for (size_t i = 0; i < inputs.size(); ++i) {
    vars.push_back(graph->Input(absl::StrCat("x", i), inputs[i].spec()));
    program.AddInput(absl::StrCat("x", i), vars.back());
    if (IsFloating(inputs[i].dtype())) xs.push_back(vars.back());
  }
  for (Var v : sample.build(vars)) {
    if (IsFloating(v.dtype())) ys.push_back(v);
    program.AddOutput(absl::StrCat("y", program.outputs.size()), v);
  }
  if (gradients && !xs.empty() && !ys.empty()) {
    for (Var v : graph::Gradients(ys, xs)) {
      program.AddOutput(absl::StrCat("y", program.outputs.size()), v);
    }
  }
  if (!graph->status().ok()) return graph->status();
  return program;
}

void ExpectClose(const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(got.spec(), want.spec());
  for (int64_t i = 0; i < got.size(); ++i) {
    const double a = got.ValueAt(i), b = want.ValueAt(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    EXPECT_LE(std::abs(a - b), tolerance * std::max(1.0, std::abs(b))) << "element " << i;
  }
}

// Whether an export was refused for what is listed, by its reason.
bool IsListed(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kUnimplemented) return false;
  for (const auto& [op, why] : Inexpressible()) {
    if (absl::StrContains(status.message(), absl::StrCat(": ", op, "(")) &&
        absl::StrContains(status.message(), why)) {
      return true;
    }
  }
  return false;
}

class OnnxSampleTest : public ::testing::TestWithParam<Sample> {};

TEST_P(OnnxSampleTest, ComesBackTheSame) {
  const Sample& sample = GetParam();
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
  const bool gradient = sample.gradient && sample.orders > 0;
  auto program = BuildProgram(sample, inputs, gradient);
  ASSERT_TRUE(program.ok()) << program.status();
  auto model = onnx::ExportModel(*program, {});
  if (!model.ok() && gradient && IsListed(model.status())) {  // perhaps without gradients
    program = BuildProgram(sample, inputs, false);
    ASSERT_TRUE(program.ok()) << program.status();
    model = onnx::ExportModel(*program, {});
  }
  if (!model.ok()) {
    EXPECT_TRUE(IsListed(model.status())) << model.status();
    return;
  }
  try {
    ::onnx::checker::check_model(*model);
  } catch (const std::exception& error) {
    FAIL() << error.what() << "\n" << model->ShortDebugString();
  }
  const auto function = graph::Function::Create(*program);
  ASSERT_TRUE(function.ok()) << function.status();
  std::vector<Tensor> expected;
  graph::VariableStore none;
  const absl::Status ran = (*function)->Run(inputs, &none, &expected);
  ASSERT_TRUE(ran.ok()) << ran;
  onnx::ImportOptions options;
  for (size_t i = 0; i < inputs.size(); ++i) options.examples[absl::StrCat("x", i)] = inputs[i];
  auto imported = onnx::ImportModelBytes(model->SerializeAsString(), options);
  ASSERT_TRUE(imported.ok()) << imported.status() << "\n" << model->ShortDebugString();
  const auto actual = onnx::RunModel(*imported, options.examples);
  ASSERT_TRUE(actual.ok()) << actual.status();
  ASSERT_EQ(actual->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(absl::StrCat("output ", i));
    const Tensor& got = (*actual)[i].tensor;
    if (IsRandom(*program)) {
      EXPECT_EQ(got.spec(), expected[i].spec());  // other draws
    } else {
      ExpectClose(got, expected[i], std::max(sample.f32_tolerance, 2e-5));
    }
  }
}

std::string SampleName(const ::testing::TestParamInfo<Sample>& info) {
  std::string name = absl::StrCat(info.param.op, "_", info.param.label, "_", info.index);
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, OnnxSampleTest, ::testing::ValuesIn(EverySample()), SampleName);

TEST(OnnxSamplesTest, WhatIsListedAsInexpressibleIsAnOp) {
  for (const auto& [op, why] : Inexpressible()) EXPECT_NE(graph::FindOp(op), nullptr) << op;
}

}  // namespace
}  // namespace adjoint::testing
