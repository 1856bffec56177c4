#ifndef ADJOINT_OPS_CSR_H_
#define ADJOINT_OPS_CSR_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// A sparse matrix [m, cols] in a graph (see core/csr_matrix.h). Row r holds the entries
// ranges[r][0] .. ranges[r][1]-1 of `columns` and `values`. The extent nnz is a capacity: entries
// that lie in no row's range are ignored, and rows may share entries. Within a row columns ascend
// strictly; the kernels check this and that all indices are in bounds, and return an error that
// names row, entry and bound where they are not.
struct CsrVar {
  Var ranges;        // i64[m, 2]
  Var columns;       // i32[nnz]
  Var values;        // f32[nnz] or f64[nnz]
  int64_t cols = 0;  // columns of the matrix

  Dim rows() const { return ranges.shape().dim(0); }
};

// out[r, :] = sum over the entries (c, v) of row r of v dense[c, :]; dense is [cols, n], the result
// [m, n]. Differentiable in `dense` and in x.values.
Var MatMul(const CsrVar& x, Operand dense);

// The product above: inputs ranges, columns, values, dense; attribute cols. Without the input
// `values` all are one, and none is read: what compiling makes of values that are a broadcast one.
const OpDef& CsrMatMulOp();

// x^T dense, of shape [cols, n] for dense [m, n]: inputs and attribute as above. Every row of the
// result adds its terms in the order of x's rows.
const OpDef& CsrTransposedMatMulOp();

// The entries of lhs rhs^T at the places of x: inputs ranges, columns, lhs [m, n], rhs [cols, n];
// attribute cols; the result is [nnz], sum_j lhs[r, j] rhs[c, j] for the entry at (r, c), summed
// over the rows that share an entry, and zero outside the rows' ranges. (The sampled dense-dense
// product, SDDMM.)
const OpDef& CsrSampledMatMulOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_CSR_H_
