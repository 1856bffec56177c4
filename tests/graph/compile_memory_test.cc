// Limits on memory: what is refused, and what is computed again instead.

#include <memory>
#include <string>
#include <vector>

#include "core/philox.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/matmul.h"
#include "ops/reduce.h"

namespace adjoint::graph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Tensor Random(const Shape& shape, uint64_t stream) {
  Tensor t = Tensor::Empty({DType::kF32, shape});
  PhiloxEngine engine({1, stream, 0});
  for (float& x : t.mutable_data<float>()) x = 2 * UniformFloat(engine()) - 1;
  return t;
}

// The gradients of layers whose activations take several elementwise ops, which the matmul before
// them does not absorb: each layer keeps the product and what is made of it until the backward
// pass.
Program Layers(int layers, int64_t batch, int64_t units) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "layers", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  const Var x = graph->Input("x", {DType::kF32, {batch, units}});
  program.AddInput("x", x);
  std::vector<Var> weights;
  Var h = x;
  for (int i = 0; i < layers; ++i) {
    const std::string name = "w" + std::to_string(i);
    weights.push_back(graph->Input(name, {DType::kF32, {units, units}}));
    program.AddInput(name, weights.back());
    const Var product = ops::MatMul(h, weights.back());
    h = product * ops::Tanh(product * 0.5) + ops::Square(product);
  }
  const std::vector<Var> grads = Gradients(ops::Mean(h), weights);
  for (int i = 0; i < layers; ++i) program.AddOutput("grad" + std::to_string(i), grads[i]);
  return program;
}

std::vector<Tensor> InputsFor(const Program& program) {
  std::vector<Tensor> inputs;
  for (const Port& p : program.inputs) {
    Tensor t = Random(p.var.shape(), inputs.size());
    for (float& x : t.mutable_data<float>()) x *= 0.1f;
    inputs.push_back(std::move(t));
  }
  return inputs;
}

std::vector<Tensor> Outputs(const Executable& executable, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> outputs;
  auto workspace = executable.NewWorkspace();
  EXPECT_TRUE(executable.Run(**workspace, inputs, nullptr, &outputs).ok());
  return outputs;
}

TEST(MemoryLimitTest, RefusesWithABreakdown) {
  const Program program = Layers(2, 1024, 64);
  CompileOptions options;
  options.memory_limit = 500 << 10;
  const auto refused = Executable::Compile(program, options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(
      std::string(refused.status().message()),
      AllOf(HasSubstr("compiling program layers: a run would hold "),
            HasSubstr(", but memory_limit is 500.0 KB: variables 0 B, inputs 288.0 KB, outputs "
                      "32.0 KB, constants "),
            HasSubstr("most of them are alive at %"), HasSubstr("\n  256.0 KB  %"),
            HasSubstr("compile_memory_test.cc:"),
            HasSubstr("smaller batches take less, and so may computing values again: set "
                      "recompute")));
  const auto plain = Executable::Compile(program);
  ASSERT_TRUE(plain.ok()) << plain.status();
  options.memory_limit = (*plain)->memory().total();
  EXPECT_TRUE(Executable::Compile(program, options).ok());
  options.memory_limit -= 1;
  EXPECT_FALSE(Executable::Compile(program, options).ok());
}

TEST(MemoryLimitTest, RecomputesUntilItFitsWithEqualBits) {
  const Program program = Layers(6, 1024, 64);
  const auto plain = Executable::Compile(program);
  ASSERT_TRUE(plain.ok()) << plain.status();
  CompileOptions options;
  // Of two values a layer, the one that is not a product can be computed again.
  options.memory_limit = (*plain)->memory().total() - (*plain)->storage().arena_bytes * 3 / 10;
  EXPECT_FALSE(Executable::Compile(program, options).ok());
  options.recompute = true;
  const auto smaller = Executable::Compile(program, options);
  ASSERT_TRUE(smaller.ok()) << smaller.status();
  EXPECT_LE((*smaller)->memory().total(), options.memory_limit);
  EXPECT_LE((*smaller)->storage().arena_bytes, (*plain)->storage().arena_bytes * 7 / 10);
  EXPECT_GT((*smaller)->num_steps(), (*plain)->num_steps());
  const std::vector<Tensor> inputs = InputsFor(program);
  const std::vector<Tensor> a = Outputs(**plain, inputs), b = Outputs(**smaller, inputs);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(BitwiseEqual(a[i], b[i])) << i;
  // No more than it takes.
  options.memory_limit = (*plain)->memory().total();
  const auto untouched = Executable::Compile(program, options);
  ASSERT_TRUE(untouched.ok()) << untouched.status();
  EXPECT_EQ((*untouched)->num_steps(), (*plain)->num_steps());
  // What cannot be had is refused still.
  options.memory_limit = 1 << 20;
  EXPECT_THAT(std::string(Executable::Compile(program, options).status().message()),
              AllOf(HasSubstr("memory_limit is 1.0 MB"), Not(HasSubstr("set recompute"))));
}

}  // namespace
}  // namespace adjoint::graph
