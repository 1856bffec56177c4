// Quantization beside the examples of the ONNX operators' documentation, and its gradients.

#include "ops/quantize.h"

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "core/tensor.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"

namespace adjoint::ops {
namespace {

// The outputs of a graph made of constants.
std::vector<Tensor> RunGraph(const std::function<std::vector<Var>(graph::Graph&)>& build) {
  auto g = std::make_shared<graph::Graph>();
  graph::Program program;
  program.graph = g;
  for (const Var v : build(*g)) program.AddOutput("y", v);
  EXPECT_TRUE(g->status().ok()) << g->status();
  std::vector<Tensor> outputs;
  const auto executable = graph::Executable::Compile(program);
  EXPECT_TRUE(executable.ok()) << executable.status();
  if (!executable.ok()) return outputs;
  const auto workspace = (*executable)->NewWorkspace();
  const absl::Status status = (*executable)->Run(**workspace, {}, nullptr, &outputs);
  EXPECT_TRUE(status.ok()) << status;
  return outputs;
}

std::vector<double> ValuesOf(const Tensor& t) {
  std::vector<double> values;
  for (int64_t i = 0; i < t.size(); ++i) values.push_back(t.ValueAt(i));
  return values;
}

using Doubles = std::vector<double>;

TEST(QuantizeTest, LinearAsInOnnx) {
  const auto y = RunGraph([](graph::Graph& g) {
    const Var x = Constant(g, Tensor::Of<float>({6}, {0, 2, 3, 1000, -254, -1000}));
    const Var zero = Constant(g, Tensor::Scalar<uint8_t>(128));
    const Var q = Constant(g, Tensor::Of<uint8_t>({4}, {0, 3, 128, 255}));
    return std::vector<Var>{QuantizeLinear(x, 2.0, zero), DequantizeLinear(q, 2.0, zero)};
  });
  EXPECT_EQ(y[0].spec(), (TensorSpec{DType::kU8, Shape{6}}));
  EXPECT_EQ(ValuesOf(y[0]), (Doubles{128, 129, 130, 255, 1, 0}));
  EXPECT_EQ(ValuesOf(y[1]), (Doubles{-256, -250, 0, 254}));
}

TEST(QuantizeTest, HalvesGoToTheEvenNumberAndNanToZero) {
  const auto y = RunGraph([](graph::Graph& g) {
    const Var x = Constant(g, Tensor::Of<float>({6}, {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, NAN}));
    return std::vector<Var>{QuantizeLinear(x, 1.0, DType::kI8)};
  });
  EXPECT_EQ(ValuesOf(y[0]), (Doubles{0, 2, 2, 0, -2, 0}));
}

TEST(QuantizeTest, DynamicallyAsInOnnx) {
  const auto y = RunGraph([](graph::Graph& g) {
    const auto all = [&](std::initializer_list<float> values) {
      const DynamicallyQuantized q = DynamicQuantizeLinear(
          Constant(g, Tensor::Of<float>({static_cast<int64_t>(values.size())}, values)));
      return std::vector<Var>{q.y, q.scale, q.zero_point};
    };
    std::vector<Var> vars = all({0, 2, -3, -2.5f, 1.34f, 0.5f});
    for (const Var v : all({-1, -2.1f, -1.3f, -2.5f, -3.34f, -4})) vars.push_back(v);
    for (const Var v : all({0, 0})) vars.push_back(v);
    return vars;
  });
  EXPECT_EQ(ValuesOf(y[0]), (Doubles{153, 255, 0, 26, 221, 179}));
  EXPECT_FLOAT_EQ(y[1].item<float>(), 0.0196078438f);
  EXPECT_EQ(y[2].item<uint8_t>(), 153);
  EXPECT_EQ(ValuesOf(y[3]), (Doubles{191, 121, 172, 96, 42, 0}));
  EXPECT_FLOAT_EQ(y[4].item<float>(), 0.0156862754f);
  EXPECT_EQ(y[5].item<uint8_t>(), 255);
  EXPECT_EQ(ValuesOf(y[6]), (Doubles{0, 0}));
  EXPECT_EQ(y[7].item<float>(), 1);
}

TEST(QuantizeTest, ProductsAsInOnnx) {
  const auto y = RunGraph([](graph::Graph& g) {
    const auto bytes = [&](const Shape& shape, std::initializer_list<uint8_t> values) {
      return Constant(g, Tensor::Of<uint8_t>(shape, values));
    };
    const auto number = [&](float value) { return Constant(g, Tensor::Scalar(value)); };
    const Var integer =
        MatMulInteger(bytes({4, 3}, {11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0}),
                      bytes({3, 2}, {1, 4, 2, 5, 3, 6}), bytes({1}, {12}), bytes({1}, {0}));
    const Var quantized = QuantizedMatMul(
        {bytes({2, 4}, {208, 236, 0, 238, 3, 214, 255, 29}), number(0.0066f), bytes({1}, {113})},
        {bytes({4, 3}, {152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247}), number(0.00705f),
         bytes({1}, {114})},
        number(0.0107f), bytes({1}, {118}));
    return std::vector<Var>{integer, quantized};
  });
  EXPECT_EQ(ValuesOf(y[0]), (Doubles{-38, -83, -44, -98, -50, -113, -56, -128}));
  EXPECT_EQ(ValuesOf(y[1]), (Doubles{168, 115, 255, 1, 66, 151}));
  EXPECT_EQ(y[1].dtype(), DType::kU8);
}

TEST(QuantizeTest, FakeQuantizeRoundsAndLetsTheGradientThrough) {
  const auto y = RunGraph([](graph::Graph& g) {
    const Var x = Constant(g, Tensor::Of<float>({5}, {-1, 0, 0.3f, 0.74f, 9}));
    // 0 .. 3, of which 1 stands for 0: -0.5 .. 1.
    const Var y = FakeQuantize(x, 0.5, 1, 0, 3);
    return std::vector<Var>{y, graph::Gradients(Sum(y * y), {x})[0]};
  });
  EXPECT_EQ(ValuesOf(y[0]), (Doubles{-0.5, 0, 0.5, 0.5, 1}));
  EXPECT_EQ(ValuesOf(y[1]), (Doubles{0, 0, 1, 1, 0}));
}

TEST(QuantizeTest, DequantizeIsDifferentiableInTheScale) {
  const auto y = RunGraph([](graph::Graph& g) {
    const Var q = Constant(g, Tensor::Of<int8_t>({3}, {-4, 5, 127}));
    const Var scale = Constant(g, Tensor::Scalar(0.5f));
    return graph::Gradients(Sum(DequantizeLinear(q, scale)), {scale});
  });
  EXPECT_EQ(y[0].item<float>(), 128);
}

}  // namespace
}  // namespace adjoint::ops
