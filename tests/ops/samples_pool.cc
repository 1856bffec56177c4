#include "ops/pool.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::PoolDivisor;
using ops::PoolIndices;
using ops::PoolOptions;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;
using Ints = std::vector<int64_t>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }

Sample Max(std::string label, Shape x, Ints kernel, PoolOptions options) {
  return {.op = "max_pool",
          .label = std::move(label),
          .args = {Floats(std::move(x))},
          .build = [=](Vars v) { return Result{ops::MaxPool(v[0], kernel, options)}; },
          .fast_kernel = "simd"};
}

Sample MaxIndexed(std::string label, Shape x, Ints kernel, PoolOptions options,
                  PoolIndices kind = PoolIndices::kPlane, std::string fast_kernel = "simd",
                  bool gradient = true) {
  return {.op = "max_pool",
          .label = "indexed_" + label,
          .args = {Floats(std::move(x))},
          .build =
              [=](Vars v) {
                const ops::MaxPoolResult r = ops::MaxPoolWithIndices(v[0], kernel, options, kind);
                return Result{r.values, r.indices};
              },
          .gradient = gradient,
          .fast_kernel = std::move(fast_kernel)};
}

Sample Average(std::string label, Shape x, Ints kernel, PoolOptions options,
               PoolDivisor divisor = PoolDivisor::kInside) {
  return {.op = "average_pool",
          .label = std::move(label),
          .args = {Floats(std::move(x))},
          .build = [=](Vars v) { return Result{ops::AveragePool(v[0], kernel, options, divisor)}; },
          .fast_kernel = "simd"};
}

std::vector<Sample> MaxSamples() {
  return {
      Max("2d", {2, 3, 6, 7}, {2, 2}, {}),
      Max("2d_overlapping", {2, 3, 6, 7}, {3, 2}, {.strides = {2, 1}}),
      Max("2d_last", {2, 6, 7, 3}, {2}, {.channels_last = true}),
      Max("1d", {2, 3, 9}, {3}, {}),
      Max("3d", {1, 2, 4, 5, 4}, {2, 3, 2}, {}),
      Max("no_batch", {0, 3, 4, 4}, {2}, {}),
      MaxIndexed("2d", {2, 3, 6, 7}, {2, 2}, {}),
      MaxIndexed("2d_padded", {2, 3, 5, 6}, {3, 3},
                 {.strides = {2}, .pads_begin = {1}, .pads_end = {1, 0}}),
      MaxIndexed("2d_ceil", {1, 2, 6, 5}, {3, 2}, {.strides = {2}, .ceil_mode = true}),
      MaxIndexed("2d_dilated", {1, 2, 7, 8}, {2, 3}, {.strides = {3, 1}, .dilations = {3, 2}}),
      // Windows without elements give -inf, of which differences make nothing.
      MaxIndexed("2d_dilated_between", {1, 1, 1, 3}, {2, 2},
                 {.strides = {1}, .pads_begin = {1}, .pads_end = {1}, .dilations = {2}},
                 PoolIndices::kPlane, "simd", /*gradient=*/false),
      MaxIndexed("2d_far_padding", {1, 2, 2, 3}, {2}, {.pads_begin = {3}, .pads_end = {2}},
                 PoolIndices::kPlane, "simd", /*gradient=*/false),
      MaxIndexed("2d_last", {2, 6, 7, 5}, {3, 2},
                 {.strides = {2}, .pads_begin = {1, 0}, .channels_last = true}),
      MaxIndexed("2d_last_parts", {3, 28, 28, 20}, {2}, {.channels_last = true}),
      MaxIndexed("2d_parts", {3, 20, 28, 28}, {2}, {}),
      MaxIndexed("1d_last", {2, 9, 3}, {3}, {.strides = {2}, .channels_last = true}),
      MaxIndexed("3d", {1, 2, 4, 5, 4}, {2, 3, 2}, {.strides = {1}}),
      MaxIndexed("3d_last", {1, 4, 5, 4, 2}, {2, 3, 2}, {.strides = {1}, .channels_last = true}),
      MaxIndexed("tensor", {2, 3, 4, 5}, {2, 2}, {}, PoolIndices::kTensor, ""),
      MaxIndexed("column_major", {2, 3, 4, 5}, {2, 2}, {.strides = {1, 2}},
                 PoolIndices::kTensorColumnMajor, ""),
      MaxIndexed("column_major_3d", {2, 2, 2, 3, 4}, {2, 2, 2}, {.strides = {1}},
                 PoolIndices::kTensorColumnMajor, ""),
      {.op = "max_pool",
       .label = "nan",
       .args = {{.spec = {DType::kF32, {1, 1, 8}},
                 .values = {1, NAN, 3, 2, -INFINITY, -INFINITY, 5, 5}}},
       .build =
           [](Vars v) {
             const ops::MaxPoolResult r = ops::MaxPoolWithIndices(v[0], {2});
             return Result{r.values, r.indices, ops::MaxPool(v[0], {2})};
           },
       .gradient = false,
       .fast_kernel = "simd"},
  };
}

SampleArg Indices(DType dtype, Shape shape, std::vector<double> values) {
  return {.spec = {dtype, std::move(shape)}, .values = std::move(values)};
}

std::vector<Sample> UnpoolSamples() {
  const std::vector<double> plane = {0, 3, 3, -1, 5, 2, 1, 1};
  return {
      {.op = "max_unpool",
       .label = "plane",
       .args = {Floats({1, 2, 2, 2}), Indices(DType::kI32, {1, 2, 2, 2}, plane)},
       .build =
           [](Vars v) {
             return Result{ops::MaxUnpool(v[0], v[1], {1, 2, 2, 3})};
           },
       .fast_kernel = "maps"},
      {.op = "max_unpool",
       .label = "last",
       .args = {Floats({1, 2, 2, 2}), Indices(DType::kI32, {1, 2, 2, 2}, plane)},
       .build =
           [](Vars v) {
             return Result{ops::MaxUnpool(v[0], v[1], {1, 2, 3, 2}, PoolIndices::kPlane, true)};
           },
       .fast_kernel = "maps"},
      {.op = "max_unpool",
       .label = "tensor",
       .args = {Floats({1, 2, 4}), Indices(DType::kI64, {1, 2, 4}, {0, 3, 11, 7, 5, 5, 1, -1})},
       .build =
           [](Vars v) {
             return Result{ops::MaxUnpool(v[0], v[1], {1, 2, 6}, PoolIndices::kTensor)};
           }},
      {.op = "max_unpool",
       .label = "column_major",
       .args = {Floats({1, 2, 2, 2}),
                Indices(DType::kI64, {1, 2, 2, 2}, {0, 3, 11, 7, 5, 5, 1, -1})},
       .build =
           [](Vars v) {
             return Result{
                 ops::MaxUnpool(v[0], v[1], {1, 2, 3, 2}, PoolIndices::kTensorColumnMajor)};
           }},
      {.op = "max_pool_gather",
       .label = "plane",
       .args = {Floats({1, 2, 2, 3}), Indices(DType::kI32, {1, 2, 2, 2}, plane)},
       .build = [](Vars v) { return Result{ops::MaxPoolGather(v[0], v[1])}; },
       .fast_kernel = "maps"},
      {.op = "max_pool_gather",
       .label = "last",
       .args = {Floats({1, 2, 3, 2}), Indices(DType::kI32, {1, 2, 2, 2}, plane)},
       .build =
           [](Vars v) { return Result{ops::MaxPoolGather(v[0], v[1], PoolIndices::kPlane, true)}; },
       .fast_kernel = "maps"},
      {.op = "max_pool_gather",
       .label = "tensor",
       .args = {Floats({1, 2, 6}), Indices(DType::kI64, {1, 2, 4}, {0, 3, 11, 7, 5, 5, 1, -1})},
       .build =
           [](Vars v) { return Result{ops::MaxPoolGather(v[0], v[1], PoolIndices::kTensor)}; }},
      {.op = "max_pool_gather",
       .label = "no_windows",
       .args = {Floats({1, 2, 3}), {.spec = {DType::kI32, {1, 2, 0}}}},
       .build = [](Vars v) { return Result{ops::MaxPoolGather(v[0], v[1])}; },
       .fast_kernel = "maps"},
  };
}

std::vector<Sample> AverageSamples() {
  return {
      Average("2d", {2, 3, 6, 7}, {2, 2}, {}),
      Average("2d_padded", {2, 3, 5, 6}, {3, 3},
              {.strides = {2}, .pads_begin = {1}, .pads_end = {1, 0}}),
      Average("2d_padded_counted", {2, 3, 5, 6}, {3, 3},
              {.strides = {2}, .pads_begin = {1}, .pads_end = {1, 0}}, PoolDivisor::kPadded),
      Average("2d_ceil", {1, 2, 6, 5}, {3, 2}, {.strides = {2}, .ceil_mode = true}),
      Average("2d_ceil_counted", {1, 2, 6, 6}, {3, 2},
              {.strides = {3, 2}, .pads_begin = {1}, .pads_end = {1}, .ceil_mode = true},
              PoolDivisor::kPadded),
      Average("2d_far_padding", {1, 2, 2, 3}, {2}, {.pads_begin = {3}, .pads_end = {2}}),
      Average("2d_sum", {1, 2, 4, 5}, {3, 2}, {.strides = {1, 3}}, PoolDivisor::kNone),
      Average("2d_last", {2, 6, 7, 5}, {3, 2},
              {.strides = {2}, .pads_begin = {1, 0}, .channels_last = true}),
      Average("2d_last_parts", {3, 28, 28, 20}, {2}, {.channels_last = true}),
      Average("2d_parts", {3, 20, 28, 28}, {3}, {.strides = {2}}),
      Average("1d_dilated", {2, 3, 9}, {3}, {.strides = {1}, .dilations = {3}}),
      Average("3d", {1, 2, 4, 5, 4}, {2, 3, 2}, {.strides = {1}}),
      Average("no_channels", {2, 0, 4, 4}, {2}, {}),
      {.op = "average_pool_gradient",
       .label = "2d",
       .args = {Floats({2, 3, 3, 3})},
       .build =
           [](Vars v) {
             return Result{ops::AveragePoolGradient(v[0], {2, 3, 6, 7}, {2})};
           },
       .fast_kernel = "simd"},
      {.op = "average_pool_gradient",
       .label = "last",
       .args = {Floats({2, 3, 3, 3})},
       .build =
           [](Vars v) {
             return Result{ops::AveragePoolGradient(v[0], {2, 6, 7, 3}, {3},
                                                    {.strides = {2},
                                                     .pads_begin = {1, 0},
                                                     .pads_end = {1, 0},
                                                     .channels_last = true})};
           },
       .fast_kernel = "simd"},
      {.op = "average_pool",
       .label = "lp",
       .args = {Floats({1, 2, 4, 5})},
       .build =
           [](Vars v) {
             return Result{ops::LpPool(v[0], {2, 3}, 2, {.strides = {1}}),
                           ops::LpPool(v[0], {2}, 3), ops::LpPool(v[0], {2}, 1),
                           ops::GlobalLpPool(v[0], 2), ops::GlobalLpPool(v[0], 3, true)};
           }},
      {.op = "average_pool",
       .label = "adaptive",
       .args = {Floats({1, 2, 7, 6})},
       .build =
           [](Vars v) {
             return Result{ops::AdaptiveAveragePool(v[0], {3, 4}),
                           ops::AdaptiveAveragePool(v[0], {7, 2}),
                           ops::AdaptiveAveragePool(v[0], {9, 1}),
                           ops::AdaptiveAveragePool(v[0], {1, 3}, true)};
           }},
      {.op = "max_pool",
       .label = "adaptive",
       .args = {Floats({1, 2, 7, 6})},
       .build =
           [](Vars v) {
             return Result{ops::AdaptiveMaxPool(v[0], {3, 4}), ops::AdaptiveMaxPool(v[0], {7, 2}),
                           ops::AdaptiveMaxPool(v[0], {9, 1}),
                           ops::AdaptiveMaxPool(v[0], {1, 3}, true)};
           }},
      {.op = "average_pool",
       .label = "global",
       .args = {Floats({2, 3, 4, 5})},
       .build =
           [](Vars v) {
             return Result{ops::GlobalAveragePool(v[0]), ops::GlobalMaxPool(v[0]),
                           ops::GlobalAveragePool(v[0], true, false),
                           ops::GlobalMaxPool(v[0], true, false), ops::AveragePool(v[0], {4, 5})};
           }},
  };
}

ErrorSample Misuse(Shape x, std::function<Var(Var)> fn, std::string message) {
  return {.op = "max_pool",
          .args = {Floats(std::move(x))},
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; },
          .message = std::move(message)};
}

}  // namespace

std::vector<Sample> PoolSamples() {
  std::vector<Sample> all;
  for (auto family : {MaxSamples, UnpoolSamples, AverageSamples}) {
    for (Sample& sample : family()) all.push_back(std::move(sample));
  }
  return all;
}

std::vector<ErrorSample> PoolErrors() {
  return {
      Misuse(
          {2, 3, 4, 4},
          [](Var x) {
            return ops::MaxPool(x, {5, 2});
          },
          "the window spans 5 along spatial axis 0, but the operand has 4 there, padded by 0 and "
          "0"),
      Misuse(
          {2, 3, 4, 4},
          [](Var x) {
            return ops::MaxPool(x, {2, 2, 2});
          },
          "the kernel has 3 extents, the operand has 2 spatial axes"),
      Misuse(
          {2, 3, 4, 4}, [](Var x) { return ops::AveragePool(x, {0}); },
          "the kernel is 0 along spatial axis 0; it must be 1 at least"),
      Misuse(
          {2, 3}, [](Var x) { return ops::AveragePool(x, {2}); },
          "the operand has rank 2, but must have rank 3 to 5"),
      Misuse(
          {2, 4, 4, 3},
          [](Var x) {
            return ops::MaxPoolWithIndices(x, {2}, {.channels_last = true}, PoolIndices::kTensor)
                .values;
          },
          "indices into the tensor are for channels first"),
      Misuse(
          {2, 4, 4, 3}, [](Var x) { return ops::LpPool(x, {2}, 0); },
          "p is 0; it must be positive"),
      Misuse(
          {2, 4, Dim::Symbol("height"), 3},
          [](Var x) {
            return ops::AdaptiveAveragePool(x, {2, 2});
          },
          "spatial axis 0 has height elements, to be pooled to 2"),
      Misuse(
          {2, 3, 3, 3},
          [](Var x) {
            return ops::AveragePoolGradient(x, {2, 3, 9, 6}, {2});
          },
          "the cotangent has shape [2,3,3,3], the pooling gives [2,3,4,3]"),
      {.op = "max_unpool",
       .args = {Floats({1, 2, 4}), {.spec = {DType::kI64, {1, 2, 4}}}},
       .build =
           [](Vars v) {
             return Result{ops::MaxUnpool(v[0], v[1], {1, 2, 6})};
           },
       .message = "indices of kind 'plane' are i32, but are i64"},
      {.op = "max_unpool",
       .args = {Floats({1, 2, 4}), {.spec = {DType::kI32, {1, 2, 3}}}},
       .build =
           [](Vars v) {
             return Result{ops::MaxUnpool(v[0], v[1], {1, 2, 6})};
           },
       .message = "shapes differ: the values have [1,2,4], the indices [1,2,3]"},
      {.op = "max_unpool",
       .args = {Floats({1, 2, 4}), {.spec = {DType::kI32, {1, 2, 4}}}},
       .build =
           [](Vars v) {
             return Result{ops::MaxUnpool(v[0], v[1], {1, 3, 6})};
           },
       .message = "the maps have shape [1,3,6], the indices [1,2,4]: rank, batch and channels"},
  };
}

}  // namespace adjoint::testing
