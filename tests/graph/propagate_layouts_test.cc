// Maps in blocks of channels: which values are kept so, and that the numbers stay.

#include "graph/passes/propagate_layouts.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/blocked_maps.h"
#include "ops/conv.h"
#include "ops/elementary.h"
#include "ops/fused_conv.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "tests/graph/conv_programs.h"
#include "tests/graph/run_program.h"

namespace adjoint::graph {
namespace {

using namespace conv_programs;
using ::testing::HasSubstr;

ops::ConvOptions First(std::vector<int64_t> pads = {}, int64_t groups = 1) {
  return {.pads_begin = pads, .pads_end = pads, .groups = groups};
}

// A network and how many of its program's values are kept in blocks; 16 channels make whole blocks
// on every processor.
struct LayoutCase {
  Case network;
  int blocked;
};

std::vector<LayoutCase> Cases() {
  const auto conv_relu = [](Var x, Var w, Var b, const ops::ConvOptions& options) {
    return ops::Relu(ops::Conv(x, w, b, options));
  };
  std::vector<LayoutCase> cases;
  // Channels first: all but what enters and leaves.
  cases.push_back({{"inference, channels first",
                    {{5, 3, 9, 8}, {16, 3, 3, 3}, {16}, {32, 16, 3, 3}, {32}, {16, 32, 1, 1}, {16}},
                    [=](const std::vector<Var>& v) {
                      Var y = conv_relu(v[0], v[1], v[2], First({1, 1}));
                      y = conv_relu(y, v[3], v[4], First({1, 1}));
                      return conv_relu(y, v[5], v[6], First());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   2});
  cases.push_back({{"a residual block",
                    {{3, 16, 7, 7}, {16, 16, 3, 3}, {16, 16, 3, 3}, {16, 16, 3, 3}, {8, 16, 1, 1}},
                    [=](const std::vector<Var>& v) {
                      const Var x = ops::Relu(ops::Conv(v[0], v[1], First({1, 1})));
                      const Var y = ops::Relu(ops::Conv(x, v[2], First({1, 1})));
                      const Var z = ops::Relu(ops::Conv(y, v[3], First({1, 1})) + x);
                      return ops::Conv(z, v[4], First());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   3});
  // What no convolution takes.
  cases.push_back({{"elementwise ops between",
                    {{3, 16, 7, 7}, {32, 16, 3, 3}, {16, 32, 3, 3}, {1, 1}},
                    [](const std::vector<Var>& v) {
                      const Var x = ops::Conv(v[0], v[1], First());
                      return ops::Conv(ops::Cos(x) * x * v[3], v[2], First());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   4});
  cases.push_back({{"a depthwise convolution, one axis",
                    {{3, 16, 20}, {16, 16, 1}, {16, 1, 5}, {8, 16, 1}},
                    [](const std::vector<Var>& v) {
                      Var y = ops::Relu(ops::Conv(v[0], v[1], First()));
                      y = ops::Relu(ops::Conv(y, v[2], First({2}, 16)));
                      return ops::Conv(y, v[3], First());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   2});
  cases.push_back({{"three axes",
                    {{2, 16, 5, 6, 4}, {16, 16, 3, 3, 3}, {16, 16, 3, 3, 3}},
                    [](const std::vector<Var>& v) {
                      const Var y = ops::Relu(ops::Conv(v[0], v[1], First({1, 1, 1})));
                      return ops::Conv(y, v[2], First({1, 1, 1}));
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   1});
  cases.push_back({{"one image, cut by channels",
                    {{1, 32, 28, 28}, {64, 32, 3, 3}, {64}, {80, 64, 3, 3}, {80}, {16, 80, 1, 1}},
                    [=](const std::vector<Var>& v) {
                      Var y = conv_relu(v[0], v[1], v[2], First({1, 1}));
                      y = conv_relu(y, v[3], v[4], First({1, 1}));
                      return ops::Conv(y, v[5], First());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   2});
  // Training: maps, indices, cotangents, and the signs of relu.
  cases.push_back({{"gradients, channels first, pooled",
                    {{9, 3, 12, 12}, {16, 3, 3, 3}, {16}, {32, 16, 3, 3}, {32}, {8, 32, 1, 1}},
                    [=](const std::vector<Var>& v) {
                      Var y = conv_relu(v[0], v[1], v[2], First({1, 1}));
                      y = conv_relu(ops::MaxPool(y, {2, 2}), v[3], v[4], First({1, 1}));
                      return ops::Conv(ops::MaxPool(y, {2, 2}), v[5], First());
                    },
                    {"fused_conv/onednn", "fused_conv_input_gradient/onednn",
                     "fused_conv_weights_gradient/onednn"},
                    {"fused_conv/reference", "max_unpool/maps"}},
                   // Of each convolution but the last: results, indices, their signs, what comes
                   // back to them and what goes on.
                   10});
  cases.push_back({{"gradients, channels last",
                    {{5, 8, 8, 3}, {32, 3, 3, 3}, {32}, {32, 32, 3, 3}, {32}, {32, 32, 3, 3}},
                    [=](const std::vector<Var>& v) {
                      Var y = conv_relu(v[0], v[1], v[2], Last({1, 1}));
                      y = conv_relu(y, v[3], v[4], Last({1, 1}));
                      return ops::Conv(y, v[5], Last());
                    },
                    {"fused_conv/onednn", "fused_conv_input_gradient/onednn",
                     "fused_conv_weights_gradient/onednn"}},
                   8});
  // Windows of one element at the end leave their operand as it is, for their result must be so.
  cases.push_back({{"one by one, channels last",
                    {{3, 8, 8, 32}, {32, 32, 3, 3}, {32, 32, 3, 3}, {64, 32, 1, 1}},
                    [](const std::vector<Var>& v) {
                      const Var y = ops::Relu(ops::Conv(v[0], v[1], Last({1, 1})));
                      return ops::Conv(ops::Relu(ops::Conv(y, v[2], Last({1, 1}))), v[3], Last());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   1});
  // What somebody else reads stays.
  cases.push_back({{"a sum reads it",
                    {{3, 16, 7, 7}, {16, 16, 3, 3}, {16, 16, 3, 3}},
                    [](const std::vector<Var>& v) {
                      const Var y = ops::Relu(ops::Conv(v[0], v[1], First()));
                      return ops::Sum(ops::Conv(y, v[2], First())) + ops::Sum(y);
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   0});
  cases.push_back({{"no whole blocks",
                    {{3, 16, 7, 7}, {12, 16, 3, 3}, {16, 12, 3, 3}},
                    [](const std::vector<Var>& v) {
                      return ops::Conv(ops::Conv(v[0], v[1], First()), v[2], First());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   0});
  cases.push_back({{"groups",
                    {{3, 16, 7, 7}, {32, 8, 3, 3}, {16, 16, 3, 3}},
                    [](const std::vector<Var>& v) {
                      return ops::Conv(ops::Conv(v[0], v[1], First({}, 2)), v[2], First({}, 2));
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   0});
  cases.push_back({{"few channels, at the end",
                    {{3, 7, 7, 16}, {16, 16, 3, 3}, {16, 16, 3, 3}},
                    [](const std::vector<Var>& v) {
                      return ops::Conv(ops::Relu(ops::Conv(v[0], v[1], Last())), v[2], Last());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   0});
  cases.push_back({{"a row at each place",
                    {{3, 7, 7, 32}, {32, 32, 3, 3}, {32, 32, 3, 3}, {32}},
                    [](const std::vector<Var>& v) {
                      const Var y = ops::Cos(ops::Conv(v[0], v[1], Last())) * v[3];
                      return ops::Conv(y, v[2], Last());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   0});
  cases.push_back({{"maps that are weights too",
                    {{16, 16, 4, 4}, {16, 16, 2, 2}},
                    [](const std::vector<Var>& v) {
                      const Var y = ops::Conv(v[0], v[1], First());
                      return ops::Conv(y, y, First());
                    },
                    {},
                    {},
                    /*gradients=*/false},
                   0});
  return cases;
}

Program Propagated(const Program& program) {
  Program propagated;
  CompileOptions options;
  options.passes.observe = [&](absl::string_view pass, const Program& p) {
    if (pass == "propagate_layouts") propagated = p;
  };
  EXPECT_TRUE(Executable::Compile(program, options).ok());
  return propagated;
}

// Values of [batch, channels / b, spatial..., b].
int CountBlocked(const Program& program, int rank) {
  int count = 0;
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    for (const TensorSpec& spec : program.graph->node(id).outputs) {
      count += spec.shape.rank() == rank + 1 ? 1 : 0;
    }
  }
  return count;
}

TEST(PropagateLayoutsTest, KeepsInBlocksWhatOnlyConvolutionsRead) {
  for (const LayoutCase& c : Cases()) {
    SCOPED_TRACE(c.network.name);
    const Program program = Propagated(BuildProgram(c.network, DType::kF32));
    EXPECT_EQ(CountBlocked(program, c.network.inputs[0].rank()), c.blocked) << program.ToString();
    EXPECT_EQ(
        CountBlocked(Propagated(BuildProgram(c.network, DType::kF64)), c.network.inputs[0].rank()),
        0);
  }
}

TEST(PropagateLayoutsTest, TheNumbersStay) {
  for (const LayoutCase& c : Cases()) {
    SCOPED_TRACE(c.network.name);
    const Program program = BuildProgram(c.network, DType::kF32);
    const std::vector<Tensor> inputs = InputsOf(c.network, DType::kF32);
    const Outcome blocked = RunProgram(program, inputs, {});
    const Outcome plain = RunProgram(program, inputs, {"propagate_layouts"});
    const Outcome reference = RunProgram(program, inputs, {}, {.skip_kernels = {"onednn"}});
    ASSERT_EQ(blocked.outputs.size(), plain.outputs.size());
    for (size_t i = 0; i < blocked.outputs.size(); ++i) {
      EXPECT_LE(Difference(blocked.outputs[i], plain.outputs[i]), 2e-6) << "output " << i;
      EXPECT_LE(Difference(blocked.outputs[i], reference.outputs[i]), 2e-6) << "output " << i;
    }
    for (const std::string& kernel : c.network.runs) {
      EXPECT_THAT(blocked.kernels, ::testing::Contains(kernel));
    }
    for (const std::string& kernel : c.network.runs_not) {
      EXPECT_THAT(blocked.kernels, ::testing::Not(::testing::Contains(kernel)));
    }
  }
}

TEST(PropagateLayoutsTest, BitsDoNotDependOnThreads) {
  for (const LayoutCase& c : Cases()) {
    SCOPED_TRACE(c.network.name);
    ExpectBitsDoNotDependOnThreads(BuildProgram(c.network, DType::kF32),
                                   InputsOf(c.network, DType::kF32));
  }
}

TEST(PropagateLayoutsTest, ShapeRulesOfBlocks) {
  const TensorSpec weights{DType::kF32, {16, 8, 3, 3}};
  Attrs attrs{{"strides", std::vector<int64_t>{1, 1}},
              {"pads_begin", std::vector<int64_t>{0, 0}},
              {"pads_end", std::vector<int64_t>{0, 0}},
              {"dilations", std::vector<int64_t>{1, 1}},
              {"groups", int64_t{1}},
              {"channels_last", false},
              {"activation", std::string()},
              {"bias", false},
              {"residual", false},
              {"x_block", int64_t{8}}};
  const auto infer = [&](const Shape& x) {
    const TensorSpec inputs[] = {{DType::kF32, x}, weights};
    return ops::InferOp(ops::FusedConvOp(), inputs, attrs);
  };
  const auto plain = infer({2, 1, 6, 5, 8});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ((*plain)[0].shape, (Shape{2, 16, 4, 3}));
  EXPECT_THAT(infer({2, 8, 6, 5}).status().message(),
              HasSubstr("the operand must be [batch, channels / 8, spatial..., 8], in blocks of "
                        "channels, but is f32[2,8,6,5]"));
  attrs.Set("y_block", int64_t{8});
  const auto blocked = infer({2, 1, 6, 5, 8});
  ASSERT_TRUE(blocked.ok()) << blocked.status();
  EXPECT_EQ((*blocked)[0].shape, (Shape{2, 2, 4, 3, 8}));
  attrs.Set("y_block", int64_t{12});
  EXPECT_THAT(infer({2, 1, 6, 5, 8}).status().message(),
              HasSubstr("16 channels do not make blocks of 12"));
}

}  // namespace
}  // namespace adjoint::graph
