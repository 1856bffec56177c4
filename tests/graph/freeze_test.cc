// Programs whose variables became constants.

#include "graph/freeze.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/linalg.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "tests/graph/run_program.h"

namespace adjoint::graph {
namespace {

using ops::Var;
using ::testing::HasSubstr;

TensorSpec F32(const Shape& shape) { return {DType::kF32, shape}; }

// A convolution, whose weights oneDNN wants in another layout, and two dense layers of its maps,
// for a symbolic number of images.
struct Network {
  Program program{.name = "net", .graph = nullptr, .inputs = {}, .outputs = {}, .states = {}};
  VariableStore variables;

  explicit Network(bool writes = false) {
    auto graph = std::make_shared<Graph>();
    const Var x = graph->Input("x", F32({Dim::Symbol("batch"), 8, 8, 16}));
    const auto variable = [&](const char* name, const Shape& shape) {
      const Var v = graph->Input(name, F32(shape));
      program.states.push_back({name, v, v});
      variables.Set(name, Random(DType::kF32, shape, program.states.size(), 0.5));
      return v;
    };
    const Var filters = variable("filters", {32, 16, 3, 3});
    const Var w = variable("w", {32, 100}), b = variable("b", {100});
    const Var v = variable("v", {10, 100});
    const Var maps =
        ops::Conv(x, filters, {.pads_begin = {1, 1}, .pads_end = {1, 1}, .channels_last = true});
    const Var hidden = ops::Relu(ops::MatMul(ops::Mean(maps, {1, 2}), w) + b);
    program.graph = graph;
    program.AddInput("x", x);
    program.AddOutput("y", ops::MatMul(hidden, v, false, true));
    if (writes) program.states.back().write = v * 0.5;
    EXPECT_TRUE(graph->status().ok()) << graph->status();
  }
};

struct Ran {
  Tensor y;
  Executable::Memory memory;
};
Ran RunOn(const Program& program, const Tensor& x, VariableStore* variables, int threads) {
  const int before = NumThreads();
  SetNumThreads(threads);
  const auto concrete = Specialize(program, {{"batch", x.shape()[0]}});
  EXPECT_TRUE(concrete.ok()) << concrete.status();
  const auto exe = Executable::Compile(*concrete);
  EXPECT_TRUE(exe.ok()) << exe.status();
  std::vector<Tensor> outputs;
  const auto workspace = (*exe)->NewWorkspace();
  EXPECT_TRUE((*exe)->Run(**workspace, {x}, variables, &outputs).ok());
  // Again in the same workspace: nothing that is kept was written over.
  std::vector<Tensor> again;
  EXPECT_TRUE((*exe)->Run(**workspace, {x}, variables, &again).ok());
  EXPECT_TRUE(BitwiseEqual(outputs[0], again[0]));
  SetNumThreads(before);
  return {outputs[0], (*exe)->memory()};
}

TEST(FreezeTest, ResultsKeepTheirBitsAndWeightsArePackedOnce) {
  Network net;
  const auto frozen = Freeze(net.program, net.variables);
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  EXPECT_TRUE(frozen->states.empty());
  // One image: its channels are cut; many: the batch is.
  for (const int64_t images : {1, 2, 50}) {
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(images);
      const Tensor x = Random(DType::kF32, {images, 8, 8, 16}, 9, 1);
      const Ran open = RunOn(net.program, x, &net.variables, threads);
      const Ran closed = RunOn(*frozen, x, nullptr, threads);
      EXPECT_TRUE(BitwiseEqual(open.y, closed.y));
      EXPECT_EQ(closed.memory.variables, 0);
      // The filters, w and v lie there a second time, packed.
      const int64_t weights = 4 * (32 * 16 * 9 + 32 * 100 + 10 * 100);
      EXPECT_GE(closed.memory.constants - open.memory.constants, (images == 1 ? 1 : 2) * weights);
      EXPECT_LE(closed.memory.scratch, open.memory.scratch);
    }
  }
}

TEST(FreezeTest, TakesCopies) {
  Network net;
  const auto frozen = Freeze(net.program, net.variables);
  ASSERT_TRUE(frozen.ok());
  const Tensor x = Random(DType::kF32, {3, 8, 8, 16}, 9, 1);
  const Tensor before = RunOn(*frozen, x, nullptr, 1).y;
  for (float& w : net.variables.FindMutable("w")->mutable_data<float>()) w = 0;
  EXPECT_TRUE(BitwiseEqual(before, RunOn(*frozen, x, nullptr, 1).y));
}

TEST(FreezeTest, Mistakes) {
  const auto error = [](const Program& program, const VariableStore& variables) {
    return std::string(Freeze(program, variables).status().message());
  };
  const Network writes(true);
  EXPECT_EQ(
      error(writes.program, writes.variables),
      "freezing program net: it writes variable 'v'; only programs that leave their variables "
      "as they are can be frozen");
  Network net;
  net.variables.Set("b", Tensor::Zeros(F32({99})));
  EXPECT_EQ(error(net.program, net.variables),
            "freezing program net: variable 'b' is f32[99], but the program reads f32[100]");
  net.variables.Erase("b");
  EXPECT_THAT(error(net.program, net.variables), HasSubstr("freezing program net: "));
  EXPECT_THAT(error(net.program, net.variables), HasSubstr("'b'"));
}

}  // namespace
}  // namespace adjoint::graph
