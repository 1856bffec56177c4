#ifndef ADJOINT_OPS_AXIS_MAP_H_
#define ADJOINT_OPS_AXIS_MAP_H_

#include <cstdint>
#include <vector>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// A linear map from n numbers to m, sparse: position i of the result is the sum over k of
// weights[i * taps + k] x[indices[i * taps + k]]. An index of -1 stands for no element.
struct AxisTable {
  int64_t taps = 0;
  std::vector<int64_t> indices;
  std::vector<double> weights;

  int64_t size() const { return taps == 0 ? 0 : static_cast<int64_t>(indices.size()) / taps; }
};

// Applies the table along `axis` of x, whose extent must be a number: resizing, and pooling with
// windows of several sizes, are such maps. f32 and f64; sums are in the order of the taps. The
// gradient is the map of the transposed table. Errors: an index outside -1 .. extent-1, a table
// without taps.
Var AxisMap(Operand x, int64_t axis, const AxisTable& table);

const OpDef& AxisMapOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_AXIS_MAP_H_
