#include "ops/quantize.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "ops/rounding.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 16;  // elements or sums a part, about

bool IsByte(DType dtype) { return dtype == DType::kU8 || dtype == DType::kI8; }

Var Fail(const Operand& x, absl::string_view what) {
  if (x.var.builder == nullptr) return Var{};
  x.var.builder->Fail(absl::InvalidArgumentError(
      absl::StrCat(x.location.file_name(), ":", x.location.line(), ": ", what)));
  return Var{x.var.builder, -1, 0};
}

// A scale or zero point of x, of which there is one or one a slice, in the shape that broadcasts.
absl::StatusOr<Var> AlongAxis(const char* name, Var p, Var x, int64_t axis) {
  const Shape& shape = p.shape();
  if (shape.rank() == 0 || (shape.rank() == 1 && shape.dim(0) == Dim(1))) {
    return shape.rank() == 0 ? p : Reshape(p, Shape{});
  }
  if (shape.rank() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is ", p.spec().ToString(), "; it must be a scalar or a vector"));
  }
  ADJOINT_ASSIGN_OR_RETURN(const int at, NormalizeAxis(axis, x.shape().rank()));
  if (x.shape().dim(at) != shape.dim(0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", shape.dim(0).ToString(), " elements, but axis ", at, " of ",
                     x.spec().ToString(), " has extent ", x.shape().dim(at).ToString()));
  }
  Shape spread{shape.dim(0)};
  for (int i = at + 1; i < x.shape().rank(); ++i) spread.push_back(1);
  return Reshape(p, spread);
}

// The operands of quantizing and the reverse, checked and broadcastable.
struct Scaling {
  Var scale;
  Var zero_point;  // in f32; no builder where there is none
};

absl::StatusOr<Scaling> ScalingOf(const Operand& x, const Operand& scale,
                                  const OptionalOperand& zero_point, int64_t axis) {
  Scaling s;
  if (scale.is_number) {
    s.scale =
        Constant(*x.var.builder, Tensor::Scalar(static_cast<float>(scale.number)), scale.location);
  } else {
    if (scale.var.dtype() != DType::kF32) {
      return absl::InvalidArgumentError(
          absl::StrCat("the scale is ", scale.var.spec().ToString(), "; it must be f32"));
    }
    ADJOINT_ASSIGN_OR_RETURN(s.scale, AlongAxis("the scale", scale.var, x.var, axis));
  }
  if (zero_point.has_value() && zero_point->is_number) {
    s.zero_point = Constant(*x.var.builder, Tensor::Scalar(static_cast<float>(zero_point->number)),
                            zero_point->location);
  } else if (zero_point.has_value()) {
    ADJOINT_ASSIGN_OR_RETURN(s.zero_point,
                             AlongAxis("the zero point", zero_point->var, x.var, axis));
    s.zero_point = Cast(s.zero_point, DType::kF32);
  }
  return s;
}

Var Quantize(const Operand& x, const Operand& scale, const OptionalOperand& zero_point, DType dtype,
             int64_t axis) {
  const Var v = x.var;
  if (!v.valid()) return v;
  if (zero_point.has_value() && zero_point->is_number) {
    return Fail(x, "quantize_linear: the zero point is a number; it must be a var of u8 or i8");
  }
  if (!scale.is_number && !scale.var.valid()) return scale.var;
  if (zero_point.has_value() && !zero_point->var.valid()) return zero_point->var;
  if (v.dtype() != DType::kF32 && v.dtype() != DType::kI32) {
    return Fail(
        x, absl::StrCat("quantize_linear: x is ", v.spec().ToString(), "; it must be f32 or i32"));
  }
  if (!IsByte(dtype)) {
    return Fail(x, absl::StrCat("quantize_linear: the stored type is ", DTypeName(dtype),
                                "; it must be u8 or i8"));
  }
  const absl::StatusOr<Scaling> s = ScalingOf(x, scale, zero_point, axis);
  if (!s.ok()) return Fail(x, absl::StrCat("quantize_linear: ", s.status().message()));
  Var y = Round(Div(Cast(v, DType::kF32), s->scale));
  if (s->zero_point.builder != nullptr) y = Add(y, s->zero_point);
  return Cast(y, dtype);  // which saturates
}

// The zero points of a matrix as the primitive takes them: a scalar, or one for each row or column.
Var ZeroPointLike(const Var matrix, bool rows, const OptionalOperand& zero) {
  if (!zero.has_value()) return ScalarLike(matrix, 0);
  if (zero->is_number) return ScalarLike(matrix, zero->number, zero->location);
  Var z = zero->var;
  if (!z.valid()) return z;
  if (z.shape().rank() == 0) return z;
  const int rank = matrix.shape().rank();
  if (rank < 2) return z;  // the product finds the error
  if (z.shape().rank() == 1 && z.shape().dim(0) == Dim(1)) return Reshape(z, Shape{});
  if (z.shape().rank() == 1 && rows) z = Reshape(z, Shape{z.shape().dim(0), 1});
  Shape shape = matrix.shape();
  shape.set_dim(rows ? rank - 1 : rank - 2, 1);
  return BroadcastTo(Operand(z, zero->location), shape);
}

absl::Status CheckZero(const char* name, const TensorSpec& zero, const TensorSpec& matrix,
                       int unit_axis) {
  if (zero.dtype != matrix.dtype) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is ", DTypeName(zero.dtype),
                                                   ", but its matrix ", DTypeName(matrix.dtype)));
  }
  if (zero.shape.rank() == 0) return absl::OkStatus();
  Shape want = matrix.shape;
  want.set_dim(matrix.shape.rank() + unit_axis, 1);
  if (zero.shape == want) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " has shape ", zero.shape.ToString(),
                                                 "; it must be [] or ", want.ToString()));
}

Shape BatchOf(const Shape& shape) {
  Shape batch;
  for (int axis = 0; axis + 2 < shape.rank(); ++axis) batch.push_back(shape.dim(axis));
  return batch;
}

absl::StatusOr<std::vector<TensorSpec>> InferMatMulInteger(const InferContext& c) {
  const TensorSpec &a = c.inputs[0], &b = c.inputs[1];
  for (const auto& [name, spec] : {std::pair("lhs", &a), std::pair("rhs", &b)}) {
    if (!IsByte(spec->dtype)) {
      return absl::InvalidArgumentError(
          absl::StrCat("takes u8 or i8, but ", name, " is ", DTypeName(spec->dtype)));
    }
    if (spec->shape.rank() < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " must have rank 2 at least, but has rank ", spec->shape.rank()));
    }
  }
  const Dim ka = a.shape.dim(a.shape.rank() - 1), kb = b.shape.dim(b.shape.rank() - 2);
  if (ka != kb) {
    return absl::InvalidArgumentError(absl::StrCat("inner dimensions differ: lhs has ",
                                                   ka.ToString(), ", rhs has ", kb.ToString()));
  }
  ADJOINT_RETURN_IF_ERROR(CheckZero("the zero point of lhs", c.inputs[2], a, -1));
  ADJOINT_RETURN_IF_ERROR(CheckZero("the zero point of rhs", c.inputs[3], b, -2));
  ADJOINT_ASSIGN_OR_RETURN(Shape out, BroadcastShapes(BatchOf(a.shape), BatchOf(b.shape)));
  out.push_back(a.shape.dim(a.shape.rank() - 2));
  out.push_back(b.shape.dim(b.shape.rank() - 1));
  return std::vector<TensorSpec>{{DType::kI32, std::move(out)}};
}

// The product with concrete extents. A matrix of the result is made of matrix a_of[i] of lhs and
// b_of[i] of rhs.
struct Geometry {
  explicit Geometry(const KernelRequest& r) {
    const Shape &a = r.inputs[0].shape, &b = r.inputs[1].shape, &out = r.outputs[0].shape;
    m = out[out.rank() - 2];
    n = out[out.rank() - 1];
    k = a[a.rank() - 1];
    a_of = MatricesOf(a, out);
    b_of = MatricesOf(b, out);
    a_signed = r.inputs[0].dtype == DType::kI8;
    b_signed = r.inputs[1].dtype == DType::kI8;
    zero_per_row = r.inputs[2].shape.rank() > 0;
    zero_per_column = r.inputs[3].shape.rank() > 0;
  }

  static std::vector<int64_t> MatricesOf(const Shape& operand, const Shape& out) {
    const std::vector<int64_t> strides = RowMajorStrides(BatchOf(operand).Extents());
    const Shape batch = BatchOf(out);
    const int skipped = out.rank() - operand.rank();
    std::vector<int64_t> of(batch.NumElements(), 0);
    for (size_t i = 0; i < of.size(); ++i) {
      int64_t rest = static_cast<int64_t>(i);
      for (int axis = batch.rank() - 1; axis >= 0; --axis) {
        const int64_t at = rest % batch[axis];
        rest /= batch[axis];
        if (axis >= skipped && operand[axis - skipped] != 1) of[i] += at * strides[axis - skipped];
      }
    }
    return of;
  }

  // Elements less their zero points, as 16-bit numbers.
  static int Byte(const void* from, int64_t i, bool is_signed) {
    return is_signed ? static_cast<const int8_t*>(from)[i] : static_cast<const uint8_t*>(from)[i];
  }
  int A(const KernelArgs& args, int64_t matrix, int64_t row, int64_t l) const {
    const int64_t zero = zero_per_row ? matrix * m + row : 0;
    return Byte(args.inputs[0], (matrix * m + row) * k + l, a_signed) -
           Byte(args.inputs[2], zero, a_signed);
  }
  int B(const KernelArgs& args, int64_t matrix, int64_t l, int64_t column) const {
    const int64_t zero = zero_per_column ? matrix * n + column : 0;
    return Byte(args.inputs[1], (matrix * k + l) * n + column, b_signed) -
           Byte(args.inputs[3], zero, b_signed);
  }

  int64_t m, n, k;
  std::vector<int64_t> a_of, b_of;
  bool a_signed, b_signed;
  bool zero_per_row, zero_per_column;
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& request) {
  return MakeKernel([g = Geometry(request)](const KernelArgs& args) {
    int32_t* out = Out<int32_t>(args);
    for (size_t i = 0; i < g.a_of.size(); ++i) {
      for (int64_t row = 0; row < g.m; ++row) {
        for (int64_t column = 0; column < g.n; ++column) {
          int64_t sum = 0;
          for (int64_t l = 0; l < g.k; ++l) {
            sum += g.A(args, g.a_of[i], row, l) * g.B(args, g.b_of[i], l, column);
          }
          *out++ = static_cast<int32_t>(sum);
        }
      }
    }
    return absl::OkStatus();
  });
}

// SIMD ------------------------------------------------------------------------------------------
//
// Both operands are packed as 16-bit numbers with their zero points taken off, rows of a and
// columns of b one after the other along k. Sums of products of such rows are what pmaddwd
// computes, exactly.

constexpr int64_t kRows = 2, kColumns = 4;  // of the result at once
// Products have at most 17 bits with the sign: so many add up in 32.
constexpr int64_t kMaxSum = 16384;

struct DotTile {
  static ADJOINT_INLINE void Run(const int16_t* __restrict a, const int16_t* __restrict b,
                                 int64_t stride, int64_t k, int32_t* __restrict out) {
    const int16_t* __restrict a1 = a + stride;
    const int16_t* __restrict b1 = b + stride;
    const int16_t* __restrict b2 = b + 2 * stride;
    const int16_t* __restrict b3 = b + 3 * stride;
    int32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
    for (int64_t i = 0; i < k; ++i) {
      s00 += a[i] * b[i];
      s01 += a[i] * b1[i];
      s02 += a[i] * b2[i];
      s03 += a[i] * b3[i];
      s10 += a1[i] * b[i];
      s11 += a1[i] * b1[i];
      s12 += a1[i] * b2[i];
      s13 += a1[i] * b3[i];
    }
    out[0] = s00, out[1] = s01, out[2] = s02, out[3] = s03;
    out[4] = s10, out[5] = s11, out[6] = s12, out[7] = s13;
  }
};

// to[i] = from[i] - zero.
template <typename Byte>
struct PackRow {
  static ADJOINT_INLINE void Run(const Byte* __restrict from, int64_t n, int zero,
                                 int16_t* __restrict to) {
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
  }
};

int64_t RoundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

class SimdMatMulInteger : public Kernel {
 public:
  explicit SimdMatMulInteger(const KernelRequest& request)
      : g_(request),
        stride_(RoundUp(g_.k, 32)),
        rows_(RoundUp(g_.m, kRows)),
        columns_(RoundUp(g_.n, kColumns)) {}

  size_t scratch_bytes() const override {
    return static_cast<size_t>((rows_ + columns_) * stride_) * sizeof(int16_t);
  }

  absl::Status Run(const KernelArgs& args) const override {
    int16_t* const b = static_cast<int16_t*>(args.scratch);
    int16_t* const a = b + columns_ * stride_;
    int64_t packed_a = -1, packed_b = -1;
    for (size_t i = 0; i < g_.a_of.size(); ++i) {
      if (std::exchange(packed_a, g_.a_of[i]) != g_.a_of[i]) PackA(args, g_.a_of[i], a);
      if (std::exchange(packed_b, g_.b_of[i]) != g_.b_of[i]) PackB(args, g_.b_of[i], b);
      Multiply(a, b, Out<int32_t>(args) + static_cast<int64_t>(i) * g_.m * g_.n);
    }
    return absl::OkStatus();
  }

 private:
  void PackA(const KernelArgs& args, int64_t matrix, int16_t* a) const {
    static const auto pack_signed = Simd<PackRow<int8_t>>::Select();
    static const auto pack_unsigned = Simd<PackRow<uint8_t>>::Select();
    ParallelForRange(
        rows_, std::max<int64_t>(1, kGrain / stride_), [&](int64_t begin, int64_t end) {
          for (int64_t row = begin; row < end; ++row) {
            int16_t* const to = a + row * stride_;
            const int64_t filled = row < g_.m ? g_.k : 0;
            std::fill(to + filled, to + stride_, int16_t{0});
            if (filled == 0) continue;
            const int64_t first = matrix * g_.m + row;
            const int zero =
                Geometry::Byte(args.inputs[2], g_.zero_per_row ? first : 0, g_.a_signed);
            if (g_.a_signed) {
              pack_signed(In<int8_t>(args, 0) + first * g_.k, g_.k, zero, to);
            } else {
              pack_unsigned(In<uint8_t>(args, 0) + first * g_.k, g_.k, zero, to);
            }
          }
        });
  }

  // Transposes by blocks of columns, so that the lines written stay in the cache.
  void PackB(const KernelArgs& args, int64_t matrix, int16_t* b) const {
    constexpr int64_t kBlock = 32;
    const int64_t blocks = (columns_ + kBlock - 1) / kBlock;
    const int64_t grain = std::max<int64_t>(1, kGrain / (stride_ * kBlock));
    ParallelForRange(blocks, grain, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t first = block * kBlock, last = std::min(first + kBlock, columns_);
        const int64_t filled = std::min(last, g_.n);
        std::fill(b + first * stride_, b + last * stride_, int16_t{0});
        int zeros[kBlock];
        for (int64_t j = first; j < filled; ++j) {
          const int64_t at = g_.zero_per_column ? matrix * g_.n + j : 0;
          zeros[j - first] = Geometry::Byte(args.inputs[3], at, g_.b_signed);
        }
        const auto pack = [&](const auto* from) {
          for (int64_t l = 0; l < g_.k; ++l) {
            const auto* const row = from + (matrix * g_.k + l) * g_.n;
            for (int64_t j = first; j < filled; ++j) {
              b[j * stride_ + l] = static_cast<int16_t>(row[j] - zeros[j - first]);
            }
          }
        };
        g_.b_signed ? pack(In<int8_t>(args, 1)) : pack(In<uint8_t>(args, 1));
      }
    });
  }

  // By blocks of rows and of columns that fit into a cache.
  void Multiply(const int16_t* a, const int16_t* b, int32_t* out) const {
    static const auto dot = Simd<DotTile>::Select();
    constexpr int64_t kRowBlock = 32, kColumnBlock = 64;
    const int64_t row_blocks = (rows_ + kRowBlock - 1) / kRowBlock;
    const int64_t column_blocks = (columns_ + kColumnBlock - 1) / kColumnBlock;
    const int64_t work = kRowBlock * kColumnBlock * stride_;
    const int64_t grain = std::max<int64_t>(1, 8 * kGrain / work);
    ParallelForRange(row_blocks * column_blocks, grain, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t row = block / column_blocks * kRowBlock;
        const int64_t column = block % column_blocks * kColumnBlock;
        const int64_t last_row = std::min(row + kRowBlock, rows_);
        const int64_t last_column = std::min(column + kColumnBlock, columns_);
        for (int64_t i = row; i < last_row; i += kRows) {
          for (int64_t j = column; j < last_column; j += kColumns) {
            uint32_t sum[kRows * kColumns] = {};
            for (int64_t l = 0; l < g_.k; l += kMaxSum) {
              int32_t part[kRows * kColumns];
              dot(a + i * stride_ + l, b + j * stride_ + l, stride_, std::min(kMaxSum, stride_ - l),
                  part);
              for (int s = 0; s < kRows * kColumns; ++s) sum[s] += static_cast<uint32_t>(part[s]);
            }
            for (int64_t r = 0; r < kRows && i + r < g_.m; ++r) {
              for (int64_t c = 0; c < kColumns && j + c < g_.n; ++c) {
                out[(i + r) * g_.n + j + c] = static_cast<int32_t>(sum[r * kColumns + c]);
              }
            }
          }
        }
      }
    });
  }

  const Geometry g_;
  const int64_t stride_;   // elements between packed rows
  const int64_t rows_;     // packed, of a
  const int64_t columns_;  // packed, of b
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareSimd(const KernelRequest& request) {
  const Geometry g(request);
  if (g.k == 0 || request.outputs[0].shape.NumElements() == 0) return std::unique_ptr<Kernel>();
  return std::make_unique<SimdMatMulInteger>(request);
}

}  // namespace

Var QuantizeLinear(Operand x, Operand scale, OptionalOperand zero_point, int64_t axis) {
  return Quantize(x, scale, zero_point,
                  zero_point.has_value() ? zero_point->var.dtype() : DType::kU8, axis);
}

Var QuantizeLinear(Operand x, Operand scale, DType dtype, int64_t axis) {
  return Quantize(x, scale, OptionalOperand(), dtype, axis);
}

Var DequantizeLinear(Operand x, Operand scale, OptionalOperand zero_point, int64_t axis) {
  const Var v = x.var;
  if (!v.valid()) return v;
  if (!IsByte(v.dtype()) && v.dtype() != DType::kI32) {
    return Fail(x, absl::StrCat("dequantize_linear: x is ", v.spec().ToString(),
                                "; it must be u8, i8 or i32"));
  }
  if (!scale.is_number && !scale.var.valid()) return scale.var;
  if (zero_point.has_value() && !zero_point->is_number && !zero_point->var.valid()) {
    return zero_point->var;
  }
  if (zero_point.has_value() && !zero_point->is_number && zero_point->var.dtype() != v.dtype()) {
    return Fail(x, absl::StrCat("dequantize_linear: x is ", DTypeName(v.dtype()),
                                ", but the zero point ", DTypeName(zero_point->var.dtype())));
  }
  const absl::StatusOr<Scaling> s = ScalingOf(x, scale, zero_point, axis);
  if (!s.ok()) return Fail(x, absl::StrCat("dequantize_linear: ", s.status().message()));
  Var y = Cast(v, DType::kF32);
  if (s->zero_point.builder != nullptr) y = Sub(y, s->zero_point);
  return Mul(y, s->scale);
}

DynamicallyQuantized DynamicQuantizeLinear(Operand x) {
  const Var v = x.var;
  if (v.valid() && v.dtype() != DType::kF32) {
    const Var none = Fail(
        x, absl::StrCat("dynamic_quantize_linear: x is ", v.spec().ToString(), "; it must be f32"));
    return {none, none, none};
  }
  const Var high = Maximum(ReduceMax(x), 0.0);
  const Var low = Neg(Maximum(ReduceMax(Operand(Neg(x), x.location)), 0.0));
  const Var range = Sub(high, low);
  const Var scale = Where(Equal(range, 0.0), 1.0, Div(range, 255.0));
  const Var zero_point = Cast(Round(Div(Neg(low), scale)), DType::kU8);
  return {QuantizeLinear(x, scale, zero_point), scale, zero_point};
}

Var FakeQuantize(Operand x, double scale, int zero_point, int low, int high) {
  if (!(scale > 0) || low >= high) {
    return Fail(x, absl::StrCat("fake_quantize: the scale is ", scale, " and the range ", low,
                                " .. ", high, "; the scale must be positive, the range rise"));
  }
  const Var q = Add(Round(Div(x, scale)), zero_point);
  const Var clamped = Where(Less(q, low), low, Where(Greater(q, high), high, q));
  const Var inside = Equal(q, clamped);
  const Var rounded = StopGradient(Mul(Sub(clamped, zero_point), scale));
  // Adds 0, with the gradient of x.
  const Var carrier = Where(inside, x, 0.0);
  return Add(rounded, Sub(carrier, StopGradient(carrier)));
}

Var MatMulInteger(Operand a, Operand b, OptionalOperand a_zero, OptionalOperand b_zero) {
  if (!a.var.valid()) return a.var;
  if (!b.var.valid()) return b.var;
  return Apply1(MatMulIntegerOp(), {a, b, ZeroPointLike(a.var, /*rows=*/true, a_zero),
                                    ZeroPointLike(b.var, /*rows=*/false, b_zero)});
}

Var QuantizedMatMul(const Quantized& a, const Quantized& b, Operand out_scale, Operand out_zero) {
  const Var sum = MatMulInteger(a.values, b.values, a.zero_point, b.zero_point);
  if (!sum.valid()) return sum;
  const Operand& at = a.values;
  for (const auto& [name, scale] : {std::pair("lhs", a.scale), std::pair("rhs", b.scale)}) {
    if (scale.is_number || scale.var.dtype() != DType::kF32) {
      return Fail(at,
                  absl::StrCat("quantized_matmul: the scale of ", name, " must be a var of f32"));
    }
    if (!scale.var.valid()) return scale.var;
  }
  if (out_zero.is_number || !IsByte(out_zero.var.dtype())) {
    return Fail(at, "quantized_matmul: the result's zero point must be a var of u8 or i8");
  }
  Var rows = a.scale.var;
  if (rows.shape().rank() == 1 && rows.shape().dim(0) != Dim(1)) {
    rows = Reshape(rows, Shape{rows.shape().dim(0), 1});
  }
  const Var scale = Div(Mul(rows, b.scale), out_scale);
  const Var scaled = Round(Mul(Cast(sum, DType::kF32), scale));
  return Cast(Add(scaled, Cast(out_zero, DType::kF32)), out_zero.var.dtype());
}

const OpDef& MatMulIntegerOp() {
  static const OpDef* const op = new OpDef{
      .name = "matmul_integer",
      .min_inputs = 4,
      .max_inputs = 4,
      .infer = InferMatMulInteger,
      .vjp = ZeroCotangents,
      .kernels = {{"simd", PrepareSimd}, {"reference", PrepareReference}},
      .onnx_name = "MatMulInteger",
  };
  return *op;
}

}  // namespace adjoint::ops
