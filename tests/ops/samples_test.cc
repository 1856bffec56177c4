// What every op must do, driven by its samples.

#include "tests/ops/samples.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "gmock/gmock.h"
#include "graph/eager.h"
#include "graph/executable.h"
#include "graph/gradient_check.h"
#include "graph/gradients.h"
#include "graph/model.pb.h"
#include "graph/op_lookup.h"
#include "graph/program_proto.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "tests/ops/sample_inputs.h"
#include "tests/ops/samples_control_flow.h"

namespace adjoint::testing {
namespace {

using graph::CompileOptions;
using graph::Executable;
using graph::Graph;
using graph::Program;
using ops::Var;
using ::testing::HasSubstr;

template <typename T>
std::vector<T> Join(std::vector<T> a, const std::vector<T>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<Sample> EverySample() { return Join(AllSamples(), ControlFlowSamples()); }
std::vector<ErrorSample> EveryError() { return Join(AllErrors(), ControlFlowErrors()); }

struct BuildOptions {
  bool behind_nodes = false;        // operands are results of nodes and die at the op
  bool symbolic_first_dim = false;  // extents equal to the first operand's first are a symbol
};

absl::StatusOr<Program> BuildProgram(const Sample& sample, const std::vector<Tensor>& inputs,
                                     const BuildOptions& options = {}) {
  auto graph = std::make_shared<Graph>();
  std::vector<Var> vars, operands;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TensorSpec spec = inputs[i].spec();
    if (options.symbolic_first_dim && spec.shape.rank() > 0 && inputs[0].shape().rank() > 0 &&
        spec.shape.dim(0) == inputs[0].shape().dim(0)) {
      spec.shape.set_dim(0, Dim::Symbol("n"));
    }
    vars.push_back(graph->Input(absl::StrCat("x", i), spec));
    const bool twice = options.behind_nodes && IsFloating(inputs[i].dtype());
    operands.push_back(twice ? ops::Neg(ops::Neg(vars.back())) : vars.back());
  }
  const std::vector<Var> outputs = sample.build(operands);
  if (!graph->status().ok()) return graph->status();
  Program program{.name = "sample", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  for (size_t i = 0; i < vars.size(); ++i) program.AddInput(absl::StrCat("x", i), vars[i]);
  for (size_t i = 0; i < outputs.size(); ++i) {
    program.AddOutput(absl::StrCat("y", i), outputs[i]);
  }
  return program;
}

struct RunResult {
  std::vector<Tensor> outputs;
  std::set<std::string> kernels;
  int in_place = 0;
};

absl::StatusOr<RunResult> RunProgram(const Program& program, const std::vector<Tensor>& inputs,
                                     const CompileOptions& options = {}) {
  auto exe = Executable::Compile(program, options);
  if (!exe.ok()) return exe.status();
  auto ws = (*exe)->NewWorkspace();
  if (!ws.ok()) return ws.status();
  RunResult result;
  if (absl::Status s = (*exe)->Run(**ws, inputs, nullptr, &result.outputs); !s.ok()) return s;
  for (const auto& step : (*exe)->Steps()) result.kernels.insert(step.kernel);
  result.in_place = (*exe)->storage().in_place_outputs;
  return result;
}

absl::StatusOr<RunResult> RunSample(const Sample& sample, const std::vector<Tensor>& inputs,
                                    const CompileOptions& options = {}) {
  auto program = BuildProgram(sample, inputs);
  if (!program.ok()) return program.status();
  return RunProgram(*program, inputs, options);
}

// Nodes as they were built, on the reference kernels.
CompileOptions ReferenceOnly() {
  CompileOptions options;
  options.optimize = false;
  std::set<std::string> names;
  for (const ops::OpDef* op : graph::AllOps()) {
    for (const ops::KernelDef& kernel : op->kernels) names.insert(kernel.name);
  }
  names.erase("reference");
  options.skip_kernels.assign(names.begin(), names.end());
  return options;
}

CompileOptions Unoptimized() {
  CompileOptions options;
  options.optimize = false;
  return options;
}

void ExpectClose(const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(got.shape(), want.shape());
  for (int64_t i = 0; i < got.size(); ++i) {
    const double a = got.ValueAt(i), b = want.ValueAt(i);
    if (std::isnan(b) || std::isinf(b)) {
      EXPECT_TRUE(std::isnan(b) ? std::isnan(a) : a == b)
          << "element " << i << ": " << a << ", " << b;
      continue;
    }
    EXPECT_LE(std::abs(a - b), tolerance * std::max(1.0, std::abs(b)))
        << "element " << i << ": " << a << " for " << b;
  }
}

void ExpectSame(const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(BitwiseEqual(got[i], want[i]))
        << "output " << i << ": " << got[i].ToString(32) << " and " << want[i].ToString(32);
  }
}

class SampleTest : public ::testing::TestWithParam<Sample> {};

// f64: fast kernels and passes agree with the reference kernels on the nodes as built.
TEST_P(SampleTest, AgreesWithTheReferenceInF64) {
  const Sample& sample = GetParam();
  if (!sample.in_f64) GTEST_SKIP() << "the op takes no floating operand";
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF64);
  auto reference = RunSample(sample, inputs, ReferenceOnly());
  ASSERT_TRUE(reference.ok()) << reference.status();
  auto fast = RunSample(sample, inputs);
  ASSERT_TRUE(fast.ok()) << fast.status();
  ASSERT_EQ(fast->outputs.size(), reference->outputs.size());
  for (size_t i = 0; i < fast->outputs.size(); ++i) {
    ExpectClose(fast->outputs[i], reference->outputs[i], 1e-12);
  }
}

// f32: the default kernels, the one promised among them, within the sample's tolerance of f64.
TEST_P(SampleTest, AgreesWithTheReferenceInF32) {
  const Sample& sample = GetParam();
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
  std::vector<Tensor> exact;
  for (const Tensor& t : inputs) {
    if (t.dtype() != DType::kF32 || !sample.in_f64) {
      exact.push_back(t);
      continue;
    }
    Tensor wide = Tensor::Empty({DType::kF64, t.shape()});
    for (int64_t i = 0; i < t.size(); ++i) wide.mutable_data<double>()[i] = t.data<float>()[i];
    exact.push_back(wide);
  }
  auto reference = RunSample(sample, exact, ReferenceOnly());
  ASSERT_TRUE(reference.ok()) << reference.status();
  for (const CompileOptions& options : {Unoptimized(), CompileOptions{}, ReferenceOnly()}) {
    auto fast = RunSample(sample, inputs, options);
    ASSERT_TRUE(fast.ok()) << fast.status();
    for (size_t i = 0; i < fast->outputs.size(); ++i) {
      ExpectClose(fast->outputs[i], reference->outputs[i], sample.f32_tolerance);
    }
  }
  if (!sample.fast_kernel.empty()) {
    auto fast = RunSample(sample, inputs, Unoptimized());
    EXPECT_TRUE(fast->kernels.count(absl::StrCat(sample.op, "/", sample.fast_kernel)))
        << "ran " << ::testing::PrintToString(fast->kernels);
  }
}

bool HasGradient(const Sample& sample) { return sample.gradient && sample.orders > 0; }

TEST_P(SampleTest, GradientsAgreeWithDifferencesToSecondOrder) {
  const Sample& sample = GetParam();
  if (!sample.gradient) GTEST_SKIP() << "the sample has no gradient by definition";
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF64);
  if (sample.orders > 0) {
    const absl::Status status =
        graph::CheckGradients(sample.build, inputs, {.order = sample.orders});
    EXPECT_TRUE(status.ok()) << status;
  }
  if (sample.orders == 2) return;
  // One more is an error that names the op, never a wrong number.
  const absl::Status beyond =
      graph::CheckGradients(sample.build, inputs, {.order = sample.orders + 1});
  EXPECT_THAT(
      std::string(beyond.message()),
      ::testing::AllOf(::testing::HasSubstr(sample.op), ::testing::HasSubstr("has no gradient")));
}

TEST_P(SampleTest, BitsDoNotDependOnTheNumberOfThreads) {
  const Sample& sample = GetParam();
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
  SetNumThreads(1);
  auto one = RunSample(sample, inputs);
  SetNumThreads(2);
  auto two = RunSample(sample, inputs);
  ASSERT_TRUE(one.ok() && two.ok()) << one.status() << two.status();
  ExpectSame(two->outputs, one->outputs);
}

// Operands that die with the op let it write over them; its result must not change.
TEST_P(SampleTest, WritingOverDeadOperandsIsSafe) {
  const Sample& sample = GetParam();
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
  auto plain = RunSample(sample, inputs, Unoptimized());
  ASSERT_TRUE(plain.ok()) << plain.status();
  auto program = BuildProgram(sample, inputs, {.behind_nodes = true});
  ASSERT_TRUE(program.ok()) << program.status();
  auto behind = RunProgram(*program, inputs, Unoptimized());
  ASSERT_TRUE(behind.ok()) << behind.status();
  ExpectSame(behind->outputs, plain->outputs);
}

std::vector<Var> Floating(absl::Span<const Var> vars) {
  std::vector<Var> result;
  for (Var v : vars) {
    if (IsFloating(v.dtype())) result.push_back(v);
  }
  return result;
}

// The eager builder: outputs and gradients are those of the nodes as built, bit for bit.
TEST_P(SampleTest, RunsAtOnceToTheSameBits) {
  const Sample& sample = GetParam();
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
  auto program = BuildProgram(sample, inputs);
  ASSERT_TRUE(program.ok()) << program.status();
  graph::Eager eager;
  std::vector<Var> operands, outputs, xs, ys;
  for (size_t i = 0; i < inputs.size(); ++i) {
    operands.push_back(eager.Input(absl::StrCat("x", i), inputs[i]));
  }
  outputs = sample.build(operands);
  for (const auto& port : program->inputs) xs.push_back(port.var);
  for (const auto& port : program->outputs) ys.push_back(port.var);
  if (HasGradient(sample)) {
    const std::vector<Var> gradients = graph::Gradients(Floating(ys), Floating(xs));
    for (Var g : gradients) program->AddOutput("gradient", g);
    for (Var g : graph::Gradients(Floating(outputs), Floating(operands))) outputs.push_back(g);
  }
  ASSERT_TRUE(eager.status().ok()) << eager.status();
  std::vector<Tensor> values;
  for (Var v : outputs) values.push_back(eager.ValueOf(v).value());
  auto compiled = RunProgram(*program, inputs, Unoptimized());
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  ExpectSame(values, compiled->outputs);
}

// Outputs and gradients without any one of the passes: the same but for rounding.
TEST_P(SampleTest, EachPassCanBeLeftOut) {
  const Sample& sample = GetParam();
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
  auto program = BuildProgram(sample, inputs);
  ASSERT_TRUE(program.ok()) << program.status();
  if (HasGradient(sample)) {
    std::vector<Var> xs, ys;
    for (const auto& port : program->inputs) xs.push_back(port.var);
    for (const auto& port : program->outputs) ys.push_back(port.var);
    for (Var g : graph::Gradients(Floating(ys), Floating(xs))) program->AddOutput("gradient", g);
  }
  auto all = RunProgram(*program, inputs);
  ASSERT_TRUE(all.ok()) << all.status();
  for (const graph::Pass& pass : graph::AllPasses()) {
    CompileOptions options;
    options.passes.disabled = {pass.name};
    auto fewer = RunProgram(*program, inputs, options);
    ASSERT_TRUE(fewer.ok()) << "without " << pass.name << ": " << fewer.status();
    for (size_t i = 0; i < all->outputs.size(); ++i) {
      SCOPED_TRACE(absl::StrCat("without ", pass.name, ", output ", i));
      ExpectClose(fewer->outputs[i], all->outputs[i], std::max(1e-5, sample.f32_tolerance));
    }
  }
}

TEST_P(SampleTest, SurvivesTheModelFormat) {
  const Sample& sample = GetParam();
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
  auto program = BuildProgram(sample, inputs);
  ASSERT_TRUE(program.ok()) << program.status();
  graph::proto::ProgramProto message;
  ASSERT_TRUE(graph::ToProto(*program, &message).ok());
  auto back = graph::FromProto(message);
  ASSERT_TRUE(back.ok()) << back.status();
  auto before = RunProgram(*program, inputs), after = RunProgram(*back, inputs);
  ASSERT_TRUE(before.ok() && after.ok()) << before.status() << after.status();
  ExpectSame(after->outputs, before->outputs);
}

// Built with a symbol for the first extent, differentiated, and specialised. Samples whose
// attributes fix that extent cannot be; EnoughSamplesAreSymbolic counts the others.
absl::StatusOr<Program> BuildSymbolic(const Sample& sample, const std::vector<Tensor>& inputs) {
  return BuildProgram(sample, inputs, {.symbolic_first_dim = true});
}

TEST_P(SampleTest, SymbolicShapesSpecialiseToTheSameResult) {
  const Sample& sample = GetParam();
  const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
  if (inputs[0].shape().rank() == 0) GTEST_SKIP() << "the first operand has no extent";
  auto program = BuildSymbolic(sample, inputs);
  if (!program.ok()) GTEST_SKIP() << "an attribute fixes the extent: " << program.status();
  const int64_t n = inputs[0].shape()[0];
  auto plain = RunSample(sample, inputs);
  auto concrete = graph::Specialize(*program, {{"n", n}});
  ASSERT_TRUE(concrete.ok()) << concrete.status();
  auto result = RunProgram(*concrete, inputs);
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectSame(result->outputs, plain->outputs);
  if (!HasGradient(sample)) return;
  auto* const g = const_cast<Graph*>(program->graph.get());
  std::vector<Var> ys, xs;
  for (const auto& port : program->outputs) {
    if (IsFloating(port.var.dtype())) ys.push_back(port.var);
  }
  for (const auto& port : program->inputs) {
    if (IsFloating(port.var.dtype())) xs.push_back(port.var);
  }
  const std::vector<Var> gradients = graph::Gradients(ys, xs);
  ASSERT_TRUE(g->status().ok()) << g->status();
  for (size_t i = 0; i < xs.size(); ++i) EXPECT_EQ(gradients[i].spec(), xs[i].spec());
}

std::string SampleName(const ::testing::TestParamInfo<Sample>& info) {
  std::string name = absl::StrCat(info.param.op, "_", info.param.label, "_", info.index);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, SampleTest, ::testing::ValuesIn(EverySample()), SampleName);

TEST(SamplesTest, EveryOpHasOne) {
  std::set<std::string> sampled;
  for (const Sample& s : EverySample()) sampled.insert(s.op);
  for (const ops::OpDef* op : graph::AllOps()) {
    if (op->traits.leaf || op->traits.internal) continue;
    EXPECT_TRUE(sampled.count(op->name)) << op->name << " has no sample";
  }
  for (const std::string& name : sampled) {
    EXPECT_NE(graph::FindOp(name), nullptr) << "samples of '" << name << "', which is no op";
  }
}

TEST(SamplesTest, EnoughSamplesAreSymbolic) {
  int symbolic = 0, all = 0;
  for (const Sample& sample : EverySample()) {
    const std::vector<Tensor> inputs = InputsOf(sample, DType::kF32);
    if (inputs[0].shape().rank() == 0) continue;
    ++all;
    symbolic += BuildSymbolic(sample, inputs).ok() ? 1 : 0;
  }
  EXPECT_GE(symbolic, all * 2 / 3) << "of " << all;
}

TEST(OpRecordTest, DeclaresWhatItNeeds) {
  std::set<std::string> names;
  for (const ops::OpDef* op : graph::AllOps()) {
    EXPECT_TRUE(names.insert(op->name).second) << op->name << " is listed twice";
    if (op->traits.leaf) continue;
    ASSERT_FALSE(op->kernels.empty()) << op->name;
    EXPECT_EQ(op->kernels.back().name, "reference") << op->name;
    EXPECT_TRUE(op->vjp || op->traits.internal) << op->name << " has no gradient rule";
    EXPECT_EQ(static_cast<bool>(op->tile), op->traits.elementwise && !op->traits.internal)
        << op->name;
  }
}

TEST(ErrorSamplesTest, MessagesNameTheRuleAndTheUsersLine) {
  int index = 0;
  for (const ErrorSample& sample : EveryError()) {
    Graph graph;
    std::vector<Var> vars;
    for (size_t i = 0; i < sample.args.size(); ++i) {
      vars.push_back(graph.Input(absl::StrCat("x", i), sample.args[i].spec));
    }
    sample.build(vars);
    const std::string message(graph.status().message());
    EXPECT_THAT(message, HasSubstr(sample.message)) << sample.op << ", error " << index;
    EXPECT_THAT(message, HasSubstr("tests/ops/samples_")) << "error " << index;
    ++index;
  }
  EXPECT_GT(index, 20);
}

}  // namespace
}  // namespace adjoint::testing
