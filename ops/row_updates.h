#ifndef ADJOINT_OPS_ROW_UPDATES_H_
#define ADJOINT_OPS_ROW_UPDATES_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

// Gradients that reach only some rows of a parameter, as those of embeddings do: an update reads
// and writes these rows and no others.

namespace adjoint::ops {

// The gradient of a parameter [extent, ...] that is zero in all rows but some.
struct RowGradient {
  // i64[n]: numbers of rows, each once and ascending; then -1 to the end.
  Var rows;
  // [n, ...]: the gradient of each of them; zeros where rows are -1.
  Var values;
};

// What ScatterAdd(zeros [extent, ...], indices, updates) has in the rows that it adds to. indices
// are i32 or i64 of one axis, in 0 .. extent-1: one outside is an error when the program runs.
// updates: [n, ...], f32 or f64. Rows that meet are added in the order of the updates, whatever the
// number of threads.
RowGradient SumByRow(Operand indices, Operand updates, int64_t extent);

// x [extent, ...] with row rows[i] (i64[n]) replaced by values[i] (of x's type, [n, ...]); where
// rows[i] is negative nothing is. f32 and f64. A row of extent or more is an error when the program
// runs. Rows that are named twice take the later value.
Var UpdateRows(Operand x, Operand rows, Operand values);

// Neither is differentiated: an error names them.
const OpDef& SumByRowOp();
const OpDef& UpdateRowsOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ROW_UPDATES_H_
