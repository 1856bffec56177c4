#ifndef ADJOINT_OPS_UNFOLD_H_
#define ADJOINT_OPS_UNFOLD_H_

#include <cstdint>
#include <vector>

#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Lists have an entry for each spatial axis, or one for all of them.
struct UnfoldOptions {
  std::vector<int64_t> strides = {};  // 1 when empty
  std::vector<int64_t> pads_begin = {};
  std::vector<int64_t> pads_end = {};
  std::vector<int64_t> dilations = {};
};

// The windows of maps x [batch, channels, spatial...] as columns (im2col): [batch, channels * K, L]
// for K elements of a window and L windows, both row-major; element c K + k of a column is element
// k of the window on map c, 0 in the padding. One to three spatial axes, whose extents must be
// numbers; f32 and f64. Its gradient is Fold.
Var Unfold(Operand x, const std::vector<int64_t>& kernel, const UnfoldOptions& options = {});

// Maps of `shape` with each element of `columns` added where Unfold would have read it (col2im).
// Its gradient is Unfold.
Var Fold(Operand columns, const Shape& shape, const std::vector<int64_t>& kernel,
         const UnfoldOptions& options = {});

const OpDef& UnfoldOp();
const OpDef& FoldOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_UNFOLD_H_
