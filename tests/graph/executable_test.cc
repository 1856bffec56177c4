#include "graph/executable.h"

#include <new>
#include <thread>
#include <utility>

#include "core/csr_matrix.h"
#include "gmock/gmock.h"
#include "graph/function.h"
#include "graph/gradients.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/csr.h"
#include "ops/indexing.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorSpec F32(Shape shape) { return {DType::kF32, std::move(shape)}; }

std::vector<float> Values(const Tensor& t) {
  const absl::Span<const float> data = t.data<float>();
  return {data.begin(), data.end()};
}

// Runs a program once with a workspace of its own.
absl::StatusOr<std::vector<Tensor>> RunOnce(const Program& program,
                                            const std::vector<Tensor>& inputs,
                                            VariableStore* variables = nullptr,
                                            const CompileOptions& options = {}) {
  auto exe = Executable::Compile(program, options);
  if (!exe.ok()) return exe.status();
  auto ws = (*exe)->NewWorkspace();
  if (!ws.ok()) return ws.status();
  std::vector<Tensor> outputs;
  if (absl::Status s = (*exe)->Run(**ws, inputs, variables, &outputs); !s.ok()) return s;
  return outputs;
}

// w <- w - 0.5 * d/dw sum((x w)^2), and the loss before the step.
Program DescentProgram() {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", F32({2, 2}));
  const Var w = g->Input("w", F32({2, 1}));
  const Var loss = ops::Sum(ops::Square(ops::MatMul(x, w)));
  const Var grad = Gradients(loss, {w})[0];
  Program p{.name = "descent", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("x", x);
  p.AddOutput("loss", loss);
  p.states.push_back({"w", w, w - 0.5 * grad});
  return p;
}

TEST(ExecutableTest, ComputesAndUpdatesVariablesInPlace) {
  VariableStore store;
  store.Set("w", Tensor::Of<float>({2, 1}, {1, -1}));
  const Tensor x = Tensor::Of<float>({2, 2}, {1, 0, 0, 1});
  const Tensor* const place = store.Find("w");
  const void* const before = place->raw();
  auto outputs = RunOnce(DescentProgram(), {x}, &store);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_FLOAT_EQ((*outputs)[0].item<float>(), 2);
  EXPECT_THAT(Values(*store.Get("w")), ElementsAre(0, 0));
  EXPECT_EQ(store.Find("w")->raw(), before);
  auto exe = Executable::Compile(DescentProgram());
  ASSERT_TRUE(exe.ok());
  EXPECT_EQ((*exe)->storage().in_place_variables, 1);
  EXPECT_TRUE((*exe)->storage().copies.empty());
}

TEST(ExecutableTest, EveryPassMayBeLeftOut) {
  for (const Pass& pass : AllPasses()) {
    CompileOptions options;
    options.passes.disabled = {pass.name};
    VariableStore store;
    store.Set("w", Tensor::Of<float>({2, 1}, {1, -1}));
    auto outputs =
        RunOnce(DescentProgram(), {Tensor::Of<float>({2, 2}, {1, 0, 0, 1})}, &store, options);
    ASSERT_TRUE(outputs.ok()) << pass.name << ": " << outputs.status();
    EXPECT_FLOAT_EQ((*outputs)[0].item<float>(), 2) << pass.name;
    EXPECT_THAT(Values(*store.Get("w")), ElementsAre(0, 0)) << pass.name;
  }
  CompileOptions options;
  options.passes.disabled = {"vectorise"};
  EXPECT_THAT(std::string(Executable::Compile(DescentProgram(), options).status().message()),
              HasSubstr("there is no pass 'vectorise' to disable; there are dce, "));
}

// Two variables that exchange their values, and an output that is the old value of one of them.
TEST(ExecutableTest, VariablesMayExchangeValues) {
  auto g = std::make_shared<Graph>();
  const Var a = g->Input("a", F32({2}));
  const Var b = g->Input("b", F32({2}));
  Program p{.name = "swap", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.states = {{"a", a, b}, {"b", b, a}};
  p.AddOutput("old_a", a);
  VariableStore store;
  store.Set("a", Tensor::Of<float>({2}, {1, 2}));
  store.Set("b", Tensor::Of<float>({2}, {3, 4}));
  auto outputs = RunOnce(p, {}, &store);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(Values((*outputs)[0]), ElementsAre(1, 2));
  EXPECT_THAT(Values(*store.Get("a")), ElementsAre(3, 4));
  EXPECT_THAT(Values(*store.Get("b")), ElementsAre(1, 2));
}

// The new value is ready before a later node has read the old one.
TEST(ExecutableTest, AWriteWaitsForTheLastReaderOfTheOldValue) {
  auto g = std::make_shared<Graph>();
  const Var v = g->Input("v", F32({2, 2}));
  const Var next = v * 2.0;
  const Var later = ops::MatMul(next, v);
  Program p{.name = "late", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.states = {{"v", v, next}};
  p.AddOutput("later", later);
  p.AddOutput("next", next);
  VariableStore store;
  store.Set("v", Tensor::Of<float>({2, 2}, {1, 2, 3, 4}));
  auto outputs = RunOnce(p, {}, &store);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(Values((*outputs)[0]), ElementsAre(14, 20, 30, 44));
  EXPECT_THAT(Values((*outputs)[1]), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(Values(*store.Get("v")), ElementsAre(2, 4, 6, 8));
  // The output is a copy: running again must not change it.
  EXPECT_NE((*outputs)[1].raw(), store.Find("v")->raw());
}

TEST(ExecutableTest, OutputsMayBeInputsConstantsRepeatsAndViews) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", F32({2, 2}));
  const Var flat = ops::Reshape(x, Shape{4});
  const Var sum = ops::Sum(x + 1.0);
  Program p{.name = "outputs", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("x", x);
  p.AddOutput("x", x);
  p.AddOutput("flat", flat);
  p.AddOutput("seven", g->Constant(Tensor::Scalar<float>(7)));
  p.AddOutput("sum", sum);
  p.AddOutput("again", sum);
  const Tensor fed = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  auto outputs = RunOnce(p, {fed});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(Values((*outputs)[0]), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ((*outputs)[1].spec().ToString(), "f32[4]");
  EXPECT_THAT(Values((*outputs)[1]), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ((*outputs)[2].item<float>(), 7);
  EXPECT_EQ((*outputs)[3].item<float>(), 14);
  EXPECT_EQ((*outputs)[4].item<float>(), 14);
  EXPECT_NE((*outputs)[0].raw(), fed.raw());
}

TEST(ExecutableTest, ErrorsNameProgramInputAndSpecs) {
  VariableStore store;
  auto outputs = RunOnce(DescentProgram(), {Tensor::Of<float>({1, 2}, {1, 0})}, &store);
  EXPECT_EQ(outputs.status().message(),
            "running program descent: input 'x' is f32[2,2], but was given f32[1,2]");
  outputs = RunOnce(DescentProgram(), {Tensor::Of<float>({2, 2}, {1, 0, 0, 1})}, &store);
  EXPECT_EQ(outputs.status().message(), "running program descent: there is no variable 'w'");
  store.Set("w", Tensor::Of<float>({1, 2}, {1, 0}));
  outputs = RunOnce(DescentProgram(), {Tensor::Of<float>({2, 2}, {1, 0, 0, 1})}, &store);
  EXPECT_EQ(outputs.status().message(),
            "running program descent: variable 'w' is f32[1,2], but the program wants f32[2,1]");
  outputs = RunOnce(DescentProgram(), {});
  EXPECT_EQ(outputs.status().message(),
            "running program descent: it takes 1 inputs, but was given 0");
}

// A kernel that fails after a variable has been written makes the store unusable, and says so.
TEST(ExecutableTest, AStepThatFailsHalfWayPoisonsTheStore) {
  auto g = std::make_shared<Graph>();
  const Var count = g->Input("count", F32({1}));
  const Var table = g->Input("table", F32({3}));
  const Var index = g->Input("index", {DType::kI64, Shape{1}});
  const Var next = count + 1.0;
  Program p{.name = "half", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("index", index);
  p.AddInput("table", table);
  p.states = {{"count", count, next}};
  p.AddOutput("picked", ops::Gather(table, index) * next);
  VariableStore store;
  store.Set("count", Tensor::Of<float>({1}, {0}));
  const Tensor three = Tensor::Of<float>({3}, {5, 6, 7});
  // Without passes the nodes run in the order in which they were built: the count first.
  const CompileOptions as_built = {.passes = {}, .optimize = false, .skip_kernels = {}};
  auto good = RunOnce(p, {Tensor::Of<int64_t>({1}, {2}), three}, &store, as_built);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ((*good)[0].item<float>(), 7);
  auto bad = RunOnce(p, {Tensor::Of<int64_t>({1}, {3}), three}, &store, as_built);
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("running program half, %"));
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("gather"));
  EXPECT_THAT(std::string(store.Get("count").status().message()),
              HasSubstr("the variables are unusable since a step failed half-way: running program "
                        "half, %"));
  auto refused = RunOnce(p, {Tensor::Of<int64_t>({1}, {2}), three}, &store, as_built);
  EXPECT_EQ(refused.status(), store.status());

  VariableStore fresh;
  fresh.Set("count", Tensor::Of<float>({1}, {0}));
  store.Restore(fresh);
  // With them the failing step comes first, and nothing is written.
  bad = RunOnce(p, {Tensor::Of<int64_t>({1}, {3}), three}, &store);
  EXPECT_FALSE(bad.ok());
  ASSERT_TRUE(store.status().ok()) << store.status();
  EXPECT_EQ(store.Get("count")->item<float>(), 0);
}

// A kernel that fails leaves what it writes undefined, be it the first to write a variable.
TEST(ExecutableTest, AFailedStepThatWritesAVariablePoisonsTheStore) {
  auto g = std::make_shared<Graph>();
  const Var v = g->Input("v", F32({1}));
  const Var table = g->Input("table", F32({3}));
  const Var index = g->Input("index", {DType::kI64, Shape{1}});
  Program p{.name = "pick", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("table", table);
  p.AddInput("index", index);
  p.states = {{"v", v, ops::Gather(table, index)}};
  VariableStore store;
  store.Set("v", Tensor::Of<float>({1}, {0}));
  const Tensor three = Tensor::Of<float>({3}, {5, 6, 7});
  EXPECT_FALSE(RunOnce(p, {three, Tensor::Of<int64_t>({1}, {3})}, &store).ok());
  EXPECT_FALSE(store.status().ok());
}

TEST(ExecutableTest, RefusesBrokenProgramsAndForeignWorkspaces) {
  Program empty;
  empty.name = "empty";
  EXPECT_EQ(Executable::Compile(empty).status().message(),
            "program empty: it has no graph; set Program::graph");
  Program twice = DescentProgram();
  auto* const g = const_cast<Graph*>(twice.graph.get());
  const Var again = g->Input("w", F32({2, 1}));
  twice.states.push_back({"w", again, again * 2.0});
  EXPECT_EQ(Executable::Compile(twice).status().message(),
            "program descent: variable 'w' has two bindings; read it once");
  // The graph's own error comes first, whatever became of the ports.
  auto errored = std::make_shared<Graph>();
  const Var bad = errored->Input("a", F32({2})) + errored->Input("b", F32({3}));
  Program p{.name = "bad", .graph = errored, .inputs = {}, .outputs = {}, .states = {}};
  p.AddOutput("y", bad);
  EXPECT_EQ(Executable::Compile(p).status(), errored->status());
  EXPECT_EQ(Specialize(p, {}).status(), errored->status());
  EXPECT_THAT(p.ToString(), HasSubstr("out y = (no value)"));

  auto one = Executable::Compile(DescentProgram()), other = Executable::Compile(DescentProgram());
  ASSERT_TRUE(one.ok() && other.ok());
  auto ws = (*one)->NewWorkspace();
  std::vector<Tensor> outputs;
  EXPECT_EQ((*other)->Run(**ws, {}, nullptr, &outputs).message(),
            "running program descent: the workspace is another executable's");
}

// A workspace keeps the addresses of variables: not those of a store that is gone, nor of one whose
// tensors have moved elsewhere, however much its successor is like it.
TEST(ExecutableTest, AWorkspaceTellsStoresApart) {
  auto exe = Executable::Compile(DescentProgram());
  ASSERT_TRUE(exe.ok());
  auto ws = (*exe)->NewWorkspace();
  ASSERT_TRUE(ws.ok());
  const Tensor x = Tensor::Of<float>({2, 2}, {1, 0, 0, 1});
  std::vector<Tensor> outputs;
  alignas(VariableStore) unsigned char place[sizeof(VariableStore)];
  std::vector<Tensor> keep;  // so that the second store's tensor lies elsewhere
  for (const float w : {1.0f, 2.0f}) {
    auto* const store = new (place) VariableStore;
    store->Set("w", Tensor::Of<float>({2, 1}, {w, 0}));
    ASSERT_TRUE((*exe)->Run(**ws, {x}, store, &outputs).ok());
    EXPECT_EQ(outputs[0].item<float>(), w * w);
    keep.push_back(*store->Find("w"));
    store->~VariableStore();
  }

  VariableStore from;
  from.Set("w", Tensor::Of<float>({2, 1}, {1, 0}));
  ASSERT_TRUE((*exe)->Run(**ws, {x}, &from, &outputs).ok());
  VariableStore to = std::move(from);
  EXPECT_FALSE((*exe)->Run(**ws, {x}, &from, &outputs).ok());
  EXPECT_TRUE((*exe)->Run(**ws, {x}, &to, &outputs).ok());
}

TEST(VariableStoreTest, CopiesHaveTensorsOfTheirOwn) {
  VariableStore store;
  store.Set("w", Tensor::Of<float>({2, 1}, {1, -1}));
  VariableStore copy = store;
  VariableStore assigned;
  assigned = store;
  ASSERT_TRUE(RunOnce(DescentProgram(), {Tensor::Of<float>({2, 2}, {1, 0, 0, 1})}, &copy).ok());
  EXPECT_THAT(Values(*copy.Get("w")), ElementsAre(0, 0));
  EXPECT_THAT(Values(*store.Get("w")), ElementsAre(1, -1));
  EXPECT_THAT(Values(*assigned.Get("w")), ElementsAre(1, -1));
  store.Restore(store);
  EXPECT_THAT(Values(*store.Get("w")), ElementsAre(1, -1));
}

TEST(ExecutableTest, RunsFromSeveralThreadsWithAWorkspaceEach) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", F32({64, 64}));
  Program p{.name = "square", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("x", x);
  p.AddOutput("y", ops::Sum(ops::Relu(ops::MatMul(x, x))));
  auto function = Function::Create(p);
  ASSERT_TRUE(function.ok());
  std::vector<std::thread> threads;
  std::vector<int> ok(4, 0);  // not of bools, which share bytes
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Tensor fed = Tensor::Zeros(F32({64, 64}));
      for (int i = 0; i < 64; ++i) fed.mutable_data<float>()[65 * i] = static_cast<float>(t);
      bool all = true;
      for (int round = 0; round < 50; ++round) {
        std::vector<Tensor> out;
        all &= (*function)->Run({fed}, nullptr, &out).ok() &&
               out[0].item<float>() == static_cast<float>(64 * t * t);
      }
      ok[t] = all;
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_THAT(ok, ElementsAre(true, true, true, true));
  EXPECT_EQ((*function)->num_executables(), 1);
}

TEST(FunctionTest, CompilesOncePerBatchSizeAndChecksSymbols) {
  auto g = std::make_shared<Graph>();
  const Dim batch = Dim::Symbol("batch");
  const Var x = g->Input("x", F32({batch, 2}));
  const Var y = g->Input("y", F32({batch, 2}));
  Program p{.name = "mean", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("x", x);
  p.AddInput("y", y);
  p.AddOutput("mean", ops::Mean(x * y));
  auto function = Function::Create(p);
  ASSERT_TRUE(function.ok()) << function.status();
  std::vector<Tensor> out;
  for (int64_t rows : {3, 3, 1, 3}) {
    const Tensor fed = Tensor::Of<float>({rows, 2}, std::vector<float>(2 * rows, 2));
    ASSERT_TRUE((*function)->Run({fed, fed}, nullptr, &out).ok());
    EXPECT_EQ(out[0].item<float>(), 4);
  }
  EXPECT_EQ((*function)->num_executables(), 2);
  const absl::Status mixed =
      (*function)->Run({Tensor::Zeros(F32({3, 2})), Tensor::Zeros(F32({4, 2}))}, nullptr, &out);
  EXPECT_EQ(mixed.message(),
            "running program mean: input 'y' is f32[batch,2], but was given f32[4,2]: batch is 3 "
            "by input 'x'");
}

TEST(FunctionTest, ACsrMatrixOfAnySizeRunsOnOneExecutable) {
  auto g = std::make_shared<Graph>();
  const ops::CsrVar x = g->CsrInput("x", Dim::Symbol("batch"), 3);
  const Var w = g->Input("w", F32({3, 1}));
  Program p{.name = "sparse", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("x", x);
  p.AddInput("w", w);
  p.AddOutput("y", ops::MatMul(x, w));
  auto function = Function::Create(p);
  ASSERT_TRUE(function.ok()) << function.status();
  const Tensor weights = Tensor::Of<float>({3, 1}, {1, 10, 100});
  std::vector<Tensor> out, feed;
  auto two = CsrMatrix::Create(3, {0, 2, 3}, {0, 2, 1});
  ASSERT_TRUE(two.ok());
  AppendFeed(*two, &feed);
  feed.push_back(weights);
  ASSERT_TRUE((*function)->Run(feed, nullptr, &out).ok());
  EXPECT_THAT(Values(out[0]), ElementsAre(101, 10));
  feed.clear();
  auto one = CsrMatrix::Create(3, {0, 0, 1}, {2}, {0.5f});
  ASSERT_TRUE(one.ok());
  AppendFeed(*one, &feed);
  feed.push_back(weights);
  ASSERT_TRUE((*function)->Run(feed, nullptr, &out).ok());
  EXPECT_THAT(Values(out[0]), ElementsAre(0, 50));
  EXPECT_EQ((*function)->num_executables(), 1);

  // Ranges within the capacity, but beyond the entries.
  feed[0] = Tensor::Of<int64_t>({2, 2}, {0, 1, 1, 4});
  EXPECT_EQ((*function)->Run(feed, nullptr, &out).message(),
            "running program sparse: row 1 of input 'x.ranges' has the entries 1 to 4 (exclusive), "
            "but input 'x.columns' was given 1");
}

// Whatever reads the entries themselves needs to know how many there are.
TEST(FunctionTest, EntriesReadByOtherOpsAreNoCapacity) {
  auto g = std::make_shared<Graph>();
  const ops::CsrVar x = g->CsrInput("x", Dim::Symbol("batch"), 3);
  const Var w = g->Input("w", F32({3, 1}));
  ops::CsrVar scaled = x;
  scaled.values = x.values * 2.0;
  Program p{.name = "scaled", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("x", x);
  p.AddInput("w", w);
  p.AddOutput("y", ops::MatMul(scaled, w));
  p.AddOutput("mean", ops::Mean(x.values));
  p.AddOutput("values", x.values);
  auto function = Function::Create(p);
  ASSERT_TRUE(function.ok()) << function.status();
  auto matrix = CsrMatrix::Create(3, {0, 2, 3}, {0, 2, 1}, {1, 2, 3});
  ASSERT_TRUE(matrix.ok());
  std::vector<Tensor> out, feed;
  AppendFeed(*matrix, &feed);
  feed.push_back(Tensor::Of<float>({3, 1}, {1, 10, 100}));
  const absl::Status status = (*function)->Run(feed, nullptr, &out);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(Values(out[0]), ElementsAre(402, 60));
  EXPECT_THAT(Values(out[1]), ElementsAre(2));
  EXPECT_THAT(Values(out[2]), ElementsAre(1, 2, 3));

  auto concrete = Specialize(p, {{"batch", 2}, {"x_nnz", 8}});
  ASSERT_TRUE(concrete.ok()) << concrete.status();
  EXPECT_EQ(RunOnce(*concrete, feed).status().message(),
            "running program scaled: input 'x.columns' is i32[8], but was given i32[3]");
}

TEST(FunctionTest, KeepsTheExecutablesUsedLast) {
  auto g = std::make_shared<Graph>();
  const Var x = g->Input("x", F32({Dim::Symbol("n")}));
  Program p{.name = "sum", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  p.AddInput("x", x);
  p.AddOutput("sum", ops::Sum(x));
  auto function = Function::Create(p);
  ASSERT_TRUE(function.ok()) << function.status();
  const int limit = static_cast<int>(Function::kMaxExecutables);
  std::vector<Tensor> out;
  auto often = (*function)->ExecutableFor({Tensor::Zeros(F32({1}))});
  ASSERT_TRUE(often.ok());
  for (int n = 2; n < limit + 20; ++n) {
    for (const int64_t size : {1, n}) {
      const Tensor fed = Tensor::Of<float>({size}, std::vector<float>(size, 1));
      ASSERT_TRUE((*function)->Run({fed}, nullptr, &out).ok());
      EXPECT_EQ(out[0].item<float>(), static_cast<float>(size));
    }
  }
  EXPECT_EQ((*function)->num_executables(), limit);
  auto again = (*function)->ExecutableFor({Tensor::Zeros(F32({1}))});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *often);
  EXPECT_EQ((*function)->KernelCounts().at("sum/simd"), 2 * (limit + 18));
}

}  // namespace
}  // namespace adjoint::graph
