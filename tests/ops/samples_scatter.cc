#include "ops/embedding_bag.h"
#include "ops/gather_nd.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::ScatterMode;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Values(DType dtype, Shape shape, std::vector<double> values) {
  return {.spec = {dtype, std::move(shape)}, .values = std::move(values)};
}

// Whole numbers in low .. high.
SampleArg Whole(Shape shape, int64_t low, int64_t high, DType dtype = DType::kI64) {
  return {.spec = {dtype, std::move(shape)},
          .low = static_cast<double>(low),
          .high = static_cast<double>(high)};
}
// Indices below `extent`, some of them repeated.
SampleArg Indices(Shape shape, int64_t extent, DType dtype = DType::kI64) {
  return Whole(std::move(shape), 0, extent - 1, dtype);
}

constexpr ScatterMode kModes[] = {ScatterMode::kSet, ScatterMode::kAdd, ScatterMode::kMul,
                                  ScatterMode::kMax, ScatterMode::kMin};

std::vector<Sample> Taking() {
  std::vector<Sample> samples;
  const auto add = [&](std::string label, SampleArg x, SampleArg indices, int64_t axis,
                       std::string kernel = "runs") {
    const bool floating = x.spec.dtype == DType::kF32;
    samples.push_back(
        {.op = "take_along_axis",
         .label = std::move(label),
         .args = {std::move(x), std::move(indices)},
         .build = [axis](Vars v) { return Result{ops::TakeAlongAxis(v[0], v[1], axis)}; },
         .gradient = floating,
         .in_f64 = floating,
         .fast_kernel = std::move(kernel)});
  };
  add("last", Floats({3, 5}), Indices({3, 4}, 5), -1);
  add("first", Floats({5, 3}), Indices({7, 3}, 5, DType::kI32), 0);
  add("middle", Floats({2, 5, 3}), Indices({2, 2, 3}, 5), 1);
  add("fewer", Floats({4, 5, 3}), Indices({2, 4, 2}, 5), 1);
  add("no_indices", Floats({4, 5}), Indices({0, 5}, 4), 0, "");
  add("bools", {.spec = {DType::kBool, {3, 5}}}, Indices({3, 4}, 5), 1);
  Sample large = samples.front();
  large.label = "large";
  large.args = {Floats({300, 500}), Indices({300, 400}, 500)};
  large.gradient = false;
  samples.push_back(std::move(large));
  return samples;
}

std::vector<Sample> Scattering() {
  std::vector<Sample> samples;
  for (ScatterMode mode : kModes) {
    const std::string suffix(ops::ScatterModeName(mode));
    const auto along = [&](std::string label, SampleArg base, SampleArg indices, SampleArg updates,
                           int64_t axis, std::string kernel = "runs") {
      const bool floating = base.spec.dtype == DType::kF32;
      samples.push_back({.op = "scatter_along_axis",
                         .label = label + "_" + suffix,
                         .args = {std::move(base), std::move(indices), std::move(updates)},
                         .build =
                             [axis, mode](Vars v) {
                               return Result{ops::ScatterAlongAxis(v[0], v[1], v[2], axis, mode)};
                             },
                         .gradient = floating,
                         .in_f64 = floating,
                         .fast_kernel = std::move(kernel)});
    };
    along("last", Floats({3, 5}), Indices({3, 4}, 5), Floats({3, 4}), -1);
    along("first", Floats({5, 3}), Indices({7, 3}, 5, DType::kI32), Floats({7, 3}), 0);
    along("fewer", Floats({4, 5, 3}), Indices({2, 4, 2}, 5), Floats({2, 4, 2}), 1);
    along("nothing", Floats({4, 5}), Indices({0, 5}, 4), Floats({0, 5}), 0, "");
    along("i32", Whole({3, 5}, -9, 9, DType::kI32), Indices({3, 4}, 5),
          Whole({3, 4}, -9, 9, DType::kI32), 1);
    along("u8", Whole({3, 5}, 0, 255, DType::kU8), Indices({3, 4}, 5),
          Whole({3, 4}, 0, 255, DType::kU8), 1);
    Sample large = samples.front();
    large.label = "large_" + suffix;
    large.args = {Floats({300, 100}), Indices({300, 90}, 100), Floats({300, 90})};
    large.build = [mode](Vars v) {
      return Result{ops::ScatterAlongAxis(v[0], v[1], v[2], 1, mode)};
    };
    large.gradient = false;
    large.f32_tolerance = 1e-4;  // products and sums of several factors and terms of size 2
    samples.push_back(std::move(large));
    if (mode == ScatterMode::kAdd) continue;  // an op of its own, with samples of its own
    const auto rows = [&](std::string label, SampleArg base, SampleArg indices, SampleArg updates,
                          int64_t axis, std::string kernel = "runs") {
      const bool floating = base.spec.dtype == DType::kF32;
      samples.push_back(
          {.op = "scatter",
           .label = label + "_" + suffix,
           .args = {std::move(base), std::move(indices), std::move(updates)},
           .build = [axis,
                     mode](Vars v) { return Result{ops::Scatter(v[0], v[1], v[2], axis, mode)}; },
           .gradient = floating,
           .in_f64 = floating,
           .fast_kernel = std::move(kernel)});
    };
    rows("rows", Floats({5, 3}), Indices({7}, 5), Floats({7, 3}), 0);
    rows("middle", Floats({2, 5, 3}), Indices({2, 2}, 5, DType::kI32), Floats({2, 2, 2, 3}), 1);
    rows("last", Floats({2, 5}), Indices({3}, 5), Floats({2, 3}), -1);
    rows("vector", Floats({5}), Indices({7}, 5), Floats({7}), 0);
    rows("one", Floats({5, 2}), Indices(Shape::Of({}), 5), Floats({2}), 0);
    rows("nothing", Floats({5, 2}), Indices({0}, 5), Floats({0, 2}), 0, "");
    rows("i64", Whole({5, 3}, -9, 9), Indices({7}, 5), Whole({7, 3}, -9, 9), 0);
  }
  // Products with factors of 0: one and two of them at one place, and the base.
  samples.push_back({.op = "scatter",
                     .label = "zeros_mul",
                     .args = {Values(DType::kF32, {4}, {2, 0, 3, 1.5}),
                              Values(DType::kI64, {7}, {0, 0, 1, 1, 2, 2, 2}),
                              Values(DType::kF32, {7}, {0, 0.5, 2, -1, 0.5, 0, 0})},
                     .build = [](Vars v) {
                       return Result{ops::Scatter(v[0], v[1], v[2], 0, ScatterMode::kMul)};
                     }});
  samples.push_back({.op = "scatter",
                     .label = "bools",
                     .args = {{.spec = {DType::kBool, {5, 2}}},
                              Indices({3}, 5),
                              {.spec = {DType::kBool, {3, 2}}}},
                     .build = [](Vars v) { return Result{ops::Scatter(v[0], v[1], v[2])}; },
                     .gradient = false,
                     .in_f64 = false});
  return samples;
}

std::vector<Sample> Compositions() {
  const auto whole = [](std::string op, std::string label, std::vector<SampleArg> args,
                        std::function<Result(Vars)> build) {
    return Sample{.op = std::move(op),
                  .label = std::move(label),
                  .args = std::move(args),
                  .build = std::move(build),
                  .gradient = false,
                  .in_f64 = false};
  };
  std::vector<Sample> samples = {
      whole("ravel_indices", "pairs", {Whole({4, 2}, -3, 2)},
            [](Vars v) {
              return Result{ops::RavelIndices(v[0], {5, 3})};
            }),
      whole("ravel_indices", "batches", {Whole({2, 4, 1}, 0, 2, DType::kI32)},
            [](Vars v) {
              return Result{ops::RavelIndices(v[0], {v[0].shape().dim(0), 3}, 1, false)};
            }),
      whole("ravel_indices", "nothing", {Whole({4, 0}, 0, 0)},
            [](Vars v) { return Result{ops::RavelIndices(v[0], {})}; }),
      whole("ravel_indices", "plain", {Whole({4, 2}, -3, 2)},
            [](Vars v) {
              return Result{ops::PlainIndices(
                  v[0], Constant(*v[0].builder, Tensor::Empty({DType::kF32, {2, 3}})), 1)};
            }),
      whole("equal", "one_hot_along", {Whole({2, 3}, -5, 5)},
            [](Vars v) { return Result{ops::OneHotAlong(v[0], 4, 2.5, -1, 1)}; }),
      whole("scatter_along_axis", "multi_hot", {Indices({3, 4}, 6)},
            [](Vars v) {
              return Result{ops::MultiHot(v[0], 6), ops::MultiHot(v[0], 6, DType::kBool)};
            }),
      whole("segment_ids", "gaps", {Values(DType::kI64, {5}, {0, 2, 2, 5, 7}), Whole({7}, 0, 9)},
            [](Vars v) { return Result{ops::SegmentIds(v[0], v[1])}; }),
      whole("segment_ids", "i32", {Values(DType::kI32, {2}, {0, 3}), Floats({4})},
            [](Vars v) { return Result{ops::SegmentIds(v[0], v[1])}; }),
      {.op = "gather",
       .label = "nd",
       .args = {Floats({3, 4, 2}), Whole({5, 2}, -3, 2)},
       .build = [](Vars v) { return Result{ops::GatherNd(v[0], v[1])}; }},
      {.op = "gather",
       .label = "nd_elements",
       .args = {Floats({3, 4}), Whole({2, 2, 2}, 0, 2)},
       .build = [](Vars v) { return Result{ops::GatherNd(v[0], v[1])}; }},
      {.op = "gather",
       .label = "nd_batches",
       .args = {Floats({2, 3, 4}), Whole({2, 5, 1}, -3, 2)},
       .build = [](Vars v) { return Result{ops::GatherNd(v[0], v[1], 1)}; }},
      {.op = "scatter",
       .label = "nd",
       .args = {Floats({3, 4, 2}), Whole({5, 2}, -3, 2), Floats({5, 2})},
       .build = [](Vars v) { return Result{ops::ScatterNd(v[0], v[1], v[2])}; }},
      {.op = "scatter_add",
       .label = "nd",
       .args = {Floats({3, 4, 2}), Whole({5, 2}, -3, 2), Floats({5, 2})},
       .build = [](Vars v) { return Result{ops::ScatterNd(v[0], v[1], v[2], ScatterMode::kAdd)}; }},
      {.op = "where",
       .label = "one_hot_along",
       .args = {Floats(Shape::Of({})), Floats(Shape::Of({})), Whole({2, 3}, -5, 5)},
       .build = [](Vars v) { return Result{ops::OneHotAlong(v[2], 4, v[0], v[1], -2)}; }},
      {.op = "argmax",
       .label = "hardmax",
       .args = {Floats({3, 5})},
       .build =
           [](Vars v) {
             return Result{ops::Hardmax(v[0]), ops::Hardmax(v[0], 1)};
           },
       .gradient = false},
      {.op = "where",
       .label = "masked_fill",
       .args = {Floats({3, 5}), {.spec = {DType::kBool, {5}}}, Floats(Shape::Of({}))},
       .build = [](Vars v) { return Result{ops::MaskedFill(v[0], v[1], v[2])}; }},
      {.op = "gather",
       .label = "compress",
       .args = {Floats({3, 5})},
       .build =
           [](Vars v) {
             return Result{ops::CompressBy(v[0], {true, false, false, true}, 1)};
           }},
  };
  for (ops::BagMode mode : {ops::BagMode::kSum, ops::BagMode::kMean}) {
    samples.push_back(
        {.op = "segment_ids",
         .label = "embedding_bag",
         .args = {Floats({5, 3}), Indices({7}, 5), Values(DType::kI64, {4}, {0, 2, 2, 6})},
         .build = [mode](Vars v) { return Result{ops::EmbeddingBag(v[0], v[1], v[2], mode)}; }});
  }
  samples.push_back({.op = "segment_ids",
                     .label = "weighted_bag",
                     .args = {Floats({5, 3}), Indices({7}, 5, DType::kI32),
                              Values(DType::kI32, {3}, {0, 3, 7}), Floats({7})},
                     .build = [](Vars v) {
                       return Result{ops::EmbeddingBag(v[0], v[1], v[2], ops::BagMode::kSum, v[3])};
                     }});
  return samples;
}

}  // namespace

std::vector<Sample> ScatterSamples() {
  std::vector<Sample> all;
  for (const std::vector<Sample>& part : {Taking(), Scattering(), Compositions()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::vector<ErrorSample> ScatterErrors() {
  const auto error = [](std::string op, std::vector<SampleArg> args, std::function<Var(Vars)> fn,
                        std::string message) {
    return ErrorSample{.op = std::move(op),
                       .args = std::move(args),
                       .build = [fn = std::move(fn)](Vars v) { return Result{fn(v)}; },
                       .message = std::move(message)};
  };
  return {
      error(
          "take_along_axis", {Floats({3, 5}), Indices({3}, 5)},
          [](Vars v) { return ops::TakeAlongAxis(v[0], v[1], 1); },
          "the operand has rank 2, indices have rank 1"),
      error(
          "take_along_axis", {Floats({3, 5}), Indices({4, 2}, 5)},
          [](Vars v) { return ops::TakeAlongAxis(v[0], v[1], 1); },
          "indices have 4 along axis 0, the operand has 3"),
      error(
          "scatter_along_axis", {Floats({3, 5}), Indices({3, 2}, 5), Floats({3, 4})},
          [](Vars v) { return ops::ScatterAlongAxis(v[0], v[1], v[2], 1); },
          "updates have shape [3,4], base and indices ask for [3,2]"),
      error(
          "scatter",
          {{.spec = {DType::kBool, {5}}}, Indices({2}, 5), {.spec = {DType::kBool, {2}}}},
          [](Vars v) { return ops::Scatter(v[0], v[1], v[2], 0, ScatterMode::kMax); },
          "takes f32, f64 or an integer type for the mode max, but was given bool"),
      error(
          "ravel_indices", {Indices({4, 3}, 2)},
          [](Vars v) {
            return ops::RavelIndices(v[0], {5, 3});
          },
          "indices hold 3 coordinates, the axes of [5,3] after 0 for batches are 2"),
      error(
          "gather", {Floats({3, 4}), Indices({5, 3}, 3)},
          [](Vars v) { return ops::GatherNd(v[0], v[1]); },
          "indices hold 3 coordinates after 0 axes for batches, the operand has rank 2"),
      error(
          "gather", {Floats({3, 4}), Indices({2, 1}, 3)},
          [](Vars v) { return ops::GatherNd(v[0], v[1], 1); },
          "axis 0 is one of batches, but indices have 2 along it and the operand 3"),
      error(
          "equal", {Indices({2}, 3)}, [](Vars v) { return ops::OneHotAlong(v[0], -1, 1, 0); },
          "the depth is -1; it must be at least 0"),
      error(
          "where", {Floats({2}), {.spec = {DType::kBool, {3, 2}}}},
          [](Vars v) { return ops::MaskedFill(v[0], v[1], 0); },
          "with them the result has shape [3,2]"),
      error(
          "segment_ids", {Indices({2, 2}, 3), Floats({4})},
          [](Vars v) { return ops::SegmentIds(v[0], v[1]); },
          "offsets have rank 2; they must have one axis"),
  };
}

}  // namespace adjoint::testing
