// Convolutions, pooling and normalizations beside PyTorch's (tests/golden/spatial_torch.py), ops
// with gradients in f64 and layers by a step of training.

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "graph/executable.h"
#include "graph/gradients.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nn/nn.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/resize.h"
#include "ops/sample_maps.h"
#include "ops/unfold.h"
#include "optim/sgd.h"

namespace adjoint::nn {
namespace {

using Json = nlohmann::json;
using Ints = std::vector<int64_t>;

const Json& Golden() {
  static const Json* const golden = [] {
    std::ifstream in("tests/golden/spatial_torch.json");
    return new Json(Json::parse(in, nullptr, /*allow_exceptions=*/false));
  }();
  return *golden;
}

// As the script makes them.
Tensor OperandOf(int k, const Shape& shape, DType dtype) {
  Tensor t = Tensor::Empty({dtype, shape});
  for (int64_t i = 0; i < t.size(); ++i) {
    const double v = std::sin(1.3 * static_cast<double>(i) + 0.7 * k + 0.4);
    if (dtype == DType::kF64) {
      t.mutable_data<double>()[i] = v;
    } else {
      t.mutable_data<float>()[i] = static_cast<float>(v);
    }
  }
  return t;
}

void ExpectNear(const Tensor& actual, const Json& expected, double tolerance,
                const std::string& what) {
  ASSERT_EQ(actual.size(), static_cast<int64_t>(expected.size())) << what;
  for (int64_t i = 0; i < actual.size(); ++i) {
    const double want = expected[i].get<double>();
    EXPECT_NEAR(actual.ValueAt(i), want, tolerance * std::max(1.0, std::abs(want)))
        << what << ", element " << i;
  }
}

Var Apply(const Json& c, const std::vector<Var>& x) {
  const Json& a = c["attrs"];
  const std::string function = c["function"];
  const auto ints = [&](const char* name) { return a.value(name, Ints()); };
  const ops::PoolOptions pool{.strides = ints("strides"),
                              .pads_begin = ints("pads"),
                              .pads_end = ints("pads"),
                              .dilations = ints("dilations"),
                              .ceil_mode = a.value("ceil_mode", false)};
  if (function == "conv") {
    const ops::ConvOptions options{.strides = ints("strides"),
                                   .pads_begin = ints("pads"),
                                   .pads_end = ints("pads"),
                                   .dilations = ints("dilations"),
                                   .groups = a["groups"]};
    return x.size() > 2 ? ops::Conv(x[0], x[1], x[2], options) : ops::Conv(x[0], x[1], options);
  }
  if (function == "conv_transpose") {
    return ops::ConvTranspose(x[0], x[1],
                              {.strides = ints("strides"),
                               .pads_begin = ints("pads"),
                               .pads_end = ints("pads"),
                               .dilations = ints("dilations"),
                               .output_padding = ints("output_padding"),
                               .groups = a["groups"]});
  }
  if (function == "max_pool") return ops::MaxPool(x[0], ints("kernel"), pool);
  if (function == "average_pool") {
    return ops::AveragePool(
        x[0], ints("kernel"), pool,
        a["count_include_pad"].get<bool>() ? ops::PoolDivisor::kPadded : ops::PoolDivisor::kInside);
  }
  if (function == "lp_pool") return ops::LpPool(x[0], ints("kernel"), a["p"], pool);
  if (function == "adaptive_average_pool") return ops::AdaptiveAveragePool(x[0], ints("extents"));
  if (function == "adaptive_max_pool") return ops::AdaptiveMaxPool(x[0], ints("extents"));
  if (function == "max_unpool") {
    const ops::MaxPoolResult r = ops::MaxPoolWithIndices(x[0], ints("kernel"));
    return ops::MaxUnpool(r.values, r.indices, x[0].shape());
  }
  if (function == "resize") {
    const std::string mode = a["mode"];
    const bool corners = a["align_corners"];
    Ints sizes = {-1, -1};
    for (int64_t size : ints("sizes")) sizes.push_back(size);
    ops::ResizeOptions options;
    if (mode == "nearest") {
      options.coordinates = ops::CoordinateMode::kAsymmetric;
      options.nearest = ops::NearestMode::kFloor;
    } else {
      options.interpolation =
          mode == "linear" ? ops::Interpolation::kLinear : ops::Interpolation::kCubic;
      if (corners) options.coordinates = ops::CoordinateMode::kAlignCorners;
    }
    return ops::Resize(x[0], sizes, options);
  }
  if (function == "grid_sample") {
    const std::string mode = a["mode"], padding = a["padding"];
    return ops::GridSample(x[0], x[1] * 1.3,
                           {.interpolation = mode == "nearest"    ? ops::Interpolation::kNearest
                                             : mode == "bilinear" ? ops::Interpolation::kLinear
                                                                  : ops::Interpolation::kCubic,
                            .padding = padding == "zeros"    ? ops::SamplePadding::kZeros
                                       : padding == "border" ? ops::SamplePadding::kBorder
                                                             : ops::SamplePadding::kReflection,
                            .align_corners = a["align_corners"]});
  }
  const ops::UnfoldOptions unfold{.strides = ints("strides"),
                                  .pads_begin = ints("pads"),
                                  .pads_end = ints("pads"),
                                  .dilations = ints("dilations")};
  if (function == "unfold") return ops::Unfold(x[0], ints("kernel"), unfold);
  if (function == "fold") {
    const Ints e = ints("extents");
    return ops::Fold(x[0], Shape{2, 2, e[0], e[1]}, ints("kernel"), unfold);
  }
  ADD_FAILURE() << "no function " << function;
  return x[0];
}

TEST(SpatialGoldenTest, OpsAndGradients) {
  ASSERT_FALSE(Golden().is_discarded());
  ASSERT_GE(Golden()["cases"].size(), 20u);
  for (const Json& c : Golden()["cases"]) {
    const std::string what = c["function"].get<std::string>() + c["attrs"].dump();
    auto graph = std::make_shared<graph::Graph>();
    graph::Program program{
        .name = "case", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
    std::vector<Var> xs;
    std::vector<Tensor> inputs;
    for (size_t k = 0; k < c["shapes"].size(); ++k) {
      inputs.push_back(
          OperandOf(static_cast<int>(k), Shape::Of(c["shapes"][k].get<Ints>()), DType::kF64));
      xs.push_back(graph->Input("x" + std::to_string(k), inputs.back().spec()));
      program.AddInput("x" + std::to_string(k), xs.back());
    }
    const Var y = Apply(c, xs);
    ASSERT_TRUE(graph->status().ok()) << graph->status();
    ASSERT_EQ(y.shape(), Shape::Of(c["shape"].get<Ints>())) << what;
    program.AddOutput("y", y);
    const Var sum = ops::Sum(y * ops::Constant(*graph, OperandOf(9, y.shape(), DType::kF64)));
    for (const Var& g : graph::Gradients({sum}, xs)) program.AddOutput("g", g);
    for (size_t k = 0; k < program.outputs.size(); ++k) {
      program.outputs[k].name = "y" + std::to_string(k);
    }
    auto exe = graph::Executable::Compile(program, {});
    ASSERT_TRUE(exe.ok()) << exe.status();
    auto workspace = (*exe)->NewWorkspace();
    std::vector<Tensor> outputs;
    ASSERT_TRUE((*exe)->Run(**workspace, inputs, nullptr, &outputs).ok());
    ExpectNear(outputs[0], c["result"], 1e-12, what);
    for (size_t k = 0; k < xs.size(); ++k) {
      ExpectNear(outputs[1 + k], c["gradients"][k], 1e-12, what + " gradient");
    }
  }
}

// One layer, its trained variables made as operands 1, 2, ..., trained for one step.
void CheckLayer(const std::string& name, LayerHandle layer) {
  SCOPED_TRACE(name);
  const Json& golden = Golden()["layers"][name];
  const Tensor x = OperandOf(0, Shape::Of(golden["shape"].get<Ints>()), DType::kF32);
  Sequential model({layer});
  ASSERT_TRUE(model.Compile(optim::MakeSgd({.learning_rate = 0.1}), "mean_squared_error").ok());
  ASSERT_TRUE(model.Build(x).ok());
  std::vector<std::string> trained;
  int k = 1;
  for (const std::string& variable : model.WeightNames()) {
    if (variable.find("moving") != std::string::npos) continue;
    trained.push_back(variable);
    const TensorSpec spec = model.variables().Get(variable)->spec();
    model.mutable_variables().Set(variable, OperandOf(k++, spec.shape, DType::kF32));
  }
  const bool by_batch = name == "batch_normalization";
  Shape shape;
  if (!by_batch) {
    auto y = model.Predict(x);
    ASSERT_TRUE(y.ok()) << y.status();
    ExpectNear(*y, golden["output"], 2e-5, "output");
    shape = y->shape();
  } else {
    shape = x.shape();
  }
  const FitOptions fit{.batch_size = x.shape()[0], .shuffle = false, .verbose = 0};
  auto history = model.Fit(x, OperandOf(8, shape, DType::kF32), fit);
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_NEAR((*history)["loss"][0], golden["loss"].get<double>(), 2e-5);
  for (size_t i = 0; i < trained.size(); ++i) {
    ExpectNear(*model.variables().Get(trained[i]), golden["parameters"][i], 2e-5, trained[i]);
  }
  if (by_batch) {
    for (const char* moving : {"moving_mean", "moving_variance"}) {
      ExpectNear(*model.variables().Get("batch_normalization/" + std::string(moving)),
                 golden[moving], 1e-6, moving);
    }
  }
}

TEST(SpatialGoldenTest, Layers) {
  CheckLayer("batch_normalization", BatchNormalization());
  CheckLayer("layer_normalization", LayerNormalization());
  CheckLayer("group_normalization", GroupNormalization({.groups = 3, .axis = 1}));
  CheckLayer("conv", Conv2D(4, 3, {.strides = 2, .padding = "same"}));
  CheckLayer("depthwise",
             DepthwiseConv2D(3, {.strides = 2, .padding = "same", .depth_multiplier = 2}));
  CheckLayer("separable",
             SeparableConv2D(4, 3, {.strides = 2, .padding = "same", .depth_multiplier = 2}));
  CheckLayer("transposed", Conv2DTranspose(4, 3, {.strides = 2, .padding = "same"}));
}

}  // namespace
}  // namespace adjoint::nn
