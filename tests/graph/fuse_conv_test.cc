// Fused convolutions: what the passes make of a network, and that the numbers stay.

#include "graph/passes/fuse_conv.h"

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "tests/graph/conv_programs.h"
#include "tests/graph/run_program.h"

namespace adjoint::graph {
namespace {

using namespace conv_programs;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<std::string> kConvPasses = {"pool_before_relu", "fuse_conv", "propagate_layouts"};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  cases.push_back({"two blocks",
                   {{37, 12, 11, 3}, {8, 3, 3, 3}, {8}, {16, 8, 3, 3}, {16}},
                   [](const std::vector<Var>& v) {
                     Var y = ops::Relu(ops::Conv(v[0], v[1], v[2], Last()));
                     y = ops::MaxPool(y, {2, 2}, PoolLast());
                     y = ops::Relu(ops::Conv(y, v[3], v[4], Last({1, 1})));
                     return ops::MaxPool(y, {2, 2}, PoolLast());
                   },
                   {"fused_conv/onednn", "fused_conv_input_gradient/onednn",
                    "fused_conv_weights_gradient/onednn"},
                   {"max_pool/simd", "max_unpool/maps", "conv/onednn"}});
  cases.push_back(
      {"prediction",
       {{5, 12, 11, 3}, {8, 3, 3, 3}, {8}},
       [](const std::vector<Var>& v) {
         return ops::MaxPool(ops::Relu(ops::Conv(v[0], v[1], v[2], Last())), {2, 2}, PoolLast());
       },
       {"fused_conv/onednn"},
       {"max_pool/simd", "relu/simd"},
       /*gradients=*/false});
  cases.push_back({"overlapping windows, tanh",
                   {{9, 10, 10, 4}, {8, 4, 3, 3}, {8}},
                   [](const std::vector<Var>& v) {
                     return ops::Tanh(ops::MaxPool(ops::Conv(v[0], v[1], v[2], Last()), {3, 2},
                                                   PoolLast({2, 1})));
                   },
                   {"fused_conv/onednn", "fused_conv_weights_gradient/onednn"},
                   {"max_pool/simd", "max_unpool/maps"}});
  cases.push_back({"overlapping windows after relu",
                   {{9, 10, 10, 4}, {8, 4, 3, 3}, {8}},
                   [](const std::vector<Var>& v) {
                     return ops::MaxPool(ops::Relu(ops::Conv(v[0], v[1], v[2], Last())), {3, 3},
                                         PoolLast({2, 2}));
                   },
                   {"fused_conv/onednn", "fused_conv_weights_gradient/onednn"},
                   {"max_pool/simd", "max_unpool/maps"}});
  cases.push_back({"channels first",
                   {{6, 3, 9, 8}, {8, 3, 3, 3}, {8}},
                   [](const std::vector<Var>& v) {
                     return ops::MaxPool(ops::Relu(ops::Conv(v[0], v[1], v[2])), {2, 2});
                   },
                   {"fused_conv/onednn", "fused_conv_weights_gradient/onednn"},
                   {"max_pool/simd"}});
  cases.push_back({"a bias added, groups, sigmoid",
                   {{6, 7, 7, 8}, {16, 4, 3, 3}, {16}},
                   [](const std::vector<Var>& v) {
                     return ops::Sigmoid(ops::Conv(v[0], v[1], Last({}, 2)) + v[2]);
                   },
                   {"fused_conv/onednn", "fused_conv_weights_gradient/onednn"},
                   {"conv/onednn", "add/simd"}});
  cases.push_back({"a residual",
                   {{6, 8, 8, 16}, {16, 16, 3, 3}, {16}},
                   [](const std::vector<Var>& v) {
                     return ops::Relu(ops::Conv(v[0], v[1], v[2], Last({1, 1})) + v[0]);
                   },
                   {"fused_conv/onednn"},
                   {"conv/onednn", "relu/simd"}});
  cases.push_back(
      {"two convolutions added",
       {{6, 8, 8, 16}, {16, 16, 3, 3}, {16, 16, 1, 1}},
       [](const std::vector<Var>& v) {
         return ops::Relu(ops::Conv(v[0], v[1], Last({1, 1})) + ops::Conv(v[0], v[2], Last()));
       },
       {"fused_conv/onednn", "conv/onednn"},
       {"relu/simd"}});
  cases.push_back({"one image, cut by channels",
                   {{1, 28, 28, 32}, {64, 32, 3, 3}, {64}},
                   [](const std::vector<Var>& v) {
                     return ops::Relu(ops::Conv(v[0], v[1], v[2], Last({1, 1})));
                   },
                   {"fused_conv/onednn"},
                   {"relu/simd"},
                   /*gradients=*/false});
  cases.push_back({"one axis",
                   {{40, 50, 8}, {16, 8, 5}, {16}},
                   [](const std::vector<Var>& v) {
                     return ops::MaxPool(ops::Relu(ops::Conv(v[0], v[1], v[2], Last())), {4},
                                         PoolLast());
                   },
                   {"fused_conv/onednn", "fused_conv_weights_gradient/onednn"},
                   {"max_pool/simd"}});
  // Scales: with gradients, what is scaled is read twice and stays.
  cases.push_back({"a scale and a bias a channel, a residual",
                   {{6, 8, 8, 16}, {16, 16, 3, 3}, {16}, {16}},
                   [](const std::vector<Var>& v) {
                     return ops::Relu(ops::Conv(v[0], v[1], Last({1, 1})) * v[2] + v[3] + v[0]);
                   },
                   {"fused_conv/onednn"},
                   {"conv/onednn", "fused_elementwise/simd", "mul/simd", "relu/simd"},
                   /*gradients=*/false});
  cases.push_back({"a scale a channel, pooled",
                   {{6, 8, 8, 3}, {8, 3, 3, 3}, {8}},
                   [](const std::vector<Var>& v) {
                     return ops::MaxPool(v[2] * ops::Conv(v[0], v[1], Last()), {2, 2}, PoolLast());
                   },
                   {"fused_conv/onednn"},
                   {"conv/onednn", "mul/simd", "max_pool/simd"},
                   /*gradients=*/false});
  cases.push_back({"a number, channels first",
                   {{6, 3, 9, 8}, {8, 3, 3, 3}, {1, 1}},
                   [](const std::vector<Var>& v) { return ops::Conv(v[0], v[1]) * v[2]; },
                   {"fused_conv/onednn"},
                   {"conv/onednn", "mul/simd"},
                   /*gradients=*/false});
  cases.push_back({"a scale, one image, cut by channels",
                   {{1, 28, 28, 32}, {64, 32, 3, 3}, {64}, {64}},
                   [](const std::vector<Var>& v) {
                     return ops::Relu(ops::Conv(v[0], v[1], Last({1, 1})) * v[2] + v[3]);
                   },
                   {"fused_conv/onednn"},
                   {"mul/simd", "relu/simd"},
                   /*gradients=*/false});
  cases.push_back(
      {"a scale with gradients",
       {{6, 7, 7, 8}, {16, 8, 3, 3}, {16}},
       [](const std::vector<Var>& v) { return ops::Sigmoid(ops::Conv(v[0], v[1], Last()) * v[2]); },
       {"conv/onednn"}});
  cases.push_back({"along columns, no scale of channels",
                   {{6, 7, 7, 8}, {16, 8, 3, 3}, {5, 1}},
                   [](const std::vector<Var>& v) { return ops::Conv(v[0], v[1], Last()) * v[2]; },
                   {"conv/onednn"},
                   {},
                   /*gradients=*/false});
  // What is read elsewhere stays.
  cases.push_back({"relu read twice",
                   {{4, 8, 8, 3}, {8, 3, 3, 3}, {8}},
                   [](const std::vector<Var>& v) {
                     const Var y = ops::Relu(ops::Conv(v[0], v[1], v[2], Last()));
                     return ops::Sum(ops::MaxPool(y, {2, 2}, PoolLast())) + ops::Sum(y);
                   },
                   {"fused_conv/onednn", "max_pool/simd"}});
  cases.push_back({"relu's sign read twice",
                   {{4, 8, 8, 3}, {8, 3, 3, 3}, {8}},
                   [](const std::vector<Var>& v) {
                     const ops::MaxPoolResult pooled = ops::MaxPoolWithIndices(
                         ops::Relu(ops::Conv(v[0], v[1], v[2], Last())), {2, 2}, PoolLast());
                     return ops::Sum(pooled.values) +
                            ops::Sum(ops::MaxUnpool(pooled.values, pooled.indices,
                                                    Shape{4, 6, 6, 8}, ops::PoolIndices::kPlane,
                                                    true));
                   },
                   {"max_pool/simd", "max_unpool/maps"}});
  return cases;
}

// A training step of convolution, relu, pooling, and a residual block.
TEST(FuseConvTest, WhatThePassesMake) {
  const Case c = {"p",
                  {{2, 6, 6, 3}, {4, 3, 3, 3}, {4}, {4, 4, 1, 1}},
                  [](const std::vector<Var>& v) {
                    const Var pooled = ops::MaxPool(ops::Relu(ops::Conv(v[0], v[1], v[2], Last())),
                                                    {2, 2}, PoolLast());
                    return ops::Relu(ops::Conv(pooled, v[3], Last()) + pooled);
                  },
                  {}};
  std::map<std::string, std::string> dumps;
  CompileOptions options;
  options.passes.observe = [&](absl::string_view pass, const Program& p) {
    std::string& text = dumps[std::string(pass)];
    // Without ports and the places in the source.
    for (absl::string_view line : absl::StrSplit(p.ToString(), '\n')) {
      if (absl::StrContains(line, " -> ")) {
        absl::StrAppend(&text, line.substr(0, line.find("   # ")), "\n");
      }
    }
  };
  ASSERT_TRUE(Executable::Compile(BuildProgram(c, DType::kF32), options).ok());
  EXPECT_EQ(dumps["pool_before_relu"],
            R"(  %0: input(){dtype=f32, name='x0', shape=[2,6,6,3]} -> f32[2,6,6,3]
  %1: input(){dtype=f32, name='x1', shape=[4,3,3,3]} -> f32[4,3,3,3]
  %2: input(){dtype=f32, name='x2', shape=[4]} -> f32[4]
  %3: input(){dtype=f32, name='x3', shape=[4,4,1,1]} -> f32[4,4,1,1]
  %4: conv(%0:x0 f32[2,6,6,3], %1:x1 f32[4,3,3,3], %2:x2 f32[4]){channels_last=true, dilations=[1,1], groups=1, pads_begin=[0,0], pads_end=[0,0], strides=[1,1]} -> f32[2,4,4,4]
  %5: max_pool(%4 f32[2,4,4,4]){ceil_mode=false, channels_last=true, dilations=[1,1], indices='plane', kernel=[2,2], pads_begin=[0,0], pads_end=[0,0], strides=[2,2]} -> f32[2,2,2,4], i32[2,2,2,4]
  %6: relu(%5.0 f32[2,2,2,4]) -> f32[2,2,2,4]
  %7: conv(%6 f32[2,2,2,4], %3:x3 f32[4,4,1,1]){channels_last=true, dilations=[1,1], groups=1, pads_begin=[0,0], pads_end=[0,0], strides=[1,1]} -> f32[2,2,2,4]
  %8: add(%7 f32[2,2,2,4], %6 f32[2,2,2,4]) -> f32[2,2,2,4]
  %9: relu(%8 f32[2,2,2,4]) -> f32[2,2,2,4]
  %10: constant(){value=f32[1,1,1,1] {1}} -> f32[1,1,1,1]
  %11: broadcast_to(%10 f32[1,1,1,1]){shape=[2,2,2,4]} -> f32[2,2,2,4]
  %12: constant(){value=f32[] {2}} -> f32[]
  %13: mul(%9 f32[2,2,2,4], %12 f32[]) -> f32[2,2,2,4]
  %14: mul(%11 f32[2,2,2,4], %13 f32[2,2,2,4]) -> f32[2,2,2,4]
  %15: constant(){value=f32[] {0}} -> f32[]
  %16: greater(%9 f32[2,2,2,4], %15 f32[]) -> bool[2,2,2,4]
  %17: where(%16 bool[2,2,2,4], %14 f32[2,2,2,4], %15 f32[]) -> f32[2,2,2,4]
  %18: conv_input_gradient(%17 f32[2,2,2,4], %3:x3 f32[4,4,1,1]){channels_last=true, dilations=[1,1], groups=1, pads_begin=[0,0], pads_end=[0,0], shape=[2,2,2,4], strides=[1,1]} -> f32[2,2,2,4]
  %19: conv_weights_gradient(%6 f32[2,2,2,4], %17 f32[2,2,2,4]){channels_last=true, dilations=[1,1], groups=1, kernel=[1,1], pads_begin=[0,0], pads_end=[0,0], strides=[1,1]} -> f32[4,4,1,1]
  %20: add(%17 f32[2,2,2,4], %18 f32[2,2,2,4]) -> f32[2,2,2,4]
  %21: greater(%6 f32[2,2,2,4], %15 f32[]) -> bool[2,2,2,4]
  %22: where(%21 bool[2,2,2,4], %20 f32[2,2,2,4], %15 f32[]) -> f32[2,2,2,4]
  %23: max_unpool(%22 f32[2,2,2,4], %5.1 i32[2,2,2,4]){channels_last=true, indices='plane', shape=[2,4,4,4]} -> f32[2,4,4,4]
  %24: conv_input_gradient(%23 f32[2,4,4,4], %1:x1 f32[4,3,3,3]){channels_last=true, dilations=[1,1], groups=1, pads_begin=[0,0], pads_end=[0,0], shape=[2,6,6,3], strides=[1,1]} -> f32[2,6,6,3]
  %25: conv_weights_gradient(%0:x0 f32[2,6,6,3], %23 f32[2,4,4,4]){channels_last=true, dilations=[1,1], groups=1, kernel=[3,3], pads_begin=[0,0], pads_end=[0,0], strides=[1,1]} -> f32[4,3,3,3]
  %26: sum(%23 f32[2,4,4,4]){axes=[0,1,2], keepdims=false} -> f32[4]
)");
  EXPECT_EQ(dumps["fuse_conv"],
            R"(  %0: input(){dtype=f32, name='x0', shape=[2,6,6,3]} -> f32[2,6,6,3]
  %1: input(){dtype=f32, name='x1', shape=[4,3,3,3]} -> f32[4,3,3,3]
  %2: input(){dtype=f32, name='x2', shape=[4]} -> f32[4]
  %3: input(){dtype=f32, name='x3', shape=[4,4,1,1]} -> f32[4,4,1,1]
  %4: fused_conv(%0:x0 f32[2,6,6,3], %1:x1 f32[4,3,3,3], %2:x2 f32[4]){activation='relu', bias=true, channels_last=true, dilations=[1,1], groups=1, indices=true, pads_begin=[0,0], pads_end=[0,0], pool=[2,2,2,2], residual=false, strides=[1,1]} -> f32[2,2,2,4], i32[2,2,2,4]
  %5: fused_conv(%4.0 f32[2,2,2,4], %3:x3 f32[4,4,1,1], %4.0 f32[2,2,2,4]){activation='relu', bias=false, channels_last=true, dilations=[1,1], groups=1, pads_begin=[0,0], pads_end=[0,0], residual=true, strides=[1,1]} -> f32[2,2,2,4]
  %6: constant(){value=f32[1,1,1,1] {1}} -> f32[1,1,1,1]
  %7: broadcast_to(%6 f32[1,1,1,1]){shape=[2,2,2,4]} -> f32[2,2,2,4]
  %8: constant(){value=f32[] {2}} -> f32[]
  %9: mul(%5 f32[2,2,2,4], %8 f32[]) -> f32[2,2,2,4]
  %10: mul(%7 f32[2,2,2,4], %9 f32[2,2,2,4]) -> f32[2,2,2,4]
  %11: constant(){value=f32[] {0}} -> f32[]
  %12: greater(%5 f32[2,2,2,4], %11 f32[]) -> bool[2,2,2,4]
  %13: where(%12 bool[2,2,2,4], %10 f32[2,2,2,4], %11 f32[]) -> f32[2,2,2,4]
  %14: conv_input_gradient(%13 f32[2,2,2,4], %3:x3 f32[4,4,1,1]){channels_last=true, dilations=[1,1], groups=1, pads_begin=[0,0], pads_end=[0,0], shape=[2,2,2,4], strides=[1,1]} -> f32[2,2,2,4]
  %15: conv_weights_gradient(%4.0 f32[2,2,2,4], %13 f32[2,2,2,4]){channels_last=true, dilations=[1,1], groups=1, kernel=[1,1], pads_begin=[0,0], pads_end=[0,0], strides=[1,1]} -> f32[4,4,1,1]
  %16: add(%13 f32[2,2,2,4], %14 f32[2,2,2,4]) -> f32[2,2,2,4]
  %17: greater(%4.0 f32[2,2,2,4], %11 f32[]) -> bool[2,2,2,4]
  %18: where(%17 bool[2,2,2,4], %16 f32[2,2,2,4], %11 f32[]) -> f32[2,2,2,4]
  %19: fused_conv_input_gradient(%18 f32[2,2,2,4], %1:x1 f32[4,3,3,3], %4.1 i32[2,2,2,4]){channels_last=true, dilations=[1,1], groups=1, pads_begin=[0,0], pads_end=[0,0], pool=[2,2,2,2], shape=[2,6,6,3], strides=[1,1]} -> f32[2,6,6,3]
  %20: fused_conv_weights_gradient(%0:x0 f32[2,6,6,3], %18 f32[2,2,2,4], %4.1 i32[2,2,2,4]){bias=true, channels_last=true, dilations=[1,1], groups=1, kernel=[3,3], pads_begin=[0,0], pads_end=[0,0], pool=[2,2,2,2], strides=[1,1]} -> f32[4,3,3,3], f32[4]
)");
}

TEST(FuseConvTest, FusedAndUnfusedAgreeToRounding) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Program program = BuildProgram(c, DType::kF32);
    const std::vector<Tensor> inputs = InputsOf(c, DType::kF32);
    const Outcome fused = RunProgram(program, inputs, {});
    const Outcome plain = RunProgram(program, inputs, kConvPasses);
    ASSERT_EQ(fused.outputs.size(), plain.outputs.size());
    for (size_t i = 0; i < fused.outputs.size(); ++i) {
      EXPECT_LE(Difference(fused.outputs[i], plain.outputs[i]), 2e-6) << "output " << i;
    }
    EXPECT_THAT(plain.kernels, Not(Contains(StartsWith("fused_conv"))));
    for (const std::string& kernel : c.runs) EXPECT_THAT(fused.kernels, Contains(kernel));
    for (const std::string& kernel : c.runs_not) EXPECT_THAT(fused.kernels, Not(Contains(kernel)));
  }
}

TEST(FuseConvTest, TheReferenceKernelsAgree) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Program program = BuildProgram(c, DType::kF64);
    const std::vector<Tensor> inputs = InputsOf(c, DType::kF64);
    const Outcome fused = RunProgram(program, inputs, {}),
                  plain = RunProgram(program, inputs, kConvPasses);
    for (size_t i = 0; i < fused.outputs.size(); ++i) {
      EXPECT_LE(Difference(fused.outputs[i], plain.outputs[i]), 1e-14) << "output " << i;
    }
    for (const std::string& kernel : fused.kernels) EXPECT_THAT(kernel, Not(HasSubstr("onednn")));
  }
}

TEST(FuseConvTest, BitsDoNotDependOnThreads) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    ExpectBitsDoNotDependOnThreads(BuildProgram(c, DType::kF32), InputsOf(c, DType::kF32));
  }
}

TEST(FuseConvTest, NaNsStay) {
  const Case c = Cases()[1];
  const Program program = BuildProgram(c, DType::kF32);
  std::vector<Tensor> inputs = InputsOf(c, DType::kF32);
  inputs[0].mutable_data<float>()[100] = NAN;
  const Outcome fused = RunProgram(program, inputs, {}),
                plain = RunProgram(program, inputs, kConvPasses);
  int64_t nans = 0;
  for (int64_t i = 0; i < plain.outputs[0].size(); ++i) {
    EXPECT_EQ(std::isnan(fused.outputs[0].ValueAt(i)), std::isnan(plain.outputs[0].ValueAt(i)));
    nans += std::isnan(plain.outputs[0].ValueAt(i)) ? 1 : 0;
  }
  EXPECT_GT(nans, 0);
}

}  // namespace
}  // namespace adjoint::graph
