#include "ops/shape_ops.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Operand;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Of(DType dtype, Shape shape) { return {.spec = {dtype, std::move(shape)}}; }

Sample Unary(std::string op, std::string label, Shape shape, std::function<Var(Var)> fn,
             std::string fast_kernel = "") {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = {Floats(std::move(shape))},
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; },
          .fast_kernel = std::move(fast_kernel)};
}

std::vector<Sample> ReshapeSamples() {
  return {
      Unary("reshape", "split", {4, 6},
            [](Var x) {
              return ops::Reshape(x, {2, 2, 3, 2});
            }),
      Unary("reshape", "remainder", {4, 6},
            [](Var x) {
              return ops::Reshape(x, {3, -1});
            }),
      Unary("reshape", "to_scalar", {1, 1}, [](Var x) { return ops::Reshape(x, Shape{}); }),
      Unary("reshape", "zero_size", {0, 3},
            [](Var x) {
              return ops::Reshape(x, {3, 0, 2});
            }),
      Unary("reshape", "expand_dims", {2, 3}, [](Var x) { return ops::ExpandDims(x, -2); }),
      Unary("reshape", "squeeze", {3, 1, 2, 1}, [](Var x) { return ops::Squeeze(x); }),
      Unary("reshape", "squeeze_axes", {1, 3, 1, 2}, [](Var x) { return ops::Squeeze(x, {-2}); }),
  };
}

std::vector<Sample> TransposeSamples() {
  const auto reverse = [](Var x) { return ops::Transpose(x); };
  return {
      Unary("transpose", "matrix", {5, 3}, reverse, "blocked"),
      Unary("transpose", "tiles", {33, 50}, reverse, "blocked"),
      Unary("transpose", "reverse", {2, 3, 4}, reverse, "blocked"),
      Unary("transpose", "scalar", {}, reverse, "blocked"),
      Unary("transpose", "zero_size", {3, 0, 2}, reverse, "blocked"),
      Unary(
          "transpose", "heads", {2, 3, 4, 5},
          [](Var x) {
            return ops::Transpose(x, {0, 2, 1, 3});
          },
          "blocked"),
      Unary(
          "transpose", "batched", {2, 17, 3, 21},
          [](Var x) {
            return ops::Transpose(x, {0, 3, 2, 1});
          },
          "blocked"),
      Unary(
          "transpose", "negative_axes", {2, 3, 4},
          [](Var x) {
            return ops::Transpose(x, {-1, 0, -2});
          },
          "blocked"),
      // Both axes longer than a stripe of tiles, with pieces of tiles at the ends.
      Unary(
          "transpose", "stripes", {3, 90, 275},
          [](Var x) {
            return ops::Transpose(x, {0, 2, 1});
          },
          "blocked"),
      Unary(
          "transpose", "narrow", {40, 3, 2},
          [](Var x) {
            return ops::Transpose(x, {1, 0, 2});
          },
          "blocked"),
      {.op = "transpose",
       .label = "i64",
       .args = {Of(DType::kI64, {18, 19})},
       .build = [](Vars v) { return Result{ops::Transpose(v[0])}; },
       .gradient = false,
       .in_f64 = false},
      {.op = "transpose",
       .label = "u8",
       .args = {Of(DType::kU8, {18, 19})},
       .build = [](Vars v) { return Result{ops::Transpose(v[0])}; },
       .gradient = false,
       .in_f64 = false},
  };
}

std::vector<Sample> BroadcastSamples() {
  const auto to = [](Shape shape) { return [shape](Var x) { return ops::BroadcastTo(x, shape); }; };
  return {
      Unary("broadcast_to", "scalar", {}, to({3, 4}), "blocked"),
      Unary("broadcast_to", "row", {4}, to({3, 4}), "blocked"),
      Unary("broadcast_to", "column", {3, 1}, to({3, 4}), "blocked"),
      Unary("broadcast_to", "middle", {2, 1, 3}, to({5, 2, 4, 3}), "blocked"),
      Unary("broadcast_to", "zero_size", {1, 3}, to({0, 3}), "blocked"),
      // SumTo, broadcasting's gradient, on its own.
      {.op = "broadcast_to",
       .label = "undone",
       .args = {Floats({2, 1, 3}), Floats({5, 2, 4, 3})},
       .build =
           [](Vars v) {
             return Result{ops::SumTo(v[1], v[0].shape()), ops::SumTo(v[1], {1, 1, 1, 1}),
                           ops::BroadcastTo(v[0], v[1].shape())};
           }},
      {.op = "size_of",
       .label = "two_axes",
       .args = {Floats({3, 4, 5})},
       .build =
           [](Vars v) {
             return Result{ops::SizeOf(v[0], {0, -1}, DType::kF64),
                           ops::SizeOf(v[0], {}, DType::kI32),
                           ops::SizeOf(v[0], {0, 1, 2}, DType::kF32)};
           },
       .gradient = false},
  };
}

std::vector<Sample> SliceSamples() {
  return {
      Unary(
          "slice", "rows", {5, 4}, [](Var x) { return ops::Slice(x, {1}, {4}); }, "blocked"),
      Unary(
          "slice", "columns", {5, 4}, [](Var x) { return ops::SliceAxis(x, -1, 1, 3); }, "blocked"),
      Unary(
          "slice", "steps", {9, 5},
          [](Var x) {
            return ops::Slice(x, {1, ops::kSliceToEnd}, {-1, ops::kSliceFromStart}, {3, -2});
          },
          "blocked"),
      Unary(
          "slice", "clamped", {5, 4},
          [](Var x) {
            return ops::Slice(x, {-100, 2}, {100, 99});
          },
          "blocked"),
      Unary(
          "slice", "huge_step", {5},
          [](Var x) { return ops::Slice(x, {2}, {ops::kSliceToEnd}, {INT64_MAX}); }, "blocked"),
      Unary(
          "slice", "empty", {5, 4}, [](Var x) { return ops::Slice(x, {3}, {2}); }, "blocked"),
      Unary(
          "slice_scatter", "steps", {3, 2},
          [](Var x) {
            return ops::SliceScatter(x, {8, 5}, {1, 4}, {8, 0}, {3, -3});
          },
          "blocked"),
      Unary(
          "slice_scatter", "zero_size", {0, 2},
          [](Var x) {
            return ops::SliceScatter(x, {3, 2}, {2, 0}, {2, 2});
          },
          "blocked"),
  };
}

std::vector<Sample> ConcatSamples() {
  const auto concat = [](int64_t axis) {
    return [axis](Vars v) {
      return Result{ops::Concat(std::vector<Operand>(v.begin(), v.end()), axis)};
    };
  };
  return {
      {.op = "concat",
       .label = "rows",
       .args = {Floats({2, 3}), Floats({1, 3}), Floats({4, 3})},
       .build = concat(0),
       .fast_kernel = "blocked"},
      {.op = "concat",
       .label = "columns",
       .args = {Floats({2, 3}), Floats({2, 1})},
       .build = concat(-1),
       .fast_kernel = "blocked"},
      {.op = "concat",
       .label = "zero_size",
       .args = {Floats({2, 0, 2}), Floats({2, 3, 2}), Floats({2, 0, 2})},
       .build = concat(1),
       .fast_kernel = "blocked"},
      {.op = "concat", .label = "alone", .args = {Floats({2, 3})}, .build = concat(1)},
      {.op = "concat",
       .label = "i32",
       .args = {Of(DType::kI32, {2}), Of(DType::kI32, {3})},
       .build = concat(0),
       .gradient = false,
       .in_f64 = false},
  };
}

ErrorSample Misuse(std::string op, std::vector<Shape> shapes, std::function<Var(Vars)> fn,
                   std::string message) {
  std::vector<SampleArg> args;
  for (Shape& shape : shapes) args.push_back(Floats(std::move(shape)));
  return {.op = std::move(op),
          .args = std::move(args),
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v)}; },
          .message = std::move(message)};
}

}  // namespace

std::vector<Sample> ShapeSamples() {
  std::vector<Sample> all;
  for (auto family :
       {ReshapeSamples, TransposeSamples, BroadcastSamples, SliceSamples, ConcatSamples}) {
    for (Sample& sample : family()) all.push_back(std::move(sample));
  }
  return all;
}

std::vector<ErrorSample> ShapeErrors() {
  const Dim batch = Dim::Symbol("batch");
  return {
      Misuse(
          "reshape", {{4, 6}},
          [](Vars v) {
            return ops::Reshape(v[0], {5, 5});
          },
          "element counts differ: the operand [4,6] has 24, the target [5,5] has 25"),
      Misuse(
          "reshape", {{batch, 6}},
          [](Vars v) {
            return ops::Reshape(v[0], {4, 6});
          },
          "element counts differ: the operand [batch,6] has batch*6, the target [4,6] has 24"),
      Misuse(
          "reshape", {{4, 6}},
          [](Vars v) {
            return ops::Reshape(v[0], {-1, 2, -1});
          },
          "the target [?,2,?] leaves axes 0 and 2 open; at most one extent may be -1"),
      Misuse(
          "reshape", {{4, 6}},
          [](Vars v) {
            return ops::Reshape(v[0], {5, -1});
          },
          "no extent for the -1 of the target [5,?]: the operand [4,6] has 24 elements, which the "
          "target's other extents, of product 5, do not divide"),
      Misuse(
          "reshape", {{0, 6}},
          [](Vars v) {
            return ops::Reshape(v[0], {0, -1});
          },
          "of product 0, leave undetermined"),
      Misuse(
          "reshape", {{2, 3}}, [](Vars v) { return ops::ExpandDims(v[0], 4); },
          "axis 4 is outside -3..2"),
      Misuse(
          "reshape", {{2, 3}}, [](Vars v) { return ops::Squeeze(v[0], {1}); },
          "squeeze(f32[2,3]):\n  axis 1 has extent 3, not 1"),
      Misuse(
          "transpose", {{2, 3}},
          [](Vars v) {
            return ops::Transpose(v[0], {0, 1, 2});
          },
          "the permutation has 3 axes, the operand has 2"),
      Misuse(
          "transpose", {{2, 3}},
          [](Vars v) {
            return ops::Transpose(v[0], {1, -1});
          },
          "axis 1 is named twice"),
      Misuse(
          "broadcast_to", {{2, 3}},
          [](Vars v) {
            return ops::BroadcastTo(v[0], {2, 4});
          },
          "shape [2,3] does not broadcast to [2,4]: axis -1 has 3 and 4; the first must be equal "
          "or 1"),
      Misuse(
          "broadcast_to", {{2, 3}}, [](Vars v) { return ops::BroadcastTo(v[0], {3}); },
          "shape [2,3] of rank 2 does not broadcast to [3] of rank 1"),
      Misuse(
          "broadcast_to", {{2, 3}},
          [](Vars v) {
            return ops::BroadcastTo(v[0], {-1, 2, 3});
          },
          "an extent of f32[?,2,3] is negative"),
      Misuse(
          "broadcast_to", {{2, 3}}, [](Vars v) { return ops::SumTo(v[0], {2}); },
          "sum_to(f32[2,3]):\n  shape [2] does not broadcast to [2,3]: axis -1 has 2 and 3"),
      Misuse(
          "size_of", {{2, 3}}, [](Vars v) { return ops::SizeOf(v[0], {2}, DType::kF32); },
          "axis 2 is outside -2..1"),
      Misuse(
          "slice", {{2, 3}}, [](Vars v) { return ops::Slice(v[0], {0}, {1}, {0}); },
          "the step along axis 0 is 0; it must be positive or negative, not 0"),
      Misuse(
          "slice", {{2, 3}},
          [](Vars v) {
            return ops::Slice(v[0], {0}, {1, 1});
          },
          "begin has 1 entries, end has 2, step has 1"),
      Misuse(
          "slice", {{2, 3}},
          [](Vars v) {
            return ops::Slice(v[0], {0, 0, 0}, {1, 1, 1});
          },
          "begin has 3 entries, the tensor has 2 axes"),
      Misuse(
          "slice_scatter", {{2, 3}}, [](Vars v) { return ops::SliceScatter(v[0], {5}, {0}, {2}); },
          "the updates have shape [2,3], the slice of [5] has [2]"),
      Misuse(
          "concat", {{2, 3}, {2, 4}},
          [](Vars v) {
            return ops::Concat({v[0], v[1]}, 0);
          },
          "extents of axis 1 differ: operand 0 has 3, operand 1 has 4"),
      Misuse(
          "concat", {{2, 3}, {2}},
          [](Vars v) {
            return ops::Concat({v[0], v[1]}, 0);
          },
          "ranks differ: operand 0 has 2, operand 1 has 1"),
      Misuse(
          "concat", {{2, 3}, {batch, 3}},
          [](Vars v) {
            return ops::Concat({v[0], v[1]}, 0);
          },
          "operand 1 has batch along axis 0, the axis of concatenation, where extents must be "
          "numbers"),
      {.op = "concat",
       .args = {Floats({2}), Of(DType::kI32, {2})},
       .build =
           [](Vars v) {
             return Result{ops::Concat({v[0], v[1]}, 0)};
           },
       .message = "element types differ: operand 0 has f32, operand 1 has i32"},
  };
}

}  // namespace adjoint::testing
