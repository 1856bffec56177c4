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

// The greatest element, and the smallest; NaN where there is one. The gradient goes to all elements
// that are equal to the result, in equal parts. Over no elements it is an error. Of bools they are
// "any" and "all", which over no elements are false and true.
Var ReduceMax(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);
Var ReduceMax(Operand x);
Var ReduceMin(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);
Var ReduceMin(Operand x);

// The product, 1 over no elements; types as for Sum, floats multiplied in double. The gradient of
// an element is the product of all others, made of running products from both sides (CumProd), not
// of quotients: it is right where elements are 0, to any order.
Var ReduceProd(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);
Var ReduceProd(Operand x);

// Whether any element, and whether all elements, of a bool x hold.
Var Any(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);
Var Any(Operand x);
Var All(Operand x, absl::Span<const int64_t> axes, bool keepdims = false);
Var All(Operand x);

const OpDef& SumOp();
const OpDef& MeanOp();
const OpDef& ReduceMaxOp();
const OpDef& ReduceMinOp();
const OpDef& ReduceProdOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_REDUCE_H_
