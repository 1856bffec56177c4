#ifndef ADJOINT_OPS_POOL_H_
#define ADJOINT_OPS_POOL_H_

#include <cstdint>
#include <vector>

#include "core/attrs.h"
#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Pooling of maps [batch, channels, spatial...] over one to three spatial axes; f32 and f64. Lists
// have an entry for each spatial axis, or one for all of them.
struct PoolOptions {
  std::vector<int64_t> strides = {};  // the kernel when empty
  std::vector<int64_t> pads_begin = {};
  std::vector<int64_t> pads_end = {};
  std::vector<int64_t> dilations = {};
  // A last window that reaches beyond the padded operand counts, unless it would start in the
  // padding at the end (as in PyTorch). Of the elements beyond none counts.
  bool ceil_mode = false;
  // The layout: [batch, spatial..., channels].
  bool channels_last = false;
};

// Where a greatest element lies.
enum class PoolIndices {
  kPlane,              // i32: row-major among the spatial positions of its map
  kTensor,             // i64: in the operand, row-major (ONNX with storage_order 0)
  kTensorColumnMajor,  // i64: the same with the spatial axes in reverse order (storage_order 1)
};

struct MaxPoolResult {
  Var values, indices;
};

// The greatest element of each window; NaN where there is one, the lowest number where the padding
// leaves a window nothing. The gradient goes to the first of the greatest elements in row-major
// order, or to the first NaN.
Var MaxPool(Operand x, const std::vector<int64_t>& kernel, const PoolOptions& options = {});

// With their indices, -1 where a window has no element. What is to be differentiated should use
// this one: the gradient then finds the elements without another look at x. Indices other than
// kPlane are for channels first.
MaxPoolResult MaxPoolWithIndices(Operand x, const std::vector<int64_t>& kernel,
                                 const PoolOptions& options = {},
                                 PoolIndices indices = PoolIndices::kPlane);

// Zeros of `shape` with each of `values`, a batch of maps, added at its index, which has the
// meaning that MaxPoolWithIndices gave it for an operand of this shape; the gradient of the values
// is MaxPoolGather. -1 adds nothing; any other index outside is an error when the program runs.
Var MaxUnpool(Operand values, Operand indices, const Shape& shape,
              PoolIndices kind = PoolIndices::kPlane, bool channels_last = false);

// The elements of x at `indices`, of their shape; 0 for -1. The gradient is MaxUnpool.
Var MaxPoolGather(Operand x, Operand indices, PoolIndices kind = PoolIndices::kPlane,
                  bool channels_last = false);

// What a window's sum is divided by.
enum class PoolDivisor {
  kInside,  // its elements inside the operand; the result is 0 where there are none
  kPadded,  // its elements inside the padded operand (count_include_pad)
  kNone,    // nothing: a sum
};

// Averages, or sums, of windows. Linear: the gradient's gradient is AveragePool.
Var AveragePool(Operand x, const std::vector<int64_t>& kernel, const PoolOptions& options = {},
                PoolDivisor divisor = PoolDivisor::kInside);

// The gradient of AveragePool at an x of `shape`.
Var AveragePoolGradient(Operand cotangent, const Shape& shape, const std::vector<int64_t>& kernel,
                        const PoolOptions& options = {},
                        PoolDivisor divisor = PoolDivisor::kInside);

// (sum of |x|^p over the window)^(1/p). For p != 1 the gradient is NaN where a whole window is 0.
Var LpPool(Operand x, const std::vector<int64_t>& kernel, double p,
           const PoolOptions& options = {});

// Over all spatial positions: extents 1, or without these axes when not `keepdims`. Equal maxima
// share the gradient.
Var GlobalAveragePool(Operand x, bool channels_last = false, bool keepdims = true);
Var GlobalMaxPool(Operand x, bool channels_last = false, bool keepdims = true);
Var GlobalLpPool(Operand x, double p, bool channels_last = false, bool keepdims = true);

// Pooling to given spatial extents `out`: position i of an axis of n elements covers those from
// floor(i n / out) to ceil((i + 1) n / out) - 1, as in PyTorch. Spatial extents must be numbers
// above 0. Where they are not multiples of `out`, equal maxima share the gradient.
Var AdaptiveAveragePool(Operand x, const std::vector<int64_t>& out, bool channels_last = false);
Var AdaptiveMaxPool(Operand x, const std::vector<int64_t>& out, bool channels_last = false);

// Those attributes of a pooling that describe its windows.
Attrs WindowOnly(const Attrs& pool);

const OpDef& MaxPoolOp();
const OpDef& MaxUnpoolOp();
const OpDef& MaxPoolGatherOp();
const OpDef& AveragePoolOp();
const OpDef& AveragePoolGradientOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_POOL_H_
