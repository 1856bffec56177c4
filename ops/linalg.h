#ifndef ADJOINT_OPS_LINALG_H_
#define ADJOINT_OPS_LINALG_H_

#include <cstdint>

#include "absl/types/span.h"
#include "ops/einsum.h"          // IWYU pragma: export
#include "ops/factorizations.h"  // IWYU pragma: export
#include "ops/matmul.h"          // IWYU pragma: export
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Products and parts of matrices. Compositions: their gradients are those of their parts, to any
// order. Operands of a product have one numeric element type.

// NumPy's dot of two vectors, sum_i a[i] b[i]; of higher ranks, the last axis of a with the last
// but one of b (the only one of a vector). A scalar multiplies.
Var Dot(Operand a, Operand b);
// The dot product of the operands as vectors of all their elements: as many in each.
Var VDot(Operand a, Operand b);
// sum_k a[..., k] b[..., k]: the last axes of both, then those of a, then those of b.
Var Inner(Operand a, Operand b);
// out[i, j] = a[i] b[j], of the operands as vectors of all their elements.
Var Outer(Operand a, Operand b);

struct GemmOptions {
  double alpha = 1, beta = 1;
  bool transpose_a = false, transpose_b = false;
};
// alpha op(a) op(b) + beta c, of matrices, where c broadcasts to the result (BLAS; ONNX's Gemm).
// What alpha or beta is 1 for is not multiplied, and c is not read where beta is 0.
Var Gemm(Operand a, Operand b, Operand c, const GemmOptions& options = {});
Var Gemm(Operand a, Operand b, const GemmOptions& options = {});

// The last two axes with zeros where j < i + k (Triu: the upper triangle stays) or j > i + k
// (Tril). Any element type; what is replaced does not matter, be it NaN.
Var Triu(Operand x, int64_t k = 0);
Var Tril(Operand x, int64_t k = 0);

// x[..., i, i + k] for all i, along two axes of known extents, as a new last axis.
Var Diagonal(Operand x, int64_t k = 0, int64_t axis_a = -2, int64_t axis_b = -1);
// The sum of the diagonal.
Var Trace(Operand x, int64_t k = 0, int64_t axis_a = -2, int64_t axis_b = -1);
// Matrices with the last axis of x on their k-th diagonal and zeros elsewhere: [..., n] gives
// [..., n + |k|, n + |k|].
Var Diag(Operand x, int64_t k = 0);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_LINALG_H_
