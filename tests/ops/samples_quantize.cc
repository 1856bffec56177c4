#include <string>
#include <utility>
#include <vector>

#include "ops/arithmetic.h"
#include "ops/quantize.h"
#include "tests/ops/samples_elementwise.h"

namespace adjoint::testing {
namespace {

using ops::Operand;
using ops::Var;
using Vars = std::vector<Var>;
using Args = absl::Span<const Var>;

SampleArg Float(const Shape& shape, double low = -2, double high = 2) {
  return {.spec = {DType::kF32, shape}, .low = low, .high = high};
}

// Any byte of the type.
SampleArg Bytes(DType dtype, const Shape& shape) {
  const bool is_signed = dtype == DType::kI8;
  return {.spec = {dtype, shape}, .low = is_signed ? -128.0 : 0.0, .high = is_signed ? 127. : 255.};
}

// Operands are fixed in type, since scales are f32.
Sample Of(const char* op, const char* label, std::vector<SampleArg> args,
          std::function<Vars(Args)> build) {
  return {.op = op,
          .label = label,
          .args = std::move(args),
          .build = std::move(build),
          .gradient = false,
          .in_f64 = false};
}

}  // namespace

std::vector<Sample> QuantizeSamples() {
  const auto u8 = DType::kU8, i8 = DType::kI8;
  std::vector<Sample> samples;
  const auto product = [&](const char* label, SampleArg a, SampleArg b) {
    Sample sample = Of("matmul_integer", label, {std::move(a), std::move(b)},
                       [](Args v) { return Vars{ops::MatMulInteger(v[0], v[1])}; });
    sample.fast_kernel = "simd";
    samples.push_back(std::move(sample));
  };
  product("u8_u8", Bytes(u8, {5, 7}), Bytes(u8, {7, 6}));
  product("u8_i8", Bytes(u8, {3, 40}), Bytes(i8, {40, 9}));
  product("i8_u8", Bytes(i8, {1, 3}), Bytes(u8, {3, 1}));
  product("i8_i8", Bytes(i8, {70, 33}), Bytes(i8, {33, 130}));
  product("batches", Bytes(u8, {2, 3, 4, 5}), Bytes(u8, {3, 5, 2}));
  product("batch_of_rhs", Bytes(i8, {4, 5}), Bytes(u8, {3, 5, 2}));
  // Sums beyond what 32 bits hold in one go.
  product("long", Bytes(u8, {2, 40000}), Bytes(u8, {40000, 2}));
  samples.push_back(Of("matmul_integer", "nothing_to_add", {Bytes(u8, {2, 0}), Bytes(u8, {0, 3})},
                       [](Args v) { return Vars{ops::MatMulInteger(v[0], v[1])}; }));
  samples.push_back(Of("matmul_integer", "zero_size", {Bytes(u8, {0, 4}), Bytes(i8, {4, 3})},
                       [](Args v) { return Vars{ops::MatMulInteger(v[0], v[1])}; }));
  const auto zeros = [&](const char* label, SampleArg a, SampleArg b, SampleArg za, SampleArg zb) {
    Sample sample =
        Of("matmul_integer", label, {std::move(a), std::move(b), std::move(za), std::move(zb)},
           [](Args v) { return Vars{ops::MatMulInteger(v[0], v[1], v[2], v[3])}; });
    sample.fast_kernel = "simd";
    samples.push_back(std::move(sample));
  };
  zeros("zero_points", Bytes(u8, {5, 7}), Bytes(i8, {7, 6}), Bytes(u8, {}), Bytes(i8, {}));
  zeros("zero_points_of_one", Bytes(u8, {5, 7}), Bytes(i8, {7, 6}), Bytes(u8, {1}), Bytes(i8, {1}));
  zeros("zero_point_vectors", Bytes(i8, {5, 7}), Bytes(u8, {7, 6}), Bytes(i8, {5}), Bytes(u8, {6}));
  zeros("zero_point_arrays", Bytes(u8, {2, 3, 4, 5}), Bytes(u8, {3, 5, 2}), Bytes(u8, {3, 4, 1}),
        Bytes(u8, {3, 1, 2}));

  for (const DType dtype : {u8, i8}) {
    samples.push_back(Of("cast", "quantize", {Float({4, 5}, -300, 300), Bytes(dtype, {})},
                         [](Args v) { return Vars{ops::QuantizeLinear(v[0], 1.25, v[1])}; }));
    samples.push_back(Of("cast", "quantize_per_axis",
                         {Float({2, 3, 4}, -90, 90), Float({3}, 0.5, 1), Bytes(dtype, {3})},
                         [](Args v) { return Vars{ops::QuantizeLinear(v[0], v[1], v[2])}; }));
    samples.push_back(
        Of("cast", "quantize_without_zero_point", {Float({2, 3}, -90, 90), Float({2}, 0.5, 1)},
           [dtype](Args v) { return Vars{ops::QuantizeLinear(v[0], v[1], dtype, /*axis=*/-2)}; }));
    samples.push_back(Of("mul", "dequantize", {Bytes(dtype, {4, 5}), Float({1}), Bytes(dtype, {1})},
                         [](Args v) { return Vars{ops::DequantizeLinear(v[0], v[1], v[2])}; }));
    samples.push_back(
        Of("mul", "dequantize_per_axis",
           {Bytes(dtype, {2, 3, 4}), Float({4}, 0.5, 1), Bytes(dtype, {4})},
           [](Args v) { return Vars{ops::DequantizeLinear(v[0], v[1], v[2], /*axis=*/-1)}; }));
  }
  samples.push_back(Of("cast", "dynamic_quantize", {Float({3, 5}, -2, 1)}, [](Args v) {
    const ops::DynamicallyQuantized q = ops::DynamicQuantizeLinear(v[0]);
    return Vars{q.y, q.scale, q.zero_point};
  }));
  samples.push_back({.op = "where",
                     .label = "fake_quantize",
                     .args = {Float({3, 5}, -2, 2)},
                     .build = [](Args v) { return Vars{ops::FakeQuantize(v[0], 0.01, 100)}; },
                     .gradient = false,
                     .f32_tolerance = 0.011});
  samples.push_back(
      Of("cast", "quantized_matmul",
         {Bytes(u8, {3, 4}), Float({}, 0.01, 0.02), Bytes(u8, {}), Bytes(i8, {4, 5}),
          Float({5}, 0.01, 0.02), Bytes(i8, {5}), Float({}, 0.1, 0.2), Bytes(u8, {})},
         [](Args v) {
           return Vars{ops::QuantizedMatMul({v[0], v[1], v[2]}, {v[3], v[4], v[5]}, v[6], v[7])};
         }));
  return samples;
}

std::vector<ErrorSample> QuantizeErrors() {
  const auto u8 = DType::kU8, i8 = DType::kI8;
  const auto bad = [](const char* op, std::vector<SampleArg> args, std::function<Vars(Args)> build,
                      const char* message) {
    return ErrorSample{
        .op = op, .args = std::move(args), .build = std::move(build), .message = message};
  };
  const auto product = [](Args v) { return Vars{ops::MatMulInteger(v[0], v[1])}; };
  const auto products = [](Args v) { return Vars{ops::MatMulInteger(v[0], v[1], v[2])}; };
  const auto quantize = [](Args v) { return Vars{ops::QuantizeLinear(v[0], v[1], v[2])}; };
  const auto dequantize = [](Args v) { return Vars{ops::DequantizeLinear(v[0], v[1], v[2])}; };
  return {
      bad("matmul_integer", {Float({2, 3}), Bytes(u8, {3, 2})}, product,
          "takes u8 or i8, but lhs is f32"),
      bad("matmul_integer", {Bytes(u8, {3}), Bytes(u8, {3, 2})}, product,
          "lhs must have rank 2 at least, but has rank 1"),
      bad("matmul_integer", {Bytes(u8, {2, 3}), Bytes(u8, {4, 2})}, product,
          "inner dimensions differ: lhs has 3, rhs has 4"),
      bad("matmul_integer", {Bytes(u8, {2, 3}), Bytes(u8, {3, 2}), Bytes(i8, {})}, products,
          "the zero point of lhs is i8, but its matrix u8"),
      bad("matmul_integer", {Bytes(u8, {2, 3}), Bytes(u8, {3, 2}), Bytes(u8, {3})}, products,
          "shape [3,1] does not broadcast to [2,1]"),
      bad("cast", {Bytes(u8, {3}), Float({}), Bytes(u8, {})}, quantize,
          "quantize_linear: x is u8[3]; it must be f32 or i32"),
      bad("cast", {Float({2, 3}), Float({4}), Bytes(u8, {})}, quantize,
          "the scale has 4 elements, but axis 1 of f32[2,3] has extent 3"),
      bad("cast", {Float({2, 3}), Float({3}), Float({3})}, quantize,
          "quantize_linear: the stored type is f32; it must be u8 or i8"),
      bad("cast", {Float({2, 3}), Bytes(u8, {3}), Bytes(u8, {3})}, quantize,
          "the scale is u8[3]; it must be f32"),
      bad("cast", {Float({2, 3}), Float({3, 1}), Bytes(u8, {3})}, quantize,
          "the scale is f32[3,1]; it must be a scalar or a vector"),
      bad("mul", {Bytes(u8, {2, 3}), Float({}), Bytes(i8, {})}, dequantize,
          "dequantize_linear: x is u8, but the zero point i8"),
      bad("mul", {Float({2, 3}), Float({}), Bytes(i8, {})}, dequantize,
          "dequantize_linear: x is f32[2,3]; it must be u8, i8 or i32"),
      bad(
          "where", {Float({2})}, [](Args v) { return Vars{ops::FakeQuantize(v[0], 0, 0)}; },
          "fake_quantize: the scale is 0"),
  };
}

}  // namespace adjoint::testing
