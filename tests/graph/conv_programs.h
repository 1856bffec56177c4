#ifndef ADJOINT_TESTS_GRAPH_CONV_PROGRAMS_H_
#define ADJOINT_TESTS_GRAPH_CONV_PROGRAMS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/philox.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/pool.h"
#include "ops/reduce.h"

// Programs of convolutions for the tests of passes on them.

// A namespace of its own: run_program.h, in the same binary, has an Outcome with other members.
namespace adjoint::graph::conv_programs {

using ops::Var;

inline Tensor Random(DType dtype, const Shape& shape, uint64_t stream) {
  Tensor t = Tensor::Empty({dtype, shape});
  PhiloxEngine engine({7, stream, 0});
  for (int64_t i = 0; i < t.size(); ++i) {
    const float x = 2 * UniformFloat(engine()) - 1;
    if (dtype == DType::kF32) {
      t.mutable_data<float>()[i] = x;
    } else {
      t.mutable_data<double>()[i] = x;
    }
  }
  return t;
}

// A network's outputs as a function of its inputs, the first of which is the image.
struct Case {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Var(const std::vector<Var>&)> network;
  // Kernels that the fused program must and must not run.
  std::vector<std::string> runs, runs_not = {};
  bool gradients = true;
};

inline Program BuildProgram(const Case& c, DType dtype) {
  auto graph = std::make_shared<Graph>();
  Program program{.name = "p", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  std::vector<Var> v;
  for (const Shape& shape : c.inputs) {
    const std::string name = absl::StrCat("x", v.size());
    v.push_back(graph->Input(name, {dtype, shape}));
    program.AddInput(name, v.back());
  }
  const Var y = c.network(v);
  program.AddOutput("y", y);
  if (c.gradients) {
    for (Var g : Gradients(ops::Sum(ops::Square(y)), v)) program.AddOutput("g", g);
  }
  EXPECT_TRUE(graph->status().ok()) << graph->status();
  return program;
}

struct Outcome {
  std::vector<Tensor> outputs;
  std::vector<std::string> kernels;
};

inline Outcome RunProgram(const Program& program, const std::vector<Tensor>& inputs,
                          const std::vector<std::string>& disabled,
                          const std::vector<std::string>& skip = {}) {
  CompileOptions options;
  options.passes.disabled = disabled;
  options.skip_kernels = skip;
  const auto exe = Executable::Compile(program, options);
  EXPECT_TRUE(exe.ok()) << exe.status();
  Outcome outcome;
  if (!exe.ok()) return outcome;
  for (const auto& step : (*exe)->Steps()) {
    outcome.kernels.push_back(step.kernel);
    if (absl::StrContains(step.kernel, "conv") && absl::StrContains(step.kernel, "/onednn")) {
      EXPECT_FALSE(step.implementation.empty()) << step.node;
    }
  }
  const auto workspace = (*exe)->NewWorkspace();
  EXPECT_TRUE(workspace.ok());
  const absl::Status status = (*exe)->Run(**workspace, inputs, nullptr, &outcome.outputs);
  EXPECT_TRUE(status.ok()) << status;
  return outcome;
}

// The largest difference beside the largest number.
inline double Difference(const Tensor& a, const Tensor& b) {
  double difference = 0, largest = 1e-30;
  for (int64_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(a.ValueAt(i) - b.ValueAt(i)));
    largest = std::max(largest, std::abs(a.ValueAt(i)));
  }
  return difference / largest;
}

inline ops::ConvOptions Last(std::vector<int64_t> pads = {}, int64_t groups = 1) {
  return {.pads_begin = pads, .pads_end = pads, .groups = groups, .channels_last = true};
}
inline ops::PoolOptions PoolLast(std::vector<int64_t> strides = {}) {
  return {.strides = std::move(strides), .channels_last = true};
}

inline std::vector<Tensor> InputsOf(const Case& c, DType dtype) {
  std::vector<Tensor> inputs;
  for (const Shape& shape : c.inputs) inputs.push_back(Random(dtype, shape, inputs.size()));
  return inputs;
}

}  // namespace adjoint::graph::conv_programs

#endif  // ADJOINT_TESTS_GRAPH_CONV_PROGRAMS_H_
