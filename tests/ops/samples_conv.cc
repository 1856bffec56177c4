#include "ops/conv.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::ConvOptions;
using ops::ConvTransposeOptions;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }

Sample Conv(std::string label, Shape x, Shape w, ConvOptions options,
            std::string fast_kernel = "onednn") {
  return {.op = "conv",
          .label = std::move(label),
          .args = {Floats(std::move(x)), Floats(std::move(w))},
          .build = [options](Vars v) { return Result{ops::Conv(v[0], v[1], options)}; },
          .f32_tolerance = 3e-5,
          .fast_kernel = std::move(fast_kernel)};
}

Sample InputGradient(std::string label, Shape y, Shape w, Shape x, ConvOptions options,
                     std::string fast_kernel = "onednn", double tolerance = 3e-5) {
  return {.op = "conv_input_gradient",
          .label = std::move(label),
          .args = {Floats(std::move(y)), Floats(std::move(w))},
          .build = [options,
                    x](Vars v) { return Result{ops::ConvInputGradient(v[0], v[1], x, options)}; },
          .f32_tolerance = tolerance,
          .fast_kernel = std::move(fast_kernel)};
}

Sample WeightsGradient(std::string label, Shape x, Shape y, std::vector<int64_t> kernel,
                       ConvOptions options, std::string fast_kernel = "onednn",
                       double tolerance = 3e-5) {
  return {.op = "conv_weights_gradient",
          .label = std::move(label),
          .args = {Floats(std::move(x)), Floats(std::move(y))},
          .build =
              [options, kernel](Vars v) {
                return Result{ops::ConvWeightsGradient(v[0], v[1], kernel, options)};
              },
          .f32_tolerance = tolerance,
          .fast_kernel = std::move(fast_kernel)};
}

Sample Transposed(std::string label, Shape x, Shape w, ConvTransposeOptions options) {
  return {.op = "conv_input_gradient",
          .label = std::move(label),
          .args = {Floats(std::move(x)), Floats(std::move(w))},
          .build = [options](Vars v) { return Result{ops::ConvTranspose(v[0], v[1], options)}; },
          .f32_tolerance = 3e-5};
}

// Too large for its gradient to be checked by differences.
Sample Large(Sample sample) {
  sample.gradient = false;
  return sample;
}

std::vector<Sample> Forward() {
  return {
      Conv("2d", {2, 3, 6, 5}, {4, 3, 3, 2}, {}),
      Conv("2d_padded", {2, 3, 5, 6}, {4, 3, 3, 3},
           {.strides = {2, 1}, .pads_begin = {1, 0}, .pads_end = {0, 2}}),
      Conv("2d_blocked", {3, 16, 6, 6}, {16, 16, 3, 3}, {.pads_begin = {1}, .pads_end = {1}}),
      Conv("2d_dilated", {1, 2, 7, 8}, {3, 2, 2, 3}, {.dilations = {3, 2}}),
      Conv("2d_groups", {2, 4, 4, 4}, {6, 2, 3, 3}, {.pads_begin = {1}, .groups = 2}),
      Conv("2d_depthwise", {2, 8, 5, 5}, {8, 1, 3, 3},
           {.pads_begin = {1}, .pads_end = {1}, .groups = 8}),
      Conv("2d_depthwise_multiplier", {2, 3, 5, 4}, {6, 1, 2, 2}, {.groups = 3}, ""),
      Conv("2d_point", {2, 5, 3, 4}, {7, 5, 1, 1}, {.strides = {2}}),
      Conv("2d_last", {2, 6, 5, 3}, {4, 3, 3, 2}, {.strides = {1, 2}, .channels_last = true}),
      Conv("2d_last_blocked", {2, 6, 5, 16}, {16, 16, 3, 3},
           {.pads_begin = {1}, .pads_end = {1}, .channels_last = true}),
      // Many channels: in oneDNN's own layout, the last of the images in a plan of their own.
      Large(Conv("2d_last_many", {5, 17, 17, 33}, {40, 33, 3, 3},
                 {.pads_begin = {1}, .channels_last = true})),
      Conv("2d_last_depthwise", {2, 5, 5, 8}, {8, 1, 3, 3},
           {.pads_end = {2}, .groups = 8, .channels_last = true}),
      // Enough images for several parts.
      Conv("2d_parts", {7, 3, 30, 31}, {16, 3, 3, 3}, {}),
      Conv("2d_last_parts", {7, 30, 31, 3}, {16, 3, 3, 3}, {.channels_last = true}),
      // One image: its channels are cut instead.
      Large(Conv("2d_one_image", {1, 16, 40, 40}, {40, 16, 3, 3}, {})),
      Large(Conv("2d_last_one_image", {1, 40, 40, 16}, {40, 16, 3, 3}, {.channels_last = true})),
      Large({.op = "conv",
             .label = "3d_two_images_bias",
             .args = {Floats({2, 8, 9, 16, 15}), Floats({33, 8, 2, 3, 3}), Floats({33})},
             .build = [](Vars v) { return Result{ops::Conv(v[0], v[1], v[2], ConvOptions{})}; },
             .f32_tolerance = 3e-5,
             .fast_kernel = "onednn"}),
      Conv("1d", {2, 3, 9}, {4, 3, 3}, {.strides = {2}, .pads_begin = {2}, .dilations = {2}}),
      Conv("1d_last", {2, 9, 3}, {4, 3, 3}, {.pads_begin = {2}, .channels_last = true}),
      Conv("3d", {2, 2, 4, 3, 5}, {3, 2, 2, 3, 2},
           {.strides = {1, 1, 2}, .pads_begin = {0, 1, 1}, .pads_end = {1, 1, 0}}),
      Conv("3d_last", {1, 4, 3, 5, 2}, {3, 2, 2, 3, 2}, {.channels_last = true}),
      Conv("one_element_in_padding", {1, 1, 1, 1}, {1, 1, 3, 3},
           {.pads_begin = {1}, .pads_end = {1}}, ""),
      Conv("far_padding", {1, 1, 2, 2}, {1, 1, 2, 2}, {.pads_begin = {4}, .pads_end = {3}}, ""),
      Conv("no_batch", {0, 3, 6, 5}, {4, 3, 3, 2}, {}, ""),
      Conv("no_channels", {2, 0, 6, 5}, {4, 0, 3, 2}, {}, ""),
      {.op = "conv",
       .label = "bias",
       .args = {Floats({2, 3, 4, 4}), Floats({5, 3, 2, 2}), Floats({5})},
       .build = [](Vars v) { return Result{ops::Conv(v[0], v[1], v[2], ConvOptions{})}; },
       .f32_tolerance = 3e-5,
       .fast_kernel = "onednn"},
      {.op = "conv",
       .label = "bias_last",
       .args = {Floats({2, 4, 4, 3}), Floats({5, 3, 2, 2}), Floats({5})},
       .build =
           [](Vars v) {
             return Result{ops::Conv(v[0], v[1], v[2], ConvOptions{.channels_last = true})};
           },
       .f32_tolerance = 3e-5,
       .fast_kernel = "onednn"},
      {.op = "conv",
       .label = "bias_alone",
       .args = {Floats({2, 0, 3}), Floats({2, 0, 2}), Floats({2})},
       .build = [](Vars v) { return Result{ops::Conv(v[0], v[1], v[2], ConvOptions{})}; }},
  };
}

std::vector<Sample> Gradients() {
  return {
      InputGradient("2d", {2, 4, 3, 3}, {4, 3, 3, 2}, {2, 3, 5, 4}, {}),
      InputGradient("2d_strided", {2, 4, 3, 4}, {4, 3, 3, 3}, {2, 3, 5, 6},
                    {.strides = {2, 1}, .pads_begin = {1, 0}, .pads_end = {1, 0}}),
      InputGradient("2d_unread_end", {1, 2, 2, 2}, {2, 2, 2, 2}, {1, 2, 6, 5}, {.strides = {3}}),
      InputGradient("2d_last", {2, 3, 3, 16}, {16, 8, 3, 3}, {2, 3, 3, 8},
                    {.pads_begin = {1}, .pads_end = {1}, .channels_last = true}),
      Large(InputGradient("2d_last_many", {5, 15, 15, 40}, {40, 33, 3, 3}, {5, 17, 17, 33},
                          {.channels_last = true}, "onednn", 1e-4)),  // sums of 360 terms
      InputGradient("2d_depthwise", {2, 8, 5, 5}, {8, 1, 3, 3}, {2, 8, 5, 5},
                    {.pads_begin = {1}, .pads_end = {1}, .groups = 8}),
      InputGradient("2d_parts", {5, 16, 28, 28}, {16, 16, 3, 3}, {5, 16, 30, 30}, {}),
      InputGradient("1d_groups", {2, 4, 4}, {4, 3, 2}, {2, 6, 5}, {.groups = 2}),
      InputGradient("3d", {1, 2, 2, 2, 3}, {2, 3, 2, 1, 2}, {1, 3, 3, 2, 4}, {}),
      InputGradient("no_batch", {0, 4, 3, 3}, {4, 3, 3, 2}, {0, 3, 5, 4}, {}, ""),
      WeightsGradient("2d", {2, 3, 5, 4}, {2, 4, 3, 3}, {3, 2}, {}),
      WeightsGradient("2d_strided", {2, 3, 5, 6}, {2, 4, 3, 4}, {3, 3},
                      {.strides = {2, 1}, .pads_begin = {1, 0}, .pads_end = {1, 0}}),
      WeightsGradient("2d_last", {2, 3, 3, 8}, {2, 3, 3, 16}, {3, 3},
                      {.pads_begin = {1}, .pads_end = {1}, .channels_last = true}),
      Large(WeightsGradient("2d_last_many", {5, 17, 17, 33}, {5, 15, 15, 40}, {3, 3},
                            {.channels_last = true}, "onednn", 1e-3)),
      WeightsGradient("2d_depthwise", {2, 8, 5, 5}, {2, 8, 5, 5}, {3, 3},
                      {.pads_begin = {1}, .pads_end = {1}, .groups = 8}),
      // Sums of 3920 products of up to 4: a plain loop in f32 errs by some 3e-4.
      WeightsGradient("2d_parts", {5, 16, 30, 30}, {5, 16, 28, 28}, {3, 3}, {}, "onednn", 1e-3),
      WeightsGradient("1d_groups", {2, 6, 5}, {2, 4, 4}, {2}, {.groups = 2}),
      WeightsGradient("3d", {1, 3, 3, 2, 4}, {1, 2, 2, 2, 3}, {2, 1, 2}, {}),
      WeightsGradient("no_batch", {0, 3, 5, 4}, {0, 4, 3, 3}, {3, 2}, {}, ""),
      Transposed("transposed", {2, 4, 3, 3}, {4, 3, 3, 2}, {}),
      Transposed(
          "transposed_strided", {1, 2, 3, 4}, {2, 3, 3, 3},
          {.strides = {2, 3}, .pads_begin = {1, 0}, .pads_end = {0, 2}, .output_padding = {1, 2}}),
      Transposed("transposed_far_end", {1, 2, 3}, {2, 2, 2},
                 {.strides = {2}, .output_padding = {5}}),
      Transposed("transposed_shape", {1, 2, 3, 3}, {2, 2, 3, 3},
                 {.strides = {3, 2}, .output_shape = {10, 8}}),
      Transposed("transposed_shape_cropped", {1, 2, 3, 3}, {2, 1, 3, 3},
                 {.strides = {2}, .output_shape = {6, 4}, .odd_at_end = true, .groups = 2}),
      Transposed("transposed_last", {1, 3, 2, 4}, {4, 3, 2, 2},
                 {.dilations = {2}, .channels_last = true}),
  };
}

ErrorSample Misuse(Shape x, Shape w, ConvOptions options, std::string message) {
  return {.op = "conv",
          .args = {Floats(std::move(x)), Floats(std::move(w))},
          .build = [options](Vars v) { return Result{ops::Conv(v[0], v[1], options)}; },
          .message = std::move(message)};
}

}  // namespace

std::vector<Sample> ConvSamples() {
  std::vector<Sample> all = Forward();
  for (Sample& sample : Gradients()) all.push_back(std::move(sample));
  return all;
}

std::vector<ErrorSample> ConvErrors() {
  const int64_t large = int64_t{1} << 40;
  return {
      Misuse({2, 3, 6, 5}, {4, 2, 3, 3}, {},
             "channels differ: the operand has 3 in 1 groups, the weights are for 2 a group"),
      Misuse({2, 3, 6, 5}, {4, 3, 3, 3}, {.groups = 2},
             "the operand has 3 channels, which 2 groups do not divide"),
      Misuse({2, 4, 6, 5}, {3, 2, 3, 3}, {.groups = 2},
             "the result has 3 channels, which 2 groups do not divide"),
      Misuse({2, 4, 6, 5}, {3, 4, 3, 3}, {.groups = 0}, "groups is 0; it must be 1 at least"),
      Misuse({2, 3, 6, 5}, {4, 3, 3}, {}, "the weights have rank 3, the maps have 4"),
      Misuse({2, 3}, {4, 3}, {}, "the operand has rank 2, but must have rank 3 to 5"),
      Misuse({2, 3, 6, 5}, {4, 3, 3, 3}, {.strides = {1, 1, 1}},
             "strides has 3 entries [1,1,1] for 2 spatial axes"),
      Misuse({2, 3, 6, 5}, {4, 3, 3, 3}, {.strides = {1, 0}},
             "strides is 0 along spatial axis 1; it must be 1 at least and below 2^31"),
      Misuse({2, 3, 6, 5}, {4, 3, 3, 3}, {.pads_begin = {-1}}, "pads_begin is -1 along"),
      Misuse({2, 3, 6, 5}, {4, 3, 3, 3}, {.dilations = {large}},
             "dilations is 1099511627776 along"),
      Misuse({2, 3, 6, 5}, {4, 3, 3, 3}, {.pads_begin = {0, 1}, .dilations = {1, 4}},
             "the window spans 9 along spatial axis 1, but the operand has 5 there, padded by 1 "
             "and 0"),
      {.op = "conv",
       .args = {Floats({2, 3, 6, 5}), Floats({4, 3, 3, 3}), Floats({3})},
       .build = [](Vars v) { return Result{ops::Conv(v[0], v[1], v[2], ConvOptions{})}; },
       .message = "the bias must be f32[4], but is f32[3]"},
      {.op = "conv_input_gradient",
       .args = {Floats({2, 4, 3, 3}), Floats({4, 3, 3, 2})},
       .build =
           [](Vars v) {
             return Result{ops::ConvInputGradient(v[0], v[1], {2, 3, 6, 4}, ConvOptions{})};
           },
       .message = "the cotangent has shape [2,4,3,3], the convolution gives [2,4,4,3]"},
      {.op = "conv_weights_gradient",
       .args = {Floats({2, 3, 5, 4}), Floats({2, 4, 3})},
       .build =
           [](Vars v) {
             return Result{ops::ConvWeightsGradient(v[0], v[1], {3, 2}, ConvOptions{})};
           },
       .message = "the kernel has 2 extents, the operand has 2 spatial axes, the cotangent has 1"},
      {.op = "conv_input_gradient",
       .args = {Floats({2, 4, Dim::Symbol("height"), 3}), Floats({4, 3, 3, 2})},
       .build = [](Vars v) { return Result{ops::ConvTranspose(v[0], v[1])}; },
       .message = "spatial axis 0 has height elements"},
      {.op = "conv_input_gradient",
       .args = {Floats({2, 4, 3}), Floats({4, 3, 3})},
       .build = [](Vars v) { return Result{ops::ConvTranspose(v[0], v[1], {.pads_begin = {7}})}; },
       .message = "the result would have -2 elements along spatial axis 0"},
  };
}

}  // namespace adjoint::testing
