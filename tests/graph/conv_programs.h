#ifndef ADJOINT_TESTS_GRAPH_CONV_PROGRAMS_H_
#define ADJOINT_TESTS_GRAPH_CONV_PROGRAMS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "tests/graph/run_program.h"

// Programs of convolutions for the tests of passes on them.

namespace adjoint::graph::conv_programs {

using ops::Var;

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

inline ops::ConvOptions Last(std::vector<int64_t> pads = {}, int64_t groups = 1) {
  return {.pads_begin = pads, .pads_end = pads, .groups = groups, .channels_last = true};
}
inline ops::PoolOptions PoolLast(std::vector<int64_t> strides = {}) {
  return {.strides = std::move(strides), .channels_last = true};
}

inline std::vector<Tensor> InputsOf(const Case& c, DType dtype) {
  std::vector<Tensor> inputs;
  for (const Shape& shape : c.inputs) inputs.push_back(Random(dtype, shape, inputs.size(), 1));
  return inputs;
}

}  // namespace adjoint::graph::conv_programs

#endif  // ADJOINT_TESTS_GRAPH_CONV_PROGRAMS_H_
