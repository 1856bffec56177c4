#ifndef ADJOINT_OPS_QUANTIZE_H_
#define ADJOINT_OPS_QUANTIZE_H_

#include <optional>
#include <source_location>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// An operand that may be left out. As an Operand it knows the place where it was passed.
struct OptionalOperand : std::optional<Operand> {
  OptionalOperand() = default;
  OptionalOperand(Var v, std::source_location at = std::source_location::current())  // NOLINT
      : std::optional<Operand>(Operand(v, at)) {}
  OptionalOperand(Operand operand) : std::optional<Operand>(operand) {}  // NOLINT: implicit
};

// Quantization to 8 bits with the arithmetic of ONNX: a number x is stored as the integer
// round(x / scale) + zero_point, saturated to the range of u8 or i8, halves rounded to even.
//
// `scale` (f32) and the zero point (u8 or i8, the stored type; without one, 0) are scalars, or, for
// a scale of each slice, vectors as long as x's extent along `axis`. Errors: types and shapes that
// are not so. The gradient is zero by definition, except as FakeQuantize and Dequantize say.

// Of x in f32 or i32; the result has the zero point's type, u8 without one. NaN gives 0.
Var QuantizeLinear(Operand x, Operand scale, OptionalOperand zero_point = {}, int64_t axis = 1);
// The same of a type given by name.
Var QuantizeLinear(Operand x, Operand scale, DType dtype, int64_t axis = 1);

// (x - zero_point) scale, in f32. x is u8, i8 or i32 (a bias or a sum, usually without zero point).
// Differentiable in the scale.
Var DequantizeLinear(Operand x, Operand scale, OptionalOperand zero_point = {}, int64_t axis = 1);

// x in u8 with the scale and zero point that fit its own range, made to include 0:
//   scale = (max(x, 0) - min(x, 0)) / 255,  zero_point = round(-min(x, 0) / scale).
// Where all of x is 0 the scale is 1. x is f32 and not empty.
struct DynamicallyQuantized {
  Var y, scale, zero_point;
};
DynamicallyQuantized DynamicQuantizeLinear(Operand x);

// What x becomes when it is quantized to the integers low .. high and back, in f32:
//   (clamp(round(x / scale) + zero_point, low, high) - zero_point) scale.
// For training with quantization in mind: the gradient for x is that of the identity where x is
// within the range, 0 beyond it (straight-through, Bengio, Leonard and Courville 2013); scale > 0,
// low < high.
Var FakeQuantize(Operand x, double scale, int zero_point, int low = 0, int high = 255);

// The product of matrices of u8 or i8, each of its own type, in i32 (modulo 2^32):
//   out[..., m, n] = sum_k (a[..., m, k] - a_zero[..., m]) (b[..., k, n] - b_zero[..., n]).
// Batches broadcast as in MatMul. Zero points have their matrix' type and are scalars, a vector of
// one for each row of a or column of b, or arrays [..., m, 1] and [..., 1, n] that broadcast.
Var MatMulInteger(Operand a, Operand b, OptionalOperand a_zero = {}, OptionalOperand b_zero = {});

// A matrix that is stored quantized.
struct Quantized {
  Operand values, scale, zero_point;
};
// The product of two, quantized again: scales of a hold for rows, those of b for columns, or all.
Var QuantizedMatMul(const Quantized& a, const Quantized& b, Operand out_scale, Operand out_zero);

// Inputs a, b, a_zero, b_zero; zero points are scalars or [..., m, 1] and [..., 1, n].
const OpDef& MatMulIntegerOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_QUANTIZE_H_
