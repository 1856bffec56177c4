#include "ops/indexing.h"
#include "ops/row_updates.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }

// Indices below `extent`, some of them repeated.
SampleArg Indices(Shape shape, int64_t extent, DType dtype = DType::kI64) {
  return {.spec = {dtype, std::move(shape)}, .low = 0, .high = static_cast<double>(extent - 1)};
}

std::function<Result(Vars)> GatherAlong(int64_t axis) {
  return [axis](Vars v) { return Result{ops::Gather(v[0], v[1], axis)}; };
}

std::function<Result(Vars)> ScatterAlong(int64_t axis) {
  return [axis](Vars v) { return Result{ops::ScatterAdd(v[0], v[1], v[2], axis)}; };
}

// Indices with gaps and repeats, in no order.
SampleArg SomeRows(DType dtype = DType::kI64) {
  return {.spec = {dtype, Shape{7}}, .values = {3, 900, 3, 0, 2500, 900, 3}};
}

Sample SumRows(std::string label, SampleArg indices, SampleArg updates, int64_t extent) {
  return {.op = "sum_by_row",
          .label = std::move(label),
          .args = {std::move(indices), std::move(updates)},
          .build =
              [extent](Vars v) {
                const ops::RowGradient sums = ops::SumByRow(v[0], v[1], extent);
                return Result{sums.values, sums.rows};
              },
          .orders = 0,
          .fast_kernel = "radix"};
}

Sample Update(std::string label, SampleArg x, SampleArg rows, SampleArg values) {
  return {.op = "update_rows",
          .label = std::move(label),
          .args = {std::move(x), std::move(rows), std::move(values)},
          .build = [](Vars v) { return Result{ops::UpdateRows(v[0], v[1], v[2])}; },
          .orders = 0,
          .fast_kernel = "rows"};
}

std::vector<Sample> RowSamples() {
  return {
      SumRows("repeats", SomeRows(), Floats({7, 5}), 3000),
      SumRows("i32", SomeRows(DType::kI32), Floats({7, 2, 3}), 3000),
      SumRows("vector", Indices({40}, 9), Floats({40}), 9),
      SumRows("one_row", Indices({4}, 1), Floats({4, 2}), 1),
      SumRows("none", Indices({0}, 5), Floats({0, 2}), 5),
      Update("some", Floats({6, 4}), {.spec = {DType::kI64, Shape{4}}, .values = {5, -1, 0, 3}},
             Floats({4, 4})),
      Update("twice", Floats({3, 2}), {.spec = {DType::kI64, Shape{3}}, .values = {1, 2, 1}},
             Floats({3, 2})),
      Update("vector", Floats({6}), Indices({2}, 6), Floats({2})),
      Update("none", Floats({6, 2}), Indices({0}, 6), Floats({0, 2})),
  };
}

}  // namespace

std::vector<Sample> IndexingSamples() {
  std::vector<Sample> samples = {
      {.op = "gather",
       .label = "rows",
       .args = {Floats({5, 16}), Indices({7}, 5)},
       .build = GatherAlong(0),
       .fast_kernel = "rows"},
      {.op = "gather",
       .label = "matrix_of_indices",
       .args = {Floats({5, 3}), Indices({2, 4}, 5, DType::kI32)},
       .build = GatherAlong(0),
       .fast_kernel = "rows"},
      {.op = "gather",
       .label = "middle",
       .args = {Floats({2, 5, 3}), Indices({4}, 5)},
       .build = GatherAlong(-2),
       .fast_kernel = "rows"},
      {.op = "gather",
       .label = "last",
       .args = {Floats({2, 5}), Indices({2, 2}, 5)},
       .build = GatherAlong(1),
       .fast_kernel = "rows"},
      {.op = "gather",
       .label = "one",
       .args = {Floats({5, 3}), Indices(Shape::Of({}), 5)},
       .build = GatherAlong(0),
       .fast_kernel = "rows"},
      {.op = "gather",
       .label = "no_indices",
       .args = {Floats({5, 3}), Indices({0}, 5)},
       .build = GatherAlong(0)},
      {.op = "gather",
       .label = "empty_rows",
       .args = {Floats({5, 0}), Indices({3}, 5)},
       .build = GatherAlong(0)},
      {.op = "gather",
       .label = "bools",
       .args = {{.spec = {DType::kBool, {5, 2}}}, Indices({3}, 5)},
       .build = GatherAlong(0),
       .gradient = false,
       .in_f64 = false},
      {.op = "scatter_add",
       .label = "rows",
       .args = {Floats({5, 16}), Indices({9}, 5), Floats({9, 16})},
       .build = ScatterAlong(0),
       .fast_kernel = "simd"},
      {.op = "scatter_add",
       .label = "middle",
       .args = {Floats({2, 5, 3}), Indices({2, 2}, 5, DType::kI32), Floats({2, 2, 2, 3})},
       .build = ScatterAlong(1),
       .fast_kernel = "simd"},
      {.op = "scatter_add",
       .label = "one",
       .args = {Floats({5}), Indices(Shape::Of({}), 5), Floats(Shape::Of({}))},
       .build = ScatterAlong(-1),
       .fast_kernel = "simd"},
      {.op = "scatter_add",
       .label = "nothing",
       .args = {Floats({5, 2}), Indices({0}, 5), Floats({0, 2})},
       .build = ScatterAlong(0),
       .fast_kernel = "simd"},
      {.op = "scatter_add",
       .label = "into_nothing",
       .args = {Floats({5, 0}), Indices({3}, 5), Floats({3, 0})},
       .build = ScatterAlong(0)},
      {.op = "scatter_add",
       .label = "striped",
       .args = {Floats({100, 64}), Indices({4096}, 100, DType::kI32), Floats({4096, 64})},
       .build = ScatterAlong(0),
       .gradient = false,
       .f32_tolerance = 1e-4,  // sums of some 40 terms of size 2
       .fast_kernel = "simd"},
      {.op = "scatter_add",
       .label = "i64",
       .args = {Indices({5}, 100), Indices({9}, 5), Indices({9}, 100)},
       .build = ScatterAlong(0),
       .gradient = false,
       .in_f64 = false},
      {.op = "one_hot",
       .label = "matrix",
       .args = {Indices({3, 2}, 4)},
       .build = [](Vars v) { return Result{ops::OneHot(v[0], 4)}; },
       .gradient = false,
       .in_f64 = false},
      {.op = "one_hot",
       .label = "scalar_to_i32",
       .args = {Indices(Shape::Of({}), 4, DType::kI32)},
       .build = [](Vars v) { return Result{ops::OneHot(v[0], 4, DType::kI32)}; },
       .gradient = false,
       .in_f64 = false},
      {.op = "one_hot",
       .label = "no_depth",
       .args = {Indices({0}, 4)},
       .build = [](Vars v) { return Result{ops::OneHot(v[0], 0, DType::kBool)}; },
       .gradient = false,
       .in_f64 = false},
  };
  for (Sample& sample : RowSamples()) samples.push_back(std::move(sample));
  return samples;
}

std::vector<ErrorSample> IndexingErrors() {
  return {
      {.op = "sum_by_row",
       .args = {Indices({3}, 4), Floats({2, 5})},
       .build = [](Vars v) { return Result{ops::SumByRow(v[0], v[1], 4).values}; },
       .message = "indices are i64[3] and updates are f32[2,5]; indices have one axis, the first"},
      {.op = "update_rows",
       .args = {Floats({4, 5}), Indices({3}, 4), Floats({3, 4})},
       .build = [](Vars v) { return Result{ops::UpdateRows(v[0], v[1], v[2])}; },
       .message = "values are f32[3,4], but rows i64[3] of f32[4,5] are f32[3,5]"},
      {.op = "gather",
       .args = {Floats({5, 3}), Floats({2})},
       .build = GatherAlong(0),
       .message = "indices must be of type i32 or i64, but are f32[2]"},
      {.op = "gather",
       .args = {Floats({5, 3}), Indices({2}, 5)},
       .build = GatherAlong(2),
       .message = "axis 2 is outside -2..1"},
      {.op = "gather",
       .args = {Floats(Shape::Of({})), Indices({2}, 5)},
       .build = GatherAlong(0),
       .message = "axis 0 of a scalar, which has no axes"},
      {.op = "scatter_add",
       .args = {Floats({5, 3}), Indices({2}, 5), Floats({2, 4})},
       .build = ScatterAlong(0),
       .message = "updates have shape [2,4], base and indices ask for [2,3]"},
      {.op = "scatter_add",
       .args = {Floats({5}), Indices({2}, 5), Indices({2}, 5)},
       .build = ScatterAlong(0),
       .message = "element types differ: base has f32, updates have i64"},
      {.op = "scatter_add",
       .args = {{.spec = {DType::kBool, {5}}}, Indices({2}, 5), {.spec = {DType::kBool, {2}}}},
       .build = ScatterAlong(0),
       .message = "takes f32, f64 or an integer type, but was given bool; cast it first"},
      {.op = "one_hot",
       .args = {Indices({2}, 5)},
       .build = [](Vars v) { return Result{ops::OneHot(v[0], -3)}; },
       .message = "the depth is -3; it must be at least 0"},
  };
}

}  // namespace adjoint::testing
