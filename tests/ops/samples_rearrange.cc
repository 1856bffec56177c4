#include "ops/arithmetic.h"
#include "ops/iota.h"
#include "ops/shape_ops.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::DepthOrder;
using ops::Operand;
using ops::PadMode;
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

Sample Many(std::string op, std::string label, Shape shape, std::function<Result(Var)> fn) {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = {Floats(std::move(shape))},
          .build = [fn = std::move(fn)](Vars v) { return fn(v[0]); }};
}

Sample Typed(std::string op, DType dtype, Shape shape, std::function<Var(Var)> fn) {
  return {.op = std::move(op),
          .label = std::string(DTypeName(dtype)),
          .args = {Of(dtype, std::move(shape))},
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; },
          .gradient = false,
          .in_f64 = false};
}

std::function<Var(Var)> Pad(std::vector<int64_t> before, std::vector<int64_t> after,
                            PadMode mode = PadMode::kConstant, double value = 0) {
  return [=](Var x) { return ops::Pad(x, before, after, mode, value); };
}

std::vector<Sample> PadSamples() {
  std::vector<Sample> samples = {
      Unary("pad", "zeros", {3, 2, 4}, Pad({1, 0, 2}, {0, 3, 1}), "rows"),
      Unary("pad", "inner_axes_alone", {3, 2, 4}, Pad({1, 0, 0}, {2, 0, 0}), "rows"),
      Unary("pad", "image", {2, 3, 5, 4}, Pad({0, 0, 1, 2}, {0, 0, 1, 2}), "rows"),
      Unary("pad", "value", {5}, Pad({2}, {1}, PadMode::kConstant, -7.5), "rows"),
      Unary("pad", "cropped", {4, 5}, Pad({-1, 2}, {1, -3}, PadMode::kConstant, 3), "rows"),
      Unary("pad", "cropped_away", {4, 3}, Pad({-6, 0}, {9, 0}, PadMode::kConstant, 3), "rows"),
      Unary("pad", "nothing", {4, 3}, Pad({0, 0}, {0, 0}), "rows"),
      Unary("pad", "scalar", {}, Pad({}, {}), "rows"),
      Unary("pad", "of_nothing", {0, 2}, Pad({2, 0}, {1, 0}), "rows"),
      Unary("pad", "to_nothing", {2, 2}, Pad({-2, 0}, {0, 1})),
      Unary("gather", "pad_edge", {3, 4}, Pad({2, 0}, {1, 5}, PadMode::kEdge), "rows"),
      Unary("gather", "pad_reflect", {2, 4}, Pad({0, 3}, {0, 2}, PadMode::kReflect), "rows"),
      Unary("gather", "pad_reflect_often", {3, 1}, Pad({7, 2}, {5, 1}, PadMode::kReflect), "rows"),
      Unary("gather", "pad_wrap", {3, 4}, Pad({1, 9}, {4, 0}, PadMode::kWrap), "rows"),
      Unary("gather", "pad_edge_cropped", {5}, Pad({-2}, {3}, PadMode::kEdge), "rows"),
  };
  for (DType dtype : kAllDTypes) {
    if (IsFloating(dtype)) continue;
    samples.push_back(Typed("pad", dtype, {3, 2}, Pad({1, 1}, {0, 2}, PadMode::kConstant, 1)));
  }
  return samples;
}

std::vector<Sample> CompositionSamples() {
  return {
      Unary("reshape", "flatten", {2, 3, 4}, [](Var x) { return ops::Flatten(x); }),
      Unary("reshape", "flatten_at_2", {2, 3, 4}, [](Var x) { return ops::Flatten(x, -1); }),
      Unary("reshape", "flatten_ends", {2, 3},
            [](Var x) { return ops::Flatten(x, 0) + ops::Transpose(ops::Flatten(x, 2)); }),
      Unary("broadcast_to", "expand", {3, 1},
            [](Var x) {
              return ops::Expand(x, {2, 1, 4});
            }),
      {.op = "concat",
       .label = "stack",
       .args = {Floats({2, 3}), Floats({2, 3}), Floats({2, 3})},
       .build =
           [](Vars v) {
             return Result{ops::Stack({v[0], v[1], v[2]}, -1), ops::Stack({v[0], v[1]})};
           }},
      Many("slice", "unstack", {3, 2, 2}, [](Var x) { return ops::Unstack(x, -2); }),
      Many("slice", "split", {2, 6}, [](Var x) { return ops::Split(x, 3, -1); }),
      Many("slice", "split_sizes", {2, 6},
           [](Var x) {
             return ops::SplitSizes(x, {1, 0, 5}, 1);
           }),
      Unary("transpose", "swap_axes", {2, 3, 4}, [](Var x) { return ops::SwapAxes(x, 0, -1); }),
      Unary("transpose", "move_axis", {2, 3, 4}, [](Var x) { return ops::MoveAxis(x, 0, -1); }),
      Unary("transpose", "move_axes", {2, 3, 4, 5},
            [](Var x) {
              return ops::MoveAxes(x, {0, -1}, {2, 0});
            }),
      Unary("broadcast_to", "tile", {2, 3, 2},
            [](Var x) {
              return ops::Tiled(x, {1, 3, 2});
            }),
      Unary("broadcast_to", "tile_rows", {3, 2},
            [](Var x) {
              return ops::Tiled(x, {4, 1});
            }),
      Unary("broadcast_to", "tile_none", {3, 2},
            [](Var x) {
              return ops::Tiled(x, {0, 2});
            }),
      Unary("broadcast_to", "repeat", {3, 2}, [](Var x) { return ops::Repeat(x, 2, -1); }),
      Unary("broadcast_to", "repeat_rows", {3, 2}, [](Var x) { return ops::Repeat(x, 3, 0); }),
      Unary("gather", "repeat_each", {3, 2},
            [](Var x) {
              return ops::Repeat(x, {2, 0, 3}, 0);
            }),
      Unary("slice", "flip", {3, 4},
            [](Var x) {
              return ops::Flip(x, {0, -1});
            }),
      Unary("concat", "roll", {3, 5},
            [](Var x) {
              return ops::Roll(x, {-2, 16}, {0, 1});
            }),
      Unary("transpose", "depth_to_space", {2, 8, 2, 3},
            [](Var x) { return ops::DepthToSpace(x, 2); }),
      Unary("transpose", "depth_to_space_crd", {1, 18, 1, 2},
            [](Var x) { return ops::DepthToSpace(x, 3, DepthOrder::kCRD); }),
      Unary("transpose", "space_to_depth", {2, 2, 4, 6},
            [](Var x) { return ops::SpaceToDepth(x, 2); }),
      Unary("transpose", "space_to_depth_crd", {1, 2, 3, 6},
            [](Var x) { return ops::SpaceToDepth(x, 3, DepthOrder::kCRD); }),
      {.op = "size_of",
       .label = "shape_of",
       .args = {Floats({3, 4})},
       .build =
           [](Vars v) {
             return Result{ops::ShapeOf(v[0]), ops::ShapeOf(v[0], DType::kF32)};
           },
       .gradient = false},
  };
}

Sample Reverse(std::string label, Shape shape, std::vector<double> lengths, int64_t batch_axis,
               int64_t time_axis, DType dtype) {
  return {
      .op = "reverse_sequence",
      .label = std::move(label),
      .args = {Floats(std::move(shape)),
               {.spec = {dtype, {static_cast<int64_t>(lengths.size())}}, .values = lengths}},
      .build =
          [=](Vars v) { return Result{ops::ReverseSequence(v[0], v[1], batch_axis, time_axis)}; },
      .fast_kernel = "rows"};
}

// Of no operands: the sample's own is not used.
Sample Values(std::string label, std::function<Result(ops::Builder&)> fn) {
  return {.op = "iota",
          .label = std::move(label),
          .args = {Floats({1})},
          .build = [fn = std::move(fn)](Vars v) { return fn(*v[0].builder); },
          .gradient = false};
}

std::vector<Sample> OtherSamples() {
  return {
      Reverse("batch_first", {3, 4, 2}, {4, 0, 3}, 0, 1, DType::kI64),
      Reverse("time_first", {4, 3}, {1, 2, 4}, 1, 0, DType::kI32),
      Reverse("middle", {2, 3, 2, 4}, {2, 4}, -2, -1, DType::kI32),
      Reverse("zero_size", {2, 0, 3}, {0, 0}, 0, 1, DType::kI32),
      Values("axes",
             [](ops::Builder& b) {
               return Result{ops::Iota(b, {3, 2}), ops::Iota(b, {2, 3, 2}, -2, DType::kF32),
                             ops::Iota(b, {0, 2}, 1, DType::kI32), ops::Iota(b, {70'000})};
             }),
      Values("eyes",
             [](ops::Builder& b) {
               return Result{ops::Eye(b, 3, 3), ops::Eye(b, 2, 4, 1), ops::Eye(b, 4, 2, -2),
                             ops::TriangleMask(b, 3, 4), ops::TriangleMask(b, 3, 4, -1)};
             }),
      Values("ranges",
             [](ops::Builder& b) {
               return Result{ops::Range(b, 1, 2, 0.25), ops::Range(b, 5, -2, -3, DType::kI64),
                             ops::Range(b, 1, 0), ops::Linspace(b, -1, 2, 7),
                             ops::Linspace(b, 3, 4, 1)};
             }),
      // Of the shape of an operand whose first extent may be a symbol.
      {.op = "iota",
       .label = "as_an_operand",
       .args = {Floats({4, 3})},
       .build =
           [](Vars v) {
             return Result{v[0] * ops::Iota(*v[0].builder, v[0].shape(), 0, v[0].dtype())};
           }},
  };
}

ErrorSample Misuse(std::string op, Shape shape, std::function<Var(Var)> fn, std::string message) {
  return {.op = std::move(op),
          .args = {Floats(std::move(shape))},
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v[0])}; },
          .message = std::move(message)};
}

}  // namespace

std::vector<Sample> RearrangeSamples() {
  std::vector<Sample> all;
  for (auto family : {PadSamples, CompositionSamples, OtherSamples}) {
    for (Sample& sample : family()) all.push_back(std::move(sample));
  }
  return all;
}

std::vector<ErrorSample> RearrangeErrors() {
  const Dim batch = Dim::Symbol("batch");
  return {
      Misuse("pad", {2, 3}, Pad({1}, {1}),
             "before has 1 entries and after has 1; the operand has 2 axes"),
      Misuse("pad", {2, 3}, Pad({-2, 0}, {-1, 0}), "axis 0 of extent 2 cannot be cropped by 3"),
      Misuse("pad", {2}, Pad({INT64_MAX}, {1}), "axis 0 is padded by 9223372036854775807"),
      {.op = "pad",
       .args = {Of(DType::kU8, {2})},
       .build = [](Vars v) { return Result{ops::Pad(v[0], {1}, {1}, PadMode::kConstant, 256)}; },
       .message = "the value 256 is none of type u8"},
      Misuse("gather", {0, 3}, Pad({1, 0}, {0, 0}, PadMode::kEdge),
             "axis 0 has extent 0; padding with elements of the operand wants a number above 0"),
      Misuse("gather", {batch, 3}, Pad({1, 0}, {0, 0}, PadMode::kWrap), "axis 0 has extent batch"),
      Misuse(
          "reshape", {2, 3}, [](Var x) { return ops::Flatten(x, 3); }, "axis 3 is outside -2..2"),
      Misuse(
          "broadcast_to", {2, 3},
          [](Var x) {
            return ops::Expand(x, {2, 4});
          },
          "expand(f32[2,3]):\n  "),
      Misuse(
          "slice", {2, 3}, [](Var x) { return ops::Split(x, 2, 1)[0]; },
          "axis 1 of extent 3 has no 2 equal parts"),
      Misuse(
          "slice", {batch, 3}, [](Var x) { return ops::Split(x, 2)[1]; },
          "axis 0 has extent batch; it must be a number"),
      Misuse(
          "slice", {2, 3},
          [](Var x) {
            return ops::SplitSizes(x, {2, 2}, 1)[1];
          },
          "the 2 extents given must be at least 0 and add up to 3"),
      Misuse(
          "transpose", {2, 3},
          [](Var x) {
            return ops::MoveAxes(x, {0, 1}, {0, 0});
          },
          "axis 0 is named twice"),
      Misuse(
          "transpose", {2, 3}, [](Var x) { return ops::SwapAxes(x, 0, 2); },
          "axis 2 is outside -2..1"),
      Misuse(
          "broadcast_to", {2, 3}, [](Var x) { return ops::Tiled(x, {2}); },
          "there are 1 numbers of repeats, the operand has 2 axes"),
      Misuse(
          "broadcast_to", {2, 3},
          [](Var x) {
            return ops::Tiled(x, {2, INT64_MAX});
          },
          "axis 1 of extent 3 cannot repeat 9223372036854775807 times"),
      Misuse(
          "gather", {2, 3},
          [](Var x) {
            return ops::Repeat(x, {1, -1}, 0);
          },
          "slice 1 of axis 0 cannot repeat -1 times"),
      Misuse(
          "concat", {2, 3},
          [](Var x) {
            return ops::Roll(x, {1, 2}, {0});
          },
          "there are 2 shifts for 1 axes"),
      Misuse(
          "transpose", {1, 6, 2, 2}, [](Var x) { return ops::DepthToSpace(x, 2); },
          "6 channels are no multiple of 4, the block squared"),
      Misuse(
          "transpose", {1, 6, 2, 3}, [](Var x) { return ops::SpaceToDepth(x, 2); },
          "axis 3 of extent 3 is no multiple of 2, the block"),
      Misuse(
          "transpose", {6, 2, 3}, [](Var x) { return ops::SpaceToDepth(x, 2); },
          "the operand has 3 axes, not 4: [n,c,h,w]"),
      Misuse(
          "reverse_sequence", {2, 3}, [](Var x) { return ops::ReverseSequence(x, x); },
          "lengths must be of type i32 or i64, but are f32[2,3]"),
      {.op = "reverse_sequence",
       .args = {Floats({2, 3}), Of(DType::kI32, {3})},
       .build = [](Vars v) { return Result{ops::ReverseSequence(v[0], v[1])}; },
       .message = "lengths have shape [3], axis 0 of the operand asks for [2]"},
      {.op = "reverse_sequence",
       .args = {Floats({2, 3}), Of(DType::kI32, {2})},
       .build = [](Vars v) { return Result{ops::ReverseSequence(v[0], v[1], 0, -2)}; },
       .message = "batch_axis and time_axis are both 0; they must differ"},
      Misuse(
          "iota", {1},
          [](Var x) {
            return ops::Iota(*x.builder, {2, 3}, 2);
          },
          "axis 2 is outside -2..1"),
      Misuse(
          "iota", {1}, [](Var x) { return ops::Range(*x.builder, 0, 1, 0); },
          "start, limit and step are 0, 1 and 0; they must be finite and the step not 0"),
      Misuse(
          "iota", {1}, [](Var x) { return ops::Range(*x.builder, 0, 300, 1, DType::kU8); },
          "type u8 cannot hold 256"),
  };
}

}  // namespace adjoint::testing
