#ifndef ADJOINT_OPS_FACTORIZATIONS_H_
#define ADJOINT_OPS_FACTORIZATIONS_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Of square matrices: the last two axes of the operand, [..., n, n]; the axes before them are
// batches. f32 and f64; the arithmetic is that of f64 (Golub and Van Loan, "Matrix Computations",
// 4th ed., algorithms 3.4.1 and 4.2.1). Meant for matrices of some hundred rows: there is no
// blocking. Errors: extents that differ, and, when the program runs, a matrix that is singular or
// not positive definite where it must not be, which is named by its number in the batch.

// The determinant, [...]; 1 for n = 0. Gradient: ct det(a) a^-T, an error for a singular matrix.
Var Det(Operand a);

// The determinant's sign, -1, 0 or 1, whose gradient is zero by definition, and the logarithm of
// its magnitude, -inf for 0.
struct SignAndLog {
  Var sign, log;
};
SignAndLog SlogDet(Operand a);

// x with a x = b. b is [..., n, k] or a vector [n]; batches broadcast. A singular matrix is an
// error. Gradients: db = solve(a^T, ct), da = -db x^T.
Var Solve(Operand a, Operand b);

// solve(a, 1).
Var Inverse(Operand a);

// The lower triangular l with positive diagonal and l l^T = a. Reads the lower triangle of a alone,
// and so its upper triangle has gradient 0 (Murray, "Differentiation of the Cholesky
// decomposition", 2016). A matrix that is not positive definite is an error.
Var Cholesky(Operand a);

const OpDef& DetOp();
const OpDef& SlogDetOp();
const OpDef& SolveOp();
const OpDef& CholeskyOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_FACTORIZATIONS_H_
