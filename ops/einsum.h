#ifndef ADJOINT_OPS_EINSUM_H_
#define ADJOINT_OPS_EINSUM_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ops/var.h"

namespace adjoint::ops {

// Einstein's summation, as NumPy and ONNX write it: a letter for each axis of each operand, and for
// those of the result; letters that the result does not have are summed over.
//
//   Einsum("ij,jk->ik", {a, b})        a matrix product
//   Einsum("...ij->...ji", {a})        matrices transposed; "..." are any axes, which broadcast
//   Einsum("ii->i", {a})               a letter twice in an operand: its diagonal
//   Einsum("bqhd,bkhd->bhqk", {a, b})
//
// Without "->" the result has the axes of "..." and then, in alphabetical order, the letters that
// occur once. Spaces do not count. Axes of one letter have equal extents, or 1, which broadcasts.
// Operands have one element type, of numbers. Several operands are multiplied two at a time, at
// each step those whose product is smallest; products and sums run as MatMul where axes are summed
// over, and as Mul where not.
// Errors: an equation that does not say one letter an axis of each operand, extents that differ, a
// result with letters twice or that no operand has.
// A composition; its gradient is that of its parts.
Var Einsum(absl::string_view equation, absl::Span<const Operand> operands);

// Sums the products over pairs of axes, axes_a[i] of a with axes_b[i] of b. The result has the
// other axes of a and then those of b.
Var Tensordot(Operand a, Operand b, absl::Span<const int64_t> axes_a,
              absl::Span<const int64_t> axes_b);
// Over the last n axes of a and the first n of b.
Var Tensordot(Operand a, Operand b, int64_t n = 2);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_EINSUM_H_
