#ifndef ADJOINT_OPS_PAD_H_
#define ADJOINT_OPS_PAD_H_

#include <cstdint>

#include "absl/types/span.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// What stands outside of a tensor abcd:
enum class PadMode {
  kConstant,  // vvv|abcd|vvv  a value
  kEdge,      // aaa|abcd|ddd  the nearest element
  kReflect,   // dcb|abcd|cba  mirrored at the outermost elements, which are not repeated
  kWrap,      // bcd|abcd|abc  over again
};

// x with before[axis] elements in front and after[axis] behind it along each axis; negative amounts
// crop. Element j along an axis of n is element j - before of x, or, where that is outside of
// 0 .. n-1, what the mode says: mirrored or wrapped as often as is needed. Every element type; the
// value is one that the type can hold.
// With kConstant a symbolic extent grows by name, "width+2"; other modes leave symbolic extents as
// they are. Errors: lists that do not have one entry an axis; more cropped than there is; something
// other than kConstant around an axis of extent 0.
// Gradient: for kConstant the cotangent cropped; else each element gets the sum of its copies'.
Var Pad(Operand x, absl::Span<const int64_t> before, absl::Span<const int64_t> after,
        PadMode mode = PadMode::kConstant, double value = 0);

// With a constant. Attributes before, after (ints), value (float).
const OpDef& PadOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_PAD_H_
