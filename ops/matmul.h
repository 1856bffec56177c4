#ifndef ADJOINT_OPS_MATMUL_H_
#define ADJOINT_OPS_MATMUL_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// The matrix product over the last two axes: out[..., m, n] = sum_k a[..., m, k] b[..., k, n]. With
// a flag, that operand's last two axes count as exchanged. Axes before the last two are batches and
// broadcast as in NumPy. A vector counts as one row on the left and as one column on the right,
// whatever its flag; the result lacks that axis. Operands have equal element types, numeric ones.
// Sums run in the element type; with K = 0 the result is zeros.
// Errors: a scalar, inner dimensions or batches that do not fit.
// Gradient: da = ct b^T, db = a^T ct, summed over broadcast batches.
Var MatMul(Operand a, Operand b, bool transpose_a = false, bool transpose_b = false);

// Attributes transpose_a, transpose_b (bool).
const OpDef& MatMulOp();

// activation(scale matmul(a, b) + bias + residual): what passes make of a matmul and the ops after
// it. Inputs a, b and, where there is one, the bias, [n]; with attribute `scale` (bool, optional)
// that, one element; with `residual` that, of the result's spec. Attributes besides, and matmul's:
// activation (string), the name of an op that CanFuseActivation, or "" for none. In f32 the bits
// are those of the separate ops.
const OpDef& FusedMatMulOp();

// Whether fused_matmul can apply `op` to its result: elementwise ops of one operand that say so
// (OpDef::post_op) and have a tile.
bool CanFuseActivation(const OpDef& op);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_MATMUL_H_
