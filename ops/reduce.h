#ifndef ADJOINT_OPS_REDUCE_H_
#define ADJOINT_OPS_REDUCE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Reductions over `axes`, negative ones counted from the end; over all axes where none are given.
// An empty list reduces nothing. The axes go, or stay with extent 1 when `keepdims`.

// The sum, 0 over no elements; f32, f64, i32 (modulo 2^32) and i64. A sum of n floats adds in a
// fixed order of blocks and lanes, so that its error grows with the logarithm of n rather than n
// and its bits depend neither on threads nor on the instruction set.
Var Sum(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);
Var Sum(Operand x);

// The sum divided by the number of elements, NaN over none; f32 and f64.
Var Mean(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);
Var Mean(Operand x);

// The greatest element, NaN where there is one; every type but bool. The gradient goes to all
// greatest elements in equal parts. Over no elements it is an error.
Var ReduceMax(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);
Var ReduceMax(Operand x);

const OpDef& SumOp();
const OpDef& MeanOp();
const OpDef& ReduceMaxOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_REDUCE_H_
